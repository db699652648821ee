"""The command line: help without jax, exit codes, answers for machines, completion, signals."""

import argparse
import json
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from osteon import main
from osteon._cli import build_parser
from osteon._cli_options import SHELLS
from osteon._output import answer_folder

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("jax", "jaxlib", "numpy", "matplotlib", "scipy", "nibabel", "rich", "argcomplete")
"""What help must do without."""


def parsers() -> dict[str, argparse.ArgumentParser]:
    """Parser of every command by its name."""
    for action in build_parser()._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    raise AssertionError("the program has no commands")


COMMANDS = sorted(parsers())


def run_python(code: str) -> subprocess.CompletedProcess:
    """A fresh interpreter in the root of the project."""
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=120, check=False
    )


def test_help_imports_nothing_heavy():
    """the parser, the help of the program and of every command: none of them loads jax, numpy or the like"""
    done = run_python(
        "import sys, contextlib, io\n"
        "from osteon import main\nfrom osteon._cli import build_parser\n"
        f"heavy = {HEAVY!r}\n"
        "build_parser()\n"
        "print('parser', [name for name in heavy if name in sys.modules])\n"
        f"for command in [[], *([name] for name in {COMMANDS!r})]:\n"
        "    with contextlib.redirect_stdout(io.StringIO()) as out:\n"
        "        code = main([*command, '--help'])\n"
        "    used = 'usage: osteon' in out.getvalue()\n"
        "    print(*command, code, used, [name for name in heavy if name in sys.modules])\n"
    )
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[0] == "parser []"
    assert len(lines) == 2 + len(COMMANDS)
    assert all(line.endswith("0 True []") for line in lines[1:]), done.stdout


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


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_says_what_it_does(name):
    """a help text for each option, an example for each command"""
    parser = parsers()[name]
    assert [action.dest for action in parser._actions if not (action.help or "").strip()] == []
    assert f"osteon {name}" in (parser.epilog or "")
    assert (parser.description or "").strip()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_answers_machines_and_can_be_quiet_or_verbose(name):
    """--json, --quiet and --verbose are options of each"""
    options = {option for action in parsers()[name]._actions for option in action.option_strings}
    assert {"--json", "--quiet", "--verbose"} <= options


@pytest.mark.parametrize("name", COMMANDS)
def test_the_examples_of_a_command_are_commands(name):
    """what the epilog shows is what the parser takes"""
    for line in parsers()[name].epilog.splitlines()[1:]:
        words = line.split("#")[0].split()
        assert words[0] == "osteon"
        assert build_parser().parse_args(words[1:]).command == name


def test_the_document_names_every_command_and_option():
    """docs/command_line.md, a section for each command, and no option that is gone"""
    text = (ROOT / "docs" / "command_line.md").read_text(encoding="utf-8")
    for name, parser in parsers().items():
        section = re.search(rf"^## `osteon {name}`\n(.*?)(?=^## )", text, re.MULTILINE | re.DOTALL)
        assert section, name
        shared = {"--help", "-h", "--json", "--quiet", "--verbose"}
        options = {option for action in parser._actions for option in action.option_strings} - shared
        told = set(re.findall(r"`(--[a-z-]+)", section[1]))
        assert told - shared == options, name
    for option in ("--json", "--quiet", "--verbose", "--version", "--print-completion"):
        assert f"`{option}" in text


def test_the_version_is_that_of_the_package(capsys):
    """osteon --version"""
    from importlib.metadata import version

    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"osteon {version('osteon')}\n"


