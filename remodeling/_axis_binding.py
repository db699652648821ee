"""Free hormones: binding of testosterone and estradiol to SHBG and albumin."""

import jax
import jax.numpy as jnp

from ._axis_parameters import AxisParameters
from ._units import testosterone_nmol_l

ALBUMIN_G_MOL = 69_000.0
"""Molar mass of albumin used by Vermeulen et al. 1999, g/mol."""


def free_testosterone_nmol_l(
    testosterone_ng_dl: jax.Array, shbg_nmol_l: jax.Array, albumin_g_l: jax.Array, constants: AxisParameters
) -> jax.Array:
    """Free testosterone, nmol/L (Vermeulen, Verdonck and Kaufman 1999): root of the binding quadratic.

    T = N fT + SHBG K fT / (1 + K fT),  N = 1 + K_alb [albumin].
    """
    total = testosterone_nmol_l(testosterone_ng_dl)
    k = constants.shbg_affinity_l_nmol
    n = 1.0 + constants.albumin_affinity_l_mol * albumin_g_l / ALBUMIN_G_MOL
    b = n + k * (shbg_nmol_l - total)
    return 2.0 * total / (b + jnp.sqrt(b**2 + 4.0 * n * k * total))


def free_estradiol_pg_ml(
    estradiol_pg_ml: jax.Array,
    free_testosterone_nmol_l: jax.Array,
    shbg_nmol_l: jax.Array,
    albumin_g_l: jax.Array,
    constants: AxisParameters,
) -> jax.Array:
    """Free estradiol, pg/mL (binding constants of Sodergard et al. 1982).

    fE = E / (1 + K_AE [albumin] + K_SE P),  P = SHBG / (1 + K_ST fT): testosterone takes its share of SHBG;
    estradiol, a hundredth of SHBG, takes none worth counting (below 200 pg/mL, that is 0.7 nmol/L).
    """
    unoccupied = shbg_nmol_l / (1.0 + constants.shbg_affinity_l_nmol * free_testosterone_nmol_l)
    albumin = constants.albumin_estradiol_l_mol * albumin_g_l / ALBUMIN_G_MOL
    return estradiol_pg_ml / (1.0 + albumin + constants.shbg_estradiol_l_nmol * unoccupied)
