"""The pituitary-gonadal axis of men and women in quasi-steady state: LH, testosterone, estradiol.

    L = rho L0 Lm x / (Lm - 1 + x),   x = drive of `_axis_pituitary`, with the feedback (T/T0)^-gT (E/E0)^-gE
    men    T = cap T0 S(L + hCG) / S(L0) + T_exo,                S = 1 + s h,  h = L / (L + K_L)
    women  T = T_adrenal + T_ovary H(L + hCG) / H(L_b) + T_exo,   H = L^2 / (L^2 + K_ov^2)
           E = A ( V fT / (Km + fT) + E_ad + E_ovary H(L + hCG) / H(L_b) ) + E_exo,   men: E_ovary = 0

The axis settles within days, bone within months. Each interval solves one scalar equation for ln L; the loop
gain is negative, so the root is unique.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import lax

from ._axis_binding import free_testosterone_nmol_l
from ._axis_ovary import Ovaries, ovaries_at_start
from ._axis_parameters import AxisParameters
from ._axis_pituitary import PituitaryInputs, untreated_pituitary
from ._person import AXIS_CODES, Person
from ._pharmacokinetics import TESTOSTERONE_CLEARANCE_L_PER_DAY
from ._response import smooth_positive
from ._units import testosterone_ng_dl_from_nmol_l

BISECTIONS = 45
"""Halvings of the bracket of ln LH, about 1e-12 of its width."""
NEWTON_POLISH = 2
"""Newton steps after the bisection; they carry the derivative of the implicit function."""
LOWEST_LH = 1e-9
"""Lower end of the bracket, IU/L."""
LARGEST_OVARY = 1.5
"""Most that an ovary makes at normal LH, over the reference or what the person's own makes (assumed)."""
PG_ML_PER_NG_DL = 10.0


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class MatchedAxis:
    """What makes the axis of one person reproduce the untreated levels, scalars ()."""

    gnrh_drive: jax.Array
    "g, 1 in the reference person"
    leydig_capacity: jax.Array
    "cap, 1 in the reference man, 0 in women"
    adrenal_testosterone: jax.Array
    "T_adrenal, ng/dL, women"
    ovarian_testosterone: jax.Array
    "T_ovary at the untreated LH and full ovaries, ng/dL, women"
    aromatase_maximum: jax.Array
    "V, pg/mL"
    adrenal_estradiol: jax.Array
    "E_ad, pg/mL"
    ovarian_estradiol: jax.Array
    "E_ovary at the untreated LH and full ovaries, pg/mL, women"
    lh_iu_l: jax.Array
    "LH before treatment, IU/L"


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


def _of_sex(person: Person, men: jax.Array, women: jax.Array) -> jax.Array:
    return jnp.where(person.female > 0.5, women, men)


def _testis(lh, constants):
    return 1.0 + constants.secretion_gain * lh / (lh + constants.secretion_half_lh)


def _ovary(lh, constants):
    return lh**2 / (lh**2 + constants.ovary_half_lh**2)


def _lh_reference(person, constants):
    """L0 and Lm."""
    return (
        _of_sex(person, constants.lh, constants.women_lh),
        _of_sex(person, constants.lh_reserve, constants.women_lh_reserve),
    )


def _lh_from_drive(x, person, constants):
    lh, reserve = _lh_reference(person, constants)
    return lh * reserve * x / (reserve - 1.0 + x)


def _feedback(testosterone, estradiol, person, constants):
    t0 = _of_sex(person, constants.testosterone, constants.women_testosterone)
    e0 = _of_sex(person, constants.estradiol, constants.women_estradiol)
    gt = _of_sex(person, constants.testosterone_feedback, constants.women_testosterone_feedback)
    ge = _of_sex(person, constants.estradiol_feedback, constants.women_estradiol_feedback)
    return (testosterone / t0) ** -gt * (estradiol / e0) ** -ge


