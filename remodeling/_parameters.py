"""Every biological parameter of the bone model: one table with unit, status and source, and one pytree of
values.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import jax
import jax.numpy as jnp

Record = TypeVar("Record")


@dataclass(frozen=True)
class ParameterEntry:
    """One row of the parameter table."""

    name: str
    "field of BoneParameters"
    symbol: str
    "symbol in the equations"
    unit: str
    "unit; '-' for none"
    default: float
    "value used unless another is given"
    prior: tuple[str, float, float] | None
    "(family, median or mean, log-sd or sd) for calibration; None: held fixed"
    status: str
    "measured, fitted or assumed"
    meaning: str
    "what it is"
    source: str
    "where the number is from"


_FIT = "osteon fit, 115 observations of 44 trial groups (docs/fit.md)"
_DRUGS = "osteon fit, 20 observations of 6 trial groups with drugs at bone (docs/fit.md)"
_PRIOR = "osteon fit hardly moves it from its prior"
_GUARD = "fixed reference of the equations"


def _row(name, symbol, unit, default, prior, status, meaning, source):
    return ParameterEntry(name, symbol, unit, default, prior, status, meaning, source)


def _lognormal(median: float, log_sd: float) -> tuple[str, float, float]:
    return ("lognormal", median, log_sd)


PARAMETERS: tuple[ParameterEntry, ...] = (
    _row("resorption_rate", "k_s", "mm/d", 4.857e-05, _lognormal(3.0e-5, 0.35), "fitted",
         "bone resorbed per surface and day at reference hormones",
         f"{_FIT}; scale: Lerebours et al. 2016 code, 4.0e-5"),
    _row("osteoclast_lag", "tau_c", "d", 22.63, _lognormal(20.0, 0.3), "assumed",
         "lag of osteoclast activity behind its drive", f"{_PRIOR}; Joerg et al. 2022: 42 d"),
    _row("reversal_time", "tau_u", "d", 31.34, _lognormal(30.0, 0.3), "assumed",
         "mean time of resorption and reversal", _PRIOR),
    _row("formation_time", "tau_w", "d", 122.4, _lognormal(90.0, 0.3), "fitted",
         "effective delay of formation", _FIT),
    _row("mineralization_rate", "kappa", "1/d", 0.003324, _lognormal(2.0e-3, 0.8), "fitted",
         "rate of secondary mineralization", f"{_FIT}; Martinez-Reina and Pivonka 2019: 7e-3"),
    _row("primary_deficit", "dmu", "-", 0.2914, _lognormal(0.30, 0.2), "assumed",
         "mineral missing in newly formed bone, 1 - mu_p/mu_max", f"{_PRIOR}; Ruffoni 2007 values give 0.62"),
    _row("mineral_maximum", "mu_max", "g/cm3", 1.2, None, "assumed",
         "mineral per bone volume when fully mineralized, hydroxyapatite",
         "about 1.2 g/cm3, not checked at a source"),
    _row("surface_amplitude", "s_0", "1/mm", 9.33, None, "assumed",
         "amplitude of the specific surface", "proposed; 2.2 at f 0.1, 4.0 at 0.5, 1.5 at 0.95 per mm"),
    _row("surface_exponent_bone", "s_a", "-", 0.60, None, "assumed",
         "exponent of f in the specific surface", "proposed with surface_amplitude"),
    _row("surface_exponent_void", "s_b", "-", 0.62, None, "assumed",
         "exponent of 1 - f in the specific surface", "proposed with surface_amplitude"),
    _row("compact_surface", "S_c", "1/mm", 5.352, _lognormal(4.0, 0.5), "fitted",
         "surface per volume of bone in the shell and the endplates",
         f"{_FIT}; prior: shell of 0.4 mm with one face (2.5/mm), canals (2.3/mm by the law above at 0.9)"),
    _row("estradiol_resorption", "thRE", "-", 0.5983, _lognormal(0.9, 0.4), "fitted",
         "brake of estradiol on resorption", _FIT),
    _row("estradiol_lifespan_share", "s", "-", 0.5, None, "assumed",
         "share of that brake through the lifespan of osteoclasts, the rest through RANKL over OPG",
         "both routes are known (Hughes 1996, recalled), no share measured; changes readouts alone"),
    _row("estradiol_balance", "thFE", "-", 0.2398, _lognormal(0.10, 0.5), "fitted",
         "estradiol on the balance of a remodeling unit", f"{_FIT}; Eriksen 1999"),
    _row("estradiol_scale", "E_s", "pg/mL", 11.35, _lognormal(10.0, 0.7), "fitted",
         "estradiol up to which its effect is proportional to it, logarithmic above",
         f"{_FIT}; prior: of the order of the levels after menopause, 3.7 pg/mL more act (Ettinger 2004)"),
    _row("intracrine_estradiol", "chi", "pg/mL per ng/dL", 0.0, None, "assumed",
         "estradiol made in bone per circulating testosterone",
         "optional, off: no trial left out is predicted better with it (docs/fit.md)"),
    _row("testosterone_resorption", "thRT", "-", 0.0, None, "assumed",
         "direct brake of testosterone on resorption",
         "optional, off: no trial left out is predicted better with it (docs/fit.md)"),
    _row("testosterone_balance", "thFT", "-", 0.08623, _lognormal(0.05, 0.7), "fitted",
         "testosterone on the balance of a remodeling unit", _FIT),
    _row("testosterone_half", "EC50T", "ng/dL", 313.6, _lognormal(200.0, 0.4), "fitted",
         "testosterone of half effect", f"{_FIT}; prior: threshold near 200 ng/dL, Finkelstein 2016"),
    _row("testosterone_women", "wT", "-", 0.0, None, "assumed",
         "share of a woman's change of testosterone that acts on her bone, itself or as estradiol made there",
         "no effect on bone density in 35 trials (JCEM 2014;99:3543, abstract copy); above 0 is a what-if"),
    _row("testosterone_hill", "nT", "-", 2.0, None, "assumed", "Hill exponent of testosterone",
         "fixed in the fit"),
    _row("igf1_resorption", "thRI", "-", 0.988, _lognormal(1.2, 0.5), "fitted",
         "IGF-1 on recruitment of remodeling", _FIT),
    _row("igf1_balance", "thFI", "-", 0.7735, _lognormal(0.5, 0.8), "fitted",
         "IGF-1 on the balance, in men",
         f"{_FIT}, mostly spine +5.1 % at 24 months of growth hormone in men, Bex 2002"),
    _row("igf1_balance_female", "thFI_f", "-", 0.1674, _lognormal(0.2, 0.8), "fitted",
         "IGF-1 on the balance, in women",
         f"{_FIT}; spine 0 at 24 months in the women of Bex 2002, whose markers rose as much"),
    _row("igf1_adaptation", "a", "-", 1.0, None, "assumed",
         "share of a lasting change of IGF-1 that bone gets used to",
         "set by hand: spine +6 % after 15 years, men and women; Elbornsson 2012: +5 %"),
    _row("igf1_adaptation_time", "tau_a", "d", 730.0, None, "assumed",
         "time in which bone gets used to it",
         "set with igf1_adaptation; markers fall after 9 to 12 months, Sartorio 2001"),
    _row("igf1_formation_lag", "tau_l", "d", 120.0, None, "assumed",
         "time in which osteoblasts follow IGF-1",
         "set by hand: resorption peaks at 3 and formation at 6 months of growth hormone, Sartorio 2001"),
    _row("igf1_mineralization", "thMI", "-", 0.0, None, "assumed",
         "logarithm of the mineralization rate per unit of the IGF-1 effect",
         "optional, off: not identifiable from density and markers"),
    _row("igf1_half", "EC50I", "ng/mL", 182.9, _lognormal(150.0, 0.3), "assumed",
         "IGF-1 of half effect", _PRIOR),
    _row("igf1_hill", "nI", "-", 2.0, None, "assumed", "Hill exponent of IGF-1", "fixed in the fit"),
    _row("progestogen_balance", "thFP", "-", 0.05559, _lognormal(0.03, 0.7), "fitted",
         "progestogen added to estrogen on the balance",
         f"{_FIT}; Prior et al. 2017, +0.68 %/y"),
    _row("progestogen_half", "K_P", "mg/d", 30.0, None, "assumed",
         "progestogen of half effect, oral micronized progesterone",
         "proposed: 100 mg/d, the usual continuous dose, has 77 % of the largest effect"),
    _row("progestogen_estradiol_half", "K_PE", "pg/mL", 25.0, None, "assumed",
         "estradiol at which half of that effect is permitted",
         "alone no gain: Liu 2005 (300 mg/d, -1.0 against -1.0 %/y on placebo)"),
    _row("progestogen_estradiol_hill", "n_PE", "-", 4.0, None, "assumed",
         "steepness of that permission", "proposed"),
    _row("thyroid_turnover", "thRY", "-", 0.75, _lognormal(0.75, 0.5), "assumed",
         "turnover per unit of ln(free T4 / reference)",
         "turnover doubles at 2.5 times the reference (cycle halved: recalled, not checked at a source)"),
    _row("thyroid_balance", "thFY", "-", 0.15, None, "assumed",
         "balance lost per unit of ln(free T4 / reference) in excess",
         "set by hand: order of -0.041 g/cm2 under TSH suppression after menopause (meta-analysis 2019)"),
    _row("insulin_balance", "thFN", "-", 0.02, ("normal", 0.0, 0.05), "assumed",
         "balance per unit of ln(insulin / reference)", "weak"),
    _row("overload_balance", "etaF+", "-", 0.4372, _lognormal(0.05, 1.0), "fitted",
         "balance gained per unit of log overload", f"{_FIT}; order of Scheiner 2013, Lerebours 2016"),
    _row("disuse_balance", "etaF-", "-", 0.03966, _lognormal(0.05, 0.8), "assumed",
         "balance lost per unit of log disuse", _PRIOR),
    _row("overload_resorption", "etaR+", "-", 0.1084, _lognormal(0.10, 0.7), "assumed",
         "resorption lost per unit of log overload", _PRIOR),
    _row("disuse_resorption", "etaR-", "-", 0.3908, _lognormal(0.35, 0.6), "fitted",
         "resorption gained per unit of log disuse", f"{_FIT}, by spaceflight alone (Vemparala 2025)"),
    _row("stimulus_saturation", "zs", "-", 1.0, None, "assumed",
         "log stimulus at which the response saturates", "proposed"),
    _row("resorption_lazy_width", "zlR", "-", 0.5, None, "assumed",
         "half width of the lazy zone of resorption, in log stimulus", "proposed after the fit's residuals"),
    _row("formation_lazy_width", "zl", "-", 0.0, None, "measured",
         "half width of the lazy zone of formation", "none seen: Christen 2014 (human HR-pQCT)"),
    _row("estradiol_mechanics", "chiEM", "-", 0.0, ("normal", 0.0, 0.5), "assumed",
         "relative change of overload_balance per unit of estradiol Hill drive", "optional, off"),
    _row("age_imbalance", "delta_age", "-", 0.0, None, "assumed",
         "imbalance of each remodeling unit with age; 0 keeps the untreated stationary",
         "Riggs 2008: trabecular -0.8 %/y (men), -1.6 %/y (women) by QCT; 0 to 0.03"),
    _row("modeling", "nu_mod", "-", 0.0, None, "assumed",
         "formation on quiescent surface per resorption capacity and positive balance drive",
         "optional, off"),
    _row("set_point_reset", "eta_reset", "-", 0.0, None, "assumed",
         "rate of set-point drift in units of bone turnover",
         "Lerebours and Buenzli 2016 memory; optional, off"),
    _row("calcium_resorption", "Bc", "-", 0.17, None, "fitted",
         "brake of calcium supplements on log resorption at full effect",
         "spine +1.2 % (0.8 to 1.7) at 12 months over none, +1.1 at 24, +1.0 later (Tai 2015, BMJ 351:h4183, "
         "table 5); 1000 mg/day give +1.1, +1.2 and +1.2 % ten years after menopause"),
    _row("bisphosphonate_resorption", "Bb", "-", 1.112, _lognormal(1.8, 0.3), "fitted",
         "brake of a bisphosphonate on log resorption at full occupancy",
         f"{_DRUGS}; prior: urinary NTX -72 % (McClung 2005), activation frequency -87 % (Chavassieux 1997)"),
    _row("bisphosphonate_balance", "Cb", "-", 0.523, _lognormal(0.3, 0.7), "fitted",
         "log balance where all bone holds a bisphosphonate: shallower cavities, overfilled",
         f"{_DRUGS}; wall thickness up and erosion depth down at 24 months (Chavassieux 1997)"),
    _row("denosumab_modeling", "Md", "-", 0.1263, _lognormal(0.1, 0.7), "fitted",
         "formation on quiescent surface under denosumab at full occupancy",
         f"{_DRUGS}: density goes on rising for eight years (FREEDOM); the mechanism is assumed"),
    _row("teriparatide_balance", "Ft", "-", 0.563, _lognormal(0.5, 0.5), "assumed",
         "log balance under teriparatide at full occupancy, before it fades",
         f"{_PRIOR}; hardly separable from teriparatide_modeling by density and markers"),
    _row("teriparatide_modeling", "Mt", "-", 2.993, _lognormal(2.0, 0.7), "fitted",
         "formation on quiescent surface under teriparatide at full occupancy, before it fades",
         f"{_DRUGS}; 20 ug/d taken as half effect"),
    _row("teriparatide_resorption", "Rt", "-", 2.426, _lognormal(1.5, 0.5), "fitted",
         "log resorption under teriparatide at full occupancy, before it fades",
         f"{_DRUGS}; urinary NTX +58 % at 6 months (McClung 2005)"),
    _row("romosozumab_modeling", "Mr", "-", 1.956, _lognormal(2.0, 0.7), "fitted",
         "formation on quiescent surface at the start of romosozumab at full occupancy",
         f"{_DRUGS}; a mean occupancy of 0.82 is assumed for 210 mg a month"),
    _row("romosozumab_resorption", "Br", "-", 0.7886, _lognormal(0.7, 0.3), "assumed",
         "brake of romosozumab on log resorption at full occupancy",
         f"{_PRIOR}; eroded surface halved in biopsies at 2 and 12 months (Chavassieux 2019)"),
    _row("marrow_fat", "F0", "-", 0.45, None, "assumed",
         "share of fat in the marrow of the vertebra before treatment; changes readouts alone",
         "0.48 after menopause (Limonard 2015), 0.27 to 0.35 in young adults (Baum 2018, Front Endocrinol "
         "9:141)"),
    _row("marrow_fat_estradiol", "bF", "-", 0.04881, _lognormal(0.07, 0.5), "fitted",
         "fat that estradiol takes out of the marrow; changes readouts alone",
         f"{_FIT}; prior: -0.05 (0.01 to 0.09) by 2 mg of estradiol by mouth, Limonard 2015"),
    _row("marrow_fat_aging", "aF", "1/y", 0.006126, _lognormal(0.006, 0.4), "assumed",
         "fat that the marrow gains with age; changes readouts alone",
         f"{_PRIOR}; prior: from 0.3 in the young to 0.5 in forty years"),
    _row("reference_estradiol", "Eref", "pg/mL", 30.0, None, "assumed",
         "estradiol of the young reference", _GUARD),
    _row("reference_testosterone", "Tref", "ng/dL", 550.0, None, "assumed",
         "testosterone of the young reference", _GUARD),
    _row("reference_igf1", "Iref", "ng/mL", 180.0, None, "assumed", "IGF-1 of the young reference", _GUARD),
)  # fmt: skip
"""The parameter table, in the order of the fields of BoneParameters."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class BoneParameters:
    """Values of the biological parameters, scalars (); unit, status and source of each are in PARAMETERS."""

    resorption_rate: jax.Array
    "k_s, mm/d"
    osteoclast_lag: jax.Array
    "tau_c, d"
    reversal_time: jax.Array
    "tau_u, d"
    formation_time: jax.Array
    "tau_w, d"
    mineralization_rate: jax.Array
    "kappa, 1/d"
    primary_deficit: jax.Array
    "dmu, share of full mineral"
    mineral_maximum: jax.Array
    "mu_max, g/cm3 hydroxyapatite"
    surface_amplitude: jax.Array
    "specific surface amplitude, 1/mm"
    surface_exponent_bone: jax.Array
    "exponent of f in the specific surface"
    surface_exponent_void: jax.Array
    "exponent of 1 - f in the specific surface"
    compact_surface: jax.Array
    "S_c, surface per volume of compact bone, 1/mm"
    estradiol_resorption: jax.Array
    "thRE"
    estradiol_lifespan_share: jax.Array
    "s, share of the brake through lifespan"
    estradiol_balance: jax.Array
    "thFE"
    estradiol_scale: jax.Array
    "E_s, pg/mL"
    intracrine_estradiol: jax.Array
    "chi, pg/mL per ng/dL"
    testosterone_resorption: jax.Array
    "thRT"
    testosterone_balance: jax.Array
    "thFT"
    testosterone_half: jax.Array
    "EC50T, ng/dL"
    testosterone_women: jax.Array
    "wT"
    testosterone_hill: jax.Array
    "nT"
    igf1_resorption: jax.Array
    "thRI"
    igf1_balance: jax.Array
    "thFI"
    igf1_balance_female: jax.Array
    "thFI in women"
    igf1_adaptation: jax.Array
    "a, share"
    igf1_adaptation_time: jax.Array
    "tau_a, d"
    igf1_formation_lag: jax.Array
    "tau_l, d"
    igf1_mineralization: jax.Array
    "thMI"
    igf1_half: jax.Array
    "EC50I, ng/mL"
    igf1_hill: jax.Array
    "nI"
    progestogen_balance: jax.Array
    "thFP"
    progestogen_half: jax.Array
    "K_P, mg/day of oral micronized progesterone"
    progestogen_estradiol_half: jax.Array
    "K_PE, pg/mL"
    progestogen_estradiol_hill: jax.Array
    "n_PE"
    thyroid_turnover: jax.Array
    "thRY, per unit of ln free T4"
    thyroid_balance: jax.Array
    "thFY, per unit of ln free T4 in excess"
    insulin_balance: jax.Array
    "thFN, per unit of ln insulin"
    overload_balance: jax.Array
    "etaF+"
    disuse_balance: jax.Array
    "etaF-"
    overload_resorption: jax.Array
    "etaR+"
    disuse_resorption: jax.Array
    "etaR-"
    stimulus_saturation: jax.Array
    "zs, log stimulus"
    resorption_lazy_width: jax.Array
    "zlR, log stimulus"
    formation_lazy_width: jax.Array
    "zl, log stimulus"
    estradiol_mechanics: jax.Array
    "chiEM"
    age_imbalance: jax.Array
    "delta_age"
    modeling: jax.Array
    "nu_mod"
    set_point_reset: jax.Array
    "eta_reset"
    calcium_resorption: jax.Array
    "Bc"
    bisphosphonate_resorption: jax.Array
    "Bb"
    bisphosphonate_balance: jax.Array
    "Cb"
    denosumab_modeling: jax.Array
    "Md"
    teriparatide_balance: jax.Array
    "Ft"
    teriparatide_modeling: jax.Array
    "Mt"
    teriparatide_resorption: jax.Array
    "Rt"
    romosozumab_modeling: jax.Array
    "Mr"
    romosozumab_resorption: jax.Array
    "Br"
    marrow_fat: jax.Array
    "F0, share of the marrow"
    marrow_fat_estradiol: jax.Array
    "bF"
    marrow_fat_aging: jax.Array
    "aF, 1/year"
    reference_estradiol: jax.Array
    "Eref, pg/mL"
    reference_testosterone: jax.Array
    "Tref, ng/dL"
    reference_igf1: jax.Array
    "Iref, ng/mL"


