"""Levels and half-lives of the registry against published ones: one test a row of the evidence.

Each row names the drug, the parameter and its source. Where the source gives a range or an SD, that is the
range; where it gives one number, the range is stated in the row. docs/drugs.md lists the rows that cannot be
tested.
"""

import jax.numpy as jnp
import numpy as np
import pytest

import remodeling as r
from tests.drug_runs import exposure, mean_concentration

HOUR = 1.0 / 24.0


def course(name, dose, days, *, every=None, step=0.02, weight=70.0):
    """Middle of the intervals (days) and concentration, ng/mL or IU/L."""
    edges = jnp.arange(0.0, days + step, step)
    times = jnp.zeros(1) if every is None else jnp.arange(0.0, days, every)
    level = mean_concentration(r.DRUGS[name], times, jnp.full(times.shape, dose), weight, edges)
    return np.asarray(0.5 * (edges[1:] + edges[:-1])), np.asarray(level)


def half_life(name, dose, start, stop, **kwargs):
    """Days in which the level halves between two times."""
    t, c = course(name, dose, stop + 0.1, **kwargs)
    first, last = np.interp([start, stop], t, np.log(c))
    return (stop - start) * np.log(2.0) / (first - last)


def peak_time(name, dose, days, **kwargs):
    """Day of the highest level."""
    t, c = course(name, dose, days, **kwargs)
    return t[c.argmax()]


def peak(name, dose, days, **kwargs):
    """Highest level, ng/mL."""
    return course(name, dose, days, **kwargs)[1].max()


def area(name, dose, days, **kwargs):
    """Area under the curve, ng/mL h."""
    t, c = course(name, dose, days, **kwargs)
    return c.sum() * (t[1] - t[0]) / HOUR


def steady_pg_ml(name, dose, every, without=5.0):
    """Mean estradiol at steady state, pg/mL, with an assumed 5 pg/mL of the untreated woman."""
    t, c = course(name, dose, 14.0, every=every)
    return without + 1000.0 * c[t > 7.0].mean()


def drive(name, dose, every):
    """Mean GHRH or ghrelin-receptor effect field at steady state."""
    protocol = r.make_protocol([r.Dose(name, dose, every_days=every)], duration_days=30.0)
    field = r.DRUGS[name].actions[0].field
    return float(getattr(exposure(protocol, 70.0, jnp.arange(0.0, 31.0)), field)[-2])


def inhibition(every):
    """Mean aromatase inhibition of a man by 1 mg of anastrozole at steady state."""
    protocol = r.make_protocol([r.Dose("anastrozole", 1.0, every_days=every)], duration_days=84.0)
    return float(exposure(protocol, 70.0, jnp.array([0.0, 56.0, 84.0])).aromatase_inhibition_men[-1])


def mean_release(name, dose, days):
    """Mean rate out of the depot, mg/day."""
    drug = r.DRUGS[name]
    edges = jnp.array([0.0, days])
    level = mean_concentration(drug, jnp.zeros(1), jnp.array([dose]), 70.0, edges)
    return float(level[0]) * drug.clearance_l_per_day / drug.unit_ng


def volume(name):
    """Volume of distribution, L or L/kg: clearance over elimination."""
    drug = r.DRUGS[name]
    return drug.clearance_l_per_day / drug.phases[0].rates_per_day[-1]


