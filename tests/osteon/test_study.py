"""The study file: keys, limits, hints, overrides and the way back to TOML."""

import copy
import dataclasses
import re
import tomllib
from pathlib import Path

import pytest

from osteon import Study, UserError, _study_tables, read_study
from osteon._overrides import apply_override, parse_override, to_toml
from osteon._schema import key_lines
from osteon._study import parse_study, report_months

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "study.md"

_TABLES = [item for item in vars(_study_tables).values() if dataclasses.is_dataclass(item)]

GOOD = """\
title = "A study"
[subject]
sex = "male"
age_years = 60
testosterone_ng_dl = 200
estradiol_pg_ml = 15
[image]
path = "ct.nii.gz"
mask = "mask.nii.gz"
[image.calibration]
slope = 0.8
intercept = -5
density_type = "k2hpo4"
[[levels]]
name = "L3"
label = 22
[[arm]]
name = "weekly"
[[arm.dose]]
drug = "testosterone-cypionate"
amount_mg = 100
every_days = 7
"""


def complaint(tmp_path: Path, text: str, *overrides: str) -> str:
    """The text of the refusal of a study file."""
    path = tmp_path / "study.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as caught:
        read_study(path, overrides=overrides)
    assert caught.value.exit_code == 2
    return str(caught.value)


def good(tmp_path: Path, text: str = GOOD, *overrides: str) -> Study:
    path = tmp_path / "study.toml"
    path.write_text(text, encoding="utf-8")
    return read_study(path, overrides=overrides)


def test_a_good_study_is_read_with_its_defaults(tmp_path):
    """Absent keys take the defaults of the dataclasses; whole numbers are accepted where numbers are."""
    study = good(tmp_path)
    assert study.subject.age_years == 60.0
    assert isinstance(study.subject.age_years, float)
    assert study.time.months == 24
    assert study.arm[0].dose[0].every_days == 7
    assert study.levels[0].label == 22


def test_images_lie_in_the_folder_of_the_study_unless_told_otherwise(tmp_path):
    """image.folder is relative to the study file; data_dir replaces it."""
    assert Path(good(tmp_path).image.folder) == tmp_path
    study = read_study(tmp_path / "study.toml", data_dir=tmp_path / "elsewhere")
    assert Path(study.image.folder) == tmp_path / "elsewhere"


def test_all_problems_are_told_at_once_with_their_lines(tmp_path):
    """Three unrelated mistakes give three lines, each with its line number."""
    text = GOOD.replace("age_years = 60", "age_years = 600").replace('"male"', '"mail"')
    text = text.replace("amount_mg", "amont_mg")
    message = complaint(tmp_path, text)
    assert "line 3: `subject.sex` is 'mail'" in message
    assert "line 4: `subject.age_years` is 600.0; it must be between 18 and 100 years" in message
    assert "line 21: `arm[0].dose[0].amont_mg` is not a known key; did you mean `amount_mg`?" in message


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("title =", "titel =", "did you mean `title`?"),
        ("age_years = 60", 'age_years = "60"', "must be a number, not the text '60'"),
        ("age_years = 60", "age_years = true", "must be a number, not the truth value True"),
        ("age_years = 60", "age_years = nan", "must be a finite number"),
        ("age_years = 60\n", "", "`subject.age_years` is missing; add age_years"),
        ("label = 22", "label = 22.5", "must be a whole number"),
        ('name = "L3"\nlabel = 22\n', 'name = "lower"\n', "or name a vertebra such as L3"),
        ('mask = "mask.nii.gz"\n', "", "give the label image here or as image.mask"),
        ("slope = 0.8\n", "", "a linear calibration needs slope, intercept and density_type"),
        ('path = "ct.nii.gz"\n', "", 'exactly one of builtin = "l3" and path'),
        ("every_days = 7", "every_days = 7\nstart_day = 9\nstop_day = 3", "not after start_day"),
        ('name = "weekly"', 'name = "no treatment"', "is taken; choose another name"),
        ("[subject]", "[subject", "is not valid TOML"),
        ("[image.calibration]", "[image.other]", "is not a known key"),
    ],
)
def test_one_mistake_gives_one_sentence_that_says_what_to_do(tmp_path, old, new, expected):
    """What, where, the value seen, what is allowed."""
    assert old in GOOD
    assert expected in complaint(tmp_path, GOOD.replace(old, new))


def test_uncalibrated_hu_are_refused_with_the_three_ways_out(tmp_path):
    """No [image.calibration] and no calibrated = true: an error that names every remedy."""
    text = GOOD.replace('[image.calibration]\nslope = 0.8\nintercept = -5\ndensity_type = "k2hpo4"\n', "")
    message = complaint(tmp_path, text)
    for words in ("uncalibrated HU", "slope, intercept and density_type", "phantomless", "calibrated = true"):
        assert words in message


def test_a_missing_study_file_is_bad_input(tmp_path):
    """The sentence names the file."""
    with pytest.raises(UserError, match="does not exist"):
        read_study(tmp_path / "none.toml")


