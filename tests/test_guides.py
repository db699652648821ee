"""What guides and docstrings print runs: doctests, the tutorial from first line to last, the examples."""

import doctest
import importlib
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import osteon

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("meshes", "fem", "remodeling", "calibration", "osteon")
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def modules_with_examples():
    """Names of the modules whose source holds a prompt."""
    return [
        f"{package}.{path.stem}"
        for package in PACKAGES
        for path in sorted((ROOT / package).glob("*.py"))
        if ">>> " in path.read_text()
    ]


def test_the_main_functions_have_examples():
    """Each package teaches by at least one."""
    assert {name.split(".")[0] for name in modules_with_examples()} == set(PACKAGES)


@pytest.mark.parametrize("name", modules_with_examples())
def test_examples_in_docstrings_print_what_they_say(name):
    """As doctest reads them."""
    failed, tried = doctest.testmod(importlib.import_module(name), optionflags=FLAGS)
    assert tried > 0
    assert failed == 0


@pytest.mark.parametrize("page", sorted(path.name for path in (ROOT / "docs").glob("*.md")))
def test_examples_in_guides_print_what_they_say(page):
    """Python blocks with prompts, of one page in one session."""
    names = {}
    for number, (language, text) in enumerate(BLOCK.findall((ROOT / "docs" / page).read_text())):
        if language == "python" and ">>> " in text:
            test = doctest.DocTestParser().get_doctest(text, names, f"{page} block {number}", page, 0)
            assert doctest.DocTestRunner(optionflags=FLAGS).run(test, clear_globs=False).failed == 0


@pytest.mark.slow
def test_the_tutorial_runs_as_printed(tmp_path, monkeypatch, capsys):
    """Files are written, commands and Python blocks run one after the other in an empty folder."""
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for language, text in BLOCK.findall((ROOT / "docs" / "tutorial.md").read_text()):
        if language == "toml":
            Path(text.split("\n")[0].removeprefix("# ")).write_text(text)
        elif language == "bash":
            for line in text.splitlines():
                command, *arguments = shlex.split(line)
                assert command == "osteon"
                assert osteon.main(arguments) == 0, line
        else:
            exec(compile(text, "tutorial", "exec"), names)
    table = re.findall(r"^\| `([\w.]+\.nii\.gz)` ", (ROOT / "docs" / "tutorial.md").read_text(), re.MULTILINE)
    assert len(table) == 6
    assert all((tmp_path / "result" / "maps" / name).is_file() for name in table)
    assert (tmp_path / "check" / "l3.png").is_file()
    assert (tmp_path / "result" / "maps" / "l3.vti").is_file()
    assert "Change of trabecular vBMD in 6 months: L3" in capsys.readouterr().out


@pytest.mark.parametrize(
    "name", ["vertebra", *(pytest.param(name, marks=pytest.mark.slow) for name in ("therapy", "gradient"))]
)
def test_an_example_runs_as_a_script(name, tmp_path):
    """In a process and a folder of its own, without a warning. The documentation runs all of them as well."""
    done = subprocess.run(
        [sys.executable, "-W", "error", str(ROOT / "examples" / f"{name}.py")],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
        timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout
    assert list(tmp_path.iterdir()) == []
