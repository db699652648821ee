"""Errors a person can act on, each with its exit code and one sentence."""

from collections.abc import Iterator
from contextlib import contextmanager

EXIT_OK = 0
EXIT_BUG = 1
EXIT_BAD_INPUT = 2
EXIT_NOT_CONVERGED = 3
EXIT_MEMORY = 4
EXIT_INTERRUPTED = 5


class OsteonError(Exception):
    """Base of the errors that end a command with a sentence instead of a traceback."""

    exit_code = EXIT_BUG


class UserError(OsteonError):
    """Bad input: what, where, the value seen, what is allowed, one fix."""

    exit_code = EXIT_BAD_INPUT


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
      UserError: in place of ValueError, TypeError or OSError raised in the block.
    """
    try:
        yield
    except (ValueError, TypeError, OSError) as error:
        raise UserError(f"{where}: {one_sentence(error)}") from error
