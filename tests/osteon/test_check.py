"""`osteon check`: all problems at once, each with its line; of a good study the plan, and a picture."""

import dataclasses
import json
from pathlib import Path

import pytest

from osteon import UserError, main, read_study
from osteon._gather import gather
from osteon._prepared import prepare
from tests.short_study import STUDY

BAD = """\
title = "x"
untreated_trials = ["pepi-placeb"]
[subject]
sex = "mail"
age_years = 60
[image]
path = "none.nii.gz"
mask = "nomask.nii.gz"
[image.calibration]
method = "phantomless"
[[levels]]
name = "L3"
label = 22
[mechanics]
law = "kopperdal"
load = "axail"
[biology]
foo = 3
formation_time = -1
[[arm]]
name = "broken"
[[arm.dose]]
drug = "testosterone-cypionate"
amont_mg = 100
[[arm]]
name = "weekly"
trials = ["nobody-1900"]
[[arm.dose]]
drug = "testosterone-cypionat"
amount_mg = 100
[[arm.dose]]
drug = "alendronate"
amount_mg = 1e4
"""
EXPECTED = {
    "untreated_trials": (2, "nearest: pepi-placebo"),
    "subject.sex": (4, "did you mean 'male'?"),
    "image.path": (7, "no file"),
    "image.mask": (8, "no file"),
    "mechanics.law": (15, "kopperdahl-2002"),
    "mechanics.load": (16, "got 'axail'"),
    "biology.foo": (18, "no biological parameter"),
    "biology.formation_time": (19, "formation_time"),
    "arm[0].dose[0].amount_mg": (22, "is missing"),
    "arm[0].dose[0].amont_mg": (24, "did you mean `amount_mg`?"),
    "arm[1].trials": (27, "nobody-1900"),
    "arm[1].dose[0]": (28, "did you mean 'testosterone-cypionate'?"),
    "arm[1].dose[1]": (31, "must be between"),
}
"""Line and words by key: mistakes of the schema, of names, of files and of doses in one file."""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "study.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_everything_that_is_wrong_is_told_at_once(tmp_path, capsys):
    """thirteen mistakes of five kinds in one list, in the order of their lines"""
    path = written(tmp_path, BAD)
    assert main(["check", str(path), "--json"]) == 2
    captured = capsys.readouterr()
    told = json.loads(captured.out)
    assert (told["command"], told["exit_code"], told["error"]["kind"]) == ("check", 2, "bad input")
    assert told["error"]["text"] == f"study file '{path}' has {len(EXPECTED)} problems"
    found = {problem["key"]: problem for problem in told["error"]["problems"]}
    assert set(found) == set(EXPECTED)
    for key, (line, words) in EXPECTED.items():
        assert found[key]["line"] == line, key
        assert words in found[key]["text"], key
    lines = captured.err.splitlines()
    assert len(lines) == 1 + len(EXPECTED)
    numbers = [int(line.split()[1].rstrip(":")) for line in lines[1:]]
    assert numbers == sorted(numbers)
    assert [item.name for item in tmp_path.iterdir()] == ["study.toml"]


def test_one_mistake_is_one_line(tmp_path, capsys):
    """with its line and no list"""
    path = written(tmp_path, STUDY.replace("amount_mg = 100", "amount_mg = 15000"))
    assert main(["check", str(path)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "has 1 problem: line 17: [[arm]] 'weekly': `amount_mg`" in error


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("age_years = 60", "age_years = 600", "subject.age_years"),
        ("builtin =", "bultin =", "image.bultin"),
        ("fe_every_months", "fe_months", "mechanics.fe_months"),
        ('name = "weekly"', 'name = "no treatment"', "arm[0].name"),
    ],
)
def test_a_wrong_table_does_not_hide_a_wrong_dose(old, new, key, tmp_path, capsys):
    """what depends on a wrong table is left out and nothing else; the second arm keeps its number and line"""
    assert old in STUDY
    second = '[[arm]]\nname = "b"\n[[arm.dose]]\ndrug = "aspirin"\namount_mg = 1\n'
    path = written(tmp_path, STUDY.replace(old, new) + second)
    assert main(["check", str(path), "--json"]) == 2
    problems = json.loads(capsys.readouterr().out)["error"]["problems"]
    lines = {problem["key"]: problem["line"] for problem in problems}
    assert set(lines) == {key, "arm[1].dose[0]"}
    assert lines["arm[1].dose[0]"] == STUDY.count("\n") + 3


