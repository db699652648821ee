"""`osteon solve MESH`: tetrahedra or hexahedra between their lowest and highest nodes."""

import argparse
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from ._cases import solve_csv
from ._errors import NotConvergedError, UserError, input_errors
from ._machine import require_plan
from ._output import aligned, answer
from ._runfolder import peak_memory_mb, run_folder, sha256
from ._solve_steps import write_answer

MESH_SUFFIXES = (".vtu", ".vtk", ".inp", ".msh")
"Suffixes of IMAGE that name an unstructured mesh."

# Bytes of the assembled matrix and its hierarchy by pair of nodes of an element, of the fields by point of
# integration, and of the program itself: above what was measured for every type of element.
_BYTES_PER_PAIR, _BYTES_PER_POINT, _BYTES_OF_PROGRAM = 400, 700, 6e8


def is_mesh(image: Any) -> bool:
    """Whether what is to be solved is the file of a mesh."""
    return isinstance(image, Path) and image.suffix.lower() in MESH_SUFFIXES


def solve_mesh_command(arguments: argparse.Namespace, load: Any, whole_stiffness: bool) -> None:
    """Solve a mesh and print one table row; write a folder when `--out` is given.

    Raises:
      UserError: a mesh that cannot be read or held, a load case or option that is not for meshes.
      MemoryRefused: the memory plan is above the limit.
      NotConvergedError: the solve did not reach `--rtol`.
    """
    _require_for_meshes(arguments, load, whole_stiffness)
    mesh, modulus = _read(arguments)
    planned_gb = _require_memory(mesh, arguments.memory_gb)
    summary, displacement, fields = _solved(arguments, mesh, modulus, load)
    summary["memory_plan_mb"] = round(1024 * planned_gb, 1)
    if arguments.out is not None:
        with run_folder(arguments.out) as folder:
            write_answer(folder, summary, [sha256(arguments.image)])
            folder.write_text("cases.csv", solve_csv(load.name, summary))
            if arguments.maps:
                _write_map(folder.folder("maps") / "maps.vtu", mesh, modulus, displacement, fields)
    answer(arguments, _table_row(summary), summary)


def _table_row(summary: dict[str, Any]) -> str:
    columns = [
        ("elements", f"{summary['elements']}"),
        ("dofs", f"{summary['dofs']}"),
        ("volume mm3", f"{summary['volume_mm3']:.6g}"),
        ("iterations", f"{summary['iterations']}"),
        ("residual", f"{summary['relative_residual']:.1e}"),
        ("reaction N", f"{summary['reaction_n']:.7g}"),
        ("stiffness N/mm", f"{summary['stiffness_n_per_mm']:.7g}"),
    ]
    if summary["apparent_modulus_mpa"] is not None:
        columns.append(("modulus MPa", f"{summary['apparent_modulus_mpa']:.7g}"))
    return aligned([*columns, ("solve s", f"{summary['solve_seconds']:.2f}")])


def _require_for_meshes(arguments: argparse.Namespace, load: Any, whole_stiffness: bool) -> None:
    where = f"IMAGE '{arguments.image}' is a mesh"
    for option in ("voxel_mm", "mask", "label", "law", "density_type", "axis", "assume_units"):
        if getattr(arguments, option) is not None:
            raise UserError(f"{where} and --{option.replace('_', '-')} is for images; leave it out")
    for option in ("morphometry", "export", "resample_mask"):
        if getattr(arguments, option):
            raise UserError(f"{where} and --{option.replace('_', '-')} is for images; leave it out")
    if arguments.strength != "linear":
        raise UserError(f"{where} and --strength {arguments.strength} is for voxels; leave it out")
    if arguments.scale_mm is None:
        raise UserError(f"{where} and its file states no unit; give --scale-mm 1 for mm, 1000 for m")
    case = load.definition
    if whole_stiffness or case.caps or case.free or case.motion not in ("x", "y", "z"):
        raise UserError(
            f"--load {arguments.load} is for voxels; a mesh takes axial, clamped-bottom, confined, shear-x "
            "or shear-y, and anything else from Python (docs/unstructured.md)"
        )


def _read(arguments: argparse.Namespace) -> tuple[Any, np.ndarray]:
    """Mesh with the sets of its box, and the modulus of every element, MPa."""
    import meshes

    with input_errors(f"IMAGE '{arguments.image}'"):
        mesh = meshes.with_box_sets(meshes.read_mesh(arguments.image, scale_mm=arguments.scale_mm))
    count = meshes.element_count(mesh)
    if arguments.modulus_field is None:
        modulus = np.full(count, 10000.0 if arguments.modulus_mpa is None else arguments.modulus_mpa)
        told = "--modulus-mpa"
    else:
        if arguments.modulus_mpa is not None:
            raise UserError("--modulus-mpa and --modulus-field both say how stiff the elements are; give one")
        told = "--modulus-field"
        if arguments.modulus_field not in mesh.fields:
            there = ", ".join(mesh.fields) or "none"
            raise UserError(f"--modulus-field is {arguments.modulus_field!r}; fields of elements: {there}")
        modulus = np.asarray(mesh.fields[arguments.modulus_field], float)
        if modulus.shape != (count,):
            raise UserError(
                f"--modulus-field {arguments.modulus_field!r} needs one number an element, got shape "
                f"{modulus.shape} for {count} elements"
            )
    if not (np.isfinite(modulus) & (modulus > 0)).all():
        bad = modulus[~(np.isfinite(modulus) & (modulus > 0))]
        raise UserError(f"{told} must be positive MPa; {bad.size} elements have {bad[0]:g} or the like")
    return mesh, modulus