_MAY_BE_ZERO = {
    "testosterone_women",
    "formation_lazy_width", "resorption_lazy_width", "age_imbalance", "modeling", "set_point_reset",
    "estradiol_mechanics", "insulin_balance", "intracrine_estradiol", "progestogen_balance",
    "thyroid_turnover",
    "estradiol_resorption", "estradiol_balance", "testosterone_resorption", "testosterone_balance",
    "igf1_resorption", "igf1_balance", "overload_balance", "disuse_balance", "overload_resorption",
    "disuse_resorption", "estradiol_lifespan_share", "igf1_balance_female", "igf1_adaptation",
    "igf1_mineralization", "thyroid_balance",
    "calcium_resorption", "bisphosphonate_resorption", "bisphosphonate_balance", "denosumab_modeling",
    "teriparatide_balance", "teriparatide_modeling", "teriparatide_resorption", "romosozumab_modeling",
    "romosozumab_resorption", "marrow_fat", "marrow_fat_estradiol", "marrow_fat_aging",
}  # fmt: skip
_MAY_BE_NEGATIVE = {
    "age_imbalance", "estradiol_mechanics", "insulin_balance", "igf1_mineralization", "igf1_balance_female",
}  # fmt: skip


def with_defaults(
    rows: Sequence[ParameterEntry], values: Mapping[str, float], names: str, hint: str = ""
) -> dict[str, float]:
    """The defaults of a table with `values` in place.

    Raises:
      ValueError: a name that is not of the table, which the message calls `names`.
    """
    defaults = {row.name: row.default for row in rows}
    unknown = sorted(set(values) - set(defaults))
    if unknown:
        raise ValueError(
            f"`values` needs names of {names}, got {len(unknown)} unknown, first {unknown[0]!r}{hint}"
        )
    return defaults | dict(values)


