"""Every constant of the hormone axes: one table with unit, status and source, and one pytree of values."""

from dataclasses import dataclass

import jax

from ._parameters import ParameterEntry, of_numbers, with_defaults
from ._person_defaults import TRANSITION_MIDDLE_YEARS, TRANSITION_WIDTH_YEARS


def _row(name, symbol, unit, default, status, meaning, source):
    return ParameterEntry(name, symbol, unit, default, None, status, meaning, source)


_BONE = "as in the bone equations"
_TSJOEN = (
    "letrozole for 28 d: LH x4.4 and x4.2, T x2.5 and x2.0 in young and elderly men (T'Sjoen et al. 2005, "
    "abstract) need 14.9 and 8.4; Tornoe et al. 2007 (abstract) has 5.18, which lets T rise at most twofold"
)
_PAPATHANASIOU = "Papathanasiou et al. 2021, table 3 (adult)"
_CROSSOVER = (
    "crossover of conjugated estrogens 0.625 mg and transdermal estradiol 0.05 mg in 25 women (Shifren "
    "et al. 2007, abstract): SHBG +113 and +3 %, IGF-1 -30.5 and -12.5 %"
)
_HEXARELIN = (
    "GH response 19.1, 13.1, 12.3, 10.5 at weeks 0, 1, 4, 16, 19.4 four weeks off (J Clin "
    "Endocrinol Metab 1998;83:1644)"
)

