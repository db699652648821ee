"""Elastoplastic law of bone that yields earlier in tension than in compression.

Elastic domain: the quadric of Schwiedrzik, Gross, Bina, Pretterklieber, Zysset, Pahr 2013 for isotropic
bone,

    f = A sqrt(2 (1 + z) J2 + (1 - 2 z) / 3 I1^2) + B I1 - 1 <= 0
    A = (1 / y+ + 1 / y-) / 2,  B = (1 / y+ - 1 / y-) / 2

with the uniaxial yield stresses y+ in tension and y- in compression and the interaction z; z = 0.5 is the
cone of Drucker and Prager, z = 0.5 with y+ = y- the cylinder of von Mises. Below z = 0.5 - 1.5 (B / A)^2 the
surface is a closed ellipsoid

    (s - c) . P (s - c) = 1

which is what is used here: the flow is associated, so that only the set matters, not the function. It
hardens isotropically, the set grows by r = 1 + H k / ey with the accumulated plastic strain k and the yield
strain ey, H = b / (1 - b): a bar in compression yields at y- and then has the modulus b E. An increment
minimises a convex potential, so that its tangent is symmetric and positive.

In the basis T with D = T T' and T' P T = diag(theta) a stress is T y, its energy is |y|^2 / 2 for E = 1, and
the return to the surface is the nearest point of a growing ellipsoid with known axes: one scalar equation.
"""

from dataclasses import dataclass
from functools import lru_cache, partial
from types import MappingProxyType
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ._materials import Material, stiffness_matrix

RETURN_ITERATIONS = 6
"""Newton iterations of the return mapping: five leave 4e-6 of the trial stress at worst over tested states
(hardening 1e-4 to 0.9, trial stresses to 1e4 yield stresses), six leave rounding."""

TISSUE_YIELD_STRAIN = 0.0081
"""Compressive yield strain of trabecular bone tissue at 0.2 % offset, - (see docs/strength.md)."""


@dataclass(frozen=True)
class YieldSurface:
    """Shape of the elastic domain and hardening; hashable, without arrays. Its size is given per element."""

    name: str
    "name for reports and on the command line"
    tension_over_compression: float
    "uniaxial yield stress in tension over that in compression, -"
    interaction: float
    "z of the quadric, -: 0.5 for a Drucker-Prager cone, less for a surface closed under pressure"
    hardening: float
    "modulus after yield over the elastic one, -"
    source: str
    "where the numbers come from, and which are assumed"


def make_yield_surface(
    *,
    tension_over_compression: float,
    interaction: float = 0.28,
    hardening: float = 0.05,
    name: str = "quadric",
    source: str = "stated by the caller",
) -> YieldSurface:
    """A yield surface, checked.

    Args:
      tension_over_compression: y+ / y-, above 0.
      interaction: z, above -0.5. At most 0.5 - 1.5 ((1 - q) / (1 + q))^2 with q = y+ / y-, where the surface
        opens towards hydrostatic compression; equality is allowed for q = 1 only (von Mises).
      hardening: modulus after yield over the elastic one, from 1e-4 to 0.9. Zero is refused: a perfectly
        plastic body has no unique displacement at its limit load.
      name, source: for reports.

    Raises:
      ValueError: a number out of range.
    """
    ratio = float(tension_over_compression)
    if not (np.isfinite(ratio) and ratio > 0.0):
        raise ValueError(f"`tension_over_compression` must be a positive ratio, got {ratio}")
    limit = 0.5 - 1.5 * ((1.0 - ratio) / (1.0 + ratio)) ** 2
    closed = interaction < limit or (ratio == 1.0 and interaction == limit)
    if not (interaction > -0.5 and closed):
        raise ValueError(
            f"`interaction` must lie above -0.5 and below {limit:.4g} for a surface that is closed under "
            f"hydrostatic compression at a tension over compression of {ratio:g}, got {interaction}"
        )
    if not 1e-4 <= hardening <= 0.9:
        raise ValueError(
            f"`hardening` must lie between 1e-4 and 0.9, got {hardening}; 0.05 is customary, 0.001 is close "
            "to perfect plasticity"
        )
    return YieldSurface(name, ratio, float(interaction), float(hardening), source)


