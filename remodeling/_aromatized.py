"""Estradiol of a man from his testosterone, where only the latter was measured."""

import jax
import jax.numpy as jnp

from ._axis_binding import free_testosterone_nmol_l
from ._axis_parameters import AxisParameters


def estradiol_from_testosterone(
    testosterone_ng_dl: jax.Array | float,
    typical_testosterone_ng_dl: jax.Array | float,
    typical_estradiol_pg_ml: jax.Array | float,
    shbg_nmol_l: jax.Array | float,
    albumin_g_l: jax.Array | float,
    constants: AxisParameters,
) -> jax.Array:
    """Estradiol of a man whose aromatase is that of the typical man of his age, pg/mL.

        E = E_ad + (E_typical - E_ad) g(T) / g(T_typical),  g = fT / (Km + fT)

    Saturable aromatization of free testosterone (Lakshman et al. 2010) beside estradiol from adrenal
    precursors; both testosterones at his own SHBG and albumin.
    """

    def aromatized(testosterone: jax.Array | float) -> jax.Array:
        free = free_testosterone_nmol_l(
            jnp.asarray(testosterone), jnp.asarray(shbg_nmol_l), jnp.asarray(albumin_g_l), constants
        )
        return free / (constants.aromatase_km_nmol_l + free)

    adrenal = jnp.minimum(constants.adrenal_estradiol, 0.5 * typical_estradiol_pg_ml)
    part = aromatized(testosterone_ng_dl) / aromatized(typical_testosterone_ng_dl)
    return adrenal + (typical_estradiol_pg_ml - adrenal) * part
