"""`osteon solve --strength nonlinear`: push the body beyond yield, read strength off the curve, draw it."""

import argparse
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from ._errors import NotConvergedError, UserError, input_errors
from ._figures import PALETTE, new_figure

if TYPE_CHECKING:
    from ._solve_body import Body

NONLINEAR_RTOL = 1e-5
"""Relative residual at which an increment ends; a strength is good to far less."""


def require_possible(body: "Body", arguments: argparse.Namespace) -> None:
    """Refuse what the curve cannot be made with, before anything is solved."""
    import fem

    if body.yield_stress is None:
        have = ", ".join(known.name for known in fem.DENSITY_LAWS.values() if known.yield_stress is not None)
        raise UserError(
            f"--strength nonlinear needs a law with a yield stress and {arguments.law} has none; take {have}"
        )
    if fem.LOAD_CASES[arguments.load].motion != "z":
        known = ", ".join(name for name, case in fem.LOAD_CASES.items() if case.motion == "z")
        raise UserError(
            f"--strength nonlinear needs a load case that moves the top along z and --load is "
            f"{arguments.load}; take {known}"
        )
    strain, steps = arguments.strength_strain, arguments.strength_steps
    if not 0.004 <= strain <= 0.2:
        raise UserError(f"--strength-strain is {strain:g}; it must lie between 0.004 and 0.2, e.g. 0.025")
    if not 5 <= steps <= 1000:
        raise UserError(f"--strength-steps is {steps}; it must lie between 5 and 1000, e.g. 20")


def nonlinear_strength(
    body: "Body", load: Any, summary: dict[str, Any], *, strain: float, steps: int
) -> dict:
    """Strength of a solved body under the same load case.

    Args:
      body: moduli and yield stresses.
      load: `fem.LoadCase`; its direction counts, its size does not.
      summary: of the linear solve; its material is used.
      strain: overall strain at the end of the curve, positive, of the height of the bone.
      steps: increments.

    Returns:
      What summary.json holds under "nonlinear", curve included.

    Raises:
      NotConvergedError: an increment that did not converge.
    """
    import fem

    bone = np.argwhere(body.mask)[body.bone]
    height = float(np.ptp(bone[:, 2]) + 1) * body.voxel_mm
    with input_errors(f"--load {load.name}"):
        plan = fem.make_plan(body.mask, body.voxel_mm, load, material=fem.isotropic(summary["poisson"]))
    return push(
        body.modulus,
        body.yield_stress,
        plan,
        fem.YIELD_SURFACES[body.yield_surface],
        height_mm=height,
        bone_count=int(body.bone.sum()),
        strain=strain,
        steps=steps,
        where="--strength nonlinear",
    )


def push(
    modulus: Any,
    yield_stress: Any,
    plan: Any,
    surface: Any,
    *,
    height_mm: float,
    bone_count: int,
    strain: float,
    steps: int,
    where: str,
) -> dict[str, Any]:
    """Push a body beyond yield and read its strength off the curve.

    Args:
      modulus, yield_stress: of the elements, MPa, (ne,).
      plan: of a load case that moves the top along z; its direction counts, its size does not.
      surface: `fem.YieldSurface`.
      height_mm: height of the bone along the load, mm.
      bone_count: elements that are bone.
      strain: overall strain at the end of the curve, positive.
      steps: increments.
      where: what to name when an increment does not converge.

    Raises:
      NotConvergedError: an increment that did not converge.
    """
    import jax.numpy as jnp

    import fem

    begin = time.perf_counter()
    factors = np.linspace(0, strain * height_mm / abs(float(fem.top_displacement(plan))), steps + 1)[1:]
    try:
        curve, info = fem.force_displacement_checked(
            jnp.asarray(modulus), jnp.asarray(yield_stress), plan, surface, factors, rtol=NONLINEAR_RTOL
        )
    except fem.NotConvergedError as error:
        raise NotConvergedError(f"{where}: {error}") from error
    read = fem.nonlinear_strength(curve, height_mm)
    elements = len(np.asarray(modulus))
    return {
        "yield_force_n": float(read.yield_n),
        "yield_strain": float(read.yield_strain),
        "yield_offset_strain": fem.OFFSET_STRAIN,
        "yielded_share_at_yield": float(read.yield_volume) * elements / bone_count,
        "force_at_stated_strain_n": float(read.stated_n),
        "stated_strain": fem.STATED_STRAIN,
        "greatest_force_n": float(read.greatest_n),
        "greatest_force_is_a_maximum": bool(read.has_maximum),
        "stiffness_n_per_mm": float(read.stiffness_n_per_mm),
        "height_mm": height_mm,
        "surface": {
            "name": surface.name,
            "tension_over_compression": surface.tension_over_compression,
            "interaction": surface.interaction,
            "hardening": surface.hardening,
            "source": surface.source,
        },
        "dissipated_n_mm": float(curve.dissipated_n_mm[-1]),
        "newton_iterations": int(info.newton_iterations.sum()),
        "linear_iterations": int(info.linear_iterations.sum()),
        "relative_residual": float(info.relative_residual.max()),
        "rtol": NONLINEAR_RTOL,
        "seconds": time.perf_counter() - begin,
        "curve": {
            "strain": [float(v) for v in jnp.abs(curve.displacement_mm) / height_mm],
            "displacement_mm": [float(v) for v in curve.displacement_mm],
            "force_n": [float(v) for v in jnp.abs(curve.force_n)],
            "yielded_share": [float(v) * elements / bone_count for v in curve.yielded_volume],
        },
    }


def curve_figure(nonlinear: dict[str, Any], pistoia_n: float) -> Any:
    """Force over overall strain with the readings, and the Pistoia estimate beside it."""
    figure, axes = new_figure(6.4, 4.2)
    panel = axes[0, 0]
    curve = nonlinear["curve"]
    strain = np.concatenate([[0], curve["strain"]]) * 100
    force = np.concatenate([[0], curve["force_n"]])
    panel.plot(strain, force, color=PALETTE[1], marker="o", markersize=3, label="elastoplastic")
    stiffness = nonlinear["stiffness_n_per_mm"] * nonlinear["height_mm"] / 100
    end = min(strain[-1], force.max() / stiffness + 0.2)
    panel.plot(
        [0.2, end], [0, stiffness * (end - 0.2)], color=PALETTE[0], linestyle="--", label="0.2 % offset"
    )
    for name, at, mark in (
        ("yield", nonlinear["yield_strain"], "D"),
        ("stated strain", nonlinear["stated_strain"], "s"),
    ):
        value = nonlinear["yield_force_n" if name == "yield" else "force_at_stated_strain_n"]
        if np.isfinite(value):
            panel.plot([100 * at], [value], mark, color=PALETTE[2], label=f"{name}: {value:.4g} N")
    panel.axhline(
        pistoia_n, color=PALETTE[3], linestyle=":", label=f"Pistoia (centroid energy): {pistoia_n:.4g} N"
    )
    panel.set_xlabel("overall strain (%)")
    panel.set_ylabel("force (N)")
    panel.set_xlim(0, None)
    panel.set_ylim(0, 1.15 * max(force.max(), min(pistoia_n, 2 * force.max())))
    panel.legend(frameon=False, loc="lower right")
    return figure
