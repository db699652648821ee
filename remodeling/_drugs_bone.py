"""Drugs that act on bone directly."""

from ._drug import Action, Drug, Number, Phase, Saturable

_SURFACE = Number(
    "half-life of bisphosphonate that is active at the bone surface",
    365.0,
    "d",
    "assumed",
    "effects of 30 mg intravenous alendronate last at least a year (Khan 1997, abstract); the drug "
    "buried in bone "
    "(terminal half-life over 10 years) does not brake resorption, it acts on its depth",
)
_TERIPARATIDE = Number("half-life of teriparatide", 1.0, "h", "measured", "subcutaneous, label of Forteo")


def _bisphosphonate(name, route, absorbed, half_mg, dose_range, numbers) -> Drug:
    rate = _SURFACE.rate()
    return Drug(
        name=name,
        routes=(route,),
        actions=(Action("bisphosphonate", "level", 1.0 / half_mg),),
        phases=(Phase(1.0, (rate,)),),
        absorbed=absorbed,
        # Amount at the surface, mg: a volume of 1 L and no conversion to ng.
        clearance_l_per_day=rate,
        unit_ng=1.0,
        dose_range_mg=dose_range,
        numbers=(_SURFACE, *numbers),
    )


BONE = (
    _bisphosphonate(
        "alendronate",
        "oral",
        0.0064 * 0.5,
        1.5,
        (0.5, 140.0),
        (
            Number(
                "bioavailability",
                0.0064,
                "-",
                "measured",
                "0.6-0.8 % fasting (Gertz 1995, abstract), CV 55-75 %",
            ),
            Number(
                "retained in bone", 0.5, "-", "measured", "40-60 % (Clin Pharmacokinet 1999;36:315, abstract)"
            ),
            Number(
                "amount at the surface of half effect",
                1.5,
                "mg",
                "assumed",
                "10 mg/day reach it in 7 weeks and 11 times it in the long run",
            ),
        ),
    ),
    _bisphosphonate(
        "zoledronate",
        "intravenous",
        0.61,
        0.6,
        (0.5, 10.0),
        (
            Number(
                "retained in bone",
                0.61,
                "-",
                "assumed",
                "39 % is said to leave with urine in a day; not checked",
            ),
            Number(
                "amount at the surface of half effect",
                0.6,
                "mg",
                "assumed",
                "5 mg are 5 times it, after a year 2.5 times: one infusion lasts a year or more",
            ),
        ),
    ),
    Drug(
        name="denosumab",
        routes=("subcutaneous",),
        actions=(Action("denosumab", "level", 1.0 / 188.0),),
        saturable=Saturable(
            absorption_per_day=0.17,
            volume_l_per_kg=0.0779,
            elimination_per_day=0.0115,
            maximum_ng_ml_day=2672.0 / 77.9,
            half_ng_ml=411.0,
        ),
        dose_range_mg=(5.0, 210.0),
        numbers=(
            Number(
                "absorption", 0.17, "1/day", "fitted", "Martinez-Reina and Pivonka 2019 (code of bone_models)"
            ),
            Number("apparent volume", 0.0779, "L/kg", "fitted", "same"),
            Number("linear elimination", 0.0115, "1/day", "fitted", "same"),
            Number("largest saturable elimination", 2672.0, "ng/kg/day", "fitted", "same"),
            Number(
                "concentration of half of it",
                411.0,
                "ng/mL",
                "fitted",
                "same; 188 in Peterson and Riggs 2012",
            ),
            Number(
                "concentration of half effect",
                188.0,
                "ng/mL",
                "assumed",
                "that of half of the saturable elimination in Peterson and Riggs 2012 (OpenBoneMin)",
            ),
        ),
    ),
    Drug(
        name="teriparatide",
        routes=("subcutaneous",),
        actions=(Action("teriparatide", "rate", 1.0 / (0.95 * 0.020)),),
        phases=(Phase(1.0, (40.0, _TERIPARATIDE.rate())),),
        absorbed=0.95,
        clearance_l_per_day=62.0 * 24.0,
        dose_range_mg=(0.001, 0.2),
        numbers=(
            _TERIPARATIDE,
            Number("absorption", 40.0, "1/day", "fitted", "peak at 30 min, label; here 36 min"),
            Number("bioavailability", 0.95, "-", "measured", "label"),
            Number("clearance", 62.0 * 24.0, "L/day", "measured", "62 L/h in women (94 in men), label"),
            Number(
                "daily dose of half effect",
                0.020,
                "mg",
                "assumed",
                "the usual dose; once daily, not continuous: pulses and infusions are not told apart",
            ),
        ),
    ),
    Drug(
        name="romosozumab",
        routes=("subcutaneous",),
        actions=(Action("romosozumab", "level", 1.0 / 3000.0),),
        saturable=Saturable(
            absorption_per_day=0.5245,
            volume_l_per_kg=0.10154,
            elimination_per_day=0.025,
            maximum_ng_ml_day=763.5,
            half_ng_ml=3000.0,
        ),
        dose_range_mg=(10.0, 420.0),
        numbers=(
            Number(
                "absorption",
                0.5245,
                "1/day",
                "fitted",
                "with the next two: 210 mg at 70 kg give a peak of 22.2 ug/mL (SD 5.8) at 5 d (2-7) and "
                "389 ug d/mL "
                "(SD 127), Swiss product information 67033; the effective half-life of 12.8 d stated "
                "there is 7 d "
                "here",
            ),
            Number("apparent volume", 0.10154, "L/kg", "fitted", "see absorption"),
            Number("largest saturable elimination", 763.5, "ng/mL/day", "fitted", "see absorption"),
            Number("linear elimination", 0.025, "1/day", "assumed", "of the order of other antibodies"),
            Number(
                "concentration of half of the saturable elimination",
                3000.0,
                "ng/mL",
                "assumed",
                "not published",
            ),
            Number(
                "concentration of half effect",
                3000.0,
                "ng/mL",
                "assumed",
                "that of half of the saturable elimination, which runs through sclerostin",
            ),
        ),
    ),
)
"""Bisphosphonates, denosumab, teriparatide, romosozumab."""
