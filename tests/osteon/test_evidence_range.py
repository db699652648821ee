"""A run says where it goes beyond what trials have seen."""

import re

import pytest

import calibration
import remodeling
from osteon._evidence_range import _WITHOUT_DOSES, beyond_evidence, kind_of, longest_trials
from osteon._study import parse_study


def study(drug: str, months: int, amount: float = 1.0):
    return parse_study(
        {
            "subject": {"sex": "male", "age_years": 60},
            "image": {"builtin": "l3"},
            "time": {"months": months},
            "arm": [{"name": "treated", "dose": [{"drug": drug, "amount_mg": amount, "every_days": 7}]}],
        }
    )


def test_every_drug_has_a_kind():
    """Every drug of the registry acts first on a field that has a name."""
    assert all(kind_of(drug) for drug in remodeling.DRUGS)


def test_the_longest_trials_are_those_of_the_table():
    """Amory 2004: 36 months; Bone 2004: 120; FREEDOM: 96; no trial of GHRH analogs."""
    longest = longest_trials()
    assert (longest["testosterone"], longest["bisphosphonates"], longest["denosumab"]) == (36, 120, 96)
    assert "GHRH analogs" not in longest


@pytest.mark.parametrize(
    ("drug", "months", "text"),
    [("testosterone-gel", 36, None),
     ("testosterone-gel", 48, "longer than any trial.*testosterone \\(36 months"),
     ("denosumab", 96, None), ("triptorelin-depot", 12, None),
     ("tesamorelin", 12, "no trial of the table.*GHRH analogs"),
     ("hcg", 12, "no trial of the table.*hCG")],
)  # fmt: skip
def test_runs_beyond_the_trials_say_so(drug, months, text):
    """Nothing within them, a sentence with the arm's name beyond."""
    found = beyond_evidence(study(drug, months))
    if text is None:
        assert found == []
    else:
        assert len(found) == 1
        assert found[0].startswith("Arm 'treated'")
        assert re.search(text, found[0])


def test_trial_arms_named_without_doses_exist():
    """Arms whose drug the registry lacks are arms of the table, without doses."""
    arms = calibration.read_trials().arms
    assert all(not arms[name].doses for name in _WITHOUT_DOSES)


def test_without_treatment_there_is_nothing_to_say():
    """A study without arms."""
    nothing = parse_study({"subject": {"sex": "male", "age_years": 60}, "image": {"builtin": "l3"}})
    assert beyond_evidence(nothing) == []
