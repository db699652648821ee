"""Studies that name trials, and straight courses for them."""

from osteon._study import parse_study

SUBJECT = {"sex": "female", "age_years": 56}
DOSE = {"drug": "conjugated-estrogens", "amount_mg": 0.625, "every_days": 1}


def study(*, months=36, trials=(), untreated=(), from_month=0.0):
    return parse_study(
        {
            "subject": SUBJECT,
            "image": {"builtin": "l3"},
            "time": {"months": months},
            "trials_from_month": from_month,
            "untreated_trials": list(untreated),
            "arm": [{"name": "treated", "dose": [DOSE], "trials": list(trials)}],
        }
    )


def rows(slopes, months=36, quantity="spine_dxa_percent", start=100.0):
    """Tidy rows of straight courses, so many units a month."""
    return [
        {
            "level": "L3",
            "arm": arm,
            "month": month,
            "quantity": quantity,
            "value": start + slope * month,
            "unit": "",
        }
        for arm, slope in slopes.items()
        for month in range(months + 1)
    ]
