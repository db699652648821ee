"""Measure set-up, compilation, solve, gradient and memory; write JSON and a figure into benchmarks/results.

    python -m benchmarks                                       # every case
    python -m benchmarks --cases cube_32 lhdl_50 --repeats 3
    python -m benchmarks --parosol-python ../parosol/bin/python # parosol-py lives in another environment
    python -m benchmarks --others pyamg=../pyamg/bin/python ngsolve=../ngsolve/bin/python

Every case runs in a process of its own, so that its peak memory is its own. CPU seconds are those of all
threads: on a shared machine they repeat better than wall time.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks._cases import CASES, MODULUS_MPA, POISSON, STRAIN, missing_file
from benchmarks._figure import draw
from benchmarks.others import PROGRAMS

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
PAROSOL_CASES = ("cube_32", "cube_64", "lhdl_50", "lhdl_100")
COLD_CASES = ("cube_64", "lhdl_50", "lhdl_100", "lhdl_200")
OPERATOR_CASES = ("cube_64", "cube_128", "lhdl_100")


def main(arguments: list[str] | None = None) -> int:
    """Run the cases, print a table, write the files; 0 when every case that ran converged."""
    options = _parser().parse_args(arguments)
    options.others = dict(options.others)
    report: dict[str, Any] = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": _machine(),
        "versions": _versions({"parosol-py": options.parosol_python, **options.others}),
        "commit": _commit(),
        "rtol": options.rtol,
        "problem": f"axial compression by {-STRAIN:.0%}, E {MODULUS_MPA:g} MPa, Poisson ratio {POISSON}",
        "results": [],
        "skipped": [],
    }
    print(
        f"{'case':10} {'program':14} {'DOF':>9} {'iter':>5} {'solve CPU-s':>12} "
        f"{'wall s':>8} {'MiB':>7} {'force N':>12}"
    )
    for name in options.cases:
        absent = missing_file(name, options.data)
        if absent is not None:
            _skip(report, name, "osteon", f"{absent.name} is not in the folder given by --data")
            continue
        tail = [name, str(options.data), str(options.rtol)]
        _run(
            report, [sys.executable, "-m", "benchmarks._measure", *tail, str(options.repeats)], name, "osteon"
        )
        if name in OPERATOR_CASES:
            command = [sys.executable, "-m", "benchmarks._operator", *tail[:2]]
            _run(report, command, name, "osteon operator")
        if name in COLD_CASES:
            _run(report, [sys.executable, "-m", "benchmarks._cold", *tail], name, "osteon solve")
        for program, python in options.others.items() if name in options.others_cases else ():
            if program not in report["versions"]:
                _skip(report, name, program, f"{program} is not installed; give --others {program}=PYTHON")
                continue
            command = [str(python), "-m", PROGRAMS[program], *tail]
            _run(report, command, name, program, limit_s=options.limit_s)
        if options.no_parosol or name not in PAROSOL_CASES:
            continue
        if "parosol-py" not in report["versions"]:
            _skip(report, name, "parosol-py", "parosol-py is not installed; see --parosol-python")
            continue
        for ranks in (1, 2):
            command = [str(options.parosol_python), "-m", "benchmarks._parosol", *tail, str(ranks)]
            _run(report, command, name, "parosol-py")
    options.out.mkdir(parents=True, exist_ok=True)
    stem = options.out / options.name
    stem.with_suffix(".json").write_text(json.dumps(report, indent=1) + "\n")
    if report["results"]:
        draw(report, stem.with_suffix(".png"))
    print(f"written: {os.path.relpath(stem)}.json")
    return int(any(row.get("converged") is False or "error" in row for row in report["results"]))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--cases", nargs="+", choices=CASES, default=list(CASES), metavar="CASE", help=", ".join(CASES)
    )
    parser.add_argument(
        "--data", type=Path, default=ROOT.parent / "shared" / "data", help="folder of the masks"
    )
    parser.add_argument("--rtol", type=float, default=1e-6, help="relative residual (1e-6)")
    parser.add_argument("--repeats", type=int, default=5, help="warm runs of which the median is taken (5)")
    parser.add_argument(
        "--parosol-python", type=Path, default=Path(sys.executable), help="interpreter with parosol-py"
    )
    parser.add_argument(
        "--others",
        nargs="+",
        type=_other,
        default=[],
        metavar="NAME[=PYTHON]",
        help=f"other programs, each with the interpreter that has it: {', '.join(PROGRAMS)}",
    )
    parser.add_argument(
        "--others-cases",
        nargs="+",
        choices=CASES,
        default=["cube_32", "lhdl_50"],
        metavar="CASE",
        help="cases for the other programs (cube_32 lhdl_50)",
    )
    parser.add_argument(
        "--limit-s", type=float, default=1800.0, help="give another program up after so many seconds (1800)"
    )
    parser.add_argument("--no-parosol", action="store_true", help="this project's solver only")
    parser.add_argument("--out", type=Path, default=HERE / "results", help="folder of the result files")
    parser.add_argument("--name", default="solver", help="name of the result files without ending")
    return parser


def _other(text: str) -> tuple[str, Path]:
    """A program and its interpreter, this one where none is given."""
    name, _, python = text.partition("=")
    if name not in PROGRAMS:
        raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(PROGRAMS)}")
    # absolute, but not resolved: an environment's interpreter is a link
    return name, Path(python or sys.executable).absolute()


def _run(
    report: dict[str, Any], command: list[str], name: str, program: str, *, limit_s: float | None = None
) -> None:
    """Run one measurement in its own process and keep its row, or the last line of its error."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            cwd=ROOT,
            env=environment,
            check=False,
            timeout=limit_s,
        )
    except subprocess.TimeoutExpired:
        _skip(report, name, program, f"not done after {limit_s:g} s")
        return
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        report["results"].append({"case": name, "program": program, "error": reason})
        print(f"{name:10} {program:14} failed: {reason}")
        return
    row = json.loads(done.stdout.strip().splitlines()[-1])
    report["results"].append(row)
    if "solve" not in row:
        print(
            f"{name:10} {program:14} {row['dofs']:9d} " + json.dumps(row["float32"] | {"precision": 32}),
            flush=True,
        )
        return
    memory = row.get("peak_memory_solve_mb", row.get("peak_memory_mb")) or float("nan")
    label = program + (f" x{row['ranks']}" if "ranks" in row else "")
    print(
        f"{name:10} {label:14} {row['dofs']:9d} {row['iterations'] or 0:5d} {row['solve']['cpu_s']:12.2f} "
        f"{row['solve']['wall_s']:8.2f} {memory:7.0f} {row['force_n']:12.6g}",
        flush=True,
    )


