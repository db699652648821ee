"""Bounds of the stiffness of a composite from the shares of its phases."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike


class StiffnessBounds(NamedTuple):
    """A lower and an upper bound."""

    lower: jax.Array
    "lower bound, MPa"
    upper: jax.Array
    "upper bound, MPa"


class IsotropicBounds(NamedTuple):
    """Bounds of the two moduli of an isotropic composite."""

    bulk: StiffnessBounds
    "bulk modulus, MPa, shape ()"
    shear: StiffnessBounds
    "shear modulus, MPa, shape ()"


def voigt_reuss_bounds(share: ArrayLike, stiffness: ArrayLike) -> StiffnessBounds:
    """Mean of the stiffnesses and inverse mean of the compliances, Voigt form, MPa, shape (6, 6).

    Any apparent stiffness C of any arrangement obeys e.L.e <= e.C.e <= e.U.e for every strain e.

    Args:
      share: volume shares of the phases, summing to 1, shape (phases,).
      stiffness: stiffness of the phases, MPa, shape (phases, 6, 6). With a phase of no stiffness the lower
        bound is zero: leave it out and take zeros.

    Reference: Hill 1952, Proc. Phys. Soc. A 65, 349.
    """
    share = jnp.asarray(share)
    upper = jnp.einsum("p,pij->ij", share, stiffness)
    lower = jnp.linalg.inv(jnp.einsum("p,pij->ij", share, jnp.linalg.inv(stiffness)))
    return StiffnessBounds(lower, upper)


def hashin_shtrikman_bounds(share: ArrayLike, bulk: ArrayLike, shear: ArrayLike) -> IsotropicBounds:
    """Tightest bounds of a statistically isotropic composite of isotropic phases from their shares alone.

    Args:
      share: volume shares, summing to 1, shape (phases,).
      bulk, shear: moduli of the phases, MPa, shape (phases,), zero for void. The phase of least (largest)
        bulk modulus must also be that of least (largest) shear modulus, as it is for one Poisson ratio.

    Reference: Hashin and Shtrikman 1963, J. Mech. Phys. Solids 11, 127, in the form of Walpole 1966.
    """

    def bound(pick):
        reference = pick(shear)
        bulk_shift = 4.0 / 3.0 * reference
        largest_bulk = pick(bulk)
        # 0 / 0 for void, where both limits are zero
        safe = jnp.where(reference > 0, largest_bulk + 2.0 * reference, 1.0)
        shear_shift = reference / 6.0 * (9.0 * largest_bulk + 8.0 * reference) / safe
        return (
            1.0 / jnp.sum(share / (bulk + bulk_shift)) - bulk_shift,
            1.0 / jnp.sum(share / (shear + shear_shift)) - shear_shift,
        )

    share, bulk, shear = (jnp.asarray(value) for value in (share, bulk, shear))
    lower, upper = bound(jnp.min), bound(jnp.max)
    return IsotropicBounds(StiffnessBounds(lower[0], upper[0]), StiffnessBounds(lower[1], upper[1]))