ROWS = [
    # drug and parameter, value, low, high, source
    ("cjc-1295-dac half-life d", lambda: half_life("cjc-1295-dac", 4.0, 15, 30), 5.8, 8.1, "Teichman 2006"),
    (
        "ipamorelin half-life h",
        lambda: half_life("ipamorelin", 0.2, 0.2, 0.5, step=0.005) / HOUR,
        1.8,
        2.2,
        "Gobburu 1999, 2 h; 10 % taken",
    ),
    (
        "ipamorelin clearance L/h/kg",
        lambda: r.DRUGS["ipamorelin"].clearance_l_per_day * HOUR,
        0.0779,
        0.0781,
        "Gobburu 1999, 0.078",
    ),
    ("ipamorelin volume L/kg", lambda: volume("ipamorelin"), 0.219, 0.221, "Gobburu 1999, 0.22"),
    (
        "ipamorelin half effect nmol/L",
        lambda: 1000.0 / (711.9 * r.DRUGS["ipamorelin"].actions[0].factor),
        213,
        215,
        "Gobburu 1999, 214",
    ),
    (
        "undecanoate half-life d",
        lambda: half_life("testosterone-undecanoate", 1000.0, 60, 120, step=0.25),
        33.9 - 4.9,
        33.9 + 4.9,
        "Behre 1999, castor oil, SEM 4.9",
    ),
    (
        "undecanoate peak d",
        lambda: peak_time("testosterone-undecanoate", 1000.0, 30.0),
        6.0,
        8.0,
        "Nebido, PMC10072151 table 3, 7 d",
    ),
    (
        "testosterone half-life h",
        lambda: np.log(2.0) / r.DRUGS["testosterone-gel"].phases[0].rates_per_day[-1] / HOUR,
        7.6,
        7.8,
        "Tornoe 2007, 7.69 h",
    ),
    (
        "testosterone half-lives in 5 pellet months d",
        lambda: half_life("testosterone-pellets", 800.0, 10, 150, step=0.5),
        60.0,
        80.0,
        "Nieschlag excerpt, 2.5 months (76 d)",
    ),
    (
        "pellet release mg/d",
        lambda: mean_release("testosterone-pellets", 200.0, 91.3),
        1.30,
        1.37,
        "Kelleher, 1.34 (1.30-1.37)",
    ),
    (
        "anastrozole half-life h",
        lambda: half_life("anastrozole", 1.0, 1.0, 5.0) / HOUR,
        46.0,
        50.5,
        "46-50 h",
    ),
    (
        "anastrozole twice weekly over daily",
        lambda: inhibition(3.5) / inhibition(1.0),
        0.9,
        1.0,
        "Leder 2004, E2 -37 and -35 %",
    ),
    (
        "anastrozole peak h",
        lambda: peak_time("anastrozole", 1.0, 2.0, step=0.005) / HOUR,
        0.2,
        2.0,
        "label, within 2 h",
    ),
    (
        "sermorelin half-life min",
        lambda: half_life("sermorelin", 2.0, 0.06, 0.12, step=0.001) * 1440.0,
        11.0,
        12.5,
        "label of Geref, 11-12 min; slower near the peak",
    ),
    (
        "sermorelin peak min",
        lambda: peak_time("sermorelin", 2.0, 0.2, step=0.0005) * 1440.0,
        5.0,
        20.0,
        "label of Geref",
    ),
    (
        "sermorelin bioavailability",
        lambda: r.DRUGS["sermorelin"].absorbed,
        0.055,
        0.065,
        "label of Geref, 6 %",
    ),
    (
        "sermorelin clearance L/min",
        lambda: r.DRUGS["sermorelin"].clearance_l_per_day / 1440.0,
        2.4,
        2.8,
        "label of Geref",
    ),
    (
        "patch 0.05 pg/mL (Scott)",
        lambda: steady_pg_ml("estradiol-patch-twice-weekly", 0.05, 3.5),
        41.1 - 13.5,
        41.1 + 13.5,
        "Scott 1991, SD 13.5",
    ),
    (
        "patch 0.05 pg/mL (Dermestril)",
        lambda: steady_pg_ml("estradiol-patch-twice-weekly", 0.05, 3.5),
        28.0,
        42.0,
        "Arzneimittelforschung 1996;46:766, 35; 20 % taken",
    ),
    (
        "patch 0.05 pg/mL (1989)",
        lambda: steady_pg_ml("estradiol-patch-twice-weekly", 0.05, 3.5),
        36.0,
        54.0,
        "Gynecol Endocrinol 1989;3:259, about 45; 20 % taken",
    ),
    (
        "patch left 12 h after removal",
        lambda: (
            np.interp(4.0, *course("estradiol-patch-twice-weekly", 0.05, 5.0))
            / np.interp(3.4, *course("estradiol-patch-twice-weekly", 0.05, 5.0))
        ),
        0.0,
        0.08,
        "Arzneimittelforschung 1996;46:766, basal within 12 h",
    ),
    (
        "gel 1.5 mg pg/mL",
        lambda: steady_pg_ml("estradiol-gel", 1.5, 1.0),
        68.1 - 27.4,
        68.1 + 27.4,
        "Scott 1991, SD 27.4",
    ),
    (
        "gel 3 mg pg/mL",
        lambda: steady_pg_ml("estradiol-gel", 3.0, 1.0),
        102.9 - 39.9,
        102.9 + 39.9,
        "Scott 1991, SD 39.9",
    ),
    (
        "oral estradiol 1 mg peak pg/mL",
        lambda: 1000.0 * peak("estradiol-oral", 1.0, 3.0),
        26.8 * 0.64,
        26.8 * 1.36,
        "label of Activella, 26.8, CV 36 %",
    ),
    (
        "oral estradiol 1 mg half-life h",
        lambda: half_life("estradiol-oral", 1.0, 1.0, 2.0) / HOUR,
        14 * 0.71,
        14 * 1.29,
        "label of Activella, 14.0, CV 29 %",
    ),
    *(
        (
            f"progesterone {dose:g} mg {what}",
            lambda dose=dose, value=value: value(dose),
            low,
            high,
            "label of Prometrium",
        )
        for dose, what, value, low, high in (
            (100.0, "peak ng/mL", lambda d: peak("progesterone-oral", d, 0.42, step=0.005), 0.0, 17.3 + 21.9),
            (
                200.0,
                "peak ng/mL",
                lambda d: peak("progesterone-oral", d, 0.42, step=0.005),
                38.1 - 37.8,
                38.1 + 37.8,
            ),
            (300.0, "peak ng/mL", lambda d: peak("progesterone-oral", d, 0.42, step=0.005), 0.0, 60.6 + 72.5),
            (100.0, "peak h", lambda d: peak_time("progesterone-oral", d, 0.42, step=0.005) / HOUR, 0.7, 2.3),
            (200.0, "peak h", lambda d: peak_time("progesterone-oral", d, 0.42, step=0.005) / HOUR, 0.9, 3.7),
            (300.0, "peak h", lambda d: peak_time("progesterone-oral", d, 0.42, step=0.005) / HOUR, 1.1, 2.3),
            (
                100.0,
                "area ng h/mL",
                lambda d: area("progesterone-oral", d, 10 * HOUR, step=0.005),
                12.5,
                74.1,
            ),
            (
                200.0,
                "area ng h/mL",
                lambda d: area("progesterone-oral", d, 10 * HOUR, step=0.005),
                35.2,
                167.2,
            ),
            (
                300.0,
                "area ng h/mL",
                lambda d: area("progesterone-oral", d, 10 * HOUR, step=0.005),
                5.4,
                346.0,
            ),
        )
    ),
    (
        "progesterone 200 mg once peak ng/mL",
        lambda: peak("progesterone-oral", 200.0, 0.42, step=0.005),
        17.0 - 4.9,
        17.0 + 4.9,
        "Maxson 1985, SD or SE 4.9",
    ),
    (
        "medroxyprogesterone peak h",
        lambda: peak_time("medroxyprogesterone-acetate", 10.0, 1.0, step=0.005) / HOUR,
        1.0,
        4.66,
        "label of Provera, 2.83 (SD 1.83)",
    ),
    (
        "medroxyprogesterone half-life h",
        lambda: half_life("medroxyprogesterone-acetate", 10.0, 0.5, 2.0) / HOUR,
        8.6,
        31.6,
        "label of Provera, 12.1 (SD 3.5), 16.6 (SD 15.0)",
    ),
    (
        "medroxyprogesterone daily peak ng/mL",
        lambda: peak("medroxyprogesterone-acetate", 10.0, 7.0, every=1.0),
        0.36,
        1.06,
        "label of Provera, 0.71 (SD 0.35) after 7 days",
    ),
    (
        "growth hormone peak h",
        lambda: peak_time("growth-hormone", 2.3, 1.0, step=0.005) / HOUR,
        4.0,
        6.0,
        "scilit a5712b866dcc66, 16.4 at 4 h and 16.3 at 6 h",
    ),
    (
        "growth hormone peak ng/mL",
        lambda: peak("growth-hormone", 1.3 * 1.8, 1.0, step=0.005),
        13.1,
        19.7,
        "same, 16.4 after 1.3 mg/m2, 1.8 m2; 20 % taken",
    ),
    (
        "growth hormone area ng h/mL",
        lambda: area("growth-hormone", 1.3 * 1.8, 3.0),
        134 - 48,
        134 + 48,
        "same, SD 48; 1.8 m2",
    ),
    (
        "gonadorelin half-time min",
        lambda: half_life("gonadorelin", 0.01, 0.02, 0.06, step=0.001) * 1440.0,
        18.0,
        30.0,
        "Hurley 1987, subcutaneous",
    ),
    (
        "gonadorelin infusion loss",
        lambda: 1.0 - r.DRUGS["gonadorelin-continuous"].absorbed,
        0.33,
        0.35,
        "scilit a9762616, 34 % lower plateau",
    ),
    (
        "hcg intramuscular half-life h",
        lambda: half_life("hcg", 5000.0, 5.0, 8.0) / HOUR,
        27.0,
        34.0,
        "Swiss product information 33001",
    ),
    (
        "hcg intramuscular first half-life h",
        lambda: np.log(2.0) / r.DRUGS["hcg"].phases[0].rates_per_day[0] / HOUR,
        6.0,
        12.0,
        "Swiss product information 33001",
    ),
    (
        "hcg subcutaneous half-life h",
        lambda: half_life("hcg-subcutaneous", 5000.0, 5.0, 8.0) / HOUR,
        33.0,
        43.0,
        "Swiss product information 33001",
    ),
    (
        "hcg subcutaneous loss",
        lambda: 1.0 - r.DRUGS["hcg-subcutaneous"].absorbed / r.DRUGS["hcg"].absorbed,
        0.30,
        0.40,
        "Swiss product information 33001, about 35 % lower",
    ),
    (
        "degarelix peak ng/mL",
        lambda: peak("degarelix", 240.0, 5.0),
        26.2 * 0.5,
        26.2 * 1.5,
        "label of Firmagon, CV 83 %",
    ),
    (
        "degarelix peak d",
        lambda: peak_time("degarelix", 240.0, 5.0),
        0.2,
        2.0,
        "label of Firmagon, within 2 days",
    ),
    (
        "degarelix area ng d/mL",
        lambda: area("degarelix", 240.0, 600.0, step=0.5) * HOUR,
        1054 * 0.65,
        1054 * 1.35,
        "label of Firmagon, CV 35 %",
    ),
    (
        "triptorelin level ng/mL, day 20",
        lambda: np.interp(20.0, *course("triptorelin-depot", 3.75, 30.0)),
        0.0609,
        0.3,
        "above the castrating level of Romero 2012; below 0.32, Bouchot 1998",
    ),
    ("letrozole half-life d", lambda: half_life("letrozole", 2.5, 2.0, 8.0), 1.5, 2.5, "label, about 2 days"),
    (
        "teriparatide half-life h",
        lambda: half_life("teriparatide", 0.02, 0.2, 0.3, step=0.002) / HOUR,
        0.9,
        1.2,
        "label of Forteo, about 1 h",
    ),
    (
        "teriparatide peak min",
        lambda: peak_time("teriparatide", 0.02, 0.3, step=0.001) * 1440.0,
        20.0,
        60.0,
        "label of Forteo, about 30 min",
    ),
    (
        "romosozumab peak ug/mL",
        lambda: 1e-3 * peak("romosozumab", 210.0, 30.0, step=0.1),
        16.4,
        28.0,
        "Swiss product information 67033, SD 5.8",
    ),
    ("romosozumab peak d", lambda: peak_time("romosozumab", 210.0, 30.0, step=0.1), 2.0, 7.0, "same"),
    (
        "romosozumab area ug d/mL",
        lambda: 1e-3 * HOUR * area("romosozumab", 210.0, 150.0, step=0.1),
        262.0,
        516.0,
        "same, SD 127",
    ),
    (
        "tesamorelin drive",
        lambda: drive("tesamorelin", 2.0, 1.0),
        0.33,
        0.37,
        "IGF-1 +81 % (Falutz 2007) at 0.35 in the axis",
    ),
    (
        "mk-677 drive",
        lambda: drive("mk-677", 25.0, 1.0),
        0.72,
        0.78,
        "IGF-1 +39-45 % (Murphy 2001) at 0.75 in the axis",
    ),
    (
        "hexarelin drive",
        lambda: drive("hexarelin", 0.105, 0.5),
        0.05,
        0.09,
        "no rise of IGF-1 (JCEM 1998;83:1644) at 0.07 in the axis",
    ),
]


@pytest.mark.parametrize(
    ("value", "low", "high", "source"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_a_published_number_is_met(value, low, high, source):
    """low <= value <= high, the range of the source."""
    assert low <= value() <= high, source
