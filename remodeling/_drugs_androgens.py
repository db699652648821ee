"""Testosterone: injected esters, gel, pellets."""

from ._drug import Action, Drug, Number, Phase
from ._pharmacokinetics import TESTOSTERONE_CLEARANCE_L_PER_DAY

# ng/mL to ng/dL.
_ACTION = (Action("testosterone_ng_dl", "level", 100.0),)
_CLEARANCE = Number(
    "metabolic clearance of testosterone",
    TESTOSTERONE_CLEARANCE_L_PER_DAY,
    "L/day",
    "measured",
    "Longcope, Kato and Horton 1969 (abstract), men; one number for all, its dependence on SHBG not modeled",
)
_ELIMINATION = Number(
    "half-life of testosterone", 7.69, "h", "fitted", "Tornoe et al. 2007 (abstract), population model"
)
_GONE = _ELIMINATION.rate()
_BIOAVAILABILITY = Number(
    "effective bioavailability of injected esters",
    0.60,
    "-",
    "assumed",
    "with the release, so that one 200 mg dose of the cypionate gives three times the basal level at days "
    "2-5 and basal by days 13-14 as in Nankin 1987 (abstract) at an assumed basal 350 ng/dL",
)
_RELEASE = (
    Number(
        "first release rate of cypionate and enanthate", 0.31, "1/day", "assumed", "Nankin 1987, see there"
    ),
    Number("second release rate", 0.40, "1/day", "assumed", "Nankin 1987, see there"),
)
_TU_TERMINAL = Number(
    "terminal half-life of the undecanoate in castor oil",
    33.9,
    "d",
    "measured",
    "Behre et al. 1999, Eur J Endocrinol 140:414 (abstract), 14 men, SEM 4.9",
)
_PELLET_RELEASE = Number(
    "release of pellets, first order",
    0.01036,
    "1/day",
    "fitted",
    "so that 200 mg releases 1.34 mg/day over its first three months (Kelleher et al., abstract copy); "
    "half-life 67 d against 2.5 months in a textbook excerpt",
)


def _short_ester(name: str, fraction: float, weight: str, extra: tuple[Number, ...] = ()) -> Drug:
    part = Number("mass of testosterone in the ester", fraction, "-", "measured", f"molar masses, {weight}")
    return Drug(
        name=name,
        routes=("intramuscular", "subcutaneous"),
        actions=_ACTION,
        phases=(Phase(1.0, (0.31, 0.40, _GONE)),),
        absorbed=fraction * _BIOAVAILABILITY.value,
        clearance_l_per_day=_CLEARANCE.value,
        dose_range_mg=(1.0, 1000.0),
        numbers=(part, *_RELEASE, _BIOAVAILABILITY, _ELIMINATION, _CLEARANCE, *extra),
    )


ANDROGENS = (
    _short_ester("testosterone-cypionate", 0.699, "288.4 / 412.6 g/mol"),
    _short_ester(
        "testosterone-enanthate",
        0.720,
        "288.4 / 400.6 g/mol",
        (Number("release like the cypionate", 1.0, "-", "assumed", "no course of its own was seen"),),
    ),
    Drug(
        name="testosterone-undecanoate",
        routes=("intramuscular",),
        actions=_ACTION,
        phases=(Phase(1.0, (_TU_TERMINAL.rate(), 0.5, _GONE)),),
        absorbed=0.6315 * 0.65,
        clearance_l_per_day=_CLEARANCE.value,
        dose_range_mg=(100.0, 2000.0),
        numbers=(
            Number("mass of testosterone in the ester", 0.6315, "-", "measured", "288.4 / 456.7 g/mol"),
            _TU_TERMINAL,
            Number(
                "second release rate",
                0.5,
                "1/day",
                "fitted",
                "peak at 7 days (Nebido, PMC10072151 table 3); the same table has 4 days for Aveed",
            ),
            Number(
                "effective bioavailability",
                0.65,
                "-",
                "fitted",
                "750 mg every 10 weeks average 568 (65-100 kg) and 426 ng/dL (100 kg and more), label text "
                "of Aveed as copied on a third-party page; here 463 ng/dL besides what the testes still make",
            ),
            _ELIMINATION,
            _CLEARANCE,
        ),
    ),
    Drug(
        name="testosterone-gel",
        routes=("transdermal",),
        actions=_ACTION,
        phases=(Phase(1.0, (1.0, _GONE)),),
        absorbed=0.111,
        clearance_l_per_day=_CLEARANCE.value,
        dose_range_mg=(1.0, 200.0),
        numbers=(
            Number(
                "absorbed part of the testosterone in the gel",
                0.111,
                "-",
                "fitted",
                "from 44, 191, 337 ng/dL on 0, 1.25, 2.5 g of gel with the gonads suppressed (Finkelstein "
                "2016), taken as 1 % gel (assumed), at a clearance of 950 L/day",
            ),
            Number("absorption", 1.0, "1/day", "assumed", "skin depot empties within days of stopping"),
            _ELIMINATION,
            _CLEARANCE,
        ),
    ),
    Drug(
        name="testosterone-pellets",
        routes=("implant",),
        actions=_ACTION,
        phases=(Phase(1.0, (_PELLET_RELEASE.value, _GONE)),),
        clearance_l_per_day=_CLEARANCE.value,
        dose_range_mg=(50.0, 2000.0),
        numbers=(
            _PELLET_RELEASE,
            Number("absorbed part", 1.0, "-", "assumed", "complete"),
            _ELIMINATION,
            _CLEARANCE,
        ),
    ),
)
"""Testosterone by preparation; doses in mg of the ester, of testosterone in the gel, of pellets."""
