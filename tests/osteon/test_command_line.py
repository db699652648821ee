"""The command line: exit codes, help without jax, and errors on one line."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from osteon import main

ROOT = Path(__file__).resolve().parents[2]


def run_python(code: str) -> subprocess.CompletedProcess:
    """A fresh interpreter in the root of the project."""
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60, check=False
    )


def test_help_imports_neither_jax_nor_numpy():
    """`osteon --help` must answer before anything heavy is imported."""
    done = run_python(
        "import sys\nfrom osteon import main\ncode = main(['--help'])\n"
        "print([name for name in ('jax', 'numpy', 'matplotlib', 'scipy') if name in sys.modules], code)"
    )
    assert done.stdout.strip().endswith("[] 0")
    assert "COMMAND" in done.stdout


def test_the_module_runs_by_name():
    """`python -m osteon` is the program."""
    done = subprocess.run(
        [sys.executable, "-m", "osteon", "--help"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0
    assert "solve" in done.stdout


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["run"], ["solve", "x.npy", "--unknown"]])
def test_a_wrong_command_line_is_bad_input(arguments, capsys):
    """Exit code 2 and a usage line."""
    assert main(arguments) == 2
    assert "usage: osteon" in capsys.readouterr().err


def test_an_unknown_key_ends_with_code_2_and_no_folder(tmp_path, capsys):
    """The sentence goes to standard error; nothing is written."""
    study = tmp_path / "study.toml"
    study.write_text('titel = "x"\n')
    assert main(["run", str(study), "--out", str(tmp_path / "run"), "--no-cache"]) == 2
    captured = capsys.readouterr()
    assert "did you mean `title`?" in captured.err
    assert captured.out == ""
    assert [path.name for path in tmp_path.iterdir()] == ["study.toml"]


def test_report_of_nothing_is_bad_input(tmp_path, capsys):
    """A folder that holds no run."""
    assert main(["report", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("osteon: ")


def test_a_bug_gives_code_1_and_asks_for_a_report(monkeypatch, capsys):
    """An exception that is nobody's input prints its traceback."""
    import osteon._doctor as doctor

    def broken():
        raise ZeroDivisionError("inside")

    monkeypatch.setattr(doctor, "doctor_report", broken)
    assert main(["doctor"]) == 1
    assert "this is a bug" in capsys.readouterr().err


def test_an_interrupt_gives_code_5(monkeypatch, capsys):
    """Ctrl-C."""
    import osteon._doctor as doctor

    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr(doctor, "doctor_report", interrupted)
    assert main(["doctor"]) == 5
    assert "interrupted" in capsys.readouterr().err


def test_doctor_reports_backend_and_precision(capsys):
    """Versions, backend and a sum that only double precision gets right."""
    assert main(["doctor", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["double_precision_works"] is True
    assert report["jax_backend"]
    assert report["memory_gb"] > 0
