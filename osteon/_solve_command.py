"""`osteon solve`: one image, one load, one table row."""

import argparse
from dataclasses import asdict
from typing import Any, Literal

import numpy as np

from ._cases import solve_csv
from ._errors import UserError, input_errors
from ._export_files import require_export, write_exports
from ._figures import write_figure
from ._input_files import file_hash
from ._machine import prepare_jax, require_memory
from ._model_grid import on_source
from ._output import aligned, answer
from ._runfolder import RunFolder, peak_memory_mb, require_fresh, run_folder
from ._solve_body import Body, read_body
from ._solve_loads import axial_answers, chosen_load, generalised_answers, load_columns
from ._solve_mesh import MESH_SUFFIXES, is_mesh, solve_mesh_command
from ._solve_steps import require_solved, run_solve, write_answer
from ._solve_stiffness import solve_stiffness, stiffness_table
from ._solve_strength import curve_figure, nonlinear_strength, require_possible


def solve_command(arguments: argparse.Namespace) -> None:
    """Solve and print one table row; write a folder when `--out` is given."""
    if arguments.maps and arguments.out is None:
        raise UserError("--maps writes files and --out is missing; name a new folder with --out DIR")
    if arguments.morphometry and (arguments.out is None or arguments.mask is not None):
        raise UserError("--morphometry measures a binary mask for summary.json; give --out DIR, no --mask")
    require_export(arguments.export, arguments.out)
    if arguments.out is not None:
        require_fresh(arguments.out)
    prepare_jax(cache=not arguments.no_cache)
    load, whole_stiffness = chosen_load(arguments)
    if is_mesh(arguments.image):
        solve_mesh_command(arguments, load, whole_stiffness)
        return
    if arguments.scale_mm is not None or arguments.modulus_field is not None:
        option = "--scale-mm" if arguments.scale_mm is not None else "--modulus-field"
        raise UserError(f"{option} is for meshes ({', '.join(MESH_SUFFIXES)}); leave it out for an image")
    if whole_stiffness and arguments.maps:
        raise UserError(
            f"--maps shows the fields of one load case and --load {arguments.load} solves six; "
            "choose kinematic-uniform with --strain-tensor, or leave --maps out"
        )
    if whole_stiffness and arguments.export:
        raise UserError(
            f"--export writes the model of one load case and --load {arguments.load} solves six; "
            "choose kinematic-uniform with --strain-tensor, or leave --export out"
        )
    body, extra, task = read_task(arguments, load, whole_stiffness)
    if arguments.morphometry:
        extra["morphometry"] = _morphometry(body)
    planned_gb = require_memory(len(body.modulus), arguments.memory_gb, task=task)
    if whole_stiffness:
        _finish_stiffness(arguments, body, load, extra)
        return
    summary, fields, plan = solve_body(
        body,
        load,
        poisson=arguments.poisson,
        rtol=arguments.rtol,
        max_iterations=arguments.max_iterations,
    )
    summary = {"format": "osteon-solve/1", **extra, **summary, "notes": list(body.notes)}
    summary["memory_plan_mb"] = round(1024 * planned_gb, 1)
    if task == "push":
        summary["nonlinear"] = nonlinear_strength(
            body, load, summary, strain=arguments.strength_strain, steps=arguments.strength_steps
        )
        summary["peak_memory_mb"] = peak_memory_mb()
    if arguments.out is not None:
        with run_folder(arguments.out) as folder:
            exported = write_exports(folder, arguments.export, body.modulus, plan, bins=arguments.bins)
            summary |= {"export": exported} if exported else {}
            write_answer(folder, summary, _hashes(arguments))
            folder.write_text("cases.csv", solve_csv(load.name, summary))
            if "nonlinear" in summary:
                figure = curve_figure(summary["nonlinear"], summary["strength_pistoia_n"])
                write_figure(folder.folder("figures") / "strength", figure)
            if arguments.maps:
                write_maps(folder, body, fields)
    answer(arguments, table_row(summary), summary)


def read_task(
    arguments: argparse.Namespace, load: Any, whole_stiffness: bool
) -> tuple[Body, dict[str, Any], str]:
    """Body, what the summary says of its stiffness, and the task of the memory plan.

    Args:
      arguments: options of `osteon solve`; image and mask may be of `meshes.Image` in place of paths.
      load, whole_stiffness: of `chosen_load`.

    Raises:
      UserError: input that cannot be read, or strength that this body or load does not have.
    """
    body, extra = read_body(arguments)
    pushed = arguments.strength == "nonlinear"
    if pushed and (whole_stiffness or load.definition.motion != "z"):
        raise UserError(
            f"--strength nonlinear pushes the top of a body along z and --load {arguments.load} does not; "
            "choose for example --load axial"
        )
    if pushed:
        require_possible(body, arguments)
    return body, extra, "push" if pushed else "run" if whole_stiffness else "solve"


def _finish_stiffness(arguments, body, load, extra) -> None:
    """The stiffness of the box: printed, and in the folder when one is asked for."""
    summary = solve_stiffness(
        body,
        load,
        poisson=arguments.poisson,
        rtol=arguments.rtol,
        max_iterations=arguments.max_iterations,
    )
    summary = {"format": "osteon-stiffness/1", **extra, **summary, "notes": list(body.notes)}
    if arguments.out is not None:
        with run_folder(arguments.out) as folder:
            write_answer(folder, summary, _hashes(arguments))
    answer(arguments, stiffness_table(summary), summary)


