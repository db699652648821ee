"""What each hormone, drug and load does to the bone cells, mechanism by mechanism.

Two logarithms drive a remodeling unit: that of resorption and that of its balance (formed over resorbed).
Each is a sum of named contributions, so a run can say what its bone answers to:

    log resorption = - thRE s [L(E) - L(Eref)]              estrogen receptor: lifespan of osteoclasts
                     - thRE (1 - s) [L(E) - L(Eref)]        estrogen receptor: RANKL over OPG
                     - thRE [L(E_b) - L(E)]                 estradiol that bone aromatizes itself
                     - thRT [H(T) - H(Tref)]                androgen receptor, direct
                     + thRI [H(I) - H(Iref) - a m]          IGF-1: recruitment of remodeling, adapting
                     + thRY y + drugs                       thyroid; drugs
                     + etaR- [S(z)]_- - etaR+ [S(z)]_+      disuse; overload
    log balance    =   thFE [L(E) - L(E0)]                  estrogen receptor on osteoblasts and osteocytes
                     + thFE [L(E_b) - L(E)] - (the same before)          aromatized in bone
                     + thFT [H(T) - H(T0)]                  androgen receptor, direct
                     + thFP [P/(P + K_P) G(E_b) - (before)] progestogen on differentiation, with estrogen
                     + thFI(sex) [l - a m]                  IGF-1: proliferation, matrix, survival
                     - thFY ([y]_+ - [y0]_+)                thyroid: formation too short to refill
                     + thFN (i - i0) + drugs - delta_age    insulin; drugs; age
                     + etaF+ (1 + chiEM [L(E_b) - L(Eref)]) [S(z)]_+ - etaF- [S(z)]_-    load, estrogen

E_b = E + chi A T; L(E) = ln(1 + E / E_s) / ln(1 + 100 / E_s) in pg/mL; H Hill terms;
G(E) = E^4 / (E^4 + half^4); z log stimulus; 0 the person before treatment; m and l are what bone has got
used to and what osteoblasts have followed of H(I) - H(I0) (`_igf1_memory`). Resorption is absolute, against
a young reference; balance is relative to the person's own hormones before.

L and not a Hill term: a few pg/mL count where estradiol is lowest (Ettinger 2004; Huang 2007, J Bone Miner
Res 22:1791), and a young woman still loses from 100 to 50. With one constant less it fits trials better
(docs/fit.md).
"""

import functools
import operator
from dataclasses import dataclass, fields, replace
from typing import Any

import jax

from ._bone_drugs import drug_balance, drug_resorption
from ._hormones import HormoneLevels
from ._parameters import BoneParameters
from ._response import hill, logarithmic, smooth_negative, smooth_positive, stimulus_response

