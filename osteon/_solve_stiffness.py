"""The 6 x 6 stiffness of a box for `osteon solve --load stiffness-kubc` and `stiffness-periodic`."""

from typing import Any

import numpy as np

from ._runfolder import peak_memory_mb
from ._solve_steps import require_solved, run_solve


def solve_stiffness(
    body: Any, load: Any, *, poisson: float, rtol: float, max_iterations: int
) -> dict[str, Any]:
    """Plan, compile, solve six cases and evaluate.

    Returns:
      What summary.json holds.

    Raises:
      UserError: the boundary condition does not fit the body.
      NotConvergedError: one of the solves did not reach `rtol`.
    """
    import jax
    import jax.numpy as jnp

    import fem
    import meshes

    stiffness, info, _, plan, seconds = run_solve(
        fem.homogenise,
        body,
        load,
        where=f"--load ({load.name} boundary)",
        poisson=poisson,
        rtol=rtol,
        max_iterations=max_iterations,
    )
    for number in range(6):
        one = jax.tree.map(lambda leaf, row=number: leaf[row], info)
        require_solved(one, rtol=rtol, max_iterations=max_iterations)
    fit = fem.orthotropic_axes(stiffness)
    constants = fem.engineering_constants(jnp.asarray(fit.stiffness))
    nu = np.asarray(constants.poisson)
    summary = {
        "converged": bool(info.converged.all()),
        "iterations": [int(count) for count in info.iterations],
        "relative_residual": [float(value) for value in info.relative_residual],
        "dofs": 3 * int(plan.nodes.shape[0]),
        "elements": len(body.modulus),
        "voxel_mm": body.voxel_mm,
        "shape": list(body.mask.shape),
        "bv_tv": body.bv_tv,
        "stiffness_mpa": np.asarray(stiffness).tolist(),
        "stiffness_order": "xx yy zz yz xz xy, engineering shear",
        "orthotropic": {
            "axes": fit.axes.tolist(),
            "stiffness_mpa": fit.stiffness.tolist(),
            "share_left_out": fit.off_orthotropic,
            "young_mpa": np.asarray(constants.young_mpa).tolist(),
            "shear_mpa": {
                pair: float(value)
                for pair, value in zip(("23", "13", "12"), constants.shear_mpa, strict=True)
            },
            "poisson": {f"{i + 1}{j + 1}": float(nu[i, j]) for i in range(3) for j in range(3) if i != j},
        },
        "fabric": None,
        "boundary": load.name,
        "boundary_sentence": load.definition.sentence,
        "poisson": poisson,
        "rtol": rtol,
        **seconds,
        "peak_memory_mb": peak_memory_mb(),
    }
    if not body.mask.all() and min(body.mask.shape) >= 4:
        fabric = meshes.mil_fabric(body.mask, body.voxel_mm)
        summary["fabric"] = {
            "method": "mean intercept length, trace 3",
            "eigenvalues": fabric.eigenvalues.tolist(),
            "axes": fabric.axes.tolist(),
            "degree_of_anisotropy": fabric.degree_of_anisotropy,
        }
    return summary


def stiffness_table(summary: dict[str, Any]) -> str:
    """The matrix and the constants along the symmetry axes, to be read on a terminal."""
    names = ("xx", "yy", "zz", "yz", "xz", "xy")
    lines = [f"stiffness MPa ({summary['boundary']}), BV/TV {summary['bv_tv']:.4f}"]
    lines.append("    " + "".join(name.rjust(11) for name in names))
    for name, row in zip(names, summary["stiffness_mpa"], strict=True):
        lines.append(f"{name}  " + "".join(f"{value:11.5g}" for value in row))
    best = summary["orthotropic"]
    lines.append(f"orthotropic axes (left out {100 * best['share_left_out']:.2g} % of the norm)")
    for number, (axis, young) in enumerate(zip(best["axes"], best["young_mpa"], strict=True), start=1):
        lines.append(
            f"  {number}: ({', '.join(f'{value:6.3f}' for value in axis)})  E{number} {young:.6g} MPa"
        )
    shear = "  ".join(f"G{pair} {value:.5g} MPa" for pair, value in best["shear_mpa"].items())
    poisson = "  ".join(f"nu{pair} {value:.3f}" for pair, value in best["poisson"].items())
    lines += [f"  {shear}", f"  {poisson}"]
    if summary["fabric"] is not None:
        values = ", ".join(f"{value:.3f}" for value in summary["fabric"]["eigenvalues"])
        lines.append(
            f"fabric (MIL) {values}, degree of anisotropy {summary['fabric']['degree_of_anisotropy']:.3f}"
        )
    return "\n".join(lines)
