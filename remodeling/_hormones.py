"""Hormone levels at one time, and their course over the steps of a simulation."""

from dataclasses import dataclass, fields

import jax
import jax.numpy as jnp
import numpy as np


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class HormoneLevels:
    """Blood levels and indices; shape () at one time, (steps,) over a course."""

    testosterone_ng_dl: jax.Array
    "total testosterone, ng/dL"
    estradiol_pg_ml: jax.Array
    "total estradiol, pg/mL"
    free_testosterone_ng_dl: jax.Array
    "free testosterone, ng/dL; recorded, not used by bone"
    lh_iu_l: jax.Array
    "luteinizing hormone, IU/L; recorded, not used by bone"
    igf1_ng_ml: jax.Array
    "insulin-like growth factor 1, ng/mL"
    progestogen: jax.Array
    "progestogen, mg/day of oral micronized progesterone or its equivalent on bone"
    thyroid_index: jax.Array
    "ln(free T4 / reference)"
    insulin_index: jax.Array
    "ln(insulin / reference)"
    aromatase: jax.Array
    "residual aromatase activity, 1 untreated"
    shbg_nmol_l: jax.Array
    "sex-hormone-binding globulin, nmol/L; recorded, not used by bone"
    free_estradiol_pg_ml: jax.Array
    "free estradiol, pg/mL; recorded, not used by bone"
    gh_ng_ml: jax.Array
    "growth hormone, 24-hour mean, ng/mL; recorded, bone answers to IGF-1"
    free_t4_ng_dl: jax.Array
    "free thyroxine, ng/dL; recorded, bone answers to the thyroid index"
    tsh_miu_l: jax.Array
    "thyroid-stimulating hormone, mIU/L; an index, recorded"
    drug_resorption: jax.Array
    "log drive on resorption that drugs add as it is: denosumab with its rebound, or e.g. ln 0.2"
    drug_balance: jax.Array
    "log drive on the balance of a remodeling unit, likewise"
    drug_modeling: jax.Array
    "formation on quiescent surface, likewise, in units of the resorption rate at reference hormones"
    calcium: jax.Array
    "share of the largest effect of calcium supplements, 0 to 1 like those that follow"
    bisphosphonate: jax.Array
    "occupancy of the bone surface by a bisphosphonate"
    bisphosphonate_held: jax.Array
    "share of bone that holds a bisphosphonate"
    denosumab: jax.Array
    "occupancy of RANKL by denosumab"
    teriparatide: jax.Array
    "occupancy by teriparatide, times what tolerance leaves of its effects"
    teriparatide_late: jax.Array
    "the same as resorption follows it"
    romosozumab: jax.Array
    "occupancy of sclerostin by romosozumab"
    romosozumab_fresh: jax.Array
    "the same, times what tolerance leaves of its effect on formation"


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class HormoneCourse:
    """Mean hormone levels over each step of a simulation, and the levels before it."""

    levels: HormoneLevels
    "mean level in each step, fields (steps,)"
    baseline: HormoneLevels
    "untreated level of the person, fields ()"
    step_days: jax.Array
    "length of a step, days, (); of a history also (steps,)"

    @property
    def testosterone_ng_dl(self) -> jax.Array:
        """Total testosterone, ng/dL, (steps,)."""
        return self.levels.testosterone_ng_dl

    @property
    def estradiol_pg_ml(self) -> jax.Array:
        """Total estradiol, pg/mL, (steps,)."""
        return self.levels.estradiol_pg_ml

    @property
    def free_testosterone_ng_dl(self) -> jax.Array:
        """Free testosterone, ng/dL, (steps,)."""
        return self.levels.free_testosterone_ng_dl

    @property
    def lh_iu_l(self) -> jax.Array:
        """Luteinizing hormone, IU/L, (steps,)."""
        return self.levels.lh_iu_l

    @property
    def igf1_ng_ml(self) -> jax.Array:
        """IGF-1, ng/mL, (steps,)."""
        return self.levels.igf1_ng_ml


OF_DRUGS = (
    "drug_resorption", "drug_balance", "drug_modeling", "calcium", "bisphosphonate", "bisphosphonate_held",
    "denosumab", "teriparatide", "teriparatide_late", "romosozumab", "romosozumab_fresh",
)  # fmt: skip
"""Fields of HormoneLevels that are zero where no drug acts on bone."""

_NEUTRAL = {
    "testosterone_ng_dl": 550.0,
    "estradiol_pg_ml": 30.0,
    "free_testosterone_ng_dl": 10.0,
    "lh_iu_l": 4.5,
    "igf1_ng_ml": 180.0,
    "progestogen": 0.0,
    "thyroid_index": 0.0,
    "insulin_index": 0.0,
    "aromatase": 1.0,
    "shbg_nmol_l": 40.0,
    "free_estradiol_pg_ml": 0.6,
    "gh_ng_ml": 1.0,
    "free_t4_ng_dl": 1.2,
    "tsh_miu_l": 1.5,
    **dict.fromkeys(OF_DRUGS, 0.0),
}
"""The young eugonadal reference of the equations (assumed)."""

_SIGNED = ("thyroid_index", "insulin_index", "drug_resorption", "drug_balance")


def make_hormone_levels(*, dtype=None, **levels: float) -> HormoneLevels:
    """Hormone levels at one time; what is not given is the young eugonadal reference.

    Raises:
      ValueError: an unknown name, or a level that is negative or not finite.
    """
    return HormoneLevels(
        **{
            name: jnp.asarray(value, dtype or float)
            for name, value in (_NEUTRAL | _checked(levels, "levels")).items()
        }
    )


def make_hormone_course(
    baseline: HormoneLevels, *, steps: int, step_days: float, **levels: np.ndarray | float
) -> HormoneCourse:
    """A course given directly by its levels; what is not given stays at `baseline`.

    Args:
      baseline: levels before the course, fields ().
      steps: number of steps.
      step_days: length of a step, days.
      levels: field name of HormoneLevels to a number or an array (steps,) of means over each step.

    Raises:
      ValueError: no steps, an unknown name, a wrong length, or a level that is negative or not finite.
    """
    if steps < 1:
        raise ValueError(f"`steps` must be at least 1, got {steps}")
    if not 0 < step_days < float("inf"):
        raise ValueError(f"`step_days` must be positive and finite, got {step_days}")
    given = _checked(levels, "levels")
    columns = {}
    for field in fields(HormoneLevels):
        start = getattr(baseline, field.name)
        value = jnp.asarray(given.get(field.name, start), start.dtype)
        if value.ndim > 1 or (value.ndim == 1 and value.shape[0] != steps):
            raise ValueError(f"`{field.name}` needs a number or shape ({steps},), got shape {value.shape}")
        columns[field.name] = jnp.broadcast_to(value, (steps,))
    return HormoneCourse(
        levels=HormoneLevels(**columns),
        baseline=baseline,
        step_days=jnp.asarray(step_days, baseline.aromatase.dtype),
    )


def _checked(levels: dict, argument: str) -> dict:
    unknown = sorted(set(levels) - set(_NEUTRAL))
    if unknown:
        raise ValueError(f"`{argument}` needs names among {sorted(_NEUTRAL)}, got {unknown[0]!r}")
    for name, value in levels.items():
        numbers = np.atleast_1d(np.asarray(value, float))
        bad = ~np.isfinite(numbers) | ((numbers < 0) & (name not in _SIGNED))
        if bad.any():
            first = int(np.argmax(bad))
            raise ValueError(
                f"`{name}` must be finite and not negative, got {numbers[first]} at step {first} "
                f"({int(bad.sum())} such values)"
            )
    return levels