_SURFACES = (
    make_yield_surface(
        name="bone-tissue",
        tension_over_compression=0.41 / 0.81,
        source="yield strains 0.41 % in tension and 0.81 % in compression, post-yield modulus 5 %, as quoted "
        "after Bayraktar et al. 2004, J Biomech 37:27 (original not at hand); interaction assumed",
    ),
    make_yield_surface(
        name="vertebral-cancellous",
        tension_over_compression=0.78 / 0.84,
        source="yield strains 0.78 % in tension and 0.84 % in compression, as quoted after Kopperdahl, "
        "Keaveny 1998, J Biomech 31:601 (original not at hand); interaction 0.28 of trabecular bone as in an "
        "open script with the constants of Zysset 2013; post-yield modulus 5 % assumed",
    ),
)

YIELD_SURFACES = MappingProxyType({surface.name: surface for surface in _SURFACES})
"The yield surfaces by name: bone tissue (micro-CT voxels) and vertebral cancellous bone (CT voxels)."


class Geometry(NamedTuple):
    """A surface in the basis in which elasticity and yield are both diagonal (host, float64)."""

    basis: np.ndarray
    "T, shape (6, 6): stress = T y, y = T' strain for a modulus of 1 MPa"
    theta: tuple[float, ...]
    "squared inverse half axes of the ellipsoid for a compressive yield stress of 1 MPa, one per group"
    group: tuple[int, ...]
    "group of every coordinate: coordinates of the same half axis (two groups if isotropic)"
    centre: tuple[float, ...]
    "centre of the ellipsoid, six coordinates"


@lru_cache(maxsize=16)
def surface_geometry(material: Material, surface: YieldSurface) -> Geometry:
    """Geometry of a surface for the elastic constants of a material."""
    tension = surface.tension_over_compression
    mean, difference = (1.0 / tension + 1.0) / 2.0, (1.0 / tension - 1.0) / 2.0
    interaction = surface.interaction
    quadric = np.zeros((6, 6))
    quadric[:3, :3] = (1.0 + interaction) * np.eye(3) - interaction
    quadric[3:, 3:] = 2.0 * (1.0 + interaction) * np.eye(3)
    linear = difference * np.array([1.0, 1.0, 1.0, 0.0, 0.0, 0.0])
    matrix = mean**2 * quadric - np.outer(linear, linear)
    # the volumetric axis of the cylinder of von Mises has no centre: pinv leaves it at zero
    shift = np.linalg.pinv(matrix, hermitian=True) @ linear
    matrix = matrix / (1.0 + linear @ shift)
    root = np.linalg.cholesky(stiffness_matrix(material))
    theta, turn = np.linalg.eigh(root.T @ matrix @ root)
    theta = np.where(theta > 1e-12 * theta.max(), theta, 0.0)
    basis = root @ turn
    centre = np.linalg.solve(basis, -shift)
    group = np.concatenate([[0], np.cumsum(np.diff(theta) > 1e-9 * theta.max())])
    groups = [float(theta[group == number].mean()) for number in range(int(group[-1]) + 1)]
    return Geometry(basis, tuple(groups), tuple(int(g) for g in group), tuple(float(c) for c in centre))


def _slope(surface):
    """Growth of the domain per accumulated plastic strain over the yield strain."""
    return surface.hardening / (1 - surface.hardening)


@partial(jax.custom_jvp, nondiff_argnums=(2, 3))
def return_to_surface(trial, size, material: Material, surface: YieldSurface):
    """Stress and size of the elastic domain after an increment, in the coordinates of `surface_geometry`.

    The pair (y, q) minimises |y - t|^2 / 2 + (q - r)^2 / (2 H) over the cone |y - q c|_theta <= q. With the
    multiplier m, y - q c = (t - q c) / (1 + m theta) and q = r + H m p, p = q + c . theta (y - q c).

    Args:
      trial: trial stress t over the compressive yield stress, shape (6, ...).
      size: size r of the domain at the start of the increment, 1 before anything yields, shape (...).

    Returns:
      y, shape (6, ...), and q, shape (...): equal to the arguments where nothing yields.
    """
    stress, grown, *_ = _return(trial, size, material, surface)
    return stress, grown


