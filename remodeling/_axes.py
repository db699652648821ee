"""The male pituitary-gonadal axis in quasi-steady state: LH, testosterone, estradiol, free testosterone.

    L = L0 Lm x / (Lm - 1 + x),  x = g (T/T0)^-gT (E/E0)^-gE
    T = cap T0 (1 + s h(L)) / (1 + s h(L0)) + T_exo,  h = L / (L + K_L)
    E = A ( V fT / (Km + fT) + E_ad )

The axis settles within days, bone within months. Each step solves one scalar equation for ln L; the loop
gain is negative, so the root is unique.
"""

from dataclasses import dataclass, fields

import jax
import jax.numpy as jnp
from jax import lax

from ._drives import smooth_positive
from ._person import Person, testosterone_ng_dl_from_nmol_l, testosterone_nmol_l

BISECTIONS = 45
"""Halvings of the bracket of ln LH, about 1e-12 of its width."""
NEWTON_POLISH = 2
"""Newton steps after the bisection; they carry the derivative of the implicit function."""
LOWEST_LH = 1e-6
"""Lower end of the bracket, IU/L."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class AxisParameters:
    """Constants of the male axis, scalars ()."""

    testosterone: jax.Array
    "T0, testosterone of the reference man, ng/dL; 550, assumed (as in the bone equations)"
    estradiol: jax.Array
    "E0, estradiol of the reference man, pg/mL; 30, assumed (as in the bone equations)"
    lh: jax.Array
    "L0, LH of the reference man, IU/L; 4.5, assumed"
    lh_reserve: jax.Array
    "Lm, largest LH over L0; 12, assumed"
    testosterone_feedback: jax.Array
    "gT, exponent of testosterone in the feedback; 0.5, assumed"
    estradiol_feedback: jax.Array
    "gE, exponent of estradiol in the feedback; 3, assumed"
    secretion_gain: jax.Array
    "s, LH-driven over basal testosterone secretion; 77.5, Tornoe et al. 2007 (abstract)"
    secretion_half_lh: jax.Array
    "K_L, LH of half secretion, IU/L; 5.18, Tornoe et al. 2007 (abstract)"
    aromatase_km_nmol_l: jax.Array
    "Km, free testosterone of half aromatization, nmol/L; 1.83, Lakshman et al. 2010 (abstract)"
    adrenal_estradiol: jax.Array
    "E_ad, estradiol from adrenal precursors, pg/mL; 3, assumed; at most half of the measured estradiol"
    shbg_affinity_l_nmol: jax.Array
    "association constant of SHBG and testosterone, L/nmol; 1.0, Vermeulen et al. 1999"
    albumin_affinity_l_mol: jax.Array
    "association constant of albumin and testosterone, L/mol; 3.6e4, Vermeulen et al. 1999"


_DEFAULTS = {
    "testosterone": 550.0,
    "estradiol": 30.0,
    "lh": 4.5,
    "lh_reserve": 12.0,
    "testosterone_feedback": 0.5,
    "estradiol_feedback": 3.0,
    "secretion_gain": 77.5,
    "secretion_half_lh": 5.18,
    "aromatase_km_nmol_l": 1.83,
    "adrenal_estradiol": 3.0,
    "shbg_affinity_l_nmol": 1.0,
    "albumin_affinity_l_mol": 3.6e4,
}

ALBUMIN_G_MOL = 69_000.0
"""Molar mass of albumin used by Vermeulen et al. 1999, g/mol."""


def make_axis_parameters(*, dtype=None, **values: float) -> AxisParameters:
    """Checked constants of the axis; what is not given is the default named in AxisParameters.

    Raises:
      ValueError: an unknown name or a value that is not positive.
    """
    unknown = sorted(set(values) - set(_DEFAULTS))
    if unknown:
        raise ValueError(f"`values` needs names among {sorted(_DEFAULTS)}, got {unknown[0]!r}")
    for name, value in values.items():
        if not float(value) > 0:
            raise ValueError(f"`{name}` must be positive, got {value}")
    return AxisParameters(
        **{f.name: jnp.asarray((_DEFAULTS | values)[f.name], dtype or float) for f in fields(AxisParameters)}
    )


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class MatchedAxis:
    """What makes the axis of one person reproduce the untreated levels, scalars ()."""

    gnrh_drive: jax.Array
    "g, 1 in the reference man"
    leydig_capacity: jax.Array
    "cap, 1 in the reference man"
    aromatase_maximum: jax.Array
    "V, pg/mL"
    adrenal_estradiol: jax.Array
    "E_ad, pg/mL"
    lh_iu_l: jax.Array
    "LH before treatment, IU/L"


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


def _secretion(lh, constants):
    return 1.0 + constants.secretion_gain * lh / (lh + constants.secretion_half_lh)


def _lh_from_drive(x, constants):
    reserve = constants.lh_reserve
    return constants.lh * reserve * x / (reserve - 1.0 + x)


def _feedback(testosterone, estradiol, constants):
    return (testosterone / constants.testosterone) ** -constants.testosterone_feedback * (
        estradiol / constants.estradiol
    ) ** -constants.estradiol_feedback


def match_axis(person: Person, constants: AxisParameters) -> MatchedAxis:
    """GnRH drive, Leydig capacity and aromatase that give the person's untreated levels exactly.

    With a measured LH both drive and capacity follow from data. Without: "primary" takes the drive of the
    reference man, "secondary" his testis, "intact" his LH.
    """
    t, e = person.testosterone_ng_dl, person.estradiol_pg_ml
    feedback = _feedback(t, e, constants)
    if person.lh_iu_l is not None:
        lh = person.lh_iu_l
    elif person.axis == "primary":
        lh = _lh_from_drive(feedback, constants)
    elif person.axis == "secondary":
        secretion = _secretion(constants.lh, constants) * t / constants.testosterone
        share = (secretion - 1.0) / constants.secretion_gain
        lh = constants.secretion_half_lh * share / (1.0 - share)
    else:
        lh = constants.lh
    reserve = constants.lh_reserve
    x = lh * (reserve - 1.0) / (constants.lh * reserve - lh)
    free = free_testosterone_nmol_l(t, person.shbg_nmol_l, person.albumin_g_l, constants)
    adrenal = jnp.minimum(constants.adrenal_estradiol, 0.5 * e)
    return MatchedAxis(
        gnrh_drive=x / feedback,
        leydig_capacity=t
        / constants.testosterone
        * _secretion(constants.lh, constants)
        / _secretion(lh, constants),
        aromatase_maximum=(e - adrenal) * (constants.aromatase_km_nmol_l + free) / free,
        adrenal_estradiol=adrenal,
        lh_iu_l=lh,
    )


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class AxisLevels:
    """Levels of the axis, shape as the drugs given."""

    testosterone_ng_dl: jax.Array
    "total testosterone, ng/dL"
    estradiol_pg_ml: jax.Array
    "total estradiol, pg/mL"
    free_testosterone_ng_dl: jax.Array
    "free testosterone, ng/dL"
    lh_iu_l: jax.Array
    "luteinizing hormone, IU/L"
    residual: jax.Array
    "what is left of the equation for ln LH; below 1e-9 in float64"


def solve_axis(
    person: Person,
    matched: MatchedAxis,
    constants: AxisParameters,
    *,
    exogenous_testosterone_ng_dl: jax.Array,
    aromatase: jax.Array,
    gnrh_share: jax.Array,
) -> AxisLevels:
    """Levels under drugs: bisection on ln LH, then Newton steps that carry the implicit derivative.

    Args:
      person, matched, constants: the person's axis.
      exogenous_testosterone_ng_dl: level that the dosing alone gives, (steps,).
      aromatase: residual activity A, 1 untreated, (steps,).
      gnrh_share: share of the missing GnRH drive that is replaced, 0 to 1, (steps,).
    """
    drive = matched.gnrh_drive + gnrh_share * smooth_positive(1.0 - matched.gnrh_drive)

    def levels(lh):
        t = (
            matched.leydig_capacity
            * constants.testosterone
            * _secretion(lh, constants)
            / _secretion(constants.lh, constants)
            + exogenous_testosterone_ng_dl
        )
        free = free_testosterone_nmol_l(t, person.shbg_nmol_l, person.albumin_g_l, constants)
        e = aromatase * (
            matched.aromatase_maximum * free / (constants.aromatase_km_nmol_l + free)
            + matched.adrenal_estradiol
        )
        return t, e, free

    def excess(log_lh):
        t, e, _ = levels(jnp.exp(log_lh))
        return log_lh - jnp.log(_lh_from_drive(drive * _feedback(t, e, constants), constants))

    shape = jnp.broadcast_shapes(
        jnp.shape(exogenous_testosterone_ng_dl), jnp.shape(aromatase), jnp.shape(gnrh_share)
    )
    top = jnp.log(constants.lh * constants.lh_reserve)
    low = jnp.full(shape, jnp.log(LOWEST_LH), top.dtype)
    high = jnp.broadcast_to(lax.stop_gradient(top), shape)

    def halve(_, bracket):
        low, high = bracket
        middle = 0.5 * (low + high)
        above = lax.stop_gradient(excess(middle)) > 0
        return jnp.where(above, low, middle), jnp.where(above, middle, high)

    low, high = lax.fori_loop(0, BISECTIONS, halve, (low, high))
    log_lh = lax.stop_gradient(0.5 * (low + high))
    for _ in range(NEWTON_POLISH):
        value, slope = jax.jvp(excess, (log_lh,), (jnp.ones_like(log_lh),))
        log_lh = log_lh - value / slope
    lh = jnp.exp(log_lh)
    t, e, free = levels(lh)
    return AxisLevels(
        testosterone_ng_dl=t,
        estradiol_pg_ml=e,
        free_testosterone_ng_dl=testosterone_ng_dl_from_nmol_l(free),
        lh_iu_l=lh,
        residual=jnp.abs(excess(log_lh)),
    )
