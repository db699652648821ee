"""Command line: what a person types, and the exit code that comes back. Imports nothing heavy."""

import argparse
import importlib
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, MappingProxyType

from ._cli_options import (
    EXIT_CODES,
    SHELLS,
    CompletionAction,
    Parser,
    UsageError,
    VersionAction,
    add_cache,
    add_changes,
    add_command,
    add_folder,
    add_memory,
    add_output,
    add_progress,
    add_study,
    offer_completion,
)
from ._cli_solve import add_solve
from ._errors import EXIT_BAD_INPUT, EXIT_BUG, EXIT_INTERRUPTED, EXIT_OK, OsteonError
from ._init_templates import TEMPLATE_NAMES
from ._output import error_object, log_shown, print_object
from ._program_cache import cache_mended

_EPILOG = f"""first steps:
  osteon init study.toml
  osteon check study.toml
  osteon run study.toml

{EXIT_CODES}"""

_INTERRUPTED = MappingProxyType(
    {"fit": "interrupted; the same command with the same --out goes on where it was (see --state)"}
)
"""What an interrupt is told as, where a command leaves something to go on from."""


def build_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    parser = Parser(
        prog="osteon",
        description="Lumbar bone density under hormone therapy: voxel finite elements and bone remodeling.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=VersionAction, help="print the version and exit")
    parser.add_argument(
        "--print-completion",
        action=CompletionAction,
        choices=SHELLS,
        metavar="SHELL",
        help=f"print a script that completes with the tab key, for {', '.join(SHELLS)}",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_init(commands)
    _add_check(commands)
    _add_run(commands)
    _add_resume(commands)
    _add_report(commands)
    _add_verify(commands)
    _add_gallery(commands)
    _add_cohort(commands)
    _add_fit(commands)
    _add_qualify(commands)
    add_solve(commands)
    _add_doctor(commands)
    return parser


def _add_init(commands: argparse._SubParsersAction) -> None:
    init = add_command(
        commands,
        "init",
        "write a study file whose comments teach",
        """
A study that runs as it is, with every other key in a comment: its meaning, unit, limits and default.
Never overwrites a file.
""",
        """
osteon init study.toml
osteon init study.toml --template estrogen
osteon init study.toml --ct ct.nii.gz --mask mask.nii.gz --label 20 21 22
osteon init study.toml --drug alendronate --amount-mg 10 --every-days 1
osteon init --schema            # study.schema.json, which editors complete and check study files with
""",
    )
    init.add_argument(
        "file",
        type=Path,
        nargs="?",
        metavar="FILE",
        help="file to write (default study.toml; with --schema study.schema.json); - for standard output",
    )
    init.add_argument(
        "--template",
        choices=TEMPLATE_NAMES,
        metavar="NAME",
        default=TEMPLATE_NAMES[0],
        help=f"what to start from: {', '.join(TEMPLATE_NAMES)} (default {TEMPLATE_NAMES[0]})",
    )
    init.add_argument("--short", action="store_true", help="only the keys in use, without the others")
    init.add_argument(
        "--schema", action="store_true", help="write the JSON Schema of study files, and no study"
    )
    image = init.add_argument_group("your own image, in place of the built-in vertebra")
    image.add_argument("--ct", type=Path, metavar="CT", help="CT file")
    image.add_argument("--mask", type=Path, metavar="MASK", help="label image of the vertebrae, on its grid")
    image.add_argument(
        "--label", type=int, nargs="+", metavar="NUMBER", help="numbers of the bodies in the mask"
    )
    dose = init.add_argument_group("one drug, in place of the template's arms")
    dose.add_argument("--drug", metavar="NAME", help="a drug of docs/drugs.md, such as alendronate")
    dose.add_argument(
        "--amount-mg", type=float, metavar="AMOUNT", help="one dose, mg or the unit of the drug"
    )
    dose.add_argument(
        "--every-days", type=float, metavar="DAYS", help="days between doses (default: given once)"
    )
    add_output(init)


def _add_check(commands: argparse._SubParsersAction) -> None:
    check = add_command(
        commands,
        "check",
        "check a study and its images; solves nothing",
        """
Tells everything that is wrong with a study and its files at once. Of a good study it tells what would
be modelled, how many solves and how much memory that takes and which files come out, and draws every
body on its image.
""",
        """
osteon check study.toml
osteon check study.toml --data-dir /folder/of/the/images --no-picture
osteon check study.toml --json
""",
    )
    add_study(check)
    check.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="new folder of the pictures (default: runs/STUDY-check-001, -002, ...)",
    )
    check.add_argument("--no-picture", action="store_true", help="write nothing")
    add_cache(check)
    add_memory(check)
    add_output(check)


def _add_run(commands: argparse._SubParsersAction) -> None:
    run = add_command(
        commands,
        "run",
        "simulate the arms of a study and write its folder",
        """
Simulates every arm at every level and writes maps, curves, numbers and report.html into a new folder.
""",
        """
osteon run study.toml
osteon run study.toml --set arm[0].dose[0].amount_mg=50 --set time.months=12 --out runs/half-dose
osteon run study.toml --data-dir /folder/of/the/images --json --quiet
""",
    )
    add_study(run)
    _add_run_options(run, "STUDY")


def _add_resume(commands: argparse._SubParsersAction) -> None:
    resume = add_command(
        commands,
        "resume",
        "go on with a run that was cut off",
        """
Goes on from the last checkpoint of a run that was interrupted, killed or ran out of disk. The finished run is
that of an uninterrupted one to the bit, log.txt and timing.json apart.
""",
        "osteon resume runs/study-001",
    )
    resume.add_argument("folder", type=Path, metavar="RUN_FOLDER", help="the run, or its .partial folder")
    add_progress(resume)
    add_cache(resume)
    add_memory(resume)
    add_output(resume)


def _add_verify(commands: argparse._SubParsersAction) -> None:
    verify = add_command(
        commands,
        "verify",
        "compare a run folder with the manifest of its files",
        "Names every file that is missing, has changed or was added since the run wrote its manifest.",
        "osteon verify runs/study-001",
    )
    verify.add_argument("folder", type=Path, metavar="RUN_FOLDER", help="folder of a finished `osteon run`")
    add_output(verify)


def _add_run_options(parser: argparse.ArgumentParser, name: str) -> None:
    add_folder(parser, name)
    add_cache(parser)
    add_memory(parser)
    add_output(parser)


def _add_report(commands: argparse._SubParsersAction) -> None:
    report = add_command(
        commands,
        "report",
        "write report.html of a finished run again",
        "Writes report.html from the tables and figures of a run folder.",
        "osteon report runs/study-001",
    )
    report.add_argument("folder", type=Path, metavar="RUN_FOLDER", help="folder of a finished `osteon run`")
    add_output(report)


def _add_gallery(commands: argparse._SubParsersAction) -> None:
    gallery = add_command(
        commands,
        "gallery",
        "run several studies side by side: one table, one report",
        """
Runs every study into a folder of its own and writes gallery.html, gallery.csv and trials.csv, which
compare them with each other and with the trials that they name.
""",
        """
osteon gallery examples/gallery
osteon gallery first.toml second.toml --maps --out runs/both
""",
    )
    gallery.add_argument("studies", type=Path, nargs="+", metavar="STUDY.toml", help="or a folder of them")
    add_changes(gallery)
    gallery.add_argument(
        "--maps", action="store_true", help="also write every run's maps and the pictures of its slices"
    )
    _add_run_options(gallery, "gallery")


def _add_cohort(commands: argparse._SubParsersAction) -> None:
    cohort = add_command(
        commands,
        "cohort",
        "virtual people under every arm of a study, and the power of a trial",
        """
Draws people about the subject of a study ([cohort], docs/cohort.md), follows everybody under every arm with
the fast model, and writes cohort.html, tables of people and outcomes, and the power of a trial by its size. A
cohort can be computed in parts on many machines and joined; the result is that of one process to the bit.
""",
        """
osteon cohort study.toml
osteon cohort study.toml --set cohort.people=5000 --set cohort.endpoint=spine_trabecular_vbmd
osteon cohort study.toml --part 3/8 --out parts/3
osteon cohort study.toml --join parts/* --out runs/whole
""",
    )
    add_study(cohort)
    cohort.add_argument("--part", metavar="K/N", help="follow only the K-th of N parts of the people")
    cohort.add_argument(
        "--join",
        type=Path,
        nargs="+",
        default=(),
        metavar="FOLDER",
        help="take the people from the folders of all parts",
    )
    _add_run_options(cohort, "STUDY-cohort")


def _add_trials(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--trials", type=Path, metavar="FOLDER", help="trial tables (default: the program's)")


def _add_fit(commands: argparse._SubParsersAction) -> None:
    fit = add_command(
        commands,
        "fit",
        "learn the biological parameters from published trials",
        """
Learns from the observations of the trial groups of role calibration, with the fast model, and writes
posterior.json, parameters.csv, observations.csv, history.csv and figures. A fit that was cut off goes
on where it was: the same command, the same --out.
""",
        """
osteon fit --out FIT
osteon fit --learn resorption_rate formation_time --out FIT
""",
    )
    _add_trials(fit)
    fit.add_argument(
        "--learn", nargs="+", metavar="NAME", help="parameters to learn (default: all of a lognormal prior)"
    )
    fit.add_argument("--evaluations", type=int, default=40, help="most evaluations of the model (default 40)")
    fit.add_argument(
        "--state", type=Path, metavar="FILE.npz", help="where the search is kept (default: beside --out)"
    )
    add_folder(fit, "fit")
    add_cache(fit)
    add_output(fit)


def _add_qualify(commands: argparse._SubParsersAction) -> None:
    qualify = add_command(
        commands,
        "qualify",
        "how well a fit predicts trials, also those it never saw",
        """
Predicts every observation with the posterior of `osteon fit`, fits again without each trial group in
turn, and writes qualification.md with coverage, errors and naive predictions.
""",
        """
osteon qualify FIT/posterior.json
osteon qualify FIT/posterior.json --no-folds --out runs/quick
""",
    )
    qualify.add_argument(
        "posterior", type=Path, metavar="posterior.json", help="the posterior that `osteon fit` wrote"
    )
    _add_trials(qualify)
    qualify.add_argument("--no-folds", action="store_true", help="leave out the fits without one group")
    add_folder(qualify, "qualify")
    add_cache(qualify)
    add_output(qualify)


def _add_doctor(commands: argparse._SubParsersAction) -> None:
    doctor = add_command(
        commands,
        "doctor",
        "backend, precision, memory, cache, versions, optional packages",
        "What this installation stands on, what is missing, and the command that installs it.",
        """
osteon doctor
osteon doctor --json
""",
    )
    add_output(doctor)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
      argv: arguments without the program's name; None reads the command line.

    Returns:
      Exit code: 0 ok, 1 a bug, 2 bad input, 3 not converged, 4 refused by the memory plan, 5 interrupted.
    """
    given = list(sys.argv[1:] if argv is None else argv)
    parser = build_parser()
    offer_completion(parser)
    try:
        arguments = parser.parse_args(given)
    except UsageError as error:
        print(error, file=sys.stderr)
        if "--json" in given:
            command = given[0] if given[0] in _COMMANDS else None
            print_object(error_object(command, EXIT_BAD_INPUT, str(error)))
        return EXIT_BAD_INPUT
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else EXIT_BUG
    with log_shown(arguments.verbose), _termination_interrupts(), cache_mended():
        return _run(arguments)


def _run(arguments: argparse.Namespace) -> int:
    """The command with every way of failing turned into its code and its sentence."""
    try:
        _command(arguments.command)(arguments)
        sys.stdout.flush()
    except OsteonError as error:
        if arguments.verbose:
            traceback.print_exc()
        return _failed(arguments, error.exit_code, error, str(error))
    except KeyboardInterrupt as error:
        text = _INTERRUPTED.get(arguments.command, "interrupted; no folder was written")
        return _failed(arguments, EXIT_INTERRUPTED, error, text)
    except BrokenPipeError:
        # who reads standard output has gone (`osteon ... | head`); Python would complain once more at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_INTERRUPTED
    except Exception as error:
        traceback.print_exc()
        text = "this is a bug; please report the lines above with the command you typed"
        return _failed(arguments, EXIT_BUG, error, text)
    return EXIT_OK


def _failed(arguments: argparse.Namespace, code: int, error: BaseException, text: str) -> int:
    print(f"osteon: {text}", file=sys.stderr)
    if arguments.json:
        told = text if code == EXIT_INTERRUPTED else error
        print_object(error_object(arguments.command, code, told))
    return code


@contextmanager
def _termination_interrupts() -> Iterator[None]:
    """SIGTERM ends a command as Ctrl-C does: what is open is removed, and one sentence is told."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL if before is None else before)


_COMMANDS = MappingProxyType(
    {
        "init": "_init_command.init_command",
        "check": "_check_command.check_command",
        "run": "_run_command.run_command",
        "resume": "_resume_command.resume_command",
        "report": "_report.report_command",
        "verify": "_verify_command.verify_command",
        "gallery": "_gallery_command.gallery_command",
        "cohort": "_cohort_command.cohort_command",
        "fit": "_fit_command.fit_command",
        "qualify": "_qualify_command.qualify_command",
        "solve": "_solve_command.solve_command",
        "doctor": "_doctor.doctor_command",
    }
)
"""The module and function behind every command."""


def _command(name: str) -> Callable[[argparse.Namespace], None]:
    """The function behind a command; importing it here keeps `--help` free of jax."""
    module, _, function = _COMMANDS[name].partition(".")
    return getattr(importlib.import_module(f".{module}", __package__), function)
