"""Options that several commands share, and the two that the program itself has."""

import argparse
import os
import sys
from pathlib import Path
from typing import Any, NoReturn

EXIT_CODES = """exit codes: 0 ok, 1 a bug, 2 bad input, 3 not converged, 4 refused by the memory plan,
5 interrupted
Research use only, not a medical device."""


class UsageError(Exception):
    """A command line that argparse refuses; its usage has been printed."""


class Parser(argparse.ArgumentParser):
    """An argument parser that raises where argparse exits, so that `--json` can answer too."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        raise UsageError(f"{self.prog}: error: {message}")


def add_command(
    commands: argparse._SubParsersAction, name: str, summary: str, about: str, examples: str
) -> Any:
    """The parser of a command.

    Args:
      commands: where it goes.
      name: of the command.
      summary: one line, for `osteon --help`.
      about: what it does, for its own help.
      examples: command lines, one a line.
    """
    lines = "\n".join(f"  {line}" for line in examples.strip().splitlines())
    return commands.add_parser(
        name,
        help=summary,
        description=about.strip(),
        epilog=f"examples:\n{lines}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_study(parser: argparse.ArgumentParser) -> None:
    """A study file and its changes."""
    parser.add_argument("study", type=Path, metavar="STUDY.toml", help="study file (docs/study.md)")
    add_changes(parser)


def add_changes(parser: argparse.ArgumentParser) -> None:
    """`--set` and `--data-dir`."""
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="overrides",
        help="replace one key of the study, e.g. --set time.months=12 (repeatable)",
    )
    parser.add_argument(
        "--data-dir", type=Path, metavar="FOLDER", help="folder of the images, in place of image.folder"
    )


def add_cache(parser: argparse.ArgumentParser) -> None:
    """`--no-cache`."""
    parser.add_argument("--no-cache", action="store_true", help="do not keep compiled programs between runs")


def add_memory(parser: argparse.ArgumentParser) -> None:
    """`--memory-gb`."""
    parser.add_argument(
        "--memory-gb",
        type=float,
        metavar="GB",
        help="refuse above this memory plan (default: 90 %% of the machine's or the container's)",
    )


def add_folder(parser: argparse.ArgumentParser, name: str) -> None:
    """`--out` and `--progress`."""
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER", help=f"new folder (default: runs/{name}-001, -002, ...)"
    )
    add_progress(parser)


def add_progress(parser: argparse.ArgumentParser) -> None:
    """`--progress`."""
    parser.add_argument(
        "--progress", action="store_true", help="progress bar also where this is not a terminal"
    )


def add_output(parser: argparse.ArgumentParser) -> None:
    """`--json`, `--quiet` and `--verbose`, which every command has."""
    parser.add_argument(
        "--json",
        action="store_true",
        help="print one JSON object, also for errors, in place of text (docs/command_line.md)",
    )
    loudness = parser.add_mutually_exclusive_group()
    loudness.add_argument("--quiet", action="store_true", help="no progress bar")
    loudness.add_argument(
        "--verbose",
        action="store_true",
        help="lines of the log on standard error as they are written, and tracebacks of errors",
    )


class VersionAction(argparse.Action):
    """`--version`, looked up only when asked for."""

    def __init__(self, option_strings: list[str], dest: str, **settings: Any):
        super().__init__(option_strings, dest, nargs=0, **settings)

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from importlib.metadata import version

        print(f"osteon {version('osteon')}")
        parser.exit()


SHELLS = ("bash", "zsh", "tcsh", "fish")
"""Shells that argcomplete writes a script for."""


class CompletionAction(argparse.Action):
    """`--print-completion SHELL`: the script that asks the program itself what may come next."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: Any, values: Any, *_: Any) -> None:
        try:
            from argcomplete.shell_integration import shellcode
        except ImportError:
            raise UsageError(
                "osteon: error: --print-completion needs the package argcomplete; "
                "python -m pip install argcomplete"
            ) from None
        print(shellcode(["osteon"], shell=values))
        parser.exit()


def offer_completion(parser: argparse.ArgumentParser) -> None:
    """Answer a shell that asks what may come next, and end; does nothing when no shell asks."""
    if "_ARGCOMPLETE" not in os.environ:
        return
    import argcomplete
    from argcomplete.completers import DirectoriesCompleter

    for action in _all_actions(parser):
        if action.type is Path and "FOLDER" in str(action.metavar):
            action.completer = DirectoriesCompleter()  # pyright: ignore
    argcomplete.autocomplete(parser)


def _all_actions(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    actions: list[argparse.Action] = []
    for action in parser._actions:
        actions.append(action)
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                actions += _all_actions(inner)
    return actions
