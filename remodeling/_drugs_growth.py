"""Growth hormone and what releases it."""

from ._drug import Action, Drug, Number, Phase

NO_HUMAN_BONE_DATA = "no human data on bone density; acts through IGF-1 only, an extrapolation"

_GH_GONE = Number(
    "half-life of growth hormone, intravenous",
    18.0,
    "min",
    "measured",
    "12 volunteers (scilit a5712b866dcc66)",
)
_GH_CLEARANCE = Number(
    "apparent clearance, subcutaneous",
    13.5 * 24.0,
    "L/day",
    "measured",
    "13.5 L/h, Papathanasiou et al. 2021, table 3",
)
_SERMORELIN = Number(
    "half-life of sermorelin", 11.5, "min", "measured", "11-12 min, 12 adults, label of Geref (RxList)"
)
_TESAMORELIN = Number(
    "half-life of tesamorelin, subcutaneous",
    38.0,
    "min",
    "measured",
    "label values (Johns Hopkins guide, 26-38)",
)
_GHRH_HALF = Number(
    "concentration of half effect of GHRH analogs",
    0.0029,
    "ng/mL",
    "fitted",
    "so that 2 mg/day of tesamorelin raise IGF-1 by 81 % (Falutz 2007) with the axis (mean drive 0.35); "
    "it stands "
    "for all that outlasts the peptide in blood, not for a receptor constant",
)
_CJC_DAC = Number(
    "half-life of CJC-1295 with DAC", 6.95, "d", "measured", "5.8-8.1 d, Teichman 2006 (abstract copy)"
)
_CJC_SHORT = Number(
    "half-life of CJC-1295 without DAC",
    30.0,
    "min",
    "assumed",
    "no pharmacokinetic study in people was found",
)
_IPAMORELIN_CLEARANCE = Number(
    "clearance of ipamorelin", 0.078 * 24.0, "L/day/kg", "measured", "Gobburu 1999 (abstract), iv, 40 men"
)
_IPAMORELIN_VOLUME = Number("volume of distribution", 0.22, "L/kg", "measured", "same, steady state")
_HEXARELIN = Number(
    "half-life of hexarelin",
    30.0,
    "min",
    "assumed",
    "below the 55 min with which GH falls after it (Imbimbo 1994, abstract)",
)
_MK677 = Number("half-life of MK-677", 24.0, "h", "assumed", "secondary pages; its effect lasts the day")
_QUICK = Number("absorption of injected peptides", 150.0, "1/day", "fitted", "sermorelin peaks at 5-20 min")

