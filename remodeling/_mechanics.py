"""Where the mechanical stimulus of a simulation comes from: a 0-D surrogate, or finite elements.

A strategy answers three calls of `simulate`, all traced:
    begin(state, activity) -> (reference, memory, record)   at the habitual load
    update(reference, memory, state) -> (memory, record)                 after the bone has changed
    log_stimulus(reference, memory, bone_fraction, progress) -> z (nb,)  ln(stimulus / set point) in between
"""

from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

import fem

from ._daily import DailyLoading, daily_energy
from ._filter import filter_iterations, helmholtz_filter, neighbour_table
from ._state import BoneState
from ._surface import clipped_fraction

SetPoint = Literal["local", "uniform"]

MINERAL_MAXIMUM_VOLUME = 0.442
"""Mineral volume fraction of fully mineralized matrix (Martinez-Reina and Pivonka 2019, code)."""
STIMULUS_FLOOR = 1e-6
"""Stimulus over its mean below which a voxel counts as unloaded; keeps the logarithm finite."""


class SolveRecord(NamedTuple):
    """Record of one mechanical solve, traced."""

    force_n: jax.Array
    "force of the load case at its prescribed displacement, N; nan without finite elements"
    converged: jax.Array
    "whether the solve may be used"
    iterations: jax.Array
    "iterations of the solver"
    relative_residual: jax.Array
    "true relative residual"


def ash_fraction(mineralization: jax.Array) -> jax.Array:
    """Ash fraction of bone matrix at a share of full mineral: 3.2 v / (3.2 v + 1.1 * 3/7), v = 0.442 share.

    Densities 3.2 and 1.1 g/cm3, organic volume 3/7 (Martinez-Reina and Pivonka 2019, code). Ash fraction,
    and not the share itself, enters the modulus law, as that law was measured against ash fraction
    (Hernandez 2001).
    """
    mineral = 3.2 * MINERAL_MAXIMUM_VOLUME * mineralization
    return mineral / (mineral + 1.1 * 3.0 / 7.0)


def modulus_ratio(
    bone_fraction: jax.Array,
    mineral_deficit: jax.Array,
    start: BoneState,
    fraction_exponent: jax.Array | float = 2.58,
    ash_exponent: jax.Array | float = 2.74,
) -> jax.Array:
    """E / E0 = (f / f0)^2.58 (alpha / alpha0)^2.74, (nb,) (Hernandez et al. 2001 exponents).

    A voxel without bone at the start keeps 1.
    """
    f, f0 = clipped_fraction(bone_fraction), clipped_fraction(start.bone_fraction)
    share = 1.0 - mineral_deficit / f
    share0 = 1.0 - start.mineral_deficit / f0
    ash = ash_fraction(share) / ash_fraction(share0)
    return (f / f0) ** fraction_exponent * ash**ash_exponent


class Mechanics(Protocol):
    """What `simulate` asks of a strategy; reference and memory are pytrees of its own."""

    @property
    def depends_on_bone(self) -> bool:
        """Whether the stimulus changes with the bone between two solves (static)."""
        ...

    def begin(self, state: BoneState, activity: jax.Array) -> tuple[Any, Any, SolveRecord]:
        """Reference, memory and record at the habitual load."""
        ...

    def update(self, reference: Any, memory: Any, state: BoneState) -> tuple[Any, SolveRecord]:
        """Memory and record after the bone has changed."""
        ...

    def log_stimulus(
        self, reference: Any, memory: Any, bone_fraction: jax.Array, progress: jax.Array
    ) -> jax.Array:
        """ln(stimulus / set point) in between, (nb,)."""
        ...


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class SurrogateMechanics:
    """0-D stand-in for elasticity: z = -q ln(f / f0) at constant load; q = 3 is assumed."""

    exponent: jax.Array
    "q, log stimulus lost per log bone fraction gained, ()"

    @property
    def depends_on_bone(self) -> bool:
        """The surrogate follows the bone fraction at once."""
        return True

    def begin(self, state: BoneState, activity: jax.Array) -> tuple[jax.Array, tuple[()], SolveRecord]:
        """Reference: bone fraction at the start."""
        return state.bone_fraction, (), self._record(state)

    def update(
        self, reference: jax.Array, memory: tuple[()], state: BoneState
    ) -> tuple[tuple[()], SolveRecord]:
        """Nothing to solve."""
        return (), self._record(state)

    def log_stimulus(
        self, reference: jax.Array, memory: tuple[()], bone_fraction: jax.Array, progress: jax.Array
    ) -> jax.Array:
        """-q ln(f / f0), (nb,)."""
        return -self.exponent * jnp.log(clipped_fraction(bone_fraction) / clipped_fraction(reference))

    def _record(self, state: BoneState) -> SolveRecord:
        dtype = state.bone_fraction.dtype
        return SolveRecord(
            jnp.full((), jnp.nan, dtype), jnp.ones((), bool), jnp.zeros((), jnp.int32), jnp.zeros((), dtype)
        )


