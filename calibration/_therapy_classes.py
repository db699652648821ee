"""Classes of therapy, by which errors are summed up and naive predictions are made."""

from ._trials import Observation, TrialArm

_FIRST_OF = (
    ("anabolic", ("teriparatide", "romosozumab")),
    ("denosumab", ("denosumab",)),
    ("bisphosphonate", ("alendronate", "zoledronate", "risedronate", "ibandronate")),
    ("secretagogue", ("mk-677", "hexarelin", "ipamorelin", "sermorelin", "tesamorelin", "cjc-1295")),
    ("growth hormone", ("growth-hormone",)),
    ("aromatase inhibitor", ("anastrozole", "letrozole", "exemestane")),
    ("testosterone", ("testosterone",)),
)
"""Classes in the order in which a drug decides, with what its name begins with."""
AT_BONE = ("anabolic", "bisphosphonate", "denosumab")
"""Classes of drugs that act on bone itself."""
_BESIDE = ("calcium",)
"""Drugs given beside a therapy, or to everybody of a trial, that make no class."""
_PROGESTOGENS = ("progesterone", "medroxyprogesterone")
_ESTROGENS = ("estradiol", "conjugated-estrogens")


def therapy_class(arm: TrialArm) -> str:
    """Class of an arm: by its load, its drugs, or by the levels reached where only these were told."""
    if arm.load_factor < 1.0:
        return "unloading"
    drugs = [dose.drug for dose in arm.doses if dose.drug not in _BESIDE]
    for name, beginnings in _FIRST_OF:
        if any(drug.startswith(beginnings) for drug in drugs):
            return name
    estrogen = any(drug.startswith(_ESTROGENS) for drug in drugs)
    progestogen = any(drug.startswith(_PROGESTOGENS) for drug in drugs)
    if estrogen or progestogen:
        return (
            "estrogen and progestogen"
            if estrogen and progestogen
            else ("estrogen" if estrogen else "progestogen")
        )
    return _by_levels(arm)


def _by_levels(arm: TrialArm) -> str:
    """Class of an arm whose doses are not in the tables."""
    reached = {level.hormone for level in arm.on_treatment}
    if not reached:
        return "untreated women" if arm.sex == "female" else "untreated men"
    if "free_t4" in reached:
        return "thyroid"
    if "igf1" in reached:
        return "secretagogue"
    if arm.sex == "female":
        return "testosterone in women" if "testosterone" in reached else "estrogen"
    low = any(level.hormone == "testosterone" and level.value <= 50.0 for level in arm.on_treatment)
    return "testosterone withdrawn" if low else "testosterone"


def observation_class(arm: TrialArm, seen: Observation) -> str:
    """Class of an observation: that of its arm, or "after" it where treatment had ended at its start."""
    name = therapy_class(arm)
    ended = arm.treatment_months is not None and (seen.start_month or 0.0) >= arm.treatment_months
    return f"after {name}" if ended and not name.startswith("untreated") else name