def test_overrides_replace_keys_of_tables_and_lists(tmp_path):
    """--set a.b=c and --set a[0].b=c; text needs no quotes."""
    study = good(tmp_path, GOOD, "time.months=12", "arm[0].dose[0].amount_mg=50", "title=Other words")
    assert (study.time.months, study.arm[0].dose[0].amount_mg, study.title) == (12, 50.0, "Other words")


@pytest.mark.parametrize("text", ["time.months", "=3", "a b=3", "arm[5].name=x", "title.x=1"])
def test_a_malformed_override_is_bad_input(tmp_path, text):
    """No equals sign, no key, a key with spaces, a position past the end, a path through a text."""
    assert "--set" in complaint(tmp_path, GOOD, text)


def test_parse_override_reads_toml_values():
    """Lists and truth values are TOML; anything else is text."""
    assert parse_override("a.b=[1, 2]") == ("a.b", [1, 2])
    assert parse_override("a=true") == ("a", True)
    assert parse_override("a=b=c") == ("a", "b=c")


def test_apply_override_makes_tables_on_the_way():
    """A path into nothing makes the tables it needs."""
    data: dict = {}
    apply_override(data, "mechanics.law", "x")
    assert data == {"mechanics": {"law": "x"}}


def test_levels_may_be_a_plain_list_of_labels(tmp_path):
    """levels = [20, 21] names L1 and L2 as VerSe numbers them."""
    text = GOOD.replace('[[levels]]\nname = "L3"\nlabel = 22\n', "")
    study = good(tmp_path, "levels = [20, 21]\n" + text)
    assert [(level.name, level.label) for level in study.levels] == [("L1", 20), ("L2", 21)]


def test_a_study_written_back_reads_the_same(tmp_path):
    """parse(to_toml(study)) = study, also with quotes, control characters and backslashes in a text."""
    study = dataclasses.replace(good(tmp_path), title='say "hi"\\\n\tend é')
    text = to_toml(dataclasses.asdict(study))
    again = parse_study(copy.deepcopy(tomllib.loads(text)), data_dir=Path(study.image.folder))
    assert again == study


def test_key_lines_count_arrays_of_tables():
    """The second dose of the first arm has its own lines."""
    text = (
        "[[arm]]\nname='a'\n[[arm.dose]]\ndrug='x'\n[[arm.dose]]\ndrug='y'\n[[arm]]\n[[arm.dose]]\ndrug='z'\n"
    )
    lines = key_lines(text)
    assert lines["arm[0].dose[1].drug"] == 6
    assert lines["arm[1].dose[0].drug"] == 9


def test_reported_months_hold_baseline_and_the_end(tmp_path):
    """0 and the last month are always there, sorted and once."""
    study = good(tmp_path, GOOD, "time.months=9", "time.report_months=[3, 3]")
    assert report_months(study.time) == (0, 3, 9)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.toml")), ids=lambda path: path.name)
def test_every_example_is_a_good_study(path):
    """The files in examples/ pass the schema."""
    assert read_study(path).title


def test_every_key_is_described_in_the_document():
    """docs/study.md names every key of every table."""
    text = DOCUMENT.read_text(encoding="utf-8")

    def names(cls):
        for field in dataclasses.fields(cls):
            yield field.name
            for inner in _tables_in(field.type):
                yield from names(inner)

    missing = [name for name in names(Study) if f"`{name}`" not in text]
    assert not missing


def test_the_document_names_no_key_that_is_gone():
    """the first column of every table of keys holds keys of the schema"""
    known = {"key"}

    def names(cls):
        for field in dataclasses.fields(cls):
            known.add(field.name)
            for inner in _tables_in(field.type):
                names(inner)

    names(Study)
    text = DOCUMENT.read_text(encoding="utf-8").partition("## What a run writes")[0]
    tables = re.findall(r"^\| key \|.*\n\|[-|]+\n((?:\|.*\n)+)", text, re.MULTILINE)
    cells = [row.split("|")[1] for table in tables for row in table.splitlines()]
    assert len(cells) > 80
    assert {name for cell in cells for name in re.findall(r"`(\w+)`", cell)} <= known


@pytest.mark.parametrize("table", _TABLES, ids=lambda table: table.__name__)
def test_the_defaults_in_the_document_are_those_of_the_tables(table):
    """a number or a text that is a default stands in the row of its key"""
    rows = [row for row in DOCUMENT.read_text(encoding="utf-8").splitlines() if row.startswith("| `")]
    for field in dataclasses.fields(table):
        if isinstance(field.default, bool) or not isinstance(field.default, (int, float, str)):
            continue
        shown = f'"{field.default}"' if isinstance(field.default, str) else f"{field.default:g}"
        shown = shown.replace("1e-06", "1e-6")
        about = [row for row in rows if f"`{field.name}`" in row.split("|")[1]]
        assert any(shown in row for row in about), (field.name, shown, about)


def _tables_in(annotation) -> list[type]:
    import osteon._study_tables as module

    tables = {name: item for name, item in vars(module).items() if dataclasses.is_dataclass(item)}
    import typing

    hints = [annotation, *typing.get_args(annotation)]
    return [hint for hint in hints if hint in tables.values()]
