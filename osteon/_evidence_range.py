"""Where a run goes beyond what trials have seen of drugs of its kind."""

from __future__ import annotations

from ._study_tables import Arm, Study
from ._trial_points import shipped_trials

_ACTS_ON = {
    "testosterone_ng_dl": "testosterone",
    "estradiol_pg_ml": "estrogens",
    "progestogen": "progestogens",
    "aromatase_inhibition_men": "aromatase inhibitors",
    "gonadorelin_mg_per_day": "pulsatile gonadorelin",
    "gnrh_agonist": "GnRH agonists",
    "gnrh_antagonist": "GnRH antagonists",
    "hcg_lh_iu_l": "hCG",
    "gh_ng_ml": "growth hormone",
    "ghrh_drive": "GHRH analogs",
    "ghs_drive": "ghrelin-receptor agonists",
    "thyroxine_ug_per_day": "thyroid hormone",
    "insulin_index": "insulin",
    "calcium": "calcium",
    "bisphosphonate": "bisphosphonates",
    "denosumab": "denosumab",
    "teriparatide": "teriparatide",
    "romosozumab": "romosozumab",
}
"""Kind of a drug by the first field of `remodeling.Exposure` that it acts on."""

_WITHOUT_DOSES = {
    "smith-2001-leuprolide": "GnRH agonists",
    "mittan-2002-gnrh-analog": "GnRH agonists",
    "yu-2012-intermittent": "GnRH agonists",
}
"""Kind of the drug of trial arms whose drug the registry lacks, or whose dose is not known."""


def kind_of(drug: str) -> str:
    """Kind of a drug of the registry, such as "estrogens"."""
    import remodeling

    return _ACTS_ON[remodeling.DRUGS[drug].actions[0].field]


def longest_trials() -> dict[str, float]:
    """Longest time, months, over which a trial of the table followed spine density on each kind of drug."""
    trials = shipped_trials()
    longest: dict[str, float] = {}
    for seen in trials.observations:
        if not seen.observable.startswith("spine_") or seen.end_month is None:
            continue
        kinds = {kind_of(dose.drug) for dose in trials.arms[seen.arm].doses}
        if seen.arm in _WITHOUT_DOSES:
            kinds.add(_WITHOUT_DOSES[seen.arm])
        for kind in kinds:
            longest[kind] = max(longest.get(kind, 0.0), seen.end_month)
    return longest


def beyond_evidence(study: Study) -> list[str]:
    """A sentence for every arm that runs longer than the trials of its kinds of drug, or that has none."""
    treated = [arm for arm in study.arm if arm.dose]
    longest = longest_trials() if treated else {}
    return [text for arm in treated for text in _of_arm(arm, study.time.months, longest)]


def _of_arm(arm: Arm, months: int, longest: dict[str, float]) -> list[str]:
    kinds = dict.fromkeys(kind_of(row.drug) for row in arm.dose)
    unseen = [kind for kind in kinds if kind not in longest]
    late = [f"{kind} ({longest[kind]:g} months)" for kind in kinds if longest.get(kind, months) < months]
    texts = []
    if unseen:
        texts.append(
            f"Arm '{arm.name}': no trial of the table measured the density of the spine on "
            f"{' or '.join(unseen)}; what it does to bone is an extrapolation."
        )
    if late:
        texts.append(
            f"Arm '{arm.name}' lasts {months} months, longer than any trial of the table that measured the "
            f"spine on {', '.join(late)}."
        )
    return texts