AXIS_PARAMETERS: tuple[ParameterEntry, ...] = (
    _row("testosterone", "T0", "ng/dL", 550.0, "assumed", "testosterone of the reference man", _BONE),
    _row("estradiol", "E0", "pg/mL", 30.0, "assumed", "estradiol of the reference man", _BONE),
    _row("lh", "L0", "IU/L", 4.5, "measured", "LH of the reference man",
         "mean 4.2 at 20-39 years (PLoS ONE 2016;11:e0164116, figure 2)"),
    _row("lh_reserve", "Lm", "-", 12.0, "assumed", "largest LH over L0, men", "proposed with the model"),
    _row("testosterone_feedback", "gT", "-", 0.5, "assumed", "exponent of testosterone in the feedback, men",
         "proposed with the model; letrozole in young and elderly men does not tell it apart from gE"),
    _row("estradiol_feedback", "gE", "-", 3.0, "fitted", "exponent of estradiol in the feedback, men",
         "anastrozole: T x1.6 at E2 x0.65 to x0.8 (Burnett-Bowie 2009, Leder 2004, abstracts)"),
    _row("secretion_gain", "s", "-", 124.0, "fitted", "LH-driven over basal testosterone secretion",
         "77.5 at a half-level of 5.18 (Tornoe et al. 2007, abstract); raised with the half-level, so "
         "that the basal share of the reference man stays 2.7 %"),
    _row("secretion_half_lh", "K_L", "IU/L", 11.0, "fitted", "LH of half testosterone secretion", _TSJOEN),
    _row("aromatase_km_nmol_l", "Km", "nmol/L", 1.83, "measured", "free testosterone of half aromatization",
         "Lakshman et al. 2010 (abstract)"),
    _row("adrenal_estradiol", "E_ad", "pg/mL", 3.0, "assumed",
         "estradiol of men from adrenal precursors, at most half of the measured", "proposed with the model"),
    _row("shbg_affinity_l_nmol", "K_ST", "L/nmol", 1.0, "measured", "SHBG and testosterone",
         "Vermeulen et al. 1999"),
    _row("albumin_affinity_l_mol", "K_AT", "L/mol", 3.6e4, "measured", "albumin and testosterone",
         "Vermeulen et al. 1999"),
    _row("shbg_estradiol_l_nmol", "K_SE", "L/nmol", 0.314, "assumed", "SHBG and estradiol",
         "as quoted of Sodergard et al. 1982, source not read; checked against the shares of its abstract"),
    _row("albumin_estradiol_l_mol", "K_AE", "L/mol", 4.21e4, "assumed", "albumin and estradiol",
         "as quoted of Sodergard et al. 1982, source not read; checked against the shares of its abstract"),
    _row("women_testosterone", "T0w", "ng/dL", 29.0, "measured", "testosterone of the reference woman",
         "1.0 nmol/L (PMC6139630, table 2, immunoassay)"),
    _row("women_estradiol", "E0w", "pg/mL", 90.0, "measured", "cyclic mean estradiol of the reference woman",
         "mean of the phase medians 126, 230, 649 pmol/L (PMC6139630, table 2)"),
    _row("women_peripheral_estradiol", "E_pw", "pg/mL", 7.0, "assumed",
         "estradiol of the reference woman without ovaries, from adrenal precursors and testosterone",
         "between 4.8 at 60-80 years (Ettinger et al. 2004) and about 10 pg/mL"),
    _row("women_lh", "L0w", "IU/L", 5.5, "assumed", "mean LH over the cycle of the reference woman",
         "assumed"),
    _row("women_lh_reserve", "Lmw", "-", 20.0, "assumed", "largest LH over L0, women",
         "accepts measured LH up to 100 IU/L"),
    _row("women_testosterone_feedback", "gTw", "-", 0.1, "assumed",
         "exponent of testosterone in the feedback, women", "assumed"),
    _row("women_estradiol_feedback", "gEw", "-", 1.0, "assumed",
         "exponent of estradiol in the feedback, women",
         "LH about 40 IU/L after menopause"),
    _row("ovary_half_lh", "K_ov", "IU/L", 2.0, "assumed",
         "LH of half ovarian secretion, Hill exponent 2: full at normal LH, castrate without",
         "estradiol of women on leuprolide reaches postmenopausal levels in 4 weeks (label, secondary page)"),
    _row("ovary_testosterone_share", "-", "-", 0.35, "measured",
         "share of the testosterone of a woman that her ovaries make, also after natural menopause",
         "25 % lower (Horm Cancer 2015;6:54) and 40 % lower (Laughlin et al. 2000) without ovaries, "
         "abstracts"),
    _row("women_conversion", "rho_w", "-", 0.0015, "measured",
         "share of blood testosterone aromatized, women",
         "Longcope et al. 1969 (abstract)"),
    _row("women_estradiol_clearance", "MCR_E", "L/day", 910.0, "measured",
         "clearance of estradiol, postmenopausal women", "Longcope et al. (abstract)"),
    _row("women_testosterone_clearance", "MCR_T", "L/day", 600.0, "assumed",
         "clearance of testosterone, women", "about two thirds of the 950 L/day of men, not checked"),
    _row("transition_middle_years", "y_m", "years", TRANSITION_MIDDLE_YEARS, "measured",
         "steepest fall of ovarian estradiol after the final menstrual period",
         "Randolph et al. 2011 (abstract)"),
    _row("transition_width_years", "w_m", "years", TRANSITION_WIDTH_YEARS, "fitted",
         "width of the logistic fall", "fall from -2 to +2 years: Sowers et al. 2008, Randolph et al. 2011 "
         "(abstracts)"),
    _row("receptor_loss", "k_d", "1/day", 0.10, "assumed",
         "down-regulation of GnRH receptors under full continuous agonist",
         "castration in 2-4 weeks (leuprolide label, secondary page)"),
    _row("receptor_recovery", "k_r", "1/day", 0.02, "assumed", "return of GnRH receptors",
         "testosterone back 4-12 weeks and more after the last effective dose (label, secondary page)"),
    _row("receptor_exponent", "n_R", "-", 4.0, "assumed", "LH reserve = receptors^n_R",
         "near castration also at the lowest castrating concentration, 1.3 EC50 (Romero et al. 2012, "
         "abstract)"),
    _row("agonist_flare", "F", "-", 3.0, "assumed",
         "drive of a full agonist over that of normal GnRH, before down-regulation",
         "testosterone up by half to double in the first days (secondary pages)"),
    _row("antagonist_exponent", "n_A", "-", 3.0, "assumed", "steepness of GnRH blockade",
         "castration within days at about 8 times the half-effect concentration"),
    _row("gonadotrope_memory_days", "tau_g", "days", 45.0, "fitted",
         "time for the gonadotropes to fall silent and to wake again",
         "35, 85, 89, 96 % of men normal 12, 18, 24, 52 weeks after a median 116 days of LHRH analog; LH "
         "back at 9 months after androgen abuse (abstracts)"),
    _row("shbg_days", "tau_s", "days", 10.0, "assumed", "time of SHBG", "blood half-life about a week"),
    _row("oral_half_mg", "K_o", "mg/day", 1.0, "assumed", "oral estrogen of half effect on the liver",
         "one dose was studied: the half amount is not identified"),
    _row("oral_shbg", "s_o", "-", 2.2, "fitted",
         "largest relative rise of SHBG by oral estrogen", _CROSSOVER),
    _row("oral_igf1", "i_o", "-", 0.75, "fitted",
         "largest relative loss of hepatic answer to GH by oral estrogen", _CROSSOVER),
    _row("igf1_elimination", "k_out", "1/day", 0.6288, "measured", "elimination of IGF-1", _PAPATHANASIOU),
    _row("igf1_basal", "Kin0", "ng/mL/day", 22.776, "measured",
         "IGF-1 production without GH", _PAPATHANASIOU),
    _row("igf1_maximum", "Emax", "ng/mL/day", 362.4, "measured", "largest GH-driven IGF-1 production",
         _PAPATHANASIOU),
    _row("igf1_half_gh", "EC50", "ng/mL", 2.13, "measured", "GH of half of it", _PAPATHANASIOU),
    _row("women_gh_resistance", "-", "-", 1.5, "assumed", "EC50 of women over that of men",
         "women have more GH at the same IGF-1"),
    _row("gh_feedback", "g_I", "-", 0.5, "assumed", "exponent of IGF-1 in the feedback on GH secretion",
         "assumed"),
    _row("ghrh_gain", "a_R", "-", 12.0, "fitted", "largest rise of GH secretion by GHRH analogs, over basal",
         "CJC-1295: GH x2-10, IGF-1 x1.5-3 (Teichman et al. 2006, abstract copy)"),
    _row("ghs_gain", "a_S", "-", 5.0, "fitted", "largest rise of GH secretion by ghrelin-receptor agonists",
         "MK-677 25 mg: IGF-1 +55-94 % at 2-4 weeks, +39-45 % at 12 months (Murphy 1999, 2001, abstracts)"),
    _row("synergy_gain", "a_RS", "-", 24.0, "assumed", "GH secretion by both beyond the sum",
         "GHRH with low-dose hexarelin is synergistic (J Clin Endocrinol Metab 1996;81:4338)"),
    _row("tachyphylaxis", "D", "-", 0.47, "fitted",
         "share of the answer to ghrelin-receptor agonists lost in the long run", _HEXARELIN),
    _row("tachyphylaxis_half", "K_D", "-", 0.005, "assumed",
         "mean receptor effect of half of that loss; pulses twice daily suffice", _HEXARELIN),
    _row("tachyphylaxis_days", "tau_D", "days", 8.0, "fitted",
         "time of the loss and of its return", _HEXARELIN),
    _row("thyroxine_need_ug_kg", "N", "ug/kg/day", 1.2, "assumed",
         "thyroxine production, absorbed amount that replaces it",
         "full replacement 1.6 ug/kg/day by mouth (secondary page), absorbed to about three quarters"),
    _row("thyroid_feedback", "p", "-", 6.0, "assumed", "exponent of free T4 in the thyroid's own output",
         "assumed"),
    _row("tsh_exponent", "b", "-", 4.0, "assumed", "exponent of free T4 in TSH",
         "weak: TSH 40 at free T4 0.5 returns to about 1 at 1.2 ng/dL"),
    _row("thyroxine_days", "tau_4", "days", 10.0, "measured", "time of free T4", "half-life about 7 days"),
)  # fmt: skip
"""The table, in the order of the fields of AxisParameters."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class AxisParameters:
    """Constants of the hormone axes, scalars (); unit, status and source of each are in AXIS_PARAMETERS."""

    testosterone: jax.Array
    "T0, testosterone of the reference man, ng/dL"
    estradiol: jax.Array
    "E0, estradiol of the reference man, pg/mL"
    lh: jax.Array
    "L0, LH of the reference man, IU/L"
    lh_reserve: jax.Array
    "Lm, largest LH over L0, men"
    testosterone_feedback: jax.Array
    "gT, exponent of testosterone in the feedback, men"
    estradiol_feedback: jax.Array
    "gE, exponent of estradiol in the feedback, men"
    secretion_gain: jax.Array
    "s, LH-driven over basal testosterone secretion"
    secretion_half_lh: jax.Array
    "K_L, LH of half testosterone secretion, IU/L"
    aromatase_km_nmol_l: jax.Array
    "Km, free testosterone of half aromatization, nmol/L"
    adrenal_estradiol: jax.Array
    "E_ad, estradiol of men from adrenal precursors, at most half of the measured, pg/mL"
    shbg_affinity_l_nmol: jax.Array
    "K_ST, SHBG and testosterone, L/nmol"
    albumin_affinity_l_mol: jax.Array
    "K_AT, albumin and testosterone, L/mol"
    shbg_estradiol_l_nmol: jax.Array
    "K_SE, SHBG and estradiol, L/nmol"
    albumin_estradiol_l_mol: jax.Array
    "K_AE, albumin and estradiol, L/mol"
    women_testosterone: jax.Array
    "T0w, testosterone of the reference woman, ng/dL"
    women_estradiol: jax.Array
    "E0w, cyclic mean estradiol of the reference woman, pg/mL"
    women_peripheral_estradiol: jax.Array
    "E_pw, estradiol of the reference woman without ovaries, from adrenal precursors and testosterone, pg/mL"
    women_lh: jax.Array
    "L0w, mean LH over the cycle of the reference woman, IU/L"
    women_lh_reserve: jax.Array
    "Lmw, largest LH over L0, women"
    women_testosterone_feedback: jax.Array
    "gTw, exponent of testosterone in the feedback, women"
    women_estradiol_feedback: jax.Array
    "gEw, exponent of estradiol in the feedback, women"
    ovary_half_lh: jax.Array
    "K_ov, LH of half ovarian secretion, Hill exponent 2, IU/L"
    ovary_testosterone_share: jax.Array
    "share of the testosterone of a woman that her ovaries make, also after natural menopause"
    women_conversion: jax.Array
    "rho_w, share of blood testosterone aromatized, women"
    women_estradiol_clearance: jax.Array
    "MCR_E, clearance of estradiol, postmenopausal women, L/day"
    women_testosterone_clearance: jax.Array
    "MCR_T, clearance of testosterone, women, L/day"
    transition_middle_years: jax.Array
    "y_m, steepest fall of ovarian estradiol after the final menstrual period, years"
    transition_width_years: jax.Array
    "w_m, width of the logistic fall, years"
    receptor_loss: jax.Array
    "k_d, down-regulation of GnRH receptors under full continuous agonist, 1/day"
    receptor_recovery: jax.Array
    "k_r, return of GnRH receptors, 1/day"
    receptor_exponent: jax.Array
    "n_R, LH reserve = receptors^n_R"
    agonist_flare: jax.Array
    "F, drive of a full agonist over that of normal GnRH, before down-regulation"
    antagonist_exponent: jax.Array
    "n_A, steepness of GnRH blockade"
    gonadotrope_memory_days: jax.Array
    "tau_g, time for the gonadotropes to fall silent and to wake again, days"
    shbg_days: jax.Array
    "tau_s, time of SHBG, days"
    oral_half_mg: jax.Array
    "K_o, oral estrogen of half effect on the liver, mg/day"
    oral_shbg: jax.Array
    "s_o, largest relative rise of SHBG by oral estrogen"
    oral_igf1: jax.Array
    "i_o, largest relative loss of hepatic answer to GH by oral estrogen"
    igf1_elimination: jax.Array
    "k_out, elimination of IGF-1, 1/day"
    igf1_basal: jax.Array
    "Kin0, IGF-1 production without GH, ng/mL/day"
    igf1_maximum: jax.Array
    "Emax, largest GH-driven IGF-1 production, ng/mL/day"
    igf1_half_gh: jax.Array
    "EC50, GH of half of it, ng/mL"
    women_gh_resistance: jax.Array
    "EC50 of women over that of men"
    gh_feedback: jax.Array
    "g_I, exponent of IGF-1 in the feedback on GH secretion"
    ghrh_gain: jax.Array
    "a_R, largest rise of GH secretion by GHRH analogs, over basal"
    ghs_gain: jax.Array
    "a_S, largest rise of GH secretion by ghrelin-receptor agonists"
    synergy_gain: jax.Array
    "a_RS, GH secretion by both beyond the sum"
    tachyphylaxis: jax.Array
    "D, share of the answer to ghrelin-receptor agonists lost in the long run"
    tachyphylaxis_half: jax.Array
    "K_D, mean receptor effect of half of that loss; pulses twice daily suffice"
    tachyphylaxis_days: jax.Array
    "tau_D, time of the loss and of its return, days"
    thyroxine_need_ug_kg: jax.Array
    "N, thyroxine production, absorbed amount that replaces it, ug/kg/day"
    thyroid_feedback: jax.Array
    "p, exponent of free T4 in the thyroid's own output"
    tsh_exponent: jax.Array
    "b, exponent of free T4 in TSH"
    thyroxine_days: jax.Array
    "tau_4, time of free T4, days"


_MAY_BE_ZERO = {
    "oral_shbg", "oral_igf1", "gh_feedback", "ghrh_gain", "ghs_gain", "synergy_gain", "tachyphylaxis",
    "transition_middle_years", "ovary_testosterone_share", "women_conversion", "women_testosterone_feedback",
}  # fmt: skip


def make_axis_parameters(*, dtype=None, **values: float) -> AxisParameters:
    """Checked constants of the axes: the defaults of AXIS_PARAMETERS with `values` in place.

    Raises:
      ValueError: an unknown name or a value outside its sign.
    """
    merged = with_defaults(AXIS_PARAMETERS, values, "AXIS_PARAMETERS")
    for name, value in values.items():
        number = float(value)
        if not (number > 0 or (number == 0 and name in _MAY_BE_ZERO) or name == "transition_middle_years"):
            raise ValueError(f"`{name}` must be positive, got {value}")
    return of_numbers(AxisParameters, merged, dtype)