def _untreated_lh(person, feedback, constants):
    """LH of the person: measured, or by where the fault lies."""
    normal_drive = _lh_from_drive(feedback, person, constants)
    secretion = _testis(constants.lh, constants) * person.testosterone_ng_dl / constants.testosterone
    part = jnp.clip((secretion - 1.0) / constants.secretion_gain, 1e-6, 0.99)
    normal_testis = constants.secretion_half_lh * part / (1.0 - part)
    unmeasured = jnp.where(
        (person.axis == AXIS_CODES["primary"]) | (person.female > 0.5),
        normal_drive,
        jnp.where(person.axis == AXIS_CODES["secondary"], normal_testis, constants.lh),
    )
    return jnp.where(person.axis == AXIS_CODES["measured"], person.lh_iu_l, unmeasured)


def match_axis(person: Person, constants: AxisParameters) -> MatchedAxis:
    """GnRH drive, gonads and aromatase that give the person's untreated levels exactly.

    With a measured LH both drive and gonad follow from data. Without: "primary" takes the drive of the
    reference person, "secondary" the testis of the reference man, "intact" his LH; a woman's drive is that of
    the reference woman. Estradiol of a woman is shared between ovaries and other tissue in the proportion of
    the reference woman at the same time from menopause; what other tissue makes of her blood testosterone
    follows the conversion of Longcope et al. 1969.
    """
    t, e = person.testosterone_ng_dl, person.estradiol_pg_ml
    feedback = _feedback(t, e, person, constants)
    lh = _untreated_lh(person, feedback, constants)
    lh0, reserve = _lh_reference(person, constants)
    x = lh * (reserve - 1.0) / (lh0 * reserve - lh)
    free = free_testosterone_nmol_l(t, person.shbg_nmol_l, person.albumin_g_l, constants)
    woman = person.female
    ovaries = ovaries_at_start(person, constants)
    # An ovary that hardly any LH drives makes little; the rest of a low estradiol comes from elsewhere.
    drive = _ovary(lh, constants) / _ovary(constants.women_lh, constants)
    other = constants.women_peripheral_estradiol
    ovarian_reference = constants.women_estradiol - other
    shared = e * ovarian_reference / (ovaries.estradiol * ovarian_reference + other)
    ovarian = jnp.minimum(shared, LARGEST_OVARY * jnp.maximum(shared, ovarian_reference) * drive)
    peripheral = e - woman * ovaries.estradiol * ovarian
    converted = (
        constants.women_conversion
        * (constants.women_testosterone_clearance / constants.women_estradiol_clearance)
        * PG_ML_PER_NG_DL
        * t
    )
    adrenal = _of_sex(
        person,
        jnp.minimum(constants.adrenal_estradiol, 0.5 * e),
        peripheral - jnp.minimum(converted, 0.5 * peripheral),
    )
    per_full = t / (1.0 - constants.ovary_testosterone_share * (1.0 - ovaries.testosterone))
    ovarian_testosterone = (
        constants.ovary_testosterone_share * per_full * jnp.minimum(1.0, LARGEST_OVARY * drive)
    )
    testis = t / constants.testosterone * _testis(constants.lh, constants) / _testis(lh, constants)
    return MatchedAxis(
        gnrh_drive=x / feedback,
        leydig_capacity=(1.0 - woman) * testis,
        adrenal_testosterone=woman * (t - ovaries.testosterone * ovarian_testosterone),
        ovarian_testosterone=woman * ovarian_testosterone,
        aromatase_maximum=(peripheral - adrenal) * (constants.aromatase_km_nmol_l + free) / free,
        adrenal_estradiol=adrenal,
        ovarian_estradiol=woman * ovarian,
        lh_iu_l=lh,
    )


