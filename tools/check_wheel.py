"""A wheel, looked into, installed into a new environment and run there from another folder.

    python tools/check_wheel.py dist/osteon-0.1.0-*.whl [--sbom dist/osteon.cdx.json]

Dependencies are those of requirements.txt. The run is a small study of the built-in vertebra; its number must
be the known one. With --sbom the packages of that environment are written as CycloneDX JSON.
"""

import argparse
import csv
import json
import os
import re
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

CONTENTS = (
    r"(meshes|fem|remodeling|calibration|osteon)/py\.typed",
    r"calibration/trials/\w+\.tsv",
    r"calibration/posterior/\w+\.json",
    r"osteon/\w+\.html\.j2",
    r"osteon-[\w.]+\.dist-info/licenses/LICENSE",
)
COMPILED = r"fem/_solver_\w+\.[\w-]+\.so"

STUDY = """\
title = "Self-check of a wheel"
[subject]
sex = "male"
age_years = 60
testosterone_ng_dl = 200
estradiol_pg_ml = 15
[image]
builtin = "l3"
voxel_mm = 3
[time]
months = 3
report_months = [3]
[[arm]]
name = "weekly"
[[arm.dose]]
drug = "testosterone-cypionate"
amount_mg = 100
every_days = 7
"""
QUANTITY = "trabecular_vbmd_mg_cm3"
CHANGE_PERCENT = 3.600641
"""Change in three months as the source tree gives it; a change of the model or its parameters moves it."""
TOLERANCE = 1e-4
"""Absolute, %: the compiled solver and the plain one differ by less, and so do processors."""


def check_contents(wheel: Path, *, pure: bool) -> None:
    """Everything that the program reads at run time is inside.

    Raises:
      SystemExit: something is missing.
    """
    names = zipfile.ZipFile(wheel).namelist()
    for pattern in (*CONTENTS, *(() if pure else (COMPILED,))):
        found = [name for name in names if re.fullmatch(pattern, name)]
        if not found:
            raise SystemExit(f"{wheel.name} holds no file like {pattern}")
        print(f"  {len(found):3d} x {pattern}")
    strange = [name for name in names if name.startswith(("tests/", "benchmarks/", "docs/", "tools/"))]
    if strange:
        raise SystemExit(f"{wheel.name} holds what is no part of the program: {strange[0]}")


def constraints(folder: Path) -> Path:
    """requirements.txt without its hashes, as a constraint: pip takes no hash for a wheel of one's own."""
    pins = re.findall(r"^([\w.-]+==[\w.]+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    path = folder / "constraints.txt"
    path.write_text("\n".join(pins) + "\n")
    return path


def run(arguments: list[str], folder: Path) -> str:
    """Output of a command in a folder that is not the source tree.

    Raises:
      SystemExit: the command failed.
    """
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"XDG_CACHE_HOME": str(folder / "cache"), "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(arguments, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def check_run(binary: Path, folder: Path) -> None:
    """`osteon doctor`, then a study, whose number must be the known one.

    Raises:
      SystemExit: it is another.
    """
    place = run([str(binary / "python"), "-c", "import osteon; print(osteon.__file__)"], folder).strip()
    if not Path(place).is_relative_to(binary.parent):
        raise SystemExit(f"osteon was imported from {place}, not from the new environment")
    print(run([str(binary / "osteon"), "doctor"], folder))
    (folder / "study.toml").write_text(STUDY)
    run([str(binary / "osteon"), "run", "study.toml", "--out", "result", "--quiet"], folder)
    with (folder / "result" / "timecourse.csv").open() as stream:
        rows = [
            row for row in csv.DictReader(stream) if row["quantity"] == QUANTITY and row["arm"] == "weekly"
        ]
    change = 100 * (float(rows[-1]["value"]) / float(rows[0]["value"]) - 1)
    if abs(change - CHANGE_PERCENT) > TOLERANCE:
        raise SystemExit(f"the study gave {change:.6f} %, known is {CHANGE_PERCENT} %")
    print(f"  a study of {rows[-1]['month']} months gave {change:.5f} %, as known")


def write_sbom(binary: Path, path: Path) -> None:
    """The packages of an environment as CycloneDX JSON."""
    subprocess.run(
        [
            sys.executable, "-m", "cyclonedx_py", "environment", str(binary / "python"),
            "--pyproject", str(ROOT / "pyproject.toml"), "--output-reproducible", "--output-format", "JSON",
            "--output-file", str(path),
        ],
        check=True,
    )  # fmt: skip
    listed = json.loads(path.read_text())["components"]
    print(f"  {path}: {len(listed)} components")


def main() -> int:
    """Check one wheel."""
    parser = argparse.ArgumentParser(description="check a wheel in a clean environment")
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--sbom", type=Path, help="also write this file")
    parser.add_argument("--pure", action="store_true", help="the wheel was built without a C++ compiler")
    given = parser.parse_args()
    check_contents(given.wheel, pure=given.pure)
    with tempfile.TemporaryDirectory(prefix="osteon-wheel-") as name:
        folder = Path(name)
        venv.create(folder / "env", with_pip=True)
        binary = folder / "env" / "bin"
        install = [str(binary / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        run([*install, str(given.wheel.resolve()), "--constraint", str(constraints(folder))], folder)
        check_run(binary, folder)
        if given.sbom is not None:
            write_sbom(binary, given.sbom.resolve())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