FULL_ESTRADIOL = 100.0
"""Estradiol at which its effect is 1, pg/mL: a young woman, mean of her cycle (scale of the effect alone)."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class ResorptionMechanisms:
    """Contributions to the logarithm of resorption, shapes () or those of the levels and the stimulus."""

    estrogen_lifespan: jax.Array
    "estrogen receptor of osteoclasts: apoptosis ends their work sooner (blood estradiol)"
    estrogen_rankl: jax.Array
    "estrogen receptor of osteoblasts: more OPG, less RANKL (blood estradiol)"
    bone_aromatase: jax.Array
    "estradiol that bone makes of circulating testosterone, by both routes"
    androgen_receptor: jax.Array
    "testosterone itself"
    igf1: jax.Array
    "IGF-1 recruits remodeling units"
    thyroid: jax.Array
    "thyroid hormone activates remodeling"
    drugs: jax.Array
    "drugs that act on bone directly"
    disuse: jax.Array
    "too little strain: RANKL"
    overload: jax.Array
    "more strain than the set point"


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class BalanceMechanisms:
    """Contributions to the logarithm of formed over resorbed volume, shapes as above."""

    estrogen_receptor: jax.Array
    "estrogen on osteoblasts, osteocytes and erosion depth (blood estradiol)"
    bone_aromatase: jax.Array
    "estradiol that bone makes of circulating testosterone"
    androgen_receptor: jax.Array
    "testosterone itself on osteoblasts"
    progestogen: jax.Array
    "progestogen on the differentiation of osteoblasts, where there is estrogen"
    igf1: jax.Array
    "IGF-1 on proliferation, matrix and survival of osteoblasts, in the measure of the sex"
    thyroid: jax.Array
    "excess thyroid hormone: the unit is not refilled"
    insulin: jax.Array
    "insulin, weakly anabolic"
    drugs: jax.Array
    "drugs that act on bone directly"
    age: jax.Array
    "imbalance with age"
    overload: jax.Array
    "more strain than the set point: sclerostin falls"
    estrogen_overload: jax.Array
    "what estrogen adds to, or its lack takes from, the answer to overload"
    disuse: jax.Array
    "less strain than the set point: sclerostin rises"


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Mechanisms:
    """Every contribution to the drives of the bone cells, before the bounds of `cell_drives`."""

    resorption: ResorptionMechanisms
    "contributions to log resorption"
    balance: BalanceMechanisms
    "contributions to log balance"


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Igf1Memory:
    """What bone remembers of the change of the IGF-1 effect since the baseline, () or (steps,)."""

    adapted: jax.Array
    "m, what bone has got used to"
    followed: jax.Array
    "l, what the osteoblasts have followed so far"


def total(contributions: ResorptionMechanisms | BalanceMechanisms) -> jax.Array:
    """Sum of the contributions."""
    terms = [getattr(contributions, f.name) for f in fields(contributions)]
    return functools.reduce(operator.add, terms)


def effective_estradiol(levels: HormoneLevels, parameters: BoneParameters) -> jax.Array:
    """Estradiol seen by bone: blood level plus what bone aromatizes itself, pg/mL."""
    return (
        levels.estradiol_pg_ml
        + parameters.intracrine_estradiol * levels.aromatase * levels.testosterone_ng_dl
    )


def estradiol_effect(estradiol: jax.Array, parameters: BoneParameters) -> jax.Array:
    """L(E), 0 without estradiol and 1 at FULL_ESTRADIOL; steep where there is little, it ends nowhere."""
    return logarithmic(estradiol, parameters.estradiol_scale, FULL_ESTRADIOL)


def igf1_effect(levels: HormoneLevels, parameters: BoneParameters) -> jax.Array:
    """H_I, 0 to 1."""
    return hill(levels.igf1_ng_ml, parameters.igf1_half, parameters.igf1_hill)


def testosterone_effect(testosterone: jax.Array, parameters: BoneParameters) -> jax.Array:
    """H_T, 0 to 1."""
    return hill(testosterone, parameters.testosterone_half, parameters.testosterone_hill)


def resorption_mechanisms(
    levels: HormoneLevels,
    parameters: BoneParameters,
    *,
    log_stimulus: jax.Array | float = 0.0,
    memory: Igf1Memory | None = None,
) -> ResorptionMechanisms:
    """Contributions to log resorption, absolute (0 at the young reference and the set point).

    Args:
      levels: hormones, fields () or (steps,).
      parameters: biological parameters.
      log_stimulus: ln(stimulus / set point), any shape that broadcasts with the levels.
      memory: of IGF-1; None: bone has got used to nothing.
    """
    p = parameters
    used_to = 0.0 if memory is None else p.igf1_adaptation * memory.adapted
    blood = estradiol_effect(levels.estradiol_pg_ml, p)
    braked = -p.estradiol_resorption * (blood - estradiol_effect(p.reference_estradiol, p))
    local = estradiol_effect(effective_estradiol(levels, p), p) - blood
    androgen = testosterone_effect(levels.testosterone_ng_dl, p) - testosterone_effect(
        p.reference_testosterone, p
    )
    igf1 = igf1_effect(levels, p) - hill(p.reference_igf1, p.igf1_half, p.igf1_hill)
    z = stimulus_response(log_stimulus, p.stimulus_saturation, p.resorption_lazy_width)
    return ResorptionMechanisms(
        estrogen_lifespan=p.estradiol_lifespan_share * braked,
        estrogen_rankl=(1.0 - p.estradiol_lifespan_share) * braked,
        bone_aromatase=-p.estradiol_resorption * local,
        androgen_receptor=-p.testosterone_resorption * androgen,
        igf1=p.igf1_resorption * (igf1 - used_to),
        thyroid=p.thyroid_turnover * levels.thyroid_index,
        drugs=drug_resorption(levels, p),
        disuse=p.disuse_resorption * smooth_negative(z),
        overload=-p.overload_resorption * smooth_positive(z),
    )


def balance_mechanisms(
    levels: HormoneLevels,
    parameters: BoneParameters,
    *,
    log_stimulus: jax.Array | float = 0.0,
    female: jax.Array | float = 0.0,
) -> BalanceMechanisms:
    """Contributions to log balance before subtracting those of the person's own baseline, without memory.

    Args:
      levels, log_stimulus: as of `resorption_mechanisms`.
      parameters: biological parameters.
      female: 1 for a woman, 0 for a man, (); chooses the answer of the balance to IGF-1.
    """
    p = parameters
    seen = effective_estradiol(levels, p)
    blood, local = estradiol_effect(levels.estradiol_pg_ml, p), estradiol_effect(seen, p)
    z = stimulus_response(log_stimulus, p.stimulus_saturation, p.formation_lazy_width)
    overload = p.overload_balance * smooth_positive(z)
    return BalanceMechanisms(
        estrogen_receptor=p.estradiol_balance * blood,
        bone_aromatase=p.estradiol_balance * (local - blood),
        androgen_receptor=p.testosterone_balance * testosterone_effect(levels.testosterone_ng_dl, p),
        progestogen=p.progestogen_balance
        * levels.progestogen
        / (levels.progestogen + p.progestogen_half)
        * hill(seen, p.progestogen_estradiol_half, p.progestogen_estradiol_hill),
        igf1=_igf1_gain(p, female) * igf1_effect(levels, p),
        thyroid=-p.thyroid_balance * smooth_positive(levels.thyroid_index),
        insulin=p.insulin_balance * levels.insulin_index,
        drugs=drug_balance(levels, p),
        age=-p.age_imbalance,
        overload=overload,
        estrogen_overload=p.estradiol_mechanics
        * (local - estradiol_effect(p.reference_estradiol, p))
        * overload,
        disuse=-p.disuse_balance * smooth_negative(z),
    )


def bone_mechanisms(
    levels: HormoneLevels,
    baseline: HormoneLevels,
    log_stimulus: jax.Array | float,
    parameters: BoneParameters,
    *,
    female: jax.Array | float = 0.0,
    memory: Igf1Memory | None = None,
) -> Mechanisms:
    """Every contribution to the drives; their sums, bounded, are `cell_drives`.

    Args:
      levels: hormones now, fields () or (steps,).
      baseline: hormones that the balance is measured against, fields ().
      log_stimulus: ln(stimulus / set point) z, any shape that broadcasts with the levels.
      parameters: biological parameters.
      female: 1 for a woman, 0 for a man, ().
      memory: of IGF-1, fields () or (steps,); None: osteoblasts follow at once and bone gets used to nothing.
    """
    levels = _as_seen(levels, baseline, parameters, female)
    balance = balance_mechanisms(levels, parameters, log_stimulus=log_stimulus, female=female)
    before = balance_mechanisms(baseline, parameters, female=female)
    hormonal: dict[str, Any] = {
        f.name: getattr(balance, f.name) - getattr(before, f.name) for f in fields(BalanceMechanisms)
    }
    # The age term and the answers to load are not those of a level: they count as they are.
    for name in ("age", "overload", "estrogen_overload", "disuse"):
        hormonal[name] = getattr(balance, name)
    if memory is not None:
        kept = memory.followed - parameters.igf1_adaptation * memory.adapted
        hormonal["igf1"] = _igf1_gain(parameters, female) * kept
    return Mechanisms(
        resorption=resorption_mechanisms(levels, parameters, log_stimulus=log_stimulus, memory=memory),
        balance=BalanceMechanisms(**hormonal),
    )


def _as_seen(
    levels: HormoneLevels, baseline: HormoneLevels, parameters: BoneParameters, female: jax.Array | float
) -> HormoneLevels:
    """Levels with the testosterone that acts on bone: a woman's stays near that of her baseline."""
    acting = 1.0 - female * (1.0 - parameters.testosterone_women)
    before = baseline.testosterone_ng_dl
    return replace(levels, testosterone_ng_dl=before + acting * (levels.testosterone_ng_dl - before))


def _igf1_gain(parameters: BoneParameters, female: jax.Array | float) -> jax.Array:
    return parameters.igf1_balance + female * (parameters.igf1_balance_female - parameters.igf1_balance)