def test_run_tells_the_same_problems(tmp_path, capsys):
    """two wrong names: run lists both, as check does, and writes nothing"""
    path = written(tmp_path, STUDY.replace("[mechanics]", '[mechanics]\nlaw = "x"\nload = "y"'))
    assert main(["run", str(path), "--out", str(tmp_path / "run")]) == 2
    error = capsys.readouterr().err
    assert "mechanics.law" in error
    assert "mechanics.load" in error
    assert [item.name for item in tmp_path.iterdir()] == ["study.toml"]


def test_prepare_raises_what_gather_finds(tmp_path):
    """one problem: its sentence; a good study: no problem and everything prepared"""
    study = read_study(written(tmp_path, STUDY))
    wrong = dataclasses.replace(study, mechanics=dataclasses.replace(study.mechanics, law="x"))
    (problem,) = gather(wrong).problems
    with pytest.raises(UserError) as caught:
        prepare(wrong)
    assert str(caught.value) == problem.text
    found = gather(study)
    assert found.problems == []
    assert found.prepared is not None


def test_a_good_study_gives_a_picture_and_its_plan_for_machines(tmp_path, monkeypatch, capsys):
    """the folder is runs/STUDY-check-001 where none is named; the same answer lies in it"""
    monkeypatch.chdir(tmp_path)
    path = written(tmp_path, STUDY)
    assert main(["check", str(path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["problems"], told["folder"]) == ([], str(Path("runs") / "study-check-001"))
    folder = tmp_path / "runs" / "study-check-001"
    assert sorted(item.name for item in folder.iterdir()) == ["check.json", "l3.png", "log.txt"]
    assert (folder / "l3.png").read_bytes().startswith(b"\x89PNG")
    kept = json.loads((folder / "check.json").read_text())
    assert kept["plan"] == told["plan"]
    (level,) = told["plan"]["levels"]
    assert level["name"] == "L3"
    assert level["elements"] > level["voxels"] > 500
    assert 0 < level["memory_plan_gb"] < told["plan"]["memory_gb"]


@pytest.mark.slow
def test_a_run_does_what_the_plan_says(tmp_path, capsys):
    """as many solves, every file of the plan; `run` and `report` answer machines, the log is shown"""
    path, out = written(tmp_path, STUDY), tmp_path / "run"
    assert main(["check", str(path), "--json", "--no-picture"]) == 0
    plan = json.loads(capsys.readouterr().out)["plan"]
    assert main(["run", str(path), "--out", str(out), "--json", "--verbose"]) == 0
    captured = capsys.readouterr()
    told = json.loads(captured.out)
    assert told["folder"] == str(out)
    assert Path(told["page"]).is_file()
    assert {row["arm"] for row in told["results"]} == {"no treatment", "weekly"}
    assert "L3, weekly: 3 solves" in captured.err
    summary = json.loads((out / "summary.json").read_text())
    assert sum(row["solves"] for row in summary["solver"]) == plan["solves"]
    assert [name for name in plan["files"] if not (out / name).is_file()] == []
    maps = {f"maps/{item.name}" for item in (out / "maps").iterdir()}
    assert maps - set(plan["files"]) <= {
        name for name in maps if "half_width" in name or name == "maps/viewer.npz"
    }
    assert main(["report", str(out), "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert (again["page"], again["results"]) == (told["page"], told["results"])


def test_only_the_memory_plan_in_the_way_is_code_4(tmp_path, capsys):
    """code 4 alone; beside another mistake it is one of the problems and the code is 2"""
    path = written(tmp_path, STUDY)
    assert main(["check", str(path), "--no-picture", "--memory-gb", "0.1", "--json"]) == 4
    assert json.loads(capsys.readouterr().out)["error"]["kind"] == "refused by the memory plan"
    path = written(tmp_path, STUDY.replace("amount_mg = 100", "amount_mg = 15000"))
    assert main(["check", str(path), "--no-picture", "--memory-gb", "0.1", "--json"]) == 2
    texts = [item["text"] for item in json.loads(capsys.readouterr().out)["error"]["problems"]]
    assert len(texts) == 2
    assert any("memory plan" in text for text in texts)