def make_surrogate(*, exponent: float = 3.0, dtype=None) -> SurrogateMechanics:
    """Checked 0-D mechanics.

    Raises:
      ValueError: an exponent that is not positive (more bone would be strained more: unstable).
    """
    if not exponent > 0:
        raise ValueError(f"`exponent` must be positive, got {exponent}")
    return SurrogateMechanics(exponent=jnp.asarray(exponent, dtype or float))


class FiniteElementReference(NamedTuple):
    """What the finite element stimulus is measured against."""

    start: BoneState
    "state at the start, fields (nb,)"
    activity: jax.Array
    "1 remodels, 0 held fixed, (nb,)"
    force_n: jax.Array
    "habitual force, N, ()"
    floor: jax.Array
    "smallest stimulus, MPa, ()"
    log_set_point: jax.Array
    "ln of the set point, (nb,) or ()"


class FiniteElementMemory(NamedTuple):
    """What passes from one solve to the next."""

    displacement: jax.Array
    "last displacement, mm, (nn, 3): start of the next solve"
    log_stimulus: jax.Array
    "ln stimulus at the last solve, (nb,)"
    log_stimulus_before: jax.Array
    "ln stimulus at the solve before, (nb,)"


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class FiniteElementMechanics:
    """Stimulus from a linear finite element solve under constant force, or from a daily loading.

    Without daily loading the solve is done at the displacement of the plan's load case and its energy scaled
    by (habitual force / reaction)^2, so the person's load stays what it was while the bone changes.
    psi_raw = U / f^m, then the Helmholtz filter; m above the modulus exponent keeps the scheme stable
    (Harrigan and Hamilton 1992). Between solves ln psi is extrapolated from the last two.
    """

    plan: Any
    "plan of fem.make_plan over bone and caps"
    baseline_modulus: jax.Array
    "modulus of all elements at the start, MPa, (ne,)"
    bone_elements: jax.Array
    "element index of each bone voxel, (nb,); other elements (caps) keep their modulus"
    neighbours: jax.Array
    "face neighbours of the bone voxels, (nb, 6)"
    filter_length_mm: jax.Array
    "length of the Helmholtz filter, mm, ()"
    fraction_exponent: jax.Array
    "n_E, exponent of bone fraction in the modulus, ()"
    ash_exponent: jax.Array
    "exponent of ash fraction in the modulus, ()"
    stimulus_exponent: jax.Array
    "m, exponent of bone fraction in the stimulus, ()"
    daily: DailyLoading | None
    "habitual activities under given forces; None for the one load case of the plan at its habitual force"
    rtol: float = field(metadata={"static": True})
    "relative residual of the solves"
    max_iterations: int = field(metadata={"static": True})
    "bound on the iterations of a solve"
    filter_iterations: int = field(metadata={"static": True})
    "iterations of the filter"
    set_point: SetPoint = field(metadata={"static": True})
    "local: each voxel's own stimulus at the start; uniform: one for all (their geometric mean)"

    @property
    def depends_on_bone(self) -> bool:
        """Between two solves the stimulus is extrapolated in time only."""
        return False

    def begin(
        self, state: BoneState, activity: jax.Array
    ) -> tuple[FiniteElementReference, FiniteElementMemory, SolveRecord]:
        """Solve at the start; its force is the habitual one."""
        shape = self.plan.nodes.shape if self.daily is None else self.daily.prescribed.shape
        zero = jnp.zeros(shape, state.bone_fraction.dtype)
        displacement, raw, record = self._solve(state, state, activity, zero, start_given=False)
        psi = self._filtered(raw)
        floor = STIMULUS_FLOOR * jnp.mean(psi)
        log_psi = jnp.log(psi + floor)
        if self.set_point == "local":
            set_point = log_psi
        else:
            set_point = jnp.sum(activity * log_psi) / jnp.maximum(jnp.sum(activity), 1.0)
        reference = FiniteElementReference(state, activity, record.force_n, floor, set_point)
        return reference, FiniteElementMemory(displacement, log_psi, log_psi), record

    def update(
        self, reference: FiniteElementReference, memory: FiniteElementMemory, state: BoneState
    ) -> tuple[FiniteElementMemory, SolveRecord]:
        """Solve with the present bone, from the displacement before."""
        displacement, raw, record = self._solve(
            state, reference.start, reference.activity, memory.displacement
        )
        # a daily loading states its forces; one load case keeps the force of the start
        scale = (reference.force_n / record.force_n) ** 2 if self.daily is None else 1.0
        log_psi = jnp.log(self._filtered(raw * scale) + reference.floor)
        return FiniteElementMemory(displacement, log_psi, memory.log_stimulus), record

    def log_stimulus(
        self,
        reference: FiniteElementReference,
        memory: FiniteElementMemory,
        bone_fraction: jax.Array,
        progress: jax.Array,
    ) -> jax.Array:
        """ln(psi / set point) at a fraction `progress` of the way to the next solve, (nb,)."""
        trend = memory.log_stimulus - memory.log_stimulus_before
        return memory.log_stimulus + progress * trend - reference.log_set_point

    def modulus(self, state: BoneState, start: BoneState, activity: jax.Array) -> jax.Array:
        """Modulus of all elements with the present bone, MPa, (ne,)."""
        ratio = modulus_ratio(
            state.bone_fraction, state.mineral_deficit, start, self.fraction_exponent, self.ash_exponent
        )
        bone = self.baseline_modulus[self.bone_elements] * jnp.where(activity > 0, ratio, 1.0)
        return self.baseline_modulus.at[self.bone_elements].set(bone)

    def _solve(self, state, start, activity, displacement, start_given=True):
        modulus = self.modulus(state, start, activity)
        options = {
            "rtol": self.rtol,
            "max_iterations": self.max_iterations,
            "start": displacement if start_given else None,
        }
        if self.daily is None:
            energy, displacement, force, info = self._one_load(modulus, options)
        else:
            energy, displacement, force, info = daily_energy(modulus, self.plan, self.daily, **options)
        record = SolveRecord(
            force_n=force,
            converged=jnp.all(info.converged),
            iterations=jnp.max(info.iterations),
            relative_residual=jnp.max(info.relative_residual),
        )
        # A held voxel may have no bone at all: its fraction is floored, or it would outshine its neighbours.
        held = jnp.clip(start.bone_fraction, 0.02, 1.0)
        fraction = jnp.where(activity > 0, clipped_fraction(state.bone_fraction), held)
        raw = energy[self.bone_elements] / fraction**self.stimulus_exponent
        return lax.stop_gradient(displacement), raw, record

    def _one_load(self, modulus, options):
        displacement, info = fem.solve(modulus, self.plan, **options)
        energy = fem.element_fields(displacement, modulus, self.plan).sed_mean
        # Force from the work of the load: exact to second order in the residual, unlike the sum over a face.
        work = 2.0 * jnp.sum(energy * self.plan.voxel_mm.astype(energy.dtype) ** 3)
        force = work / jnp.abs(fem.top_displacement(self.plan)).astype(work.dtype)
        return energy, displacement, force, info

    def _filtered(self, raw):
        length = self.filter_length_mm / self.plan.voxel_mm
        return helmholtz_filter(raw, self.neighbours, length, iterations=self.filter_iterations)


