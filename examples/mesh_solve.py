"""An unstructured mesh from a file, compressed along z, with its fields written as VTU for ParaView.

    python examples/mesh_solve.py mesh.inp --scale 1 --modulus modulus --out result.vtu

Without a file it takes a block of second-order tetrahedra whose modulus doubles from bottom to top. Lowest
and highest nodes are held; the highest are pushed by 1 % of the height. With the extra `unstructured` the
solve takes a multigrid hierarchy, without it Jacobi.
"""

import argparse
from importlib.util import find_spec
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

import fem
import meshes


def built_in():
    """A block of 4 x 3 x 6 cubes of tet10, 1000 to 2000 MPa."""
    mesh = meshes.make_box_mesh((4, 3, 6), (20.0, 15.0, 30.0), "tet10")
    height = meshes.element_centres(mesh)[:, 2] / 30.0
    return meshes.make_mesh(mesh.points, mesh.cells, fields={"modulus": 1000.0 * (1.0 + height)})


def solve(mesh, modulus, out, *, strain=-0.01):
    """Solve and write; returns the force on the top, N."""
    mesh = meshes.with_box_sets(mesh)
    for line in meshes.mesh_quality(mesh).report:
        print(line)
    height = float(np.ptp(mesh.points[:, 2]))
    held = [fem.Held("z-", 0.0, 0.0, 0.0), fem.Held("z+", 0.0, 0.0, strain * height)]
    plan = fem.make_mesh_plan(mesh, held)
    preconditioner = fem.make_aggregation(modulus, plan) if find_spec("pyamg") else fem.Jacobi()
    displacement, info = fem.solve_mesh_checked(modulus, plan, preconditioner=preconditioner, rtol=1e-8)
    force = fem.mesh_reaction(displacement, modulus, plan, mesh.node_sets["z+"])
    print(f"{int(info.iterations)} iterations, true residual {float(info.relative_residual):.1e}")
    print(f"force {float(force[2]):.6g} N, stiffness {float(force[2]) / (strain * height):.6g} N/mm")
    fields = fem.mesh_element_fields(displacement, modulus, plan)
    meshes.write_mesh(
        out,
        mesh,
        point_fields={"displacement_mm": displacement},
        element_fields={
            "modulus_mpa": modulus,
            "strain": fields.strain,
            "stress_mpa": fields.stress,
            "sed_mpa": fields.sed_mean,
        },
    )
    print(f"written: {out}")
    return float(force[2])


def main(arguments=None):
    """Command line."""
    jax.config.update("jax_enable_x64", True)
    parser = argparse.ArgumentParser(description="compress an unstructured mesh along z")
    parser.add_argument("mesh", nargs="?", help="VTU, VTK, INP, MSH, ...; a block if left out")
    parser.add_argument("--scale", type=float, default=1.0, help="mm per unit of the file")
    parser.add_argument("--modulus", default="1000", help="MPa, or the name of a field of elements")
    parser.add_argument("--out", type=Path, default=Path("result.vtu"))
    given = parser.parse_args(arguments)
    mesh = built_in() if given.mesh is None else meshes.read_mesh(given.mesh, scale_mm=given.scale)
    name = "modulus" if given.mesh is None else given.modulus
    count = meshes.element_count(mesh)
    modulus = jnp.asarray(mesh.fields[name] if name in mesh.fields else np.full(count, float(name)), float)
    return solve(mesh, modulus, given.out)


if __name__ == "__main__":
    main()
