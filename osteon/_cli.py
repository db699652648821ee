"""Command line: what a person types, and the exit code that comes back. Imports nothing heavy."""

import argparse
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from ._errors import EXIT_BUG, EXIT_INTERRUPTED, EXIT_OK, OsteonError

_EPILOG = """exit codes: 0 ok, 1 a bug, 2 bad input, 3 not converged, 4 refused by the memory plan,
5 interrupted
Research use only, not a medical device."""


def build_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    parser = argparse.ArgumentParser(
        prog="osteon",
        description="Lumbar bone density under hormone therapy: voxel finite elements and bone remodeling.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_run(commands)
    _add_resume(commands)
    _add_gallery(commands)
    _add_fit(commands)
    _add_qualify(commands)
    _add_solve(commands)
    _add_check(commands)
    report = commands.add_parser("report", help="write report.html of a finished run again")
    report.add_argument("folder", type=Path, metavar="RUN_FOLDER")
    verify = commands.add_parser("verify", help="compare a run folder with the manifest of its files")
    verify.add_argument("folder", type=Path, metavar="RUN_FOLDER")
    doctor = commands.add_parser("doctor", help="backend, precision, memory, versions")
    doctor.add_argument("--json", action="store_true", help="as JSON")
    return parser


def _add_study(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("study", type=Path, metavar="STUDY.toml")
    _add_changes(parser)


def _add_changes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="overrides",
        help="replace one key of the study, e.g. --set time.months=12 (repeatable)",
    )
    parser.add_argument("--data-dir", type=Path, help="folder of the images, in place of image.folder")


def _add_cache(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--no-cache", action="store_true", help="do not keep compiled programs between runs")


def _add_machine(parser: argparse.ArgumentParser) -> None:
    _add_cache(parser)
    parser.add_argument(
        "--memory-gb", type=float, help="refuse above this memory plan (default: the machine's)"
    )


def _add_run(commands: argparse._SubParsersAction) -> None:
    run = commands.add_parser("run", help="simulate the arms of a study and write its folder")
    _add_study(run)
    _add_run_options(run, "STUDY")


def _add_resume(commands: argparse._SubParsersAction) -> None:
    resume = commands.add_parser(
        "resume",
        help="go on with a run that was cut off",
        description="Goes on from the last checkpoint of a run that was interrupted, killed or ran out of "
        "disk. The finished run is that of an uninterrupted one to the bit, log.txt and timing.json apart.",
    )
    resume.add_argument("folder", type=Path, metavar="RUN_FOLDER", help="the run, or its .partial folder")
    _add_progress(resume)
    _add_machine(resume)


def _add_run_options(parser: argparse.ArgumentParser, name: str) -> None:
    _add_folder(parser, name)
    _add_machine(parser)


def _add_folder(parser: argparse.ArgumentParser, name: str) -> None:
    parser.add_argument("--out", type=Path, help=f"new folder (default: runs/{name}-001, -002, ...)")
    _add_progress(parser)


def _add_progress(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    parser.add_argument(
        "--progress", action="store_true", help="progress bar also where this is not a terminal"
    )


def _add_gallery(commands: argparse._SubParsersAction) -> None:
    gallery = commands.add_parser(
        "gallery",
        help="run several studies side by side: one table, one report",
        description="Runs every study into a folder of its own and writes gallery.html, gallery.csv and "
        "trials.csv, which compare them with each other and with the trials that they name.",
    )
    gallery.add_argument("studies", type=Path, nargs="+", metavar="STUDY.toml", help="or a folder of them")
    _add_changes(gallery)
    gallery.add_argument(
        "--maps", action="store_true", help="also write every run's maps and the pictures of its slices"
    )
    _add_run_options(gallery, "gallery")


def _add_trials(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--trials", type=Path, metavar="FOLDER", help="trial tables (default: the program's)")


def _add_fit(commands: argparse._SubParsersAction) -> None:
    fit = commands.add_parser(
        "fit",
        help="learn the biological parameters from published trials",
        description="Learns from the observations of the trial groups of role calibration, with the fast "
        "model, and writes posterior.json, parameters.csv, observations.csv, history.csv and figures. A fit "
        "that was cut off goes on where it was: the same command, the same --out.",
    )
    _add_trials(fit)
    fit.add_argument(
        "--learn", nargs="+", metavar="NAME", help="parameters to learn (default: all of a lognormal prior)"
    )
    fit.add_argument("--evaluations", type=int, default=40, help="most evaluations of the model (default 40)")
    fit.add_argument(
        "--state", type=Path, metavar="FILE.npz", help="where the search is kept (default: beside --out)"
    )
    _add_folder(fit, "fit")
    _add_cache(fit)


def _add_qualify(commands: argparse._SubParsersAction) -> None:
    qualify = commands.add_parser(
        "qualify",
        help="how well a fit predicts trials, also those it never saw",
        description="Predicts every observation with the posterior of `osteon fit`, fits again without each "
        "trial group in turn, and writes qualification.md with coverage, errors and naive predictions.",
    )
    qualify.add_argument("posterior", type=Path, metavar="posterior.json")
    _add_trials(qualify)
    qualify.add_argument("--no-folds", action="store_true", help="leave out the fits without one group")
    _add_folder(qualify, "qualify")
    _add_cache(qualify)


def _add_check(commands: argparse._SubParsersAction) -> None:
    check = commands.add_parser("check", help="check a study and its images; solves nothing")
    _add_study(check)
    check.add_argument("--out", type=Path, help="new folder for a picture of what would be modelled")
    check.add_argument(
        "--memory-gb", type=float, help="refuse above this memory plan (default: the machine's)"
    )


def _add_solve(commands: argparse._SubParsersAction) -> None:
    solve = commands.add_parser(
        "solve",
        help="one image, one load, one table row",
        description="A binary micro-CT mask ([x, y, z], loaded along z), or a calibrated density image with "
        "a label mask (--mask, --label, --law). Load cases and their sizes: docs/loads.md.",
    )
    solve.add_argument("image", type=Path, metavar="IMAGE", help=".npy, .npz, .mha, .nii or .nii.gz")
    solve.add_argument("--out", type=Path, help="new folder for summary.json, log and maps")
    solve.add_argument(
        "--maps", action="store_true", help="also write VTU and VTI (or NIfTI) maps; needs --out"
    )
    solve.add_argument(
        "--export",
        action="append",
        default=[],
        choices=("inp", "parosol"),
        metavar="FORMAT",
        help="also write the model for another program: inp (Abaqus, CalculiX) or parosol (HDF5, GPa); "
        "repeatable, needs --out",
    )
    solve.add_argument(
        "--bins", type=int, default=256, help="largest number of materials of --export inp (default 256)"
    )
    bone = solve.add_argument_group("binary mask")
    bone.add_argument("--voxel-mm", type=float, help="voxel edge, mm (read from the file where it says)")
    bone.add_argument(
        "--morphometry",
        action="store_true",
        help="also BV/TV, Tb.Th, Tb.Sp, Conn.D, BS/TV of the mask in summary.json (5 s for 100^3 voxels, "
        "over a minute for 200^3); needs --out",
    )
    bone.add_argument("--modulus-mpa", type=float, help="Young's modulus of bone tissue, MPa (default 10000)")
    density = solve.add_argument_group("calibrated density image")
    density.add_argument("--mask", type=Path, help="label image on the same grid")
    density.add_argument("--label", type=int, help="label of the bone in --mask (default 1)")
    density.add_argument("--law", help="density-modulus law, e.g. kopperdahl-2002")
    density.add_argument(
        "--density-type",
        choices=("ha", "k2hpo4", "ash", "apparent"),
        help="what the density is the equivalent of",
    )
    load = solve.add_argument_group("load")
    load.add_argument("--poisson", type=float, default=0.3, help="Poisson ratio (default 0.3)")
    load.add_argument(
        "--load",
        default="axial",
        help="load case (default axial); stiffness-kubc and stiffness-periodic give the 6 x 6 stiffness",
    )
    load.add_argument("--strain", type=float, help="apparent strain, compression negative (default -0.01)")
    load.add_argument(
        "--displacement-mm", type=float, help="displacement of the top face, mm, instead of a strain"
    )
    load.add_argument(
        "--angle-deg", type=float, help="angle between the platens, degrees (bending, torsion; default 1)"
    )
    load.add_argument(
        "--force-n", type=float, nargs=3, metavar=("X", "Y", "Z"), help="force on the top face, N (force)"
    )
    load.add_argument("--pressure-mpa", type=float, help="pressure on the top face, MPa (pressure)")
    load.add_argument(
        "--strain-tensor",
        type=float,
        nargs=6,
        metavar=("XX", "YY", "ZZ", "YZ", "XZ", "XY"),
        help="macroscopic strain, engineering shear (kinematic-uniform, periodic)",
    )
    load.add_argument(
        "--cap-thickness-mm", type=float, default=3.0, help="least cap thickness (load pmma-axial)"
    )
    load.add_argument(
        "--rtol", type=float, default=1e-6, help="relative true residual to reach (default 1e-6)"
    )
    load.add_argument("--max-iterations", type=int, default=1000, help="give up after so many (default 1000)")
    strength = solve.add_argument_group("strength")
    strength.add_argument(
        "--strength",
        choices=("linear", "nonlinear"),
        default="linear",
        help="linear: estimates from the one solve (default); nonlinear: also push the body beyond yield "
        "and read strength off its force-displacement curve",
    )
    strength.add_argument(
        "--strength-strain", type=float, default=0.025, help="overall strain at the end (default 0.025)"
    )
    strength.add_argument("--strength-steps", type=int, default=20, help="increments (default 20)")
    _add_machine(solve)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
      argv: arguments without the program's name; None reads the command line.

    Returns:
      Exit code: 0 ok, 1 a bug, 2 bad input, 3 not converged, 4 refused by the memory plan, 5 interrupted.
    """
    try:
        arguments = build_parser().parse_args(argv)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else EXIT_BUG
    try:
        _command(arguments.command)(arguments)
    except OsteonError as error:
        print(f"osteon: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("osteon: interrupted; no folder was written", file=sys.stderr)
        return EXIT_INTERRUPTED
    except Exception:
        traceback.print_exc()
        print(
            "osteon: this is a bug; please report the lines above with the command you typed", file=sys.stderr
        )
        return EXIT_BUG
    return EXIT_OK


def _command(name: str):
    """The function behind a command; importing it here keeps `--help` free of jax."""
    if name == "run":
        from ._run_command import run_command

        return run_command
    if name == "resume":
        from ._resume_command import resume_command

        return resume_command
    if name == "verify":
        from ._verify_command import verify_command

        return verify_command
    if name == "gallery":
        from ._gallery_command import gallery_command

        return gallery_command
    if name == "fit":
        from ._fit_command import fit_command

        return fit_command
    if name == "qualify":
        from ._qualify_command import qualify_command

        return qualify_command
    if name == "solve":
        from ._solve_command import solve_command

        return solve_command
    if name == "check":
        from ._check_command import check_command

        return check_command
    if name == "report":
        from ._report import report_command

        return report_command
    from ._doctor import doctor_command

    return doctor_command