@pytest.mark.parametrize("shell", SHELLS)
def test_a_completion_script_is_printed(shell, capsys):
    """for each shell, about osteon"""
    assert main(["--print-completion", shell]) == 0
    script = capsys.readouterr().out
    assert "osteon" in script
    assert "_ARGCOMPLETE" in script or "argcomplete" in script


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("osteon ru", {"run"}),
        ("osteon run --memo", {"--memory-gb"}),
        ("osteon init --template m", {"menopause"}),
        ("osteon report d", {"data/"}),
    ],
)
def test_bash_completes(line, expected, tmp_path, capsys):
    """the script is sourced by bash, and asked for commands, options, choices and files"""
    assert main(["--print-completion", "bash"]) == 0
    script = tmp_path / "osteon.bash"
    script.write_text(capsys.readouterr().out)
    program = tmp_path / "bin" / "osteon"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\nPYTHONPATH='{ROOT}' exec '{sys.executable}' -m osteon \"$@\"\n")
    program.chmod(0o755)
    (tmp_path / "data").mkdir()
    words = line.split()
    code = (
        f"export PATH='{program.parent}':$PATH; source '{script}'; complete -p osteon; "
        f"COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; COMP_LINE='{line}'; COMP_POINT={len(line)}; "
        "COMP_TYPE=9; function=$(complete -p osteon | sed 's/.*-F \\([^ ]*\\).*/\\1/'); "
        f"$function osteon '{words[-1]}' '{words[-2]}'; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    )
    done = subprocess.run(
        ["bash", "-c", code], capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path
    )
    assert done.stderr == ""
    first, *replies = done.stdout.splitlines()
    assert first.startswith("complete")
    assert first.endswith("osteon")
    assert {reply.strip() for reply in replies} == expected


def test_completion_without_its_package_says_what_to_install(monkeypatch, capsys):
    """one sentence, exit code 2"""
    monkeypatch.setitem(sys.modules, "argcomplete.shell_integration", None)
    assert main(["--print-completion", "bash"]) == 2
    assert "python -m pip install argcomplete" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["run"], ["solve", "x.npy", "--unknown"]])
def test_a_wrong_command_line_is_bad_input(arguments, capsys):
    """Exit code 2 and a usage line."""
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert "usage: osteon" in captured.err
    assert captured.out == ""


@pytest.mark.parametrize("arguments", [["run"], ["nonsense"], []])
def test_a_wrong_command_line_is_an_object_too(arguments, capsys):
    """with --json the sentence of argparse is in the object"""
    assert main([*arguments, "--json"]) == 2
    captured = capsys.readouterr()
    told = json.loads(captured.out)
    assert told["command"] == ("run" if arguments == ["run"] else None)
    assert (told["exit_code"], told["error"]["kind"]) == (2, "bad input")
    assert "error:" in told["error"]["text"]
    assert "usage: osteon" in captured.err


def test_an_unknown_key_ends_with_code_2_and_no_folder(tmp_path, capsys):
    """The sentence goes to standard error; nothing is written."""
    study = tmp_path / "study.toml"
    study.write_text('titel = "x"\n')
    assert main(["run", str(study), "--out", str(tmp_path / "run")]) == 2
    captured = capsys.readouterr()
    assert "did you mean `title`?" in captured.err
    assert captured.out == ""
    assert [path.name for path in tmp_path.iterdir()] == ["study.toml"]


