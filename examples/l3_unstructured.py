"""An L3 body as tetrahedra and as voxels: the same surface, density, load and law, stiffness side by side.

    python examples/l3_unstructured.py l3_body.stl --out table.md

The surface is cut by two planes 18 mm apart, its ends are held as by potting and one is pushed by 1 % of the
height. The density is a made-up image (a soft core in a denser rim), so that both models read the same one;
the STL of the table in docs/unstructured.md is the Visible Human's L3 of Remus et al. 2021 (BSD-3-Clause).
Needs the extras `unstructured` and `mesher`.
"""

import argparse
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

import fem
import meshes

STRAIN = -0.01
LAW = "kopperdahl-2002"


def rim_density(low, high, voxel_mm=1.0):
    """Image of density, g/cm3 (K2HPO4), 0.12 in the core and 0.42 at the rim of an ellipse about the box."""
    origin = low - 2.0 * voxel_mm
    shape = np.ceil((high - low) / voxel_mm + 5.0).astype(int)
    centre, half = (low + high) / 2.0, (high - low) / 2.0
    index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    place = (origin + index * voxel_mm - centre) / half
    radius = np.minimum((place[..., :2] ** 2).sum(axis=-1), 1.0)
    values = 0.12 + 0.3 * radius**3
    return meshes.make_image(values, voxel_mm, origin=origin, quantity="density", density_type="k2hpo4")


def voxel_stiffness(surface, density, voxel_mm):
    """Stiffness, N/mm, of the voxel model, with its volume and number of nodes."""
    image = meshes.voxelize_surface(surface[0], surface[1], voxel_mm)
    mask = meshes.largest_component(image.values)
    cubes = meshes.from_meshio(meshes.voxel_mesh(mask, voxel_mm, image.origin), scale_mm=1.0)
    modulus = fem.density_law(LAW).modulus_mpa(jnp.asarray(meshes.sample_on_elements(density, cubes)[0]))
    plan = fem.make_plan(mask, voxel_mm, fem.load_case("axial", strain=STRAIN))
    started = time.process_time()
    _, info = fem.solve_checked(modulus, plan, rtol=1e-8)
    seconds = time.process_time() - started
    height = mask.shape[2] * voxel_mm
    return {
        "stiffness": float(info.reaction_n) / (STRAIN * height),
        "volume": float(mask.sum()) * voxel_mm**3,
        "nodes": plan.nodes.shape[0],
        "iterations": int(info.iterations),
        "seconds": seconds,
    }


def mesh_stiffness(mesh, density):
    """Stiffness, N/mm, of a mesh with node sets z- and z+, with its volume and number of nodes."""
    height = float(np.ptp(mesh.points[:, 2]))
    held = [fem.Held("z-", 0.0, 0.0, 0.0), fem.Held("z+", 0.0, 0.0, STRAIN * height)]
    plan = fem.make_mesh_plan(mesh, held)
    law = fem.density_law(LAW)
    at_points = meshes.sample_on_elements(density, mesh)[1]
    modulus = {name: law.modulus_mpa(jnp.asarray(values)) for name, values in at_points.items()}
    hierarchy = fem.make_aggregation(modulus, plan)
    started = time.process_time()
    displacement, info = fem.solve_mesh_checked(modulus, plan, preconditioner=hierarchy, rtol=1e-8)
    seconds = time.process_time() - started
    force = fem.mesh_reaction(displacement, modulus, plan, mesh.node_sets["z+"])
    return {
        "stiffness": float(force[2]) / (STRAIN * height),
        "volume": float(fem.element_volumes(plan).sum()),
        "nodes": len(mesh.points),
        "iterations": int(info.iterations),
        "seconds": seconds,
    }


def main():
    """Table of both models over the size of their elements."""
    jax.config.update("jax_enable_x64", True)
    parser = argparse.ArgumentParser(description="an L3 body as tetrahedra and as voxels")
    parser.add_argument("surface", type=Path, help="closed surface in mm, loaded along z")
    parser.add_argument("--out", type=Path, help="file for the table; printed if left out")
    parser.add_argument("--planes", type=float, nargs=2, default=(97.0, 115.0), help="cut ends, z in mm")
    parser.add_argument("--voxels", type=float, nargs="*", default=(3.0, 2.0, 1.5, 1.0, 0.75))
    parser.add_argument("--edges", type=float, nargs="*", default=(6.0, 4.0, 3.0, 2.0))
    arguments = parser.parse_args()
    surface = meshes.read_surface(arguments.surface, scale_mm=1.0)
    surface = meshes.cut_surface(*surface, *arguments.planes)
    density = rim_density(surface[0].min(axis=0), surface[0].max(axis=0))
    lines = [
        f"Volume inside the surface {meshes.surface_volume(*surface):.0f} mm3.",
        "",
        "| model | nodes | volume mm3 | stiffness N/mm | iterations to 1e-8 | CPU s with compilation |",
        "|---|---:|---:|---:|---:|---:|",
    ]

    def add(name, row):
        numbers = f"{row['nodes']} | {row['volume']:.0f} | {row['stiffness']:.0f} | {row['iterations']}"
        lines.append(f"| {name} | {numbers} | {row['seconds']:.1f} |")
        if arguments.out is not None:
            arguments.out.write_text("\n".join(lines) + "\n")

    for voxel_mm in arguments.voxels:
        add(f"voxels, {voxel_mm:g} mm", voxel_stiffness(surface, density, voxel_mm))
    for edge in arguments.edges:
        mesh = meshes.tetrahedralize(*surface, edge, flat_ends=True)
        add(f"tet4, edges of {edge:g} mm", mesh_stiffness(mesh, density))
        add(f"tet10, edges of {edge:g} mm", mesh_stiffness(meshes.to_quadratic(mesh), density))
    if arguments.out is None:
        print("\n".join(lines))


if __name__ == "__main__":
    main()
