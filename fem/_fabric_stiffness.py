"""Stiffness of trabecular bone from its volume fraction and fabric (Zysset and Curnier)."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ._tensors import PAIRS


class FabricStiffness(NamedTuple):
    """Constants of the relation; Python numbers or arrays."""

    lambda0: jax.Array | float
    "Lame constant of the diagonal terms at BV/TV 1, MPa"
    lambda0_prime: jax.Array | float
    "Lame constant of the coupling terms at BV/TV 1, MPa"
    mu0: jax.Array | float
    "shear modulus at BV/TV 1, MPa"
    density_exponent: jax.Array | float
    "k, exponent of BV/TV, -"
    fabric_exponent: jax.Array | float
    "l, exponent of the fabric eigenvalues, -"


class FabricStiffnessFit(NamedTuple):
    """Fit of the relation to measured stiffnesses."""

    constants: FabricStiffness
    "the constants"
    log_residual: np.ndarray
    "ln(measured / relation) of C11 C22 C33 C23 C13 C12 G23 G13 G12, -, shape (regions, 9)"
    r_squared: float
    "share of the variance of the logarithms that the relation explains, -"


TIBIA_FABRIC_STIFFNESS = FabricStiffness(4817.8, 3222.8, 4047.9, 2.0315, 0.8179)
"""Fit to 603 regions of human tibia (FABCORT, artorg-unibe-ch, MIT licence): kinematic-uniform, tissue of
10 GPa, v = 0.3, cubes of 5.2 mm by HR-pQCT at 61 um, those whose coefficient of variation of BV/TV is
below 0.263, as its authors choose. Standard deviation of the logarithm about it: 0.21 of a component, 0.15
of the mean of a region; r2 of the logarithms 0.947. For masks of such scans, whose struts are thickened by
blur and threshold: those of micro-CT lie above it, by 0.4 at BV/TV 0.23 (docs/loads.md).

Reference: Simon et al. 2022, Bone 155, 116282 (scans, regions and homogenisation)."""

FEMUR_FABRIC_STIFFNESS = FabricStiffness(3306.0, 2736.0, 2837.0, 1.55, 0.82)
"""Published for 126 regions of human femur: kinematic-uniform, tissue of 10 GPa, v = 0.3, cubes of 5.3 mm by
micro-CT at 18 um coarsened to 36 um, coefficient of variation of BV/TV below 0.263; BV/TV 0.27 +- 0.08,
m3 / m1 1.57 +- 0.18. For masks of micro-CT.

Reference: Panyasantisuk et al. 2015, J. Biomech. Eng. 137, 011002, as quoted in table 4 of the
manuscript of Simon et al. 2022 (repository MathieuSm/FABTIB); the article itself was not at hand."""


def fabric_stiffness(
    bv_tv: jax.Array | float,
    fabric: jax.Array,
    constants: FabricStiffness = TIBIA_FABRIC_STIFFNESS,
) -> jax.Array:
    """Stiffness along the fabric axes.

    C_ii = (lambda0 + 2 mu0) f^k m_i^2l, C_ij = lambda0' f^k (m_i m_j)^l, G_ij = mu0 f^k (m_i m_j)^l.

    Args:
      bv_tv: bone volume fraction f, -, scalar.
      fabric: eigenvalues m of the fabric tensor, sum 3, shape (3,).
      constants: those of the scan, the tissue and the homogenisation; the default stands for HR-pQCT
        (`FEMUR_FABRIC_STIFFNESS` for micro-CT) and a tissue modulus of 10 GPa, and scales with it.

    Returns:
      Voigt form, MPa, shape (6, 6), along the axes of the eigenvalues.

    Reference: Zysset and Curnier 1995, Mech. Mater. 21, 243; Zysset 2003, J. Biomech. 36, 1469.
    """
    fabric = jnp.asarray(fabric)
    power = fabric**constants.fabric_exponent
    pairs = power[:, None] * power[None]
    diagonal = constants.lambda0 + 2 * constants.mu0
    normal = jnp.where(jnp.eye(3, dtype=bool), diagonal, constants.lambda0_prime) * pairs
    shear = constants.mu0 * jnp.stack([pairs[i, j] for i, j in PAIRS[3:]])
    stiffness = jnp.zeros((6, 6), normal.dtype).at[:3, :3].set(normal)
    return bv_tv**constants.density_exponent * stiffness.at[jnp.arange(3, 6), jnp.arange(3, 6)].set(shear)


def fit_fabric_stiffness(bv_tv: np.ndarray, fabric: np.ndarray, stiffness: np.ndarray) -> FabricStiffnessFit:
    """Constants by linear least squares on logarithms, every component of every region with the same weight.

    Off-diagonal terms count twice, as they stand twice in the matrix.

    Args:
      bv_tv: bone volume fractions, shape (regions,).
      fabric: eigenvalues, shape (regions, 3).
      stiffness: along the axes of the eigenvalues, Voigt form (shear terms G, not 2 G), MPa,
        (regions, 6, 6).

    Raises:
      ValueError: shapes that do not fit, or entries of these nine components that are not positive.
    """
    bv_tv, fabric, stiffness = (np.asarray(value, np.float64) for value in (bv_tv, fabric, stiffness))
    count = len(bv_tv)
    if fabric.shape != (count, 3) or stiffness.shape != (count, 6, 6) or count < 2:
        raise ValueError(
            "`bv_tv`, `fabric` and `stiffness` must have shapes (n,), (n, 3) and (n, 6, 6), n at least 2, "
            f"got {bv_tv.shape}, {fabric.shape} and {stiffness.shape}"
        )
    measured = np.stack([stiffness[:, row, column] for row, column in _COMPONENTS], axis=1)
    wrong = ~((measured > 0).all(axis=1) & (bv_tv > 0) & (fabric > 0).all(axis=1))
    if wrong.any():
        raise ValueError(
            f"`stiffness`, `bv_tv` and `fabric` must be positive, got {int(wrong.sum())} regions that are "
            f"not, the first number {int(np.argmax(wrong))}"
        )
    kind = np.repeat(np.eye(3), 3, axis=0)
    product = np.stack([fabric[:, i] * fabric[:, j] for i, j in _FABRIC_PAIRS], axis=1)
    design = np.concatenate(
        [
            np.broadcast_to(kind, (count, 9, 3)),
            np.broadcast_to(np.log(bv_tv)[:, None, None], (count, 9, 1)),
            np.log(product)[:, :, None],
        ],
        axis=2,
    )
    weight = np.sqrt(np.array([1, 1, 1, 2, 2, 2, 1, 1, 1], np.float64))
    left, right = (design * weight[:, None]).reshape(-1, 5), (np.log(measured) * weight).ravel()
    found = np.linalg.lstsq(left, right, rcond=None)[0]
    residual = np.log(measured) - design @ found
    spread = np.log(measured) - np.average(np.log(measured), weights=np.broadcast_to(weight**2, (count, 9)))
    r_squared = 1 - np.sum((residual * weight) ** 2) / np.sum((spread * weight) ** 2)
    mu0 = np.exp(found[2])
    constants = FabricStiffness(
        float(np.exp(found[0]) - 2 * mu0),
        float(np.exp(found[1])),
        float(mu0),
        float(found[3]),
        float(found[4]),
    )
    return FabricStiffnessFit(constants, residual, float(r_squared))


_COMPONENTS = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1), (3, 3), (4, 4), (5, 5))
_FABRIC_PAIRS = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1), (1, 2), (0, 2), (0, 1))
