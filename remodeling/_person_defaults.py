"""Typical levels by sex, age and menopausal status, for what is not measured."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

Sex = Literal["male", "female"]
Menopause = Literal["premenopausal", "natural", "surgical"]

MENOPAUSE_AGE_YEARS = 51.0
"""Age at the final menstrual period when it is not given (assumed, near the median of western cohorts)."""

TRANSITION_WIDTH_YEARS = 0.55
"""Width of the logistic fall of ovarian estradiol: 3 % done 2 years before, 97 % two years after the final
menstrual period, steepest at it (Sowers et al. 2008 and Randolph et al. 2011, abstracts)."""
TRANSITION_MIDDLE_YEARS = 0.0
"""Years from the final menstrual period to the steepest fall (Randolph et al. 2011, abstract)."""

_ADULT_AGES = (20.0, 32.0, 50.0, 65.0, 75.0)
_IGF1 = (240.0, 206.0, 147.0, 103.0, 90.0)


@dataclass(frozen=True)
class TypicalLevels:
    """What a healthy person of that sex and age has; sources in `TYPICAL_SOURCES`."""

    testosterone_ng_dl: float
    "total testosterone, ng/dL"
    estradiol_pg_ml: float
    "estradiol, pg/mL; of premenopausal women the mean over the cycle"
    shbg_nmol_l: float
    "sex-hormone-binding globulin, nmol/L"
    igf1_ng_ml: float
    "IGF-1, ng/mL"
    weight_kg: float
    "body weight, kg"


TYPICAL_SOURCES: tuple[tuple[str, str], ...] = (
    (
        "testosterone of men 530 ng/dL to age 40, 440 from age 70",
        "median 531 at 19-39 years (Travison et al. 2017, abstract); mean 444 at 70-89 years (Yeap et al., "
        "Health in Men Study, abstract); straight line between assumed",
    ),
    (
        "estradiol of men 30 pg/mL to age 40, 25 from age 70",
        "median 119 pmol/L in 20 young men (PMC6139630, table 2); 26 pg/mL at 62-74 years (Leder et al. "
        "2004, "
        "abstract)",
    ),
    (
        "SHBG of men 32 nmol/L to age 40, 42 from age 70",
        "31.7 at 20-39 years (PLoS ONE 2016;11:e0164116, figure 2); 42.4 at 70-89 years (Yeap et al., "
        "abstract)",
    ),
    (
        "premenopausal women: estradiol 90 pg/mL, testosterone 29 ng/dL",
        "mean of the phase medians 126, 230 and 649 pmol/L; testosterone 1.0 nmol/L (PMC6139630, table 2, "
        "immunoassay)",
    ),
    (
        "postmenopausal women: estradiol 7 pg/mL",
        "assumed, between the median 4.8 at 60-80 years (Ettinger et al. 2004) and the 10 pg/mL where early "
        "postmenopausal levels are usually put",
    ),
    (
        "postmenopausal women: testosterone 20.8 (natural) and 15.5 ng/dL (ovaries removed); SHBG 58 and 52 "
        "nmol/L, the former also before menopause",
        "Nurses' Health Study, 2251 women (Horm Cancer 2015;6:54, abstract); before menopause assumed equal",
    ),
    (
        "IGF-1 206, 147 and 103 ng/mL at 32, 50 and 65 years, either sex",
        "medians at 25-39, 40-59 and 60 years and more (Gasco et al. 2007, Endocrine Abstracts 14 P453, "
        "no sex "
        "effect); the ends at 20 and 75 years assumed",
    ),
    ("weight 80 kg of men, 68 kg of women", "assumed"),
)
"""(number, where it is from) of the typical levels."""


def typical_levels(
    *,
    sex: Sex = "male",
    age_years: float = 60.0,
    menopause: Menopause = "premenopausal",
    years_since_menopause: float = -100.0,
) -> TypicalLevels:
    """Typical levels; on the host.

    Args:
      sex: "male" or "female".
      age_years: age, years.
      menopause: status of a woman, or what lies ahead of her; no matter for a man.
      years_since_menopause: since the final menstrual period or the operation, negative before; around a
        natural menopause estradiol is that of the transition (`ovarian_reserve`).
    """
    igf1 = float(np.interp(age_years, _ADULT_AGES, _IGF1))
    if sex == "male":
        old = float(np.clip((age_years - 40.0) / 30.0, 0.0, 1.0))
        return TypicalLevels(530.0 - 90.0 * old, 30.0 - 5.0 * old, 32.0 + 10.0 * old, igf1, 80.0)
    years = years_since_menopause
    if menopause == "premenopausal" or (menopause == "surgical" and years < 0):
        return TypicalLevels(29.0, 90.0, 58.0, igf1, 68.0)
    if menopause == "natural":
        left = 0.5 - 0.5 * math.tanh(0.5 * (years - TRANSITION_MIDDLE_YEARS) / TRANSITION_WIDTH_YEARS)
        return TypicalLevels(20.8 + 8.2 * left, 7.0 + 83.0 * left, 58.0, igf1, 68.0)
    return TypicalLevels(15.5, 7.0, 52.0, igf1, 68.0)
