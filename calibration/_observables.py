"""What trials measure: names, plausible ranges, and the standard error assumed where none is printed."""

import math
from dataclasses import dataclass

MARKER_SPREAD = 0.4
"""Standard deviation between persons of a turnover marker, as a share of its level (assumed; the confidence
intervals of Vlot 2019 give 0.40 for P1NP, 0.44 for CTX, and less for alkaline phosphatase)."""


@dataclass(frozen=True)
class Observable:
    """A measured quantity."""

    meaning: str
    "what is measured, where and how"
    precision: float
    "error of one measurement, % of the value; 0 for a marker, whose spread holds it"
    spread: float | None
    "standard deviation of true changes between persons, % of the start; None: a marker"


def _density(place: str, method: str, precision: float, spread: float) -> Observable:
    return Observable(f"{place}, {method}", precision, spread)


_DXA, _QCT, _HRPQCT = (
    "areal density by DXA or DPA",
    "volumetric density by QCT",
    "volumetric density by HR-pQCT",
)

OBSERVABLES = {
    "spine_areal_bmd": _density("lumbar spine", _DXA, 1.3, 4.0),
    "spine_bmc": _density("lumbar spine", "mineral content by DXA", 1.3, 4.0),
    "spine_trabecular_vbmd": _density("trabecular lumbar spine", _QCT, 3.0, 12.0),
    "spine_integral_vbmd": _density("whole lumbar vertebral body", _QCT, 2.0, 5.0),
    "spine_cortical_vbmd": _density("cortical lumbar spine", _QCT, 2.0, 5.0),
    "spine_strength": _density("vertebral body", "strength by finite elements", 3.0, 12.0),
    "total_hip_areal_bmd": _density("total hip", _DXA, 1.3, 2.8),
    "total_hip_integral_vbmd": _density("total hip", _QCT, 1.3, 4.0),
    "total_hip_bmc": _density("total hip", "mineral content by QCT", 1.3, 4.0),
    "trochanter_areal_bmd": _density("trochanter", _DXA, 1.3, 4.0),
    "femoral_neck_areal_bmd": _density("femoral neck", _DXA, 1.6, 4.0),
    "femoral_neck_trabecular_vbmd": _density("trabecular femoral neck", _QCT, 3.0, 8.0),
    "femoral_neck_cortical_vbmd": _density("cortical femoral neck", _QCT, 2.0, 5.0),
    "radius_areal_bmd": _density("radius or forearm", "areal density by DXA or SPA", 1.3, 3.0),
    "radius_trabecular_vbmd": _density("trabecular distal radius", "volumetric density by pQCT", 1.5, 4.0),
    "radius_cortical_vbmd": _density("cortical distal radius", _HRPQCT, 1.0, 3.0),
    "radius_integral_vbmd": _density("distal radius", _HRPQCT, 1.0, 3.0),
    "tibia_trabecular_vbmd": _density("trabecular distal tibia", "volumetric density by pQCT", 1.5, 4.0),
    "tibia_cortical_vbmd": _density("cortical distal tibia", _HRPQCT, 1.0, 3.0),
    "tibia_integral_vbmd": _density("distal tibia", _HRPQCT, 1.0, 3.0),
    "peripheral_cortical_bmc": _density("radius and metacarpals", "cortical mineral content", 1.5, 3.0),
    "metacarpal_cortical_thickness": _density("metacarpals", "cortical thickness on radiographs", 2.0, 8.0),
    "metacarpal_endosteal_diameter": _density("metacarpals", "endosteal diameter on radiographs", 2.0, 8.0),
    "metacarpal_width": _density("metacarpals", "bone width on radiographs", 2.0, 5.0),
    "total_body_areal_bmd": _density("total body", _DXA, 1.0, 2.5),
    **{
        name: Observable(meaning, 0.0, None)
        for name, meaning in {
            "ctx": "resorption marker, serum C-telopeptide",
            "ntx": "resorption marker, urinary N-telopeptide",
            "ictp": "resorption marker, serum ICTP",
            "pyridinoline": "resorption marker, urinary pyridinoline",
            "deoxypyridinoline": "resorption marker, urinary deoxypyridinoline",
            "hydroxyproline": "resorption marker, urinary hydroxyproline",
            "p1np": "formation marker, serum P1NP",
            "picp": "formation marker, serum PICP",
            "bsap": "formation marker, serum bone-specific alkaline phosphatase",
            "alp": "formation marker, serum alkaline phosphatase",
            "osteocalcin": "formation marker, serum osteocalcin",
            "sclerostin": "serum sclerostin",
        }.items()
    },
}
"""Every observable of the tables. Precision of DXA: 1.1 to 1.6 % per scan; that of other methods and every
spread are assumed, of the order of the standard deviations printed (docs/trials.md)."""


def plausible_range(observable: str, unit: str) -> tuple[float, float]:
    """Least and largest value in `unit` that is taken for true; a wrong unit or sign falls outside."""
    if unit == "g/cm2/year":
        return -0.1, 0.1
    if unit.startswith("g/cm2"):
        return -0.3, 0.3
    if unit == "Z-score":
        return -4.0, 4.0
    if unit.startswith("ng/L"):
        return -1000.0, 1000.0
    if OBSERVABLES[observable].spread is None:
        return -100.0, 1000.0
    return (-30.0, 30.0) if unit == "%/year" else (-50.0, 80.0)


def assumed_standard_error(
    observable: str,
    persons: int,
    *,
    value: float = 0.0,
    reference_persons: int | None = None,
    years: float | None = None,
) -> float:
    """Standard error of a mean change in %, or in %/year, where the paper prints none.

    A change is the difference of two measurements with the error p each, on true changes that differ between
    persons by s: sqrt(2 p^2 + s^2) / sqrt(n). Markers: s is 40 % of the level at the end.

    Args:
      observable: name in OBSERVABLES.
      persons: n.
      value: mean change, %; counts for markers.
      reference_persons: n of the arm that the change is compared with; None: it is compared with none.
      years: length of time that a rate is the mean of; None: the result is of the change itself.
    """
    known = OBSERVABLES[observable]
    spread = MARKER_SPREAD * (100.0 + value) if known.spread is None else known.spread
    shares = 1.0 / persons + (0.0 if reference_persons is None else 1.0 / reference_persons)
    error = math.sqrt((2.0 * known.precision**2 + spread**2) * shares)
    return error if years is None else error / years