def of_numbers(cls: type[Record], numbers: Mapping[str, float], dtype=None) -> Record:
    """A record of scalars of jax's default float, or of `dtype`."""
    return cls(**{name: jnp.asarray(numbers[name], dtype or float) for name in numbers})


def make_parameters(*, dtype=None, **values: float) -> BoneParameters:
    """Checked parameters: the defaults of PARAMETERS with `values` in place.

    Args:
      dtype: floating type of the values; jax's default float unless given.
      values: field name to value, in the unit of PARAMETERS.

    Raises:
      ValueError: an unknown name, or a value outside its sign.
    """
    merged = with_defaults(PARAMETERS, values, "biological parameters", "; see remodeling.PARAMETERS")
    for name, value in values.items():
        number = float(value)
        if number != number or (number < 0 and name not in _MAY_BE_NEGATIVE):
            raise ValueError(f"`{name}` must be a number that is not negative, got {number}")
        if number == 0 and name not in _MAY_BE_ZERO:
            raise ValueError(f"`{name}` must be positive, got 0")
    return of_numbers(BoneParameters, merged, dtype)


def default_parameters(*, dtype=None) -> BoneParameters:
    """The defaults of PARAMETERS as scalars of jax's default float, or of `dtype`."""
    return make_parameters(dtype=dtype)
