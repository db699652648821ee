"""What virtual people differ in and what their trial can measure: the names that a study may use."""

from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class DefaultSpread:
    """How a property spreads between people where the study does not say."""

    sd: float
    "standard deviation, in the unit of the property or as a share of its mean"
    relative: bool
    "whether `sd` is a share of the mean"
    source: str
    "where it is from"


DEFAULT_SPREADS = MappingProxyType(
    {
        "age_years": DefaultSpread(6.0, False, "Snyder 2017, 5.9 years"),
        "weight_kg": DefaultSpread(0.15, True, "assumed"),
        "testosterone_ng_dl": DefaultSpread(0.28, True, "Snyder 2017, 65.3 of 229.6 ng/dL"),
        "estradiol_pg_ml": DefaultSpread(0.25, True, "assumed; in men beside what testosterone brings"),
        "shbg_nmol_l": DefaultSpread(0.35, True, "assumed"),
        "igf1_ng_ml": DefaultSpread(0.30, True, "assumed"),
        "trabecular_vbmd_mg_cm3": DefaultSpread(0.25, True, "assumed"),
        "cortical_vbmd_mg_cm3": DefaultSpread(0.08, True, "assumed"),
    }
)
"""Spread of every property without a table of its own."""


@dataclass(frozen=True)
class Endpoint:
    """Something that a trial can measure."""

    curve: str
    "its name in `calibration.QUANTITIES`"
    label: str
    "the same in words"


ENDPOINTS = MappingProxyType(
    {
        "spine_areal_bmd": Endpoint("areal", "spine DXA"),
        "spine_trabecular_vbmd": Endpoint("trabecular", "trabecular density of the spine"),
        "spine_integral_vbmd": Endpoint("integral", "density of the vertebral body"),
        "spine_cortical_vbmd": Endpoint("cortical", "cortical density of the spine"),
    }
)
"""Endpoints by their name in `calibration.OBSERVABLES`."""
LEVELS = ("testosterone_ng_dl", "estradiol_pg_ml", "igf1_ng_ml")
"""Hormones of the last month that are told of everybody."""
