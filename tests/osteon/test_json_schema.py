"""The JSON Schema of study files: current, valid, and of one mind with the program."""

import copy
import json
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from osteon import UserError
from osteon._init_templates import TEMPLATE_NAMES, template_data
from osteon._json_schema import study_schema
from osteon._study import parse_study
from osteon._study_tables import Study
from osteon._table_words import keys_of

ROOT = Path(__file__).resolve().parents[2]
STUDIES = sorted((ROOT / "examples").rglob("*.toml"))

GOOD: dict[str, Any] = {
    "title": "A study",
    "subject": {
        "sex": "male",
        "age_years": 60,
        "testosterone_ng_dl": 200.0,
        "history": {"years": 5, "onset_years": 1},
        "thyrotoxicosis": {"end_day": 200},
    },
    "image": {
        "path": "ct.nii.gz",
        "mask": "mask.nii.gz",
        "calibration": {"slope": 0.8, "intercept": -5, "density_type": "k2hpo4"},
    },
    "levels": [{"name": "L3", "label": 22, "trabecular_labels": [50]}],
    "mechanics": {
        "law": "kopperdahl-2002",
        "daily": {
            "activity": [
                {
                    "name": "standing",
                    "cycles_per_day": 2900,
                    "load": [{"case": "pmma-axial", "force_n": -550}],
                }
            ]
        },
    },
    "time": {"months": 24, "report_months": [12]},
    "arm": [{"name": "a", "dose": [{"drug": "alendronate", "amount_mg": 10, "every_days": 1}]}],
    "biology": {"formation_time": 100},
}
"""A document that uses every kind of key."""


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(study_schema())


def accepted(data: dict[str, Any]) -> bool:
    """Whether the program takes the document."""
    try:
        parse_study(copy.deepcopy(data))
    except UserError:
        return False
    return True


def test_the_schema_in_docs_is_current():
    """docs/study.schema.json is what `osteon init --schema -` prints: run that to write it anew"""
    kept = json.loads((ROOT / "docs" / "study.schema.json").read_text(encoding="utf-8"))
    assert kept == study_schema()


