"""The bone remodeling unit on a voxel's surface: rates, and a step that cannot leave the physical range.

Rates (days, mm; f bone fraction, u and w open cavities, D mineral deficit, c osteoclast activity):

    rho = k_s Sv(f) c                    c' = (R - c) / tau_c
    u' = rho - u / tau_u                 w' = u / tau_u - w / tau_w
    phi = b w / tau_w + G k_s Sv(f) (nu [Lam_F]_+ + M)
    f' = phi - rho                       D' = dmu phi - (kappa e^K + rho / f) D
    b = 1 + (exp Lam_F - 1) G            G = room / sqrt(room^2 + 0.01^2),  room = 1 - f - u - w

D is the exact reduction of a mineralizing queue whose packets approach full mineral exponentially and are
resorbed independently of age. The modeling terms (nu, default 0; M by anabolic drugs) carry the same gate G
as the balance, because without it formation on a full voxel would push f + u + w past 1. K is the logarithm
of the mineralization rate over its reference.
"""

import jax
import jax.numpy as jnp

from ._parameters import BoneParameters
from ._response import SPLIT_WIDTH
from ._state import BoneState, Drives, Fluxes, room
from ._surface import clipped_fraction, compact_surface, specific_surface

GATE_WIDTH = 0.01
"""Free volume fraction at which a remodeling unit begins to lack room to overfill; numerical guard
(assumed).
"""

FLUX_SWEEPS = 3
"""Sweeps of the flux fixed point in a step; each gains a factor of order (turnover x step / 2)."""


def surface_rate(
    bone_fraction: jax.Array,
    parameters: BoneParameters,
    activity: jax.Array | float,
    compact: jax.Array | float = 0.0,
) -> jax.Array:
    """Resorbed volume per tissue volume per day at osteoclast activity 1: k_s Sv(f), shape (nb,).

    Args:
      bone_fraction: f, (nb,).
      parameters: biological parameters.
      activity: 1 remodels, 0 held fixed, (nb,).
      compact: 1 where the bone is compact (`compact_surface`), 0 where trabecular, (nb,).
    """
    p = parameters
    trabecular = specific_surface(
        bone_fraction, p.surface_amplitude, p.surface_exponent_bone, p.surface_exponent_void
    )
    surface = (1.0 - compact) * trabecular + compact * compact_surface(bone_fraction, p.compact_surface)
    return activity * p.resorption_rate * surface


def room_gate(state: BoneState) -> jax.Array:
    """G, the share of overfilling that the free volume lets happen: 1 with room, 0 without."""
    free = room(state)
    return free / jnp.sqrt(free**2 + GATE_WIDTH**2)


def bone_rates(
    state: BoneState,
    drives: Drives,
    parameters: BoneParameters,
    activity: jax.Array | float = 1.0,
    compact: jax.Array | float = 0.0,
) -> BoneState:
    """Time derivatives of the state, 1/day, in the same structure (equations at the head of this file).

    `activity` (nb,) is 1 where bone remodels and 0 where a voxel is held fixed, `compact` (nb,) 1 where it is
    compact bone.
    """
    p = parameters
    full_rate = surface_rate(state.bone_fraction, p, activity, compact)
    rho = full_rate * state.osteoclasts
    refill = state.formation_cavities / p.formation_time
    phi = refill + room_gate(state) * (
        jnp.expm1(drives.log_balance) * refill
        + full_rate * (p.modeling * _modeling_drive(drives.log_balance) + drives.modeling)
    )
    mineralizing = p.mineralization_rate * jnp.exp(drives.log_mineralization)
    reversal = state.resorption_cavities / p.reversal_time
    return BoneState(
        osteoclasts=(jnp.exp(drives.log_resorption) - state.osteoclasts) / p.osteoclast_lag,
        resorption_cavities=rho - reversal,
        formation_cavities=reversal - refill,
        bone_fraction=phi - rho,
        mineral_deficit=p.primary_deficit * phi
        - (mineralizing + rho / clipped_fraction(state.bone_fraction)) * state.mineral_deficit,
    )