def make_finite_element_mechanics(
    plan: Any,
    baseline_modulus_mpa: np.ndarray,
    bone_mask: np.ndarray,
    *,
    filter_length_mm: float | None = None,
    fraction_exponent: float = 2.58,
    ash_exponent: float = 2.74,
    stimulus_exponent: float | None = None,
    set_point: SetPoint = "local",
    daily: DailyLoading | None = None,
    rtol: float = 1e-6,
    max_iterations: int = 400,
    dtype=None,
) -> FiniteElementMechanics:
    """Checked finite element mechanics.

    Args:
      plan: plan of `fem.make_plan` over a mask that contains `bone_mask` (bone alone, or bone and caps).
      baseline_modulus_mpa: modulus of the plan's elements at the start, MPa, (ne,).
      bone_mask: voxels that remodel, on the plan's grid (nx, ny, nz).
      filter_length_mm: length of the Helmholtz filter, mm; one voxel if None. Keep the length in mm when
        comparing meshes.
      fraction_exponent: n_E of the modulus update.
      ash_exponent: exponent of ash fraction in the modulus update.
      stimulus_exponent: m; n_E + 0.5 if None.
      set_point: "local" (default) or "uniform".
      daily: habitual activities of `make_daily_loading`, under their own forces; by default the one load case
        of the plan, under the force that it has at the start.
      rtol, max_iterations: of the solves.

    Raises:
      ValueError: m not above n_E (checkerboards: Harrigan and Hamilton 1992), shapes that do not fit, bone
        outside the plan, moduli that are not positive, a load case not along z without `daily`.
    """
    m = fraction_exponent + 0.5 if stimulus_exponent is None else stimulus_exponent
    if not m > fraction_exponent:
        raise ValueError(
            f"`stimulus_exponent` must exceed `fraction_exponent` {fraction_exponent} or the density "
            f"runs into checkerboards (Harrigan and Hamilton 1992), got {m}"
        )
    if daily is None and plan.load.definition.motion != "z":
        raise ValueError(
            "`plan` must be of a load case that moves the top along z, or `daily` be given, got "
            f"{plan.load.name!r}"
        )
    if set_point not in ("local", "uniform"):
        raise ValueError(f'`set_point` must be "local" or "uniform", got {set_point!r}')
    bone_mask = np.asarray(bone_mask, bool)
    if bone_mask.shape != tuple(plan.shape):
        raise ValueError(f"`bone_mask` must be on the plan's grid {tuple(plan.shape)}, got {bone_mask.shape}")
    modulus = np.asarray(baseline_modulus_mpa)
    elements = np.asarray(plan.elements)
    if modulus.shape != (len(elements),):
        raise ValueError(f"`baseline_modulus_mpa` must have shape ({len(elements)},), got {modulus.shape}")
    bad = ~(np.isfinite(modulus) & (modulus > 0))
    if bad.any():
        first = int(np.argmax(bad))
        raise ValueError(
            f"`baseline_modulus_mpa` must be positive, got {modulus[first]} at element {first}, voxel "
            f"{elements[first].tolist()} ({int(bad.sum())} such elements)"
        )
    index = np.full(bone_mask.shape, -1, np.int64)
    index[tuple(elements.T)] = np.arange(len(elements))
    bone_elements = index[bone_mask]
    if (bone_elements < 0).any():
        raise ValueError(
            f"`bone_mask` must lie inside the plan, got {int((bone_elements < 0).sum())} voxels outside; "
            "plan and bone mask must come from the same component"
        )
    voxel = float(plan.voxel_mm)
    length = voxel if filter_length_mm is None else float(filter_length_mm)
    if not 0 <= length < 50:
        raise ValueError(f"`filter_length_mm` must be between 0 and 50, got {length}")
    kind = dtype or float
    return FiniteElementMechanics(
        plan=plan,
        baseline_modulus=jnp.asarray(modulus, kind),
        bone_elements=jnp.asarray(bone_elements, jnp.int32),
        neighbours=jnp.asarray(neighbour_table(bone_mask)),
        filter_length_mm=jnp.asarray(length, kind),
        fraction_exponent=jnp.asarray(fraction_exponent, kind),
        ash_exponent=jnp.asarray(ash_exponent, kind),
        stimulus_exponent=jnp.asarray(m, kind),
        daily=daily,
        rtol=float(rtol),
        max_iterations=int(max_iterations),
        filter_iterations=filter_iterations(length / voxel),
        set_point=set_point,
    )