def _morphometry(body: Body) -> dict[str, float | None]:
    import meshes

    try:
        anisotropy = float(meshes.mil_fabric(body.image_mask, body.voxel_mm).degree_of_anisotropy)
    except ValueError:
        # plates or rods without an end have no fabric, but the rest
        anisotropy = None
    with input_errors("--morphometry"):
        return asdict(meshes.morphometry(body.image_mask, body.voxel_mm, degree_of_anisotropy=anisotropy))


def _hashes(arguments) -> list[str]:
    return [file_hash(path) for path in (arguments.image, arguments.mask) if path is not None]


def solve_body(
    body: Body, load: Any, *, poisson: float, rtol: float, max_iterations: int
) -> tuple[dict[str, Any], Any, Any]:
    """Plan, compile, solve and evaluate.

    Returns:
      summary: what summary.json holds.
      fields: `fem.ElementFields` of all elements.
      plan: `fem.Plan` of the solve.

    Raises:
      UserError: the load case does not fit the body.
      NotConvergedError: the solve did not reach `rtol`.
    """
    import jax
    import jax.numpy as jnp

    import fem

    displacement, info, modulus, plan, seconds = run_solve(
        fem.solve,
        body,
        load,
        where=f"--load {load.name}",
        poisson=poisson,
        rtol=rtol,
        max_iterations=max_iterations,
    )
    require_solved(info, rtol=rtol, max_iterations=max_iterations)
    fields = jax.jit(fem.element_fields)(displacement, modulus, plan)
    nx, ny, nz = body.mask.shape
    reaction = abs(float(info.reaction_n))
    bone = jnp.asarray(body.bone)

    def pistoia(energy: Literal["centroid", "mean"]) -> float | None:
        """Only where the top moves along z: the criterion scales a force."""
        if load.definition.motion != "z":
            return None
        return float(fem.strength_pistoia(fields, modulus, reaction, bone=bone, energy=energy))

    summary = {
        "converged": bool(info.converged),
        "iterations": int(info.iterations),
        "relative_residual": float(info.relative_residual),
        "force_mismatch": float(info.force_mismatch),
        "dofs": 3 * int(plan.nodes.shape[0]),
        "elements": len(body.modulus),
        "voxel_mm": body.voxel_mm,
        "shape": [nx, ny, nz],
        "bv_tv": body.bv_tv,
        "reaction_n": reaction,
        **axial_answers(body, load, reaction),
        **generalised_answers(load, info),
        "sed_mean_mpa": float(fields.sed_mean[bone].mean()),
        "sed_centroid_mean_mpa": float(fields.sed_centroid[bone].mean()),
        "sed_centroid_max_mpa": float(fields.sed_centroid[bone].max()),
        "negative_energies_clipped": int(np.asarray(fields.clipped).sum()),
        "strength_pistoia_n": pistoia("centroid"),
        "strength_pistoia_energy": "centroid",
        "strength_pistoia_mean_energy_n": pistoia("mean"),
        "load_case": fem.describe_load(load),
        "poisson": poisson,
        "rtol": rtol,
        **seconds,
        "peak_memory_mb": peak_memory_mb(),
    }
    return summary, fields, plan


def write_maps(folder: RunFolder, body: Body, fields: Any) -> None:
    """Strain energy density and effective strain: NIfTI on the source grid, and VTI and VTU for ParaView."""
    import meshes

    maps = folder.folder("maps")
    bone = body.bone
    named = {
        "sed_mean_mpa": np.asarray(fields.sed_mean)[bone],
        "sed_centroid_mpa": np.asarray(fields.sed_centroid)[bone],
        "effective_strain": np.asarray(fields.effective_strain)[bone],
    }
    spacing = tuple(float(edge) for edge in np.asarray(body.image.spacing))
    grids = {}
    source = body.source
    for name, values in named.items():
        grid = np.zeros(body.image_mask.shape)
        grid[body.image_mask] = values
        grids[name] = grid
        there = on_source(body.image, body.image_mask, values, source, body.source_mask)
        image = meshes.make_image(
            there, source.spacing, origin=source.origin, direction=source.direction, quantity="field"
        )
        meshes.write_nifti(maps / f"{name}.nii.gz", image)
    origin, direction = np.asarray(body.image.origin), np.asarray(body.image.direction)
    meshes.write_vti(maps / "maps.vti", spacing, origin, grids, direction=direction)
    mesh = meshes.voxel_mesh(body.image_mask, spacing, origin=origin, cell_fields=named)
    meshes.write_vtu(maps / "maps.vtu", mesh)


def table_row(summary: dict[str, Any]) -> str:
    """Head and row, aligned."""
    columns = (
        ("elements", f"{summary['elements']}"),
        ("dofs", f"{summary['dofs']}"),
        ("BV/TV", f"{summary['bv_tv']:.4f}"),
        ("iterations", f"{summary['iterations']}"),
        ("residual", f"{summary['relative_residual']:.1e}"),
        *load_columns(summary),
        ("solve s", f"{summary['solve_seconds']:.2f}"),
    )
    if "nonlinear" in summary:
        nonlinear = summary["nonlinear"]
        columns += (
            ("yield N", f"{nonlinear['yield_force_n']:.5g}"),
            ("N at 1.9 %", f"{nonlinear['force_at_stated_strain_n']:.5g}"),
        )
    return aligned(columns)