def _return(trial, size, material, surface):
    """Stress, size, multiplier m (zero inside), 1 / (1 + m theta), and the gradient n of the gauge."""
    geometry = surface_geometry(material, surface)
    slope = _slope(surface)
    groups = range(len(geometry.theta))
    members = [[i for i in range(6) if geometry.group[i] == g] for g in groups]
    # sums over the coordinates of one half axis: all that the equation for m needs
    square = [sum(trial[i] ** 2 for i in members[g]) for g in groups]
    linear = [sum(geometry.centre[i] * trial[i] for i in members[g]) for g in groups]
    fixed = [sum(geometry.centre[i] ** 2 for i in members[g]) for g in groups]

    def factors(multiplier):
        return [1 / (1 + multiplier * theta) for theta in geometry.theta]

    def at(multiplier):
        """Size q and pull p that belong to a multiplier: (t - q c) / (1 + m theta) has the length q."""
        factor = factors(multiplier)
        weight = [geometry.theta[g] * factor[g] ** 2 for g in groups]
        middle = sum(weight[g] * linear[g] for g in groups)
        rest = 1 - sum(weight[g] * fixed[g] for g in groups)
        root = jnp.sqrt(middle**2 + sum(weight[g] * square[g] for g in groups) * rest)
        grown = (root - middle) / rest
        pull = sum(geometry.theta[g] * factor[g] * (linear[g] - grown * fixed[g]) for g in groups)
        return grown, grown + pull

    def excess(multiplier):
        """(r + H m p) / q - 1: nearly straight in m, zero at the answer."""
        grown, pull = at(multiplier)
        return (size + slope * multiplier * pull) / grown - 1

    zero = jnp.zeros_like(size)
    outside = at(zero)[0] > size

    def newton(_, multiplier):
        value, rise = jax.jvp(excess, (multiplier,), (jnp.ones_like(multiplier),))
        step = value / jnp.where(outside, rise, 1)
        return jnp.where(outside, jnp.maximum(multiplier - step, 0), 0)

    multiplier = lax.fori_loop(0, RETURN_ITERATIONS, newton, zero)
    grown, pull = at(multiplier)
    factor = factors(multiplier)
    scale = jnp.where(outside, 1 / jnp.where(outside, pull, 1), 0)
    stress, gradient = [], []
    for i, (g, centre) in enumerate(zip(geometry.group, geometry.centre, strict=True)):
        offset = (trial[i] - grown * centre) * factor[g]
        stress.append(jnp.where(outside, grown * centre + offset, trial[i]))
        gradient.append(geometry.theta[g] * offset * scale)
    return jnp.stack(stress), jnp.where(outside, grown, size), multiplier, factor, jnp.stack(gradient)


def _dot(left, right):
    return sum(left[i] * right[i] for i in range(6))


@return_to_surface.defjvp
def _return_jvp(material, surface, primals, tangents):
    """Consistent tangent: dy = (diag(1 + m theta) + U S U')^-1 (dt + n dr / H), dq = n dy where it yields.

    U = (theta c, n), S = ((0, -m), (-m, 1 / H - m (1 - |c|_theta^2))): the conditions of the minimum,
    differentiated, with dq and dm eliminated; the inverse by Woodbury.
    """
    change, growth = tangents
    geometry = surface_geometry(material, surface)
    slope = _slope(surface)
    stress, grown, multiplier, groups, gradient = _return(primals[0], primals[1], material, surface)
    yields = multiplier > 0
    factor = jnp.stack([groups[g] for g in geometry.group])
    pulled = [geometry.theta[g] * c for g, c in zip(geometry.group, geometry.centre, strict=True)]
    first = jnp.stack([factor[i] * pulled[i] for i in range(6)])
    second = factor * gradient

    corner = jnp.where(yields, 1 / slope - multiplier * (1 - _dot(pulled, geometry.centre)), 0)
    g11, g12, g22 = _dot(first, pulled), _dot(first, gradient), _dot(second, gradient)
    # (I + S G)^-1 S, symmetric
    a11, a12 = 1 - multiplier * g12, -multiplier * g22
    a21, a22 = corner * g12 - multiplier * g11, 1 + corner * g22 - multiplier * g12
    determinant = a11 * a22 - a12 * a21
    k11 = a12 * multiplier / determinant
    k12 = -(a22 * multiplier + a12 * corner) / determinant
    k22 = (a21 * multiplier + a11 * corner) / determinant

    change = change + gradient * (growth / slope)
    along1, along2 = _dot(first, change), _dot(second, change)
    moved = factor * change - first * (k11 * along1 + k12 * along2) - second * (k12 * along1 + k22 * along2)
    return (stress, grown), (moved, jnp.where(yields, _dot(gradient, moved), growth))


