"""Estrogens and progestogens."""

from ._drug import Action, Drug, Number, Phase

# Chains are in ng/mL; estradiol is given in pg/mL.
_ESTRADIOL = Action("estradiol_pg_ml", "level", 1000.0)
_ORAL_HALF_LIFE = Number(
    "half-life of estradiol by mouth", 14.0, "h", "measured", "label of Activella 1 mg, CV 29 %"
)
_PATCH_CLEARANCE = Number(
    "nominal delivery over the rise of estradiol",
    1390.0,
    "L/day",
    "fitted",
    "0.05 mg/day: 41.1 (SD 13.5; Scott 1991), 35 (Arzneimittelforschung 1996;46:766) and about 45 pg/mL "
    "(Gynecol "
    "Endocrinol 1989;3:259) less an assumed 5 pg/mL without; Ettinger 2004 found 3.7 on 0.014 mg/day, "
    "here 10",
)
_PATCH_HALF_LIFE = Number(
    "half-life after removal of a patch",
    3.0,
    "h",
    "fitted",
    "back to basal within 12 h of removal (Arzneimittelforschung 1996;46:766)",
)
_CEE_HALF_LIFE = Number(
    "half-life of estrone from conjugated estrogens",
    26.7,
    "h",
    "measured",
    "label value as quoted by an encyclopedia page; not corrected for baseline",
)
_MPA_HALF_LIFE = Number(
    "half-life of medroxyprogesterone acetate",
    14.0,
    "h",
    "measured",
    "between 12.1 (SD 3.5) and 16.6 (SD 15), single and repeated doses, label of Provera",
)


def _patch(name: str, days: float) -> Drug:
    return Drug(
        name=name,
        routes=("transdermal",),
        actions=(_ESTRADIOL,),
        phases=(Phase(1.0, (_PATCH_HALF_LIFE.rate(),), release_days=days),),
        clearance_l_per_day=_PATCH_CLEARANCE.value,
        dose_unit="mg/day",
        dose_range_mg=(0.005, 0.4),
        numbers=(
            _PATCH_CLEARANCE,
            _PATCH_HALF_LIFE,
            Number("time a patch is worn", days, "d", "assumed", "as labeled; even delivery over that time"),
        ),
    )


ESTROGENS = (
    Drug(
        name="estradiol-oral",
        routes=("oral",),
        actions=(_ESTRADIOL, Action("oral_estrogen", "rate", 1.0 / 0.032)),
        phases=(Phase(1.0, (9.5, _ORAL_HALF_LIFE.rate())),),
        absorbed=0.032,
        clearance_l_per_day=0.032 * 31310.0,
        dose_range_mg=(0.1, 20.0),
        numbers=(
            _ORAL_HALF_LIFE,
            Number(
                "dose over area under the curve",
                31310.0,
                "L/day",
                "measured",
                "1 mg over 766.5 pg h/mL (CV 48 %, estradiol above baseline), label of Activella",
            ),
            Number("absorption", 9.5, "1/day", "fitted", "peak at 6 h (0.5-16), same"),
            Number(
                "part that reaches blood", 0.032, "-", "assumed", "cancels in the level; clearance 1000 L/day"
            ),
        ),
    ),
    _patch("estradiol-patch-twice-weekly", 3.5),
    _patch("estradiol-patch-weekly", 7.0),
    Drug(
        name="estradiol-gel",
        routes=("transdermal",),
        actions=(_ESTRADIOL,),
        phases=(Phase(1.0, (1.4, _PATCH_HALF_LIFE.rate())),),
        absorbed=0.0487,
        clearance_l_per_day=_PATCH_CLEARANCE.value,
        dose_range_mg=(0.1, 10.0),
        numbers=(
            Number(
                "part that reaches blood, at the clearance of the patch",
                0.0487,
                "-",
                "fitted",
                "68.1 (SD 27.4) and 102.9 pg/mL (SD 39.9) on 1.5 and 3 mg/day (Scott 1991), less 5 pg/mL "
                "without "
                "(assumed); proportional to the dose here",
            ),
            Number("absorption from skin", 1.4, "1/day", "assumed", "half-life 12 h"),
            _PATCH_HALF_LIFE,
            _PATCH_CLEARANCE,
        ),
    ),
    Drug(
        name="conjugated-estrogens",
        routes=("oral",),
        actions=(_ESTRADIOL, Action("oral_estrogen", "rate", 3.2)),
        phases=(Phase(1.0, (11.0, _CEE_HALF_LIFE.rate())),),
        clearance_l_per_day=17361.0,
        dose_range_mg=(0.1, 5.0),
        numbers=(
            _CEE_HALF_LIFE,
            Number(
                "absorption",
                11.0,
                "1/day",
                "fitted",
                "peaks at 6.2-9.0 h, J Reprod Med 2008;53:97 (abstract)",
            ),
            Number(
                "dose over the estradiol that acts as much on bone",
                17361.0,
                "L/day",
                "assumed",
                "0.625 mg/day taken as equal to a patch of 0.05 mg/day (36 pg/mL), the usual doses of both",
            ),
            Number(
                "oral estradiol that acts as much on the liver",
                3.2,
                "mg/mg",
                "assumed",
                "0.625 mg as 2 mg of estradiol: equine estrogens act more on the liver",
            ),
        ),
        caution="conjugated estrogens: given as the estradiol assumed to act as much on bone",
    ),
)
"""Estradiol by route; conjugated estrogens as the estradiol that acts as much."""

PROGESTOGENS = (
    Drug(
        name="progesterone-oral",
        routes=("oral",),
        actions=(Action("progestogen", "rate", 1.0),),
        phases=(Phase(1.0, (18.0, 10.0)),),
        clearance_l_per_day=47430.0,
        dose_range_mg=(10.0, 1000.0),
        numbers=(
            Number(
                "dose over area under the curve",
                47430.0,
                "L/day",
                "measured",
                "200 mg over 101.2 ng h/mL (SD 66) in 10 h, label of Prometrium; immunoassay, which "
                "specific assays "
                "put several times lower (transfemscience.org review): levels are not to be used as such",
            ),
            Number("absorption", 18.0, "1/day", "fitted", "peak at 1.5-2.3 h, same label"),
            Number(
                "elimination",
                10.0,
                "1/day",
                "fitted",
                "peak over area, same; back to initial by 24 h (Maxson)",
            ),
        ),
    ),
    Drug(
        name="medroxyprogesterone-acetate",
        routes=("oral",),
        actions=(Action("progestogen", "rate", 20.0),),
        phases=(Phase(1.0, (28.0, _MPA_HALF_LIFE.rate())),),
        clearance_l_per_day=39930.0,
        dose_range_mg=(0.5, 200.0),
        numbers=(
            _MPA_HALF_LIFE,
            Number(
                "dose over area under the curve",
                39930.0,
                "L/day",
                "measured",
                "10 mg/day over 6.01 ng h/mL (SD 3.16), label of Provera (mass spectrometry)",
            ),
            Number("absorption", 28.0, "1/day", "fitted", "peak at 2.8 h (SD 1.8), same"),
            Number(
                "oral progesterone that acts as much on bone",
                20.0,
                "mg/mg",
                "assumed",
                "10 mg as 200 mg of progesterone, the doses of the cyclic arms of PEPI; bone was not "
                "compared",
            ),
        ),
    ),
)
"""Oral progestogens."""