GROWTH = (
    Drug(
        name="growth-hormone",
        routes=("subcutaneous",),
        actions=(Action("gh_ng_ml", "level", 1.0),),
        phases=(Phase(1.0, (5.5, 7.0, _GH_GONE.rate())),),
        clearance_l_per_day=_GH_CLEARANCE.value,
        dose_range_mg=(0.01, 10.0),
        numbers=(
            _GH_GONE,
            _GH_CLEARANCE,
            Number(
                "two rates of absorption", 5.5, "1/day", "fitted", "5.5 and 7: flat peak at 4-6 h, same study"
            ),
        ),
    ),
    Drug(
        name="sermorelin",
        routes=("subcutaneous",),
        actions=(Action("ghrh_drive", "effect", 1.0 / _GHRH_HALF.value),),
        phases=(Phase(1.0, (_QUICK.value, _SERMORELIN.rate())),),
        absorbed=0.06,
        clearance_l_per_day=2.6 * 1440.0,
        dose_range_mg=(0.05, 10.0),
        numbers=(
            _SERMORELIN,
            _QUICK,
            Number("bioavailability", 0.06, "-", "measured", "label of Geref (RxList)"),
            Number("clearance", 2.6 * 1440.0, "L/day", "measured", "2.4-2.8 L/min, same"),
            _GHRH_HALF,
            Number("potency over tesamorelin, by mass", 1.0, "-", "assumed", "similar in vitro (label text)"),
        ),
        caution=f"sermorelin: {NO_HUMAN_BONE_DATA}",
    ),
    Drug(
        name="tesamorelin",
        routes=("subcutaneous",),
        actions=(Action("ghrh_drive", "effect", 1.0 / _GHRH_HALF.value),),
        phases=(Phase(1.0, (_TESAMORELIN.rate(), 1060.0 * 24.0 / 200.0)),),
        clearance_l_per_day=1060.0 * 24.0,
        dose_range_mg=(0.1, 10.0),
        numbers=(
            _TESAMORELIN,
            Number("apparent clearance", 1060.0 * 24.0, "L/day", "measured", "1060 L/h, Gonzalez-Sales 2015"),
            Number("apparent volume", 200.0, "L", "measured", "same (abstract)"),
            _GHRH_HALF,
        ),
        caution=f"tesamorelin: {NO_HUMAN_BONE_DATA}",
    ),
    Drug(
        name="cjc-1295-dac",
        routes=("subcutaneous",),
        actions=(Action("ghrh_drive", "effect", 1.0 / 150.0),),
        phases=(Phase(1.0, (1.4, _CJC_DAC.rate())),),
        clearance_l_per_day=_CJC_DAC.rate(),
        per_kg=True,
        dose_range_mg=(0.1, 20.0),
        numbers=(
            _CJC_DAC,
            Number("absorption", 1.4, "1/day", "assumed", "half-life 12 h"),
            Number(
                "amount in the body of half effect",
                150.0,
                "ug/kg",
                "fitted",
                "so that 60 ug/kg start at a drive of 0.4, with which the axis gives GH x2 to x10 for 6 "
                "days and "
                "IGF-1 x1.5 to x3 for 9 to 11 days (Teichman 2006)",
            ),
        ),
        caution=f"CJC-1295 with DAC: {NO_HUMAN_BONE_DATA}",
    ),
    Drug(
        name="cjc-1295-no-dac",
        routes=("subcutaneous",),
        actions=(Action("ghrh_drive", "effect", 1.0 / _GHRH_HALF.value),),
        phases=(Phase(1.0, (_QUICK.value, _CJC_SHORT.rate())),),
        absorbed=0.06,
        clearance_l_per_day=24.75 * _CJC_SHORT.rate(),
        dose_range_mg=(0.01, 5.0),
        numbers=(
            _CJC_SHORT,
            _QUICK,
            Number("bioavailability", 0.06, "-", "assumed", "as sermorelin"),
            Number("volume", 24.75, "L", "assumed", "as sermorelin, 23.7-25.8 L"),
            _GHRH_HALF,
        ),
        caution=f"CJC-1295 without DAC: kinetics assumed; {NO_HUMAN_BONE_DATA}",
    ),
    Drug(
        name="ipamorelin",
        routes=("subcutaneous",),
        actions=(Action("ghs_drive", "effect", 1.0 / 152.3),),
        phases=(Phase(1.0, (_QUICK.value, _IPAMORELIN_CLEARANCE.value / _IPAMORELIN_VOLUME.value)),),
        clearance_l_per_day=_IPAMORELIN_CLEARANCE.value,
        per_kg=True,
        dose_range_mg=(0.01, 10.0),
        numbers=(
            _IPAMORELIN_CLEARANCE,
            _IPAMORELIN_VOLUME,
            _QUICK,
            Number("bioavailability, subcutaneous", 1.0, "-", "assumed", "not measured; an upper limit"),
            Number(
                "concentration of half effect",
                152.3,
                "ng/mL",
                "fitted",
                "214 nmol/L (Gobburu 1999) at 711.9 g/mol",
            ),
        ),
        caution=f"ipamorelin: {NO_HUMAN_BONE_DATA}",
    ),
    Drug(
        name="hexarelin",
        routes=("subcutaneous",),
        actions=(Action("ghs_drive", "effect", 1.0 / 0.64),),
        phases=(Phase(1.0, (_QUICK.value, _HEXARELIN.rate())),),
        absorbed=0.77,
        clearance_l_per_day=_HEXARELIN.rate(),
        per_kg=True,
        dose_range_mg=(0.005, 2.0),
        numbers=(
            _HEXARELIN,
            _QUICK,
            Number("bioavailability", 0.77, "-", "measured", "by GH, Ghigo 1994 (abstract), SE 0.105"),
            Number(
                "amount in the body of half effect",
                0.64,
                "ug/kg",
                "measured",
                "dose of half of the largest area of GH, intravenous, Imbimbo 1994 (abstract)",
            ),
        ),
        caution="hexarelin: 16 weeks raised neither IGF-1 nor bone density (JCEM 1998;83:1644)",
    ),
    Drug(
        name="mk-677",
        routes=("oral",),
        actions=(Action("ghs_drive", "effect", 1.0 / 48.0),),
        phases=(Phase(1.0, (12.0, _MK677.rate())),),
        clearance_l_per_day=1000.0 * _MK677.rate(),
        dose_range_mg=(1.0, 100.0),
        numbers=(
            _MK677,
            Number("absorption", 12.0, "1/day", "assumed", "peak within hours"),
            Number(
                "amount in the body of half effect",
                48.0,
                "mg",
                "fitted",
                "so that 25 mg/day give a mean drive of 0.75, with which the axis raises IGF-1 of older "
                "women by "
                "39-45 % at 12 months (Murphy 2001)",
            ),
        ),
        caution="MK-677: bone turnover rose, density was not shown to; acts through IGF-1 only",
    ),
)
"""Growth hormone, GHRH analogs, agonists of the ghrelin receptor."""
