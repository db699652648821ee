"""`osteon init`: every template runs, the comments name every key, and what they show is what is accepted."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from osteon import main, read_study
from osteon._init_templates import EXAMPLES, TEMPLATE_NAMES, template_data
from osteon._init_text import study_text
from osteon._schema import Binder
from osteon._study_tables import Study
from osteon._table_words import keys_of, known_names


def every_key(table: type, path: str = ""):
    """Dotted path and table of every key, tables inside tables included."""
    for key in keys_of(table):
        inner = f"{path}.{key.name}" if path else key.name
        yield inner, key
        if key.is_table and key.kind is not dict:
            yield from every_key(key.kind, inner)


def uncommented(text: str) -> str:
    """The file with every setting in use: `#key = value` and `#[table]` without their mark."""
    return "\n".join(re.sub(r"^#(?=[A-Za-z\[])", "", line) for line in text.splitlines())


def paths_in(data, path=""):
    """Dotted paths of a parsed file, the numbers of lists left out."""
    for name, value in data.items():
        inner = f"{path}.{name}" if path else name
        yield inner
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict):
                yield from paths_in(item, inner)


SLOW = ("bone-drugs", "daily-loading")
"""Templates that compile programs of their own; the others are checked in every run of the tests."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in TEMPLATE_NAMES]
)
def test_a_written_study_passes_check(name, tmp_path, monkeypatch, capsys):
    """init, then check: exit code 0 for every template"""
    monkeypatch.chdir(tmp_path)
    assert main(["init", "--template", name]) == 0
    assert "next: osteon check study.toml" in capsys.readouterr().out
    assert main(["check", "study.toml", "--set", "image.voxel_mm=3", "--no-picture"]) == 0
    assert "no problems" in capsys.readouterr().out


@pytest.mark.parametrize("name", TEMPLATE_NAMES)
def test_the_comments_change_nothing(name, tmp_path):
    """the full and the short form are the same study"""
    full, short = tmp_path / "full.toml", tmp_path / "short.toml"
    assert main(["init", str(full), "--template", name]) == 0
    assert main(["init", str(short), "--template", name, "--short"]) == 0
    assert read_study(full) == read_study(short)
    assert "#" not in short.read_text()
    assert tomllib.loads(short.read_text()) == template_data(name)


def test_every_key_stands_in_the_full_form():
    """with every setting in use the file names each key of the schema, and no other"""
    data = tomllib.loads(uncommented(study_text({"subject": {"sex": "male"}, "image": {}})))
    names = {path for path, _ in every_key(Study)}
    assert names - {"biology"} <= set(paths_in(data)) | {"biology"}
    assert {path for path in paths_in(data) if not path.startswith("biology.")} == names


@pytest.mark.parametrize("name", TEMPLATE_NAMES)
def test_what_the_comments_show_is_accepted(name):
    """each shown value passes the limits of its key"""
    binder = Binder()
    binder.table(Study, tomllib.loads(uncommented(study_text(template_data(name)))), "")
    assert binder.problems == []


def test_meaning_limits_and_default_stand_over_a_key():
    """the string under the field, then unit and limits, then the default"""
    lines = study_text(template_data("testosterone")).splitlines()
    assert lines[lines.index("#albumin_g_l = 43") - 1] == "# Albumin, g/L. (20 to 60 g/L; default 43)"
    assert lines[lines.index('sex = "male"') - 1] == '# Sex. (one of "male", "female"; required)'


def test_names_that_a_library_knows_are_listed():
    """all drugs, laws and load cases stand in the file"""
    text = study_text(template_data("testosterone"))
    for names in known_names().values():
        assert all(f'"{name}"' in text for name in names)


def test_no_example_is_of_a_key_that_is_gone():
    """the table of examples names keys only"""
    assert set(EXAMPLES) <= {path.rpartition(".")[2] for path, _ in every_key(Study)}


def test_init_never_overwrites(tmp_path, capsys):
    """exit code 2, and the file stays as it was"""
    path = tmp_path / "study.toml"
    path.write_text("mine")
    for extra in ([], ["--schema"]):
        assert main(["init", str(path), *extra]) == 2
        assert "never overwrites" in capsys.readouterr().err
    assert path.read_text() == "mine"


