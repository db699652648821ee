"""Errors a person can act on, each with its exit code and one sentence."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

EXIT_OK = 0
EXIT_BUG = 1
EXIT_BAD_INPUT = 2
EXIT_NOT_CONVERGED = 3
EXIT_MEMORY = 4
EXIT_INTERRUPTED = 5


class OsteonError(Exception):
    """Base of the errors that end a command with a sentence instead of a traceback."""

    exit_code = EXIT_BUG


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with what a person wrote."""

    text: str
    "the sentence, without its line"
    key: str = ""
    "key of the study, such as `arm[0].dose[1].drug`; empty where no single key is to blame"
    line: int | None = None
    "line of the study file, from 1"

    def __str__(self) -> str:
        return self.text if self.line is None else f"line {self.line}: {self.text}"


class UserError(OsteonError):
    """Bad input: what, where, the value seen, what is allowed, one fix."""

    exit_code = EXIT_BAD_INPUT

    def __init__(self, text: str, problems: Sequence[Problem] = ()):
        super().__init__(text)
        self.problems = tuple(problems)


def error_of(problems: Sequence[Problem], whose: str) -> UserError:
    """One error that tells all problems of `whose`, such as "study file 'x.toml'", each on its line."""
    count = len(problems)
    head = f"{whose} has {count} problem{'s' if count > 1 else ''}:"
    told = [str(problem) for problem in problems]
    return UserError("\n  ".join([head, *told]) if count > 1 else f"{head} {told[0]}", problems)


class NotConvergedError(OsteonError):
    """A solve did not reach its tolerance; carries the true residual in its text."""

    exit_code = EXIT_NOT_CONVERGED


class MemoryRefused(OsteonError):
    """The memory plan exceeds the limit; nothing was allocated."""

    exit_code = EXIT_MEMORY


class InterruptedRun(OsteonError):
    """The run was cut off and can go on where it was."""

    exit_code = EXIT_INTERRUPTED


def one_sentence(error: BaseException) -> str:
    """Text of an exception on one line."""
    text = " ".join(str(error).split())
    return text or type(error).__name__


@contextmanager
def input_errors(where: str) -> Iterator[None]:
    """Turn the library's complaints about its arguments into a `UserError` that starts with `where`.

    Args:
      where: the file or key the person wrote, e.g. "[image] path 'ct.nii.gz'".

    Raises:
      UserError: in place of ValueError, TypeError, OSError or ImportError (an optional reader is missing)
        raised in the block.
    """
    try:
        yield
    except (ValueError, TypeError, OSError, ImportError) as error:
        raise UserError(f"{where}: {one_sentence(error)}") from error
