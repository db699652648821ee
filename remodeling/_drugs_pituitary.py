"""Aromatase inhibitors, gonadorelin and its analogs, hCG."""

import math

from ._drug import Action, Drug, Number, Phase

_ANASTROZOLE = Number(
    "half-life of anastrozole", 50.0, "h", "measured", "secondary page, range 46-50 h; postmenopausal women"
)
_ANASTROZOLE_VOLUME_L = 100.0
_ANASTROZOLE_HALF = 1.0  # ng/mL: 0.1 mg in 100 L
_LETROZOLE_CLEARANCE = Number(
    "clearance of letrozole", 2.21 * 24.0, "L/day", "measured", "Sioufi et al. 1997 (abstract), 12 women, iv"
)
_LETROZOLE_VOLUME = Number(
    "volume of distribution of letrozole", 1.87 * 70.0, "L", "measured", "1.87 L/kg, same, taken at 70 kg"
)
_GONADORELIN = Number(
    "disappearance half-time, subcutaneous",
    24.0,
    "min",
    "measured",
    "Hurley et al. 1987 (abstract), 18-30 min",
)
_TRIPTORELIN = Number(
    "half-life of triptorelin",
    2.8,
    "h",
    "measured",
    "Br J Clin Pharmacol 1997;44:335 (abstract), healthy men",
)
_GONE_HCG_IM = Number(
    "terminal half-life of hCG, intramuscular",
    30.0,
    "h",
    "measured",
    "Swiss product information 33001: 27-34 h",
)
_GONE_HCG_SC = Number(
    "terminal half-life of hCG, subcutaneous",
    38.0,
    "h",
    "measured",
    "Swiss product information 33001: 33-43 h",
)
_HCG_COMMON = (
    Number(
        "clearance of hCG", 4.8, "L/day", "measured", "0.2 L/h, Swiss product information 55535, iv r-hCG"
    ),
    Number(
        "LH that stimulates the testis like 1 IU/L of hCG",
        1.0,
        "IU/L",
        "assumed",
        "both bind the one receptor",
    ),
)


def _inhibits_aromatase(half_ng_ml: float, *, men: float, women: float) -> tuple[Action, ...]:
    return (
        Action("aromatase_inhibition_men", "inhibition", 1.0 / half_ng_ml, most=men),
        Action("aromatase_inhibition_women", "inhibition", 1.0 / half_ng_ml, most=women),
    )


AROMATASE_INHIBITORS = (
    Drug(
        name="anastrozole",
        routes=("oral",),
        actions=_inhibits_aromatase(_ANASTROZOLE_HALF, men=0.52, women=0.88),
        phases=(Phase(1.0, (80.0, _ANASTROZOLE.rate())),),
        clearance_l_per_day=_ANASTROZOLE_VOLUME_L * _ANASTROZOLE.rate(),
        dose_range_mg=(0.1, 10.0),
        numbers=(
            _ANASTROZOLE,
            Number("absorption", 80.0, "1/day", "fitted", "peak within 2 h (label text, MIMS copy)"),
            Number(
                "apparent volume", _ANASTROZOLE_VOLUME_L, "L", "assumed", "only sets the unit of the next"
            ),
            Number(
                "concentration of half effect",
                _ANASTROZOLE_HALF,
                "ng/mL",
                "assumed",
                "0.1 mg in the body; small enough that 1 mg twice weekly does nearly as much as 1 mg daily "
                "(Leder 2004: E2 -37 and -35 %)",
            ),
            Number(
                "largest inhibition of aromatase, men",
                0.52,
                "-",
                "fitted",
                "about half at 1 mg/day gives T 319 to 474-524 ng/dL, E2 15 to 12 pg/mL (Burnett-Bowie "
                "2009) with the axis",
            ),
            Number(
                "largest inhibition of aromatase, women",
                0.88,
                "-",
                "fitted",
                "estradiol -84.9 % at 1 mg/day after menopause (Geisler et al. 2002, abstract; label: more "
                "than 80 %); aromatization itself -97.3 %: what is left of blood estradiol counts",
            ),
        ),
    ),
    Drug(
        name="letrozole",
        routes=("oral",),
        actions=_inhibits_aromatase(1.5, men=0.74, women=0.905),
        phases=(Phase(1.0, (80.0, _LETROZOLE_CLEARANCE.value / _LETROZOLE_VOLUME.value)),),
        absorbed=0.999,
        clearance_l_per_day=_LETROZOLE_CLEARANCE.value,
        dose_range_mg=(0.1, 10.0),
        numbers=(
            _LETROZOLE_CLEARANCE,
            _LETROZOLE_VOLUME,
            Number("bioavailability", 0.999, "-", "measured", "Sioufi et al. 1997 (abstract), SD 0.163"),
            Number("absorption", 80.0, "1/day", "assumed", "as anastrozole"),
            Number(
                "concentration of half effect",
                1.5,
                "ng/mL",
                "assumed",
                "the same part of the level at the usual dose as for anastrozole",
            ),
            Number(
                "largest inhibition of aromatase, men",
                0.74,
                "-",
                "fitted",
                "T'Sjoen et al. 2005 (abstract copy), E2 -46 % (young) and -62 % (elderly), T +146 and "
                "+99 % in 28 days of 2.5 mg/day; with the axis of men -54 and +73 %",
            ),
            Number(
                "largest inhibition of aromatase, women",
                0.905,
                "-",
                "fitted",
                "estradiol -87.8 % at 2.5 mg/day after menopause (Geisler et al. 2002, abstract)",
            ),
        ),
    ),
)
"""Aromatase inhibitors."""

