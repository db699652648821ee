"""What the answer of a run relies on, mechanism by mechanism: a list for reports.

Every parameter belongs to one mechanism. A run relies on a mechanism when the mechanism moved a drive: its
parameters count with their status, and so does what is known of the mechanism's evidence.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ._bone_drugs import DRUG_EFFECTS, DrugEffectParameters
from ._exposure import Exposure
from ._parameters import PARAMETERS, BoneParameters, ParameterEntry


@dataclass(frozen=True)
class MechanismEntry:
    """One mechanism: what it is, which parameters carry it, what is known of it."""

    name: str
    "short name"
    meaning: str
    "what acts on what"
    parameters: tuple[str, ...]
    "fields of BoneParameters or DrugEffectParameters"
    evidence: str
    "what human bone data say, in one sentence"


MECHANISMS: tuple[MechanismEntry, ...] = (
    MechanismEntry(
        "remodeling", "osteoclasts resorb on the surface, osteoblasts refill, matrix mineralizes",
        ("resorption_rate", "osteoclast_lag", "reversal_time", "formation_time", "mineralization_rate",
         "primary_deficit", "mineral_maximum", "surface_amplitude", "surface_exponent_bone",
         "surface_exponent_void", "compact_surface", "modeling"),
        "Fit to 44 trial groups, in sample."),
    MechanismEntry(
        "estrogen", "estrogen receptors: osteoclast lifespan and OPG over RANKL brake resorption; balance",
        ("estradiol_resorption", "estradiol_lifespan_share", "estradiol_balance", "estradiol_scale",
         "reference_estradiol"),
        "Menopause, graded estradiol and estrogen replacement in women; suppression in men."),
    MechanismEntry(
        "bone aromatase", "testosterone that bone turns into estradiol itself", ("intracrine_estradiol",),
        "Not measured apart from blood estradiol; off: it helped to predict no trial that was left out."),
    MechanismEntry(
        "androgen receptor", "testosterone itself on resorption and balance",
        ("testosterone_resorption", "testosterone_balance", "testosterone_half", "testosterone_hill",
         "testosterone_women", "reference_testosterone"),
        "Men; in women no significant effect of testosterone on bone density (meta-analysis of 35 trials)."),
    MechanismEntry(
        "progestogen", "progestogen on the differentiation of osteoblasts, where there is estrogen",
        ("progestogen_balance", "progestogen_half", "progestogen_estradiol_half",
         "progestogen_estradiol_hill"),
        "Medroxyprogesterone added to estrogen: +0.68 %/year (0.38 to 0.97); alone no gain; its equivalence "
        "with progesterone is assumed."),
    MechanismEntry(
        "IGF-1", "IGF-1 recruits remodeling; osteoblasts proliferate, lay matrix, survive; bone adapts",
        ("igf1_resorption", "igf1_balance", "igf1_balance_female", "igf1_adaptation", "igf1_adaptation_time",
         "igf1_formation_lag", "igf1_mineralization", "igf1_half", "igf1_hill", "reference_igf1"),
        "Growth hormone in deficient adults; no human bone density data for CJC-1295, ipamorelin, sermorelin "
        "or tesamorelin: through IGF-1 alone, an extrapolation."),
    MechanismEntry(
        "thyroid", "thyroid hormone activates remodeling; units refill too little in excess",
        ("thyroid_turnover", "thyroid_balance"),
        "No trial fits these numbers; recovery of the spine after cure is measured in small trials alone "
        "(+11 % in 36 months, where the model gives +16)."),
    MechanismEntry(
        "insulin", "insulin is weakly anabolic", ("insulin_balance",),
        "Cross-sectional only: spine Z -0.22 in type 1 diabetes (Vestergaard 2007)."),
    MechanismEntry(
        "load", "strain against the set point: RANKL and sclerostin, with estrogen",
        ("overload_balance", "disuse_balance", "overload_resorption", "disuse_resorption",
         "stimulus_saturation", "resorption_lazy_width", "formation_lazy_width",
         "estradiol_mechanics", "set_point_reset"),
        "Spaceflight for disuse; gains from overload from other models. The interaction with estrogen is off "
        "by default for want of a number."),
    MechanismEntry(
        "age", "each unit refills too little with age", ("age_imbalance",),
        "Trabecular -0.8 (men) and -1.6 %/year (women) in young adults (Riggs 2008); off by default."),
    MechanismEntry(
        "marrow fat", "estradiol takes fat out of marrow, age adds it: to CT it is lost mineral",
        ("marrow_fat", "marrow_fat_estradiol", "marrow_fat_aging"),
        "Fat fraction -0.05 in two weeks of estradiol (Limonard 2015, six women); readouts alone."),
    MechanismEntry(
        "calcium", "calcium supplements lower PTH and with it resorption", ("calcium_resorption",),
        "Spine +1.2 % at 1, +1.1 at 2 and +1.0 % after 2.5 years (Tai 2015, 27, 21 and 8 trials); dose "
        "made no difference."),
    MechanismEntry(
        "bisphosphonate", "osteoclasts that take it up die, bone that holds it is dug less deep",
        ("bisphosphonate_resorption", "bisphosphonate_balance", "bisphosphonate_burial"),
        "Turnover markers of alendronate and its gain in ten years; tomography saw a quarter or less of "
        "the gain of trabecular bone that comes out here."),
    MechanismEntry(
        "denosumab", "RANKL is bound; precursors gather and rebound",
        ("denosumab_resorption", "denosumab_half", "denosumab_modeling", "precursor_gain",
         "precursor_time"),
        "Density of eight years; the rebound is set by hand to qualitative reports."),
    MechanismEntry(
        "teriparatide", "formation first, resorption later",
        ("teriparatide_balance", "teriparatide_modeling", "teriparatide_resorption", "teriparatide_lag",
         "teriparatide_tolerance"),
        "One trial of 18 months; the loss after stopping is not reproduced."),
    MechanismEntry(
        "romosozumab", "sclerostin is bound: formation on quiescent surface, less resorption, fading",
        ("romosozumab_modeling", "romosozumab_resorption", "romosozumab_tolerance"),
        "Spine at 12 months (+13 % in FRAME, +24 % at one center); biopsies for the shape."),
)  # fmt: skip
"""Every mechanism at the bone, with the parameters that carry it."""

CHANGE = 1e-9
"""Change of a drive below which a mechanism counts as not at work."""


@dataclass(frozen=True)
class Reliance:
    """What a run relies on for one mechanism."""

    mechanism: MechanismEntry
    "which"
    largest: float
    "largest contribution to a drive, nan where the mechanism is not a sum of a drive"
    parameters: tuple[tuple[ParameterEntry, float], ...]
    "parameters with the values used"

    @property
    def statuses(self) -> dict[str, int]:
        """How many parameters are measured, fitted and assumed; a value other than the default is assumed."""
        counts = {"measured": 0, "fitted": 0, "assumed": 0}
        for row, value in self.parameters:
            counts[row.status if _is_default(row, value) else "assumed"] += 1
        return counts


_TERMS = {
    "estrogen": ("estrogen_lifespan", "estrogen_rankl", "estrogen_receptor"),
    "bone aromatase": ("bone_aromatase",),
    "androgen receptor": ("androgen_receptor",),
    "progestogen": ("progestogen",),
    "IGF-1": ("igf1",),
    "thyroid": ("thyroid",),
    "insulin": ("insulin",),
    "load": ("disuse", "overload", "estrogen_overload"),
    "age": ("age",),
}
_EXPOSURES = ("calcium", "bisphosphonate", "denosumab", "teriparatide", "romosozumab")


def relied_on(
    trajectory: Any,
    parameters: BoneParameters,
    *,
    exposure: Exposure | None = None,
    drug_parameters: DrugEffectParameters | None = None,
) -> tuple[Reliance, ...]:
    """What a run relied on, mechanism by mechanism; on the host.

    A mechanism at work is one whose contribution to a drive changed during the run or stands away from the
    young reference: a hypogonadal baseline relies on the estrogen terms even where nothing is given.

    Args:
      trajectory: of `simulate`, one person.
      parameters: those of the run.
      exposure: drugs of the run; without it drugs that act on bone directly are not listed.
      drug_parameters: constants of `drug_signals`; defaults if None.

    Returns:
      one record a mechanism at work, in the order of MECHANISMS; "remodeling" always.
    """
    values = {row.name: float(getattr(parameters, row.name)) for row in PARAMETERS}
    values |= {
        row.name: row.default if drug_parameters is None else float(getattr(drug_parameters, row.name))
        for row in DRUG_EFFECTS
    }
    rows = {row.name: row for row in (*PARAMETERS, *DRUG_EFFECTS)}
    found = []
    for entry in MECHANISMS:
        largest = _largest(entry.name, trajectory, exposure)
        if entry.name != "remodeling" and not largest > CHANGE:
            continue
        used = tuple((rows[name], values[name]) for name in entry.parameters)
        found.append(Reliance(mechanism=entry, largest=largest, parameters=used))
    return tuple(found)


def _largest(name: str, trajectory: Any, exposure: Exposure | None) -> float:
    if name in _EXPOSURES:
        return 0.0 if exposure is None else float(np.max(np.asarray(getattr(exposure, name))))
    sizes = [
        float(np.max(np.abs(np.asarray(getattr(side, term)))))
        for side in (trajectory.mechanisms.resorption, trajectory.mechanisms.balance)
        for term in _TERMS.get(name, ())
        if hasattr(side, term)
    ]
    return max(sizes, default=float("nan"))


def _is_default(row: ParameterEntry, value: float) -> bool:
    return abs(value - row.default) <= 1e-6 * max(1e-12, abs(row.default))