def bone_step(
    state: BoneState,
    drives: Drives,
    parameters: BoneParameters,
    dt: jax.Array | float,
    activity: jax.Array | float = 1.0,
    compact: jax.Array | float = 0.0,
) -> tuple[BoneState, Fluxes]:
    """The state `dt` days later under constant drives, and the volumes exchanged.

    An exponential step of the linear chain c -> u -> w with flux bookkeeping: J1 resorbed, J2 passed to
    osteoblasts, J3 refilled, F formed; u += J1 - J2, w += J2 - J3, f += F - J1. Second order in `dt`.

    By construction, for any positive step: c, u, w, f, D stay positive and f + u + w stays below 1 (if they
    start so), f + u + w is conserved when the balance is 1, and a steady state is kept exactly.

      - f: with q = k_s Sv / f and formation F given, f1 = f + (F - Q f) h(Q), Q = int q c dt,
        h(Q) = (1 - e^-Q)/Q.
        J1 follows from f1 and F, and F follows from J1 through the chain; the pair is a scalar fixed point
        that increases monotonically from J1 = 0, so every sweep keeps f1 > 0.
      - room: with F = J3 + room (1 - r(x)), x = [(e^LamF - 1) J3 + modeling] / sqrt(room^2 + 0.01^2) and
        r(x) = sqrt(1 + x^2) - x, room1 = room r(x). r is positive, equals e^-x to third order, and grows at
        most as 2|x|, so that F > 0 for the bounded drives of `_drives` (e^LamF > 0.49).

    Args:
      state: present state, fields (nb,).
      drives: bounded log drives, held during the step.
      parameters: biological parameters.
      dt: step, days; at most about 30 for 1e-3 accuracy.
      activity: 1 where bone remodels, 0 where a voxel is held fixed, (nb,).
      compact: 1 where the bone is compact, 0 where trabecular, (nb,).

    Returns:
      the new state, and the volumes resorbed and formed.
    """
    p = parameters
    c, u, w = state.osteoclasts, state.resorption_cavities, state.formation_cavities
    f, deficit = state.bone_fraction, state.mineral_deficit
    free = room(state)
    gain = jnp.expm1(drives.log_balance)
    modeling = p.modeling * _modeling_drive(drives.log_balance) + drives.modeling

    target = jnp.exp(drives.log_resorption)
    c_gone = -jnp.expm1(-dt / p.osteoclast_lag)
    u_gone = -jnp.expm1(-dt / p.reversal_time)
    w_gone = -jnp.expm1(-dt / p.formation_time)
    c_integral = target * dt + (c - target) * p.osteoclast_lag * c_gone

    # Surface and gate are taken at the middle of the step; this is what makes it second order.
    rate_start = surface_rate(f, p, activity, compact)
    refill_half = 0.5 * dt * w / p.formation_time
    width_start = jnp.sqrt(free**2 + GATE_WIDTH**2)
    x_half = (gain * refill_half + 0.5 * dt * modeling * rate_start) / width_start
    free_half = free - _filled(free, x_half)
    formed_half = refill_half + _filled(free, x_half)
    q_half = 0.5 * dt * c * rate_start / clipped_fraction(f)
    f_half = f + (formed_half - q_half * f) * _mean_decay(q_half)
    width = jnp.sqrt(free_half**2 + GATE_WIDTH**2)
    rate = surface_rate(f_half, p, activity, compact)

    q = c_integral * rate / clipped_fraction(f_half)
    h = _mean_decay(q)
    u_pass = 1.0 - u_gone * p.reversal_time / dt
    w_pass = 1.0 - w_gone * p.formation_time / dt

    def chain(resorbed):
        passed = u_pass * resorbed + u_gone * u
        refilled = w_pass * passed + w_gone * w
        x = (gain * refilled + modeling * rate * dt) / width
        return passed, refilled, refilled + _filled(free, x)

    resorbed = jnp.zeros_like(f)
    passed, refilled, formed = chain(resorbed)
    for _ in range(FLUX_SWEEPS):
        resorbed = q * f * h + formed * (1.0 - h)
        passed, refilled, formed = chain(resorbed)

    loss = p.mineralization_rate * jnp.exp(drives.log_mineralization) * dt + q
    new = BoneState(
        osteoclasts=c + (target - c) * c_gone,
        resorption_cavities=u + (resorbed - passed),
        formation_cavities=w + (passed - refilled),
        bone_fraction=f + (formed - resorbed),
        mineral_deficit=deficit + (p.primary_deficit * formed - loss * deficit) * _mean_decay(loss),
    )
    return new, Fluxes(resorbed=resorbed, formed=formed)


def _mean_decay(x: jax.Array) -> jax.Array:
    """(1 - e^-x) / x, with its limit and derivative at zero."""
    small = jnp.abs(x) < 1e-5
    safe = jnp.where(small, 1.0, x)
    return jnp.where(small, 1.0 - 0.5 * x, -jnp.expm1(-safe) / safe)


def _modeling_drive(log_balance: jax.Array) -> jax.Array:
    """[x]_+^2 / ([x]_+ + e): once differentiable, 0 for x <= 0, x - e for x >> e.

    The smooth part of the mechanical drives dips to -e/2 for negative arguments, which here would remove bone
    without bound.
    """
    positive = jnp.maximum(log_balance, 0.0)
    return positive**2 / (positive + SPLIT_WIDTH)


def _filled(free: jax.Array, x: jax.Array) -> jax.Array:
    """Free volume filled beyond the refill: free (1 - r(x)), r(x) = sqrt(1 + x^2) - x.

    On a full voxel rounding can leave the free volume at -1e-16; a negative balance would make that grow, so
    there its size counts and not its sign.
    """
    return jnp.where(x < 0, jnp.abs(free), free) * (x - x**2 / (1.0 + jnp.sqrt(1.0 + x**2)))