def _require_memory(mesh: Any, limit_gb: float | None) -> float:
    """Memory plan, GB, or a refusal before anything is allocated."""
    import meshes

    pairs = sum(len(part) * part.shape[1] ** 2 for part in mesh.cells.values())
    points = sum(len(part) * len(meshes.ELEMENTS[name].quadrature[0]) for name, part in mesh.cells.items())
    plan = (_BYTES_OF_PROGRAM + _BYTES_PER_PAIR * pairs + _BYTES_PER_POINT * points) / 2**30
    return require_plan(plan, meshes.element_count(mesh), limit_gb, advice="use a coarser mesh")


def _solved(
    arguments: argparse.Namespace, mesh: Any, modulus: np.ndarray, load: Any
) -> tuple[dict[str, Any], Any, Any]:
    """Summary, displacement of the nodes, mm, and fields of the elements."""
    import jax.numpy as jnp

    import fem
    import meshes

    extent = np.ptp(np.asarray(mesh.points), axis=0)
    moved = fem.prescribed_displacement_mm(load, (1, 1, 1), float(extent[2]))
    begin = time.perf_counter()
    with input_errors("--poisson"):
        material = fem.isotropic(arguments.poisson)
    with input_errors(f"--load {load.name}"):
        plan = fem.make_mesh_plan(mesh, _held(load, moved), material=material)
    stiff = jnp.asarray(modulus)
    multigrid = find_spec("pyamg") is not None
    preconditioner = fem.make_aggregation(stiff, plan) if multigrid else fem.Jacobi()
    ready = time.perf_counter()
    try:
        displacement, info = fem.solve_mesh_checked(
            stiff,
            plan,
            preconditioner=preconditioner,
            rtol=arguments.rtol,
            max_iterations=arguments.max_iterations,
        )
    except fem.NotConvergedError as error:
        raise NotConvergedError(f"{error}; --max-iterations was {arguments.max_iterations}") from error
    seconds = time.perf_counter() - ready
    axis = "xyz".index(load.definition.motion)
    force = fem.mesh_reaction(displacement, stiff, plan, mesh.node_sets["z+"])
    reaction = abs(float(force[axis]))
    fields = fem.mesh_element_fields(displacement, stiff, plan)
    stiffness = reaction / abs(moved)
    notes = [*meshes.mesh_quality(mesh).report]
    if not multigrid:
        notes.append("PyAMG is not installed: solved without multigrid, which takes many iterations")
    axial = load.definition.motion == "z"
    summary = {
        "format": "osteon-solve-mesh/1",
        "converged": bool(info.converged),
        "iterations": int(info.iterations),
        "relative_residual": float(info.relative_residual),
        "elements": int(modulus.size),
        "dofs": 3 * len(mesh.points),
        "element_types": {name: len(part) for name, part in mesh.cells.items()},
        "extent_mm": extent.tolist(),
        "volume_mm3": float(fem.element_volumes(plan).sum()),
        "displacement_mm": moved,
        "reaction_n": reaction,
        "stiffness_n_per_mm": stiffness,
        "apparent_modulus_mpa": stiffness * float(extent[2] / (extent[0] * extent[1])) if axial else None,
        "strain_energy_n_mm": float(info.energy),
        "sed_centroid_max_mpa": float(fields.sed_centroid.max()),
        "load_case": fem.describe_load(load),
        "poisson": arguments.poisson,
        "preconditioner": "smoothed aggregation" if multigrid else "Jacobi",
        "rtol": arguments.rtol,
        "plan_seconds": ready - begin,
        "solve_seconds": seconds,
        "peak_memory_mb": peak_memory_mb(),
        "notes": notes,
    }
    return summary, displacement, fields


def _held(load: Any, moved_mm: float) -> list[Any]:
    """What the load case holds, on the node sets of the box."""
    import fem

    held = []
    for face, components in load.definition.held:
        values = {
            component: moved_mm if face == "z-max" and component == load.definition.motion else 0.0
            for component in components
        }
        held.append(fem.Held(face[0] + ("-" if face.endswith("min") else "+"), **values))
    return held


def _write_map(path: Path, mesh: Any, modulus: np.ndarray, displacement: Any, fields: Any) -> None:
    import meshes

    meshes.write_mesh(
        path,
        mesh,
        point_fields={"displacement_mm": np.asarray(displacement)},
        element_fields={
            "modulus_mpa": modulus,
            "strain": np.asarray(fields.strain),
            "stress_mpa": np.asarray(fields.stress),
            "sed_mean_mpa": np.asarray(fields.sed_mean),
            "effective_strain": np.asarray(fields.effective_strain),
        },
    )