def _skip(report: dict[str, Any], name: str, program: str, reason: str) -> None:
    report["skipped"].append({"case": name, "program": program, "reason": reason})
    print(f"{name:10} {program:14} skipped: {reason}", flush=True)


def _machine() -> dict[str, Any]:
    """What the numbers depend on; no host name."""
    processor = platform.processor() or platform.machine()
    listing = Path("/proc/cpuinfo")
    if listing.is_file():
        named = [
            line.split(":", 1)[1].strip() for line in listing.read_text().splitlines() if "model name" in line
        ]
        processor = named[0] if named else processor
    return {
        "processor": processor,
        "cores": os.cpu_count(),
        "system": platform.system(),
        "load_before": os.getloadavg(),
    }


def _versions(pythons: dict[str, Path]) -> dict[str, str]:
    """Versions of what is measured; another program's only where its interpreter has it."""
    found = {name: version(name) for name in ("jax", "jaxlib", "numpy")} | {
        "python": platform.python_version()
    }
    for name, python in pythons.items():
        question = f"from importlib.metadata import version; print(version({name!r}))"
        try:
            asked = subprocess.run([str(python), "-c", question], capture_output=True, text=True, check=False)
        except OSError:
            continue
        if asked.returncode == 0:
            found[name] = asked.stdout.strip()
    return found


def _commit() -> str | None:
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=ROOT, check=False
    )
    return done.stdout.strip() or None


if __name__ == "__main__":
    raise SystemExit(main())
