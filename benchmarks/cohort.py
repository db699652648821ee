"""`osteon cohort` as a user starts it: seconds and memory by people, arms and months.

python -m benchmarks.cohort      # 7 minutes on two cores, into benchmarks/results/cohort.json

Every cohort runs twice in a process of its own: with an empty cache of compiled programs, and with what that
left.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks._parts import begun, write_report
from benchmarks._process import timed
from osteon._cohort_command import cohort_memory_gb
from osteon._study import read_study

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT / "benchmarks" / "results" / "cohort.json"
COHORTS = (
    ("examples/older_men_cohort.toml", 1000, 12),
    ("examples/older_men_cohort.toml", 20000, 12),
    ("examples/l3_builtin.toml", 1000, 24),
    ("examples/l3_builtin.toml", 64, 120),
)
"""Study, people, months."""


def measure(study: str, people: int, months: int) -> dict[str, Any]:
    """One row: both runs, the memory they took and the memory planned."""
    changes = [f"cohort.people={people}", f"cohort.month={months}"]
    changes += [f"time.months={months}", f"time.report_months=[{months}]"]
    read = read_study(ROOT / study, overrides=changes)
    row: dict[str, Any] = {"study": study, "people": people, "arms": len(read.arm) + 1, "months": months}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for run in ("empty_cache", "filled_cache"):
            words = [sys.executable, "-m", "osteon", "cohort", str(ROOT / study), "--quiet", "--out", run]
            for change in changes:
                words += ["--set", change]
            taken = timed(words, folder, cache=folder)
            memory = json.loads((folder / run / "timing.json").read_text())["peak_memory_mb"]
            row[run] = {**taken, "peak_memory_gb": memory / 1024}
    row["planned_memory_gb"] = cohort_memory_gb(read)
    return row


def main(arguments: list[str] | None = None) -> None:
    """Measure all and write the file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=FILE, help="file to write")
    options = parser.parse_args(arguments)
    report = begun(options.out)
    report["rows"] = []
    for cohort in COHORTS:
        report["rows"].append(measure(*cohort))
        print(json.dumps(report["rows"][-1]), flush=True)
        write_report(report, options.out)


if __name__ == "__main__":
    main()