def test_own_images_are_named_relative_to_the_study(tmp_path):
    """files below the study by their relative path, others in full; levels named as VerSe numbers them"""
    images = tmp_path / "images"
    images.mkdir()
    mask, outside = images / "mask.nii.gz", Path("/elsewhere/ct.nii.gz")
    path = tmp_path / "study.toml"
    given = ["--ct", str(outside), "--mask", str(mask), "--label", "19", "22", "7"]
    assert main(["init", str(path), *given]) == 0
    data = tomllib.loads(path.read_text())
    assert (data["image"]["path"], data["image"]["mask"]) == (str(outside), "images/mask.nii.gz")
    assert [(level["name"], level["label"]) for level in data["levels"]] == [
        ("T12", 19),
        ("L3", 22),
        ("label 7", 7),
    ]
    study = read_study(path)
    assert study.image.calibration is not None
    assert study.image.calibration.method == "phantomless"


def test_a_missing_label_is_answered_with_those_of_the_mask(tmp_path, capsys):
    """the sentence lists the numbers that the mask holds"""
    import numpy as np

    import meshes

    values = np.zeros((6, 6, 6), np.int32)
    values[1:3, 1:3, 1:3], values[3:5, 3:5, 3:5] = 20, 21
    mask = tmp_path / "mask.nii.gz"
    image = meshes.make_image(values, (1.0, 1.0, 1.0), quantity="label")
    meshes.write_nifti(mask, image)
    assert main(["init", str(tmp_path / "s.toml"), "--ct", "ct.nii.gz", "--mask", str(mask)]) == 2
    assert "holds 20, 21" in capsys.readouterr().err


def test_one_drug_replaces_the_arms(tmp_path):
    """--drug, --amount-mg and --every-days make one arm"""
    path = tmp_path / "study.toml"
    given = ["--drug", "zoledronate", "--amount-mg", "5", "--every-days", "365"]
    assert main(["init", str(path), "--template", "bone-drugs", *given]) == 0
    (arm,) = read_study(path).arm
    assert (arm.name, arm.dose[0].drug, arm.dose[0].amount_mg, arm.dose[0].every_days) == (
        "zoledronate 5 mg every 365 days",
        "zoledronate",
        5.0,
        365.0,
    )


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["--drug", "zoledronat", "--amount-mg", "5"], "did you mean 'zoledronate'?"),
        (["--drug", "zoledronate"], "--amount-mg is missing; one dose of zoledronate is"),
        (["--drug", "zoledronate", "--amount-mg", "5000"], "--amount-mg is 5000; one dose"),
        (["--amount-mg", "5"], "--drug is missing"),
        (["--mask", "m.nii.gz"], "--ct is missing"),
        (["--ct", "c.nii.gz"], "--ct needs --mask"),
        (["--ct", "c.nii.gz", "--mask", "none.nii.gz"], "--label is missing"),
    ],
)
def test_options_that_do_not_go_together_are_one_sentence(given, words, tmp_path, capsys):
    """exit code 2, what to add, and no file"""
    path = tmp_path / "study.toml"
    assert main(["init", str(path), *given]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
    assert not path.exists()


def test_standard_output_takes_the_file_too(capsys):
    """a dash: the text alone"""
    assert main(["init", "-"]) == 0
    assert tomllib.loads(capsys.readouterr().out) == template_data(TEMPLATE_NAMES[0])


def test_the_first_line_names_a_schema_that_lies_beside(tmp_path):
    """the directive of Taplo is there when its file is"""
    assert main(["init", str(tmp_path / "alone.toml")]) == 0
    assert not (tmp_path / "alone.toml").read_text().startswith("#:schema")
    assert main(["init", str(tmp_path / "study.schema.json"), "--schema"]) == 0
    assert main(["init", str(tmp_path / "study.toml")]) == 0
    assert (tmp_path / "study.toml").read_text().startswith("#:schema ./study.schema.json\n")
    assert json.loads((tmp_path / "study.schema.json").read_text())["title"] == "osteon study"


def test_a_folder_that_does_not_exist_is_made(tmp_path):
    """FILE may lie in a new folder"""
    assert main(["init", str(tmp_path / "new" / "study.toml")]) == 0
    assert (tmp_path / "new" / "study.toml").is_file()