def stress_update(strain, history, modulus, yield_stress, material: Material, surface: YieldSurface):
    """Stress and history at the end of an increment, in the coordinates of `surface_geometry`.

    Args:
      strain: T' strain at the end, shape (6, ...).
      history: T' plastic strain and the accumulated plastic strain at the start, shape (7, ...).
      modulus: axial modulus, MPa, shape (...).
      yield_stress: compressive yield stress, MPa, shape (...).

    Returns:
      stress y, MPa (T y is the stress), shape (6, ...), and the new history.
    """
    scale = modulus / yield_stress
    trial, size = (strain - history[:6]) * scale, 1 + _slope(surface) * history[6] * scale
    bounded, grown = return_to_surface(trial, size, material, surface)
    # a padding element has no modulus and does not flow
    back = jnp.where(modulus > 0, 1 / jnp.where(modulus > 0, scale, 1), 0)
    flow = jnp.concatenate([trial - bounded, (grown - size)[None] / _slope(surface)])
    return yield_stress * bounded, history + back * flow


def return_mapping(strain, history, modulus, yield_stress, material: Material, surface: YieldSurface):
    """Stress of a material point after an increment of strain.

    Args:
      strain: total strain at the end of the increment, order xx yy zz yz xz xy, shape (..., 6).
      history: plastic strain in the same order and accumulated plastic strain at its start, shape (..., 7);
        zeros before the first loading.
      modulus: axial modulus, MPa, shape (...).
      yield_stress: uniaxial compressive yield stress, MPa, shape (...).
      material: elastic constants relative to the axial modulus.
      surface: yield surface and hardening.

    Returns:
      stress, MPa, shape (..., 6), and the new history. Differentiable; the derivative of the stress by the
      strain is the consistent tangent (symmetric).

    Limits: small strains, no rate, no damage: unloading is elastic. The surface is isotropic, also for a
      transversely isotropic material.
    """
    basis = jnp.asarray(surface_geometry(material, surface).basis, strain.dtype)
    stress, history = stress_update(
        jnp.moveaxis(strain @ basis, -1, 0),
        jnp.moveaxis(jnp.concatenate([history[..., :6] @ basis, history[..., 6:]], axis=-1), -1, 0),
        jnp.asarray(modulus),
        jnp.asarray(yield_stress),
        material,
        surface,
    )
    return jnp.moveaxis(stress, 0, -1) @ basis.T, strain_history(history, material, surface)


def strain_history(history, material: Material, surface: YieldSurface):
    """A history (7, ...) in surface coordinates as strains xx yy zz yz xz xy, shape (..., 7)."""
    back = np.linalg.inv(surface_geometry(material, surface).basis)
    history = jnp.moveaxis(history, 0, -1)
    return jnp.concatenate([history[..., :6] @ jnp.asarray(back, history.dtype), history[..., 6:]], axis=-1)


def yield_value(stress, yield_stress, surface: YieldSurface):
    """The yield function f, -: negative inside the elastic domain, zero on it.

    Args:
      stress: order xx yy zz yz xz xy, MPa, shape (..., 6).
      yield_stress: compressive yield stress, grown by hardening where there was any, MPa, shape (...).
      surface: yield surface.

    Reference: Schwiedrzik et al. 2013, Biomech Model Mechanobiol 12:1155, isotropic case.
    """
    tension = surface.tension_over_compression
    mean, difference = (1 / tension + 1) / 2, (1 / tension - 1) / 2
    unit = stress / jnp.asarray(yield_stress)[..., None]
    trace = unit[..., 0] + unit[..., 1] + unit[..., 2]
    square = jnp.sum(unit[..., :3] ** 2, axis=-1) + 2 * jnp.sum(unit[..., 3:] ** 2, axis=-1)
    inner = (1 + surface.interaction) * square - surface.interaction * trace**2
    return mean * jnp.sqrt(jnp.maximum(inner, 0)) + difference * trace - 1
