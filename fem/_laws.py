"""Density to modulus and yield stress of vertebral cancellous bone, law by law.

Every law reads offset + factor x density ^ exponent, with the density type it was fitted on. Outside its
range a published law can be zero or negative, so each is continued by a floor that stays smooth and positive:

    rho+  = rho for a linear law, s ln(1 + exp(rho / s)) with s = 0.002 g/cm3 for a power law
    value = floor + t ln(1 + exp((law(rho+) - floor) / t))

with floor = 1 MPa, t = 1 MPa for a modulus and a hundredth of that for a yield stress (assumed: soft enough
to carry nothing, stiff enough for a contrast of 1e4 to cortical bone). Ten t above the floor the law itself
is met to a relative 1e-5, twenty t above it to 1e-9.

The coefficients are those of two open codes for vertebral models (Bonelab Ogo and a QCT material mapper); the
original papers were not at hand.
"""

from dataclasses import dataclass
from types import MappingProxyType

import jax
import jax.numpy as jnp

DENSITY_SOFTNESS = 0.002
"Width of the smooth positive part of the density, g/cm3 (assumed)."
MODULUS_FLOOR_MPA = 1.0
"Modulus that no law goes below, and width of the transition to it, MPa (assumed)."
YIELD_FLOOR_MPA = 0.01
"Yield stress that no law goes below, and width of the transition to it, MPa (assumed)."

_APPARENT_RANGE = (0.09, 0.35)
_APPARENT_SOURCE = (
    "wet apparent densities reported for human vertebral cancellous bone, review of Ohman-Magi 2021, "
    "J Biomed Mater Res B (PMID 35005442)"
)


@dataclass(frozen=True)
class DensityLaw:
    """One published law; hashable, without arrays."""

    name: str
    "name in study files and on the command line"
    modulus: tuple[float, float, float]
    "offset (MPa), factor (MPa per (g/cm3)^exponent), exponent of the axial modulus"
    yield_stress: tuple[float, float, float] | None
    "the same for the yield stress, or None where the source gives none that was checked"
    density_type: str
    'density the law was fitted on: "k2hpo4" (QCT), "ash" or "apparent"'
    valid_from: float
    "lower end of the range of densities, g/cm3"
    valid_to: float
    "upper end of the range of densities, g/cm3"
    range_source: str
    "where the range comes from"
    citation: str
    "publication"

    @property
    def equation(self) -> str:
        """The modulus law in words, without the floor."""
        offset, factor, exponent = self.modulus
        power = "" if exponent == 1.0 else f"^{exponent:g}"
        lead = f"{offset:g} + " if offset else ""
        return f"E = {lead}{factor:g} rho{power} MPa, rho in g/cm3 ({self.density_type})"

    def modulus_mpa(self, density: jax.Array) -> jax.Array:
        """Axial modulus in MPa of a density in g/cm3, any shape; smooth, positive, increasing everywhere."""
        return _floored(jnp.asarray(density), self.modulus, MODULUS_FLOOR_MPA)

    def yield_stress_mpa(self, density: jax.Array) -> jax.Array:
        """Compressive yield stress in MPa of a density in g/cm3, any shape; smooth, positive, increasing.

        Raises:
          ValueError: the law has none.
        """
        if self.yield_stress is None:
            have = ", ".join(law.name for law in DENSITY_LAWS.values() if law.yield_stress is not None)
            raise ValueError(f"the density law {self.name!r} gives no yield stress; laws that do: {have}")
        return _floored(jnp.asarray(density), self.yield_stress, YIELD_FLOOR_MPA)

    def out_of_range(self, density: jax.Array) -> jax.Array:
        """How many entries of a density in g/cm3 lie outside the range of the law; integer scalar."""
        density = jnp.asarray(density)
        return jnp.sum((density < self.valid_from) | (density > self.valid_to))


_ASSUMED_QCT = "assumed: usual range of vertebral cancellous QCT density; the original was not at hand"
_KOPPERDAHL = "Kopperdahl, Morgan, Keaveny 2002, J Orthop Res 20:801 (human vertebral cancellous bone)"

_LAWS = (
    DensityLaw(
        "kopperdahl-2002",
        (-34.7, 3230.0, 1.0),
        (-0.75, 24.9, 1.0),
        "k2hpo4",
        0.03,
        0.30,
        _ASSUMED_QCT,
        _KOPPERDAHL,
    ),
    DensityLaw(
        "kopperdahl-2002-power",
        (0.0, 2980.0, 1.05),
        (0.0, 37.4, 1.39),
        "k2hpo4",
        0.03,
        0.30,
        _ASSUMED_QCT,
        _KOPPERDAHL,
    ),
    DensityLaw(
        "crawford-2003",
        (-34.7, 3230.0, 1.0),
        (-0.75, 24.9, 1.0),
        "k2hpo4",
        0.03,
        0.30,
        _ASSUMED_QCT,
        "Crawford, Cann, Keaveny 2003, Bone 33:744: the linear law of Kopperdahl 2002 voxel by voxel",
    ),
    DensityLaw(
        "morgan-2003",
        (0.0, 4730.0, 1.56),
        None,
        "apparent",
        *_APPARENT_RANGE,
        _APPARENT_SOURCE,
        "Morgan, Bayraktar, Keaveny 2003, J Biomech 36:897 (human vertebra)",
    ),
    DensityLaw(
        "keller-1994",
        (0.0, 1890.0, 1.92),
        None,
        "ash",
        0.6 * _APPARENT_RANGE[0],
        0.6 * _APPARENT_RANGE[1],
        f"assumed: ash is 0.6 of the apparent density; {_APPARENT_SOURCE}",
        "Keller 1994, J Biomech 27:1159 (human lumbar spine)",
    ),
    DensityLaw(
        "kopperdahl-keaveny-1998",
        (-80.0, 2100.0, 1.0),
        None,
        "apparent",
        *_APPARENT_RANGE,
        _APPARENT_SOURCE,
        "Kopperdahl, Keaveny 1998, J Biomech 31:601 (human vertebral cancellous bone)",
    ),
    DensityLaw(
        "keaveny-1997",
        (-58.0, 1540.0, 1.0),
        None,
        "apparent",
        *_APPARENT_RANGE,
        _APPARENT_SOURCE,
        "Keaveny et al. 1997, human lumbar spine (as listed in the open codes)",
    ),
)

DENSITY_LAWS = MappingProxyType({law.name: law for law in _LAWS})
"The density laws by name."


def density_law(name: str) -> DensityLaw:
    """Density law by name.

    Raises:
      ValueError: unknown name.
    """
    if name not in DENSITY_LAWS:
        raise ValueError(f"`name` must be a density law, one of {', '.join(DENSITY_LAWS)}; got {name!r}")
    return DENSITY_LAWS[name]


def _floored(density: jax.Array, law: tuple[float, float, float], floor: float) -> jax.Array:
    offset, factor, exponent = law
    if exponent == 1.0:
        raw = offset + factor * density
    else:
        positive = DENSITY_SOFTNESS * jax.nn.softplus(density / DENSITY_SOFTNESS)
        raw = offset + factor * positive**exponent
    return floor + floor * jax.nn.softplus((raw - floor) / floor)
