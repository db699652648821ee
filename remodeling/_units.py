"""Conversions between the units in which laboratories report hormones."""

import jax

NG_DL_PER_NMOL_L_TESTOSTERONE = 28.842
"""Testosterone, molar mass 288.42 g/mol."""
PG_ML_PER_PMOL_L_ESTRADIOL = 0.27238
"""Estradiol, molar mass 272.38 g/mol."""
NG_ML_PER_NMOL_L_IGF1 = 7.649
"""IGF-1, molar mass 7649 g/mol."""
NG_DL_PER_PMOL_L_THYROXINE = 0.077687
"""Thyroxine, molar mass 776.87 g/mol."""


def testosterone_nmol_l(ng_dl: jax.Array) -> jax.Array:
    """Testosterone from ng/dL to nmol/L."""
    return ng_dl / NG_DL_PER_NMOL_L_TESTOSTERONE


def testosterone_ng_dl_from_nmol_l(nmol_l: jax.Array) -> jax.Array:
    """Testosterone from nmol/L to ng/dL."""
    return nmol_l * NG_DL_PER_NMOL_L_TESTOSTERONE


def estradiol_pmol_l(pg_ml: jax.Array) -> jax.Array:
    """Estradiol from pg/mL to pmol/L."""
    return pg_ml / PG_ML_PER_PMOL_L_ESTRADIOL


def estradiol_pg_ml_from_pmol_l(pmol_l: jax.Array) -> jax.Array:
    """Estradiol from pmol/L to pg/mL."""
    return pmol_l * PG_ML_PER_PMOL_L_ESTRADIOL
