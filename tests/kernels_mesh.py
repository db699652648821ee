"""Functions of `fem` on unstructured meshes, for the table of `kernels`."""

from functools import cache
from importlib.util import find_spec

import jax
import jax.numpy as jnp

import fem
import meshes
from tests.kernel_body import Kernel, vector


@cache
def _mesh_plan(kind: str = "tet4") -> fem.MeshPlan:
    mesh = meshes.make_box_mesh((2, 1, 2), 1.0, kind)
    held = [fem.Held("z-", 0.0, 0.0, 0.0), fem.Held("z+", z=-0.01)]
    return fem.make_mesh_plan(mesh, held, block=5)


def _mesh_modulus(dtype, kind: str = "tet4") -> jax.Array:
    return vector(dtype, 500.0, 5000.0, _mesh_plan(kind).element_count)


def _mesh_displacement(dtype, kind: str = "tet4") -> jax.Array:
    points = _mesh_plan(kind).points
    return vector(dtype, -0.05, 0.05, points.size).reshape(points.shape)


def _mesh_faces() -> dict[str, jax.Array]:
    return {"tri3": jnp.asarray([[0, 1, 2], [1, 2, 3]])}


MESH = [
    *(
        Kernel(
            f"fem.solve_mesh[{kind}]",
            lambda modulus, plan: fem.solve_mesh(modulus, plan, preconditioner=fem.Jacobi(), rtol=1e-5)[0],
            lambda dtype, kind=kind: (_mesh_modulus(dtype, kind), _mesh_plan(kind)),
        )
        for kind in meshes.ELEMENTS
    ),
    *(
        Kernel(
            f"fem.solve_mesh[{kind}, aggregation]",
            lambda modulus, plan, hierarchy: fem.solve_mesh(
                modulus, plan, preconditioner=hierarchy, rtol=1e-5
            )[0],
            lambda dtype, kind=kind: (
                _mesh_modulus(dtype, kind),
                _mesh_plan(kind),
                fem.make_aggregation(_mesh_modulus(dtype, kind), _mesh_plan(kind), coarsest_nodes=4),
            ),
        )
        for kind in ("tet10", "hex8")
        if find_spec("pyamg")
    ),
    Kernel(
        "fem.mesh_strain_energy",
        lambda modulus, plan: fem.mesh_strain_energy(modulus, plan, preconditioner=fem.Jacobi(), rtol=1e-5)[
            0
        ],
        lambda dtype: (_mesh_modulus(dtype), _mesh_plan()),
    ),
    *(
        Kernel(
            f"fem.{name}[{kind}]",
            getattr(fem, name),
            lambda dtype, kind=kind: (
                _mesh_displacement(dtype, kind),
                _mesh_modulus(dtype, kind),
                _mesh_plan(kind),
            ),
        )
        for name in ("mesh_element_fields", "mesh_nodal_forces", "mesh_point_fields")
        for kind in ("tet10", "hex8")
    ),
    Kernel(
        "fem.mesh_reaction",
        fem.mesh_reaction,
        lambda dtype: (_mesh_displacement(dtype), _mesh_modulus(dtype), _mesh_plan(), jnp.arange(3)),
    ),
    Kernel(
        "fem.element_matrices",
        fem.element_matrices,
        lambda dtype: (_mesh_modulus(dtype), _mesh_plan()),
    ),
    Kernel(
        "fem.traction_force",
        lambda traction, points: fem.traction_force(points, _mesh_faces(), traction),
        lambda dtype: (jnp.asarray([1.0, 2.0, 3.0], dtype), _mesh_displacement(dtype)),
    ),
    Kernel(
        "fem.pressure_force",
        lambda pressure, points: fem.pressure_force(points, _mesh_faces(), pressure),
        lambda dtype: (jnp.asarray(1.0, dtype), _mesh_displacement(dtype)),
    ),
    Kernel(
        "fem.body_force",
        lambda density, plan: fem.body_force(plan, density),
        lambda dtype: (jnp.asarray([1.0, 2.0, 3.0], dtype), _mesh_plan()),
    ),
    Kernel("fem.element_volumes", fem.element_volumes, lambda dtype: (_mesh_plan(),), differentiable=False),
    Kernel(
        "fem.integration_points",
        fem.integration_points,
        lambda dtype: (_mesh_plan(),),
        differentiable=False,
    ),
]