GONADOTROPIC = (
    Drug(
        name="gonadorelin",
        routes=("pulsatile pump",),
        actions=(Action("gonadorelin_mg_per_day", "rate", 1.0),),
        phases=(Phase(1.0, (_GONADORELIN.rate(),)),),
        dose_range_mg=(0.001, 2.0),
        numbers=(
            _GONADORELIN,
            Number("absorbed part", 1.0, "-", "assumed", "amounts are relative to the effect constant"),
        ),
    ),
    Drug(
        name="gonadorelin-continuous",
        routes=("subcutaneous infusion",),
        actions=(Action("gnrh_agonist", "rate", 1.0 / 0.1),),
        phases=(Phase(1.0, (_GONADORELIN.rate(),), release_days=1.0),),
        absorbed=0.66,
        dose_unit="mg/day",
        dose_range_mg=(0.001, 20.0),
        numbers=(
            _GONADORELIN,
            Number(
                "absorbed part",
                0.66,
                "-",
                "measured",
                "34 % lower plateau subcutaneously than intravenously, 14 patients (scilit a9762616)",
            ),
            Number("rate of half effect", 0.1, "mg/day", "assumed", "no dose-response in men was found"),
        ),
        caution="continuous gonadorelin: its dose of half effect is assumed",
    ),
    Drug(
        name="triptorelin-depot",
        routes=("intramuscular",),
        actions=(Action("gnrh_agonist", "effect", 1.0 / 0.047),),
        phases=(
            Phase(0.15, (2.0, _TRIPTORELIN.rate())),
            Phase(0.244, (_TRIPTORELIN.rate(),), release_days=13.0),
            Phase(0.606, (_TRIPTORELIN.rate(),), release_days=44.0),
        ),
        absorbed=0.668,
        clearance_l_per_day=0.210 * 1440.0,
        dose_range_mg=(0.5, 25.0),
        numbers=(
            _TRIPTORELIN,
            Number("clearance", 0.210 * 1440.0, "L/day", "measured", "210 mL/min, same abstract"),
            Number(
                "released in the first 13 days",
                0.383,
                "-",
                "measured",
                "men, Swiss product information 53830 (3.75 mg microspheres)",
            ),
            Number(
                "released a day after that", 0.0092, "1/day", "measured", "same; undetectable after 44 days"
            ),
            Number(
                "part of the absorbed dose released at once",
                0.15,
                "-",
                "assumed",
                "a first peak within hours is described, its area is not",
            ),
            Number("concentration of half effect", 0.047, "ng/mL", "fitted", "Tornoe et al. 2007 (abstract)"),
        ),
    ),
    Drug(
        name="degarelix",
        routes=("subcutaneous",),
        actions=(Action("gnrh_antagonist", "level", 1.0 / 1.49),),
        phases=(
            Phase(0.04, (0.6, 2.0)),
            Phase(0.96, (math.log(2.0) / 53.0, 2.0)),
        ),
        clearance_l_per_day=227.7,
        dose_range_mg=(20.0, 480.0),
        numbers=(
            Number(
                "apparent clearance",
                227.7,
                "L/day",
                "measured",
                "240 mg over 1054 ng d/mL (CV 35 %), label of Firmagon (RxList copy)",
            ),
            Number(
                "half-life of the slow release",
                53.0,
                "d",
                "measured",
                "median, label text of the 240 mg dose",
            ),
            Number(
                "part of the fast release", 0.04, "-", "fitted", "peak 26.2 ng/mL (CV 83 %) within 2 days"
            ),
            Number("fast release", 0.6, "1/day", "fitted", "same"),
            Number("elimination", 2.0, "1/day", "assumed", "the release is slower and shapes the course"),
            Number("concentration of half effect", 1.49, "ng/mL", "fitted", "Tornoe et al. 2007 (abstract)"),
        ),
        caution="degarelix: release of the 40 mg/mL starting dose; the 20 mg/mL maintenance dose (half-life "
        "31 d) is absorbed differently",
    ),
    Drug(
        name="hcg",
        routes=("intramuscular",),
        actions=(Action("hcg_lh_iu_l", "level", 1.0),),
        phases=(Phase(1.0, (math.log(2.0) / (9.0 / 24.0), _GONE_HCG_IM.rate())),),
        absorbed=0.615,
        clearance_l_per_day=4.8,
        dose_range_mg=(50.0, 20000.0),
        dose_unit="IU",
        unit_ng=1.0,
        numbers=(
            _GONE_HCG_IM,
            Number(
                "first half-life", 9.0, "h", "measured", "6-12 h, same; taken as that of absorption (assumed)"
            ),
            Number(
                "bioavailability",
                0.615,
                "-",
                "fitted",
                "subcutaneous 40 % is about 35 % lower (same sources)",
            ),
            *_HCG_COMMON,
        ),
    ),
    Drug(
        name="hcg-subcutaneous",
        routes=("subcutaneous",),
        actions=(Action("hcg_lh_iu_l", "level", 1.0),),
        phases=(Phase(1.0, (math.log(2.0) / (9.0 / 24.0), _GONE_HCG_SC.rate())),),
        absorbed=0.40,
        clearance_l_per_day=4.8,
        dose_range_mg=(50.0, 20000.0),
        dose_unit="IU",
        unit_ng=1.0,
        numbers=(
            _GONE_HCG_SC,
            Number(
                "half-life of absorption", 9.0, "h", "assumed", "as intramuscular; r-hCG peaks at 12-24 h"
            ),
            Number("bioavailability", 0.40, "-", "measured", "r-hCG, labels (Swiss 55535, Ovidrel copy)"),
            *_HCG_COMMON,
        ),
    ),
)
"""Gonadorelin, a GnRH agonist and antagonist, hCG."""