def gonadal_levels(
    lh: jax.Array,
    person: Person,
    matched: MatchedAxis,
    constants: AxisParameters,
    *,
    exogenous_testosterone_ng_dl: jax.Array | float = 0.0,
    exogenous_estradiol_pg_ml: jax.Array | float = 0.0,
    aromatase: jax.Array | float = 1.0,
    hcg_lh_iu_l: jax.Array | float = 0.0,
    shbg_nmol_l: jax.Array | None = None,
    ovaries: Ovaries | None = None,
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Testosterone (ng/dL), estradiol (pg/mL) and free testosterone (nmol/L) at a given LH.

    `exogenous_testosterone_ng_dl` is the level at the clearance of men; in women it is higher by the ratio of
    the clearances. The other arguments are those of `solve_axis`.
    """
    shbg = person.shbg_nmol_l if shbg_nmol_l is None else shbg_nmol_l
    ovaries = ovaries_at_start(person, constants) if ovaries is None else ovaries
    stimulus = lh + hcg_lh_iu_l
    ovary = _ovary(stimulus, constants) / _ovary(matched.lh_iu_l, constants)
    clearance = _of_sex(
        person,
        jnp.ones_like(constants.lh),
        TESTOSTERONE_CLEARANCE_L_PER_DAY / constants.women_testosterone_clearance,
    )
    t = (
        matched.leydig_capacity
        * constants.testosterone
        * _testis(stimulus, constants)
        / _testis(constants.lh, constants)
        + matched.adrenal_testosterone
        + matched.ovarian_testosterone * ovaries.testosterone * ovary
        + clearance * exogenous_testosterone_ng_dl
    )
    free = free_testosterone_nmol_l(t, shbg, person.albumin_g_l, constants)
    e = (
        aromatase
        * (
            matched.aromatase_maximum * free / (constants.aromatase_km_nmol_l + free)
            + matched.adrenal_estradiol
            + matched.ovarian_estradiol * ovaries.estradiol * ovary
        )
        + exogenous_estradiol_pg_ml
    )
    return t, e, free


def solve_axis(
    person: Person,
    matched: MatchedAxis,
    constants: AxisParameters,
    *,
    exogenous_testosterone_ng_dl: jax.Array,
    aromatase: jax.Array,
    gnrh_share: jax.Array | None = None,
    pituitary: PituitaryInputs | None = None,
    exogenous_estradiol_pg_ml: jax.Array | float = 0.0,
    hcg_lh_iu_l: jax.Array | float = 0.0,
    shbg_nmol_l: jax.Array | None = None,
    ovaries: Ovaries | None = None,
) -> AxisLevels:
    """Levels under drugs: bisection on ln LH, then Newton steps that carry the implicit derivative.

    Args:
      person, matched, constants: the person's axis.
      exogenous_testosterone_ng_dl: level that the dosing alone gives, at the clearance of men, (intervals,).
      aromatase: residual activity A, 1 untreated, (intervals,).
      gnrh_share: share of the missing GnRH drive that is replaced, 0 to 1, (intervals,); short for
        `pituitary` with nothing else.
      pituitary: what GnRH drugs make of the pituitary, (intervals,); untreated if None.
      exogenous_estradiol_pg_ml: level that the dosing alone gives, (intervals,).
      hcg_lh_iu_l: hCG as LH at the gonad, (intervals,).
      shbg_nmol_l: SHBG, (intervals,); the person's if None.
      ovaries: what is left of the ovaries, (intervals,); as at the start if None.
    """
    dtype = constants.lh.dtype
    if pituitary is None:
        pituitary = untreated_pituitary((), dtype)
        if gnrh_share is not None:
            pituitary = PituitaryInputs(**{**vars(pituitary), "pulse_share": gnrh_share})
    drive = matched.gnrh_drive + pituitary.pulse_share * smooth_positive(1.0 - matched.gnrh_drive)
    own_drive = drive * pituitary.endogenous_share

    def levels(lh):
        return gonadal_levels(
            lh,
            person,
            matched,
            constants,
            exogenous_testosterone_ng_dl=exogenous_testosterone_ng_dl,
            exogenous_estradiol_pg_ml=exogenous_estradiol_pg_ml,
            aromatase=aromatase,
            hcg_lh_iu_l=hcg_lh_iu_l,
            shbg_nmol_l=shbg_nmol_l,
            ovaries=ovaries,
        )

    def excess(log_lh):
        t, e, _ = levels(jnp.exp(log_lh))
        x = own_drive * _feedback(t, e, person, constants) + pituitary.agonist_drive
        return log_lh - jnp.log(pituitary.reserve_share * _lh_from_drive(x, person, constants))

    lh0, reserve = _lh_reference(person, constants)
    top = jnp.log(lh0 * reserve)
    shape = jnp.shape(jax.eval_shape(excess, top))
    low = jnp.full(shape, jnp.log(LOWEST_LH), dtype)
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
