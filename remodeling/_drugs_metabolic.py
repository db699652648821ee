"""Levothyroxine; insulin as an index; calcium supplements."""

from ._drug import Action, Drug, Number, Phase

_INSULIN = Number(
    "time in which an injection acts, half-life", 6.0, "h", "assumed", "between short and long insulins"
)

_CALCIUM = Number(
    "time in which a dose acts, half-life",
    6.0,
    "h",
    "assumed",
    "doses of a day overlap; PTH falls within hours",
)

METABOLIC = (
    Drug(
        name="levothyroxine",
        routes=("oral",),
        # Only the way through the gut: how long thyroxine stays is a matter of the thyroid axis.
        actions=(Action("thyroxine_ug_per_day", "rate", 1000.0),),
        phases=(Phase(1.0, (12.0,)),),
        absorbed=0.7,
        dose_range_mg=(0.005, 1.0),
        numbers=(
            Number("absorbed part", 0.7, "-", "assumed", "labels say 40 to 80 %; fasting raises it"),
            Number(
                "absorption", 12.0, "1/day", "assumed", "within hours; half-life of T4 (6-7 d) is in the axis"
            ),
        ),
    ),
    Drug(
        name="insulin",
        routes=("subcutaneous",),
        actions=(Action("insulin_index", "rate", 1.0 / 0.5, per_kg=True),),
        phases=(Phase(1.0, (_INSULIN.rate(),)),),
        dose_unit="U",
        unit_ng=1.0,
        dose_range_mg=(0.5, 300.0),
        numbers=(
            _INSULIN,
            Number(
                "need of a person without own insulin", 0.5, "U/kg/day", "assumed", "usual total daily dose"
            ),
        ),
        caution="insulin: an index only; glucose is not modeled",
    ),
    Drug(
        name="calcium",
        routes=("oral",),
        actions=(Action("calcium", "rate", 1.0 / 200.0),),
        phases=(Phase(1.0, (_CALCIUM.rate(),)),),
        dose_range_mg=(50.0, 3000.0),
        numbers=(
            _CALCIUM,
            Number(
                "daily dose of half effect",
                200.0,
                "mg",
                "assumed",
                "no difference between up to 500 mg/day and more, or 1000 mg/day and less (Tai 2015)",
            ),
        ),
    ),
)
"""Levothyroxine, insulin and calcium."""