def test_report_of_nothing_is_bad_input(tmp_path, capsys):
    """A folder that holds no run."""
    assert main(["report", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("osteon: ")


def test_verbose_shows_where_a_sentence_comes_from(tmp_path, capsys):
    """a traceback only when asked for"""
    for extra, shown in ([], False), (["--verbose"], True):
        assert main(["report", str(tmp_path), *extra]) == 2
        assert ("Traceback" in capsys.readouterr().err) == shown


def test_quiet_and_verbose_exclude_each_other(capsys):
    """one or the other"""
    assert main(["doctor", "--quiet", "--verbose"]) == 2
    assert "not allowed with" in capsys.readouterr().err


@pytest.fixture(scope="module")
def mask(tmp_path_factory) -> Path:
    """A block of bone."""
    path = tmp_path_factory.mktemp("mask") / "mask.npy"
    np.save(path, np.ones((6, 6, 8), bool))
    return path


@pytest.mark.parametrize(
    ("code", "kind", "given"),
    [
        (0, None, []),
        (2, "bad input", ["--poisson", "0.7"]),
        (3, "not converged", ["--max-iterations", "1", "--rtol", "1e-12"]),
        (4, "refused by the memory plan", ["--memory-gb", "0.01"]),
    ],
)
def test_exit_codes_and_their_objects(code, kind, given, mask, capsys):
    """0 ok, 2 bad input, 3 not converged, 4 refused: the code, one object, and one line on standard error"""
    command = ["solve", str(mask), "--voxel-mm", "0.5", *given]
    assert main([*command, "--json"]) == code
    captured = capsys.readouterr()
    told = json.loads(captured.out)
    assert (told["command"], told["exit_code"]) == ("solve", code)
    if code:
        assert told["error"]["kind"] == kind
        assert captured.err == f"osteon: {told['error']['text']}\n"
        assert "reaction_n" not in told
    else:
        assert captured.err == ""
        assert told["reaction_n"] > 0
        assert told["elements"] == 288


def test_the_answer_of_a_folder_repeats_its_key_numbers(tmp_path, capsys):
    """text: the page to open; for machines also what summary.json says first, nothing that JSON lacks"""
    (tmp_path / "summary.json").write_text(
        '{"format": "f/1", "summaries": [1], "draws": [2], "seconds": NaN}'
    )
    for as_object in (False, True):
        arguments = argparse.Namespace(command="qualify", json=as_object)
        answer_folder(arguments, tmp_path, "qualification.md")
    page, _, told = capsys.readouterr().out.partition("\n")
    assert page == str(tmp_path / "qualification.md")
    assert json.loads(told) == {
        "command": "qualify",
        "exit_code": 0,
        "folder": str(tmp_path),
        "page": page,
        "format": "f/1",
        "summaries": [1],
        "seconds": None,
    }


def test_a_bug_gives_code_1_and_asks_for_a_report(monkeypatch, capsys):
    """An exception that is nobody's input prints its traceback."""
    import osteon._doctor as doctor

    def broken():
        raise ZeroDivisionError("inside")

    monkeypatch.setattr(doctor, "doctor_report", broken)
    assert main(["doctor", "--json"]) == 1
    captured = capsys.readouterr()
    assert "this is a bug" in captured.err
    assert "ZeroDivisionError" in captured.err
    told = json.loads(captured.out)
    assert (told["exit_code"], told["error"]) == (1, {"kind": "bug", "text": "inside"})


def test_an_interrupt_gives_code_5(monkeypatch, capsys):
    """Ctrl-C."""
    import osteon._doctor as doctor

    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr(doctor, "doctor_report", interrupted)
    assert main(["doctor", "--json"]) == 5
    captured = capsys.readouterr()
    assert captured.err == "osteon: interrupted; no folder was written\n"
    assert json.loads(captured.out)["error"]["kind"] == "interrupted"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_program_with_code_5_and_one_sentence(number):
    """Ctrl-C and the signal of batch systems, sent to a process at work"""
    code = (
        "import signal, sys, time\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "import osteon._doctor as doctor\nfrom osteon import main\n"
        "def at_work():\n    print('at work', flush=True)\n    time.sleep(60)\n"
        "doctor.doctor_report = at_work\nsys.exit(main(['doctor']))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "at work\n"
    process.send_signal(number)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 5
    assert error == "osteon: interrupted; no folder was written\n"


def test_main_leaves_the_handler_of_the_signal_as_it_was(capsys):
    """a program that calls main keeps its own SIGTERM"""

    def own(number, frame):
        raise AssertionError("not sent here")

    before = signal.signal(signal.SIGTERM, own)
    try:
        main(["report", "/nowhere"])
        assert signal.getsignal(signal.SIGTERM) is own
    finally:
        signal.signal(signal.SIGTERM, before)
    assert "osteon: " in capsys.readouterr().err


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_a_reader_that_leaves_is_no_bug():
    """`osteon init - | true`: code 5 and no traceback"""
    done = subprocess.run(
        ["bash", "-c", f"'{sys.executable}' -m osteon init - | true; echo ${{PIPESTATUS[0]}}"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=120,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout == "5\n"
