"""What `osteon init` can start from: keys that are in use, as the tables of a study."""

from types import MappingProxyType
from typing import Any

_MAN = {
    "sex": "male",
    "age_years": 60,
    "weight_kg": 82,
    "testosterone_ng_dl": 200,
    "estradiol_pg_ml": 15,
    "axis": "primary",
}
_TESTOSTERONE_ARM = {
    "name": "cypionate 100 mg weekly",
    "dose": [{"drug": "testosterone-cypionate", "amount_mg": 100, "every_days": 7}],
}
_BUILTIN = {"builtin": "l3", "voxel_mm": 1.5}


def _woman(age: int, years: int) -> dict[str, Any]:
    return {
        "sex": "female",
        "age_years": age,
        "menopause": "natural",
        "years_since_menopause": years,
        "history": {"years": years, "onset_years": 1},
    }


_TEMPLATES: MappingProxyType[str, dict[str, Any]] = MappingProxyType(
    {
        "testosterone": {
            "title": "Weekly testosterone cypionate in a man with primary hypogonadism",
            "subject": _MAN,
            "image": _BUILTIN,
            "time": {"months": 24, "report_months": [6, 12, 18, 24]},
            "arm": [_TESTOSTERONE_ARM],
        },
        "estrogen": {
            "title": "Estrogen by mouth and by patch, five years after menopause",
            "subject": _woman(56, 5),
            "image": _BUILTIN,
            "time": {"months": 36, "report_months": [6, 12, 24, 36]},
            "arm": [
                {
                    "name": "conjugated estrogens 0.625 mg",
                    "dose": [{"drug": "conjugated-estrogens", "amount_mg": 0.625, "every_days": 1}],
                },
                {
                    "name": "estradiol patch 0.05 mg/day",
                    "dose": [{"drug": "estradiol-patch-twice-weekly", "amount_mg": 0.05, "every_days": 3.5}],
                },
            ],
        },
        "menopause": {
            "title": "Natural menopause without treatment",
            "subject": {
                "sex": "female",
                "age_years": 50,
                "menopause": "natural",
                "years_since_menopause": -1,
            },
            "image": _BUILTIN,
            "time": {"months": 36, "report_months": [12, 24, 36]},
        },
        "bone-drugs": {
            "title": "Alendronate and denosumab, 19 years after menopause",
            "subject": _woman(70, 19),
            "image": _BUILTIN,
            "time": {"months": 36, "report_months": [6, 12, 24, 36]},
            "arm": [
                {
                    "name": "alendronate 10 mg daily",
                    "dose": [{"drug": "alendronate", "amount_mg": 10, "every_days": 1}],
                },
                {
                    "name": "denosumab 60 mg in 6 months",
                    "dose": [{"drug": "denosumab", "amount_mg": 60, "every_days": 183}],
                },
            ],
        },
        "daily-loading": {
            "title": "Weekly testosterone cypionate under the activities of a day",
            "subject": _MAN,
            "image": _BUILTIN,
            "mechanics": {"daily": {"preset": "lumbar"}},
            "time": {"months": 12, "report_months": [6, 12]},
            "arm": [_TESTOSTERONE_ARM],
        },
    }
)

TEMPLATE_NAMES = tuple(_TEMPLATES)
"""Names for `--template`; the first is the default."""


def template_data(name: str) -> dict[str, Any]:
    """Tables of a template, in a dict of its own."""
    return dict(_TEMPLATES[name])


EXAMPLES: MappingProxyType[str, Any] = MappingProxyType(
    {
        "name": "its name",
        "weight_kg": 80.0,
        "menopause": "natural",
        "years_since_menopause": 5.0,
        "testosterone_ng_dl": 300.0,
        "testosterone_nmol_l": 10.4,
        "estradiol_pg_ml": 20.0,
        "estradiol_pmol_l": 73.0,
        "shbg_nmol_l": 40.0,
        "lh_iu_l": 5.0,
        "igf1_ng_ml": 150.0,
        "igf1_nmol_l": 19.6,
        "free_t4_ng_dl": 1.2,
        "free_t4_pmol_l": 15.4,
        "start_day": 0.0,
        "end_day": 365.0,
        "stop_day": 365.0,
        "years": 5.0,
        "every_days": 7.0,
        "drug": "testosterone-cypionate",
        "amount_mg": 100.0,
        "path": "ct.nii.gz",
        "mask": "mask.nii.gz",
        "subregions": "subregions.nii.gz",
        "label": 22,
        "slope": 0.8,
        "intercept": -5.0,
        "air_hu": -1000.0,
        "fat_hu": -100.0,
        "muscle_hu": 55.0,
        "blood_hu": 40.0,
        "report_months": [6, 12, 24],
        "trials": ["snyder-2000-testosterone"],
        "untreated_trials": ["pepi-placebo"],
        "case": "pmma-axial",
        "force_n": -550.0,
        "moment_n_mm": 4200.0,
        "cycles_per_day": 2900.0,
        "biology": {"formation_time": 100.0},
    }
)
"""Values that the comments of `osteon init` show for keys without a default, by the key's name."""