def test_the_schema_is_a_schema():
    """draft 2020-12"""
    schema = study_schema()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_every_example_is_valid(path, validator):
    """examples/ and examples/gallery"""
    validator.validate(tomllib.loads(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", TEMPLATE_NAMES)
def test_every_template_is_valid(name, validator):
    """what `osteon init` starts from"""
    validator.validate(template_data(name))


def test_every_key_has_its_meaning_and_limits():
    """descriptions, defaults and limits are those of the tables"""
    schema = study_schema()
    subject = schema["$defs"]["Subject"]
    assert subject["required"] == ["sex", "age_years"]
    assert subject["additionalProperties"] is False
    for key in keys_of(Study):
        assert key.meaning in schema["properties"][key.name]["description"]
    age = subject["properties"]["age_years"]
    assert (age["type"], age["minimum"], age["maximum"]) == ("number", 18, 100)
    assert "years" in age["description"]
    assert schema["$defs"]["MechanicsSettings"]["properties"]["rtol"]["default"] == 1e-6


def put(data: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """A copy with the value at the path; `None` removes the key."""
    data = copy.deepcopy(data)
    target: Any = data
    for step in path[:-1]:
        target = target[step]
    if value is None:
        del target[path[-1]]
    else:
        target[path[-1]] = value
    return data


DOSE = ("arm", 0, "dose", 0)
LOAD = ("mechanics", "daily", "activity", 0, "load", 0)
WRONG = [
    (("titel",), "x"),
    (("title",), 3),
    (("title",), ["x"]),
    (("subject",), None),
    (("subject",), "male"),
    (("image",), None),
    (("subject", "sex"), "mail"),
    (("subject", "sex"), None),
    (("subject", "sex"), True),
    (("subject", "age_years"), 600),
    (("subject", "age_years"), 17.99),
    (("subject", "age_years"), "60"),
    (("subject", "age_years"), True),
    (("subject", "age_years"), float("inf")),
    (("subject", "age"), 60),
    (("subject", "history", "years"), None),
    (("subject", "history", "years"), 0.05),
    (("subject", "thyrotoxicosis"), [{}]),
    (("subject", "thyrotoxicosis", "end_day"), -1),
    (("image", "seed"), -1),
    (("image", "seed"), 1.5),
    (("image", "calibrated"), 1),
    (("image", "calibration", "slope"), 0),
    (("image", "calibration", "method"), "guess"),
    (("image", "calibration"), "linear"),
    (("levels",), {"name": "L3"}),
    (("levels",), "L3"),
    (("levels",), [0]),
    (("levels",), [20, "L2"]),
    (("levels",), [20, True]),
    (("levels",), [20, {"name": "L2", "label": 21}]),
    (("levels", 0, "name"), None),
    (("levels", 0, "label"), "22"),
    (("levels", 0, "trabecular_labels"), 50),
    (("levels", 0, "trabecular_labels"), [0]),
    (("levels", 0, "trabecular_labels"), ["50"]),
    (("mechanics", "material"), "steel"),
    (("mechanics", "strain"), 0.01),
    (("mechanics", "voxel_mm"), 0.1),
    (("mechanics", "daily", "preset"), "running"),
    (("mechanics", "daily", "activity", 0, "cycles_per_day"), None),
    (("mechanics", "daily", "activity", 0, "load"), None),
    (("mechanics", "daily", "activity"), {}),
    ((*LOAD, "case"), None),
    ((*LOAD, "force_n"), -1e6),
    ((*LOAD, "force"), -500),
    (("time", "months"), 24.5),
    (("time", "months"), 0),
    (("time", "report_months"), [-1]),
    (("time", "report_months"), 12),
    (("arm",), {"name": "a"}),
    (("arm",), [1]),
    (("arm", 0, "name"), None),
    ((*DOSE, "drug"), None),
    ((*DOSE, "amount_mg"), -1),
    ((*DOSE, "amount"), 1),
    ((*DOSE, "every_days"), 0),
    ((*DOSE, "start_day"), "now"),
    (("biology",), [1]),
    (("biology", "formation_time"), "100"),
    (("biology", "formation_time"), True),
    (("untreated_trials",), "pepi-placebo"),
    (("untreated_trials",), [3]),
]
RIGHT = [
    (("title",), None),
    (("subject", "age_years"), 60.5),
    (("subject", "age_years"), 18),
    (("subject", "age_years"), 100),
    (("subject", "history"), None),
    (("levels",), [20, 21]),
    (("levels", 0, "label"), 22.0),
    (("mechanics",), {}),
    (("time", "months"), 36.0),
    (("arm",), []),
    (("biology",), {}),
    (("mechanics", "rtol"), 1e-12),
]


def test_the_document_to_be_changed_is_good(validator):
    """both ways"""
    assert accepted(GOOD)
    assert validator.is_valid(GOOD)


@pytest.mark.parametrize(("path", "value"), WRONG, ids=lambda item: str(item))
def test_what_the_program_refuses_the_schema_refuses(path, value, validator):
    """unknown, missing, of another type, beyond a limit: in every kind of key"""
    data = put(GOOD, path, value)
    assert not accepted(data)
    assert not validator.is_valid(data)


@pytest.mark.parametrize(("path", "value"), RIGHT, ids=lambda item: str(item))
def test_what_the_program_takes_the_schema_takes(path, value, validator):
    """limits are included; whole numbers where numbers are; 24.0 is a whole number"""
    data = put(GOOD, path, value)
    assert accepted(data)
    assert validator.is_valid(data)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ((*DOSE, "drug"), "aspirin"),
        (("mechanics", "law"), "hooke-1678"),
        (("mechanics", "load"), "bending-x"),
        ((*LOAD, "case"), "falling"),
        (("biology", "luck"), 1.0),
    ],
)
def test_names_of_the_libraries_are_in_the_schema(path, value, validator):
    """a name that no library knows is refused, as `osteon check` does"""
    assert not validator.is_valid(put(GOOD, path, value))
