"""Convergence of the elements of unstructured meshes to a manufactured solution with a varying modulus.

A smooth displacement is chosen; its body force -div s follows by automatic differentiation. The surface is
held at the exact displacement, the mesh is bent smoothly, the modulus is taken at the points of integration.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fem import (
    Held,
    Jacobi,
    body_force,
    integration_points,
    make_mesh_plan,
    solve_mesh_checked,
    stiffness_matrix,
    transversely_isotropic,
)
from meshes import ELEMENTS, jacobians, make_box_mesh, make_mesh, quadrature, to_quadratic

MATERIAL = transversely_isotropic()
PAIRS = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))


def modulus_at(point):
    """MPa, smooth, by a factor of three over the unit cube."""
    x, y, z = point
    return 1000.0 * (2.0 + jnp.sin(2.0 * x + y) * jnp.cos(1.5 * z))


def displacement_at(point):
    """mm"""
    x, y, z = point
    return 0.01 * jnp.stack(
        [jnp.sin(2 * x + y) * jnp.cos(z), jnp.cos(x - 2 * y) * jnp.exp(0.5 * z), jnp.sin(x * y + 2 * z)]
    )


def strain_at(point):
    gradient = jax.jacfwd(displacement_at)(point)
    return jnp.stack([gradient[a, b] if a == b else gradient[a, b] + gradient[b, a] for a, b in PAIRS])


def stress_at(point):
    """MPa, (3, 3)."""
    xx, yy, zz, yz, xz, xy = modulus_at(point) * (jnp.asarray(stiffness_matrix(MATERIAL)) @ strain_at(point))
    return jnp.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])


def everywhere(function):
    """A function of one point (3,) as one of points (n, q, 3)."""
    return jax.jit(jax.vmap(jax.vmap(function)))


body_forces = everywhere(lambda point: -jnp.trace(jax.jacfwd(stress_at)(point), axis1=1, axis2=2))
displacements, strains_of, moduli = map(everywhere, (displacement_at, strain_at, modulus_at))


def bent_box(kind, count):
    """The unit cube, its inner nodes moved by a smooth map that keeps the faces plane."""
    mesh = make_box_mesh(count, 1.0, "tet4" if kind.startswith("tet") else "hex8")
    x, y, z = mesh.points.T
    bump = np.sin(np.pi * x) * np.sin(np.pi * y) * np.sin(np.pi * z)
    mesh = make_mesh(mesh.points + 0.08 * bump[:, None] * [1.0, -0.7, 0.5], mesh.cells)
    return to_quadratic(mesh) if ELEMENTS[kind].order == 2 else mesh


def errors(kind, count):
    """Errors in displacement (L2) and in strain (energy norm), both relative."""
    mesh = bent_box(kind, count)
    nodes = np.flatnonzero((np.abs(mesh.points - 0.5) > 0.5 - 1e-9).any(axis=1))
    exact = displacements(mesh.points[None, nodes])[0]
    plan = make_mesh_plan(mesh, [Held(nodes, *np.asarray(exact).T)], material=MATERIAL)
    modulus = {name: moduli(points) for name, points in integration_points(plan).items()}
    solution, _ = solve_mesh_checked(
        modulus,
        plan,
        preconditioner=Jacobi(),
        rtol=1e-10,
        nodal_force=body_force(plan, body_forces, degree=4),
    )
    element = ELEMENTS[kind]
    at, weights = quadrature(element.shape, 6)
    corner, values = mesh.points[mesh.cells[kind]], np.asarray(solution)[mesh.cells[kind]]
    jacobian = jacobians(mesh, kind, at)
    place = np.einsum("qk,nkc->nqc", element.shapes_at(at), corner)
    volume = np.linalg.det(jacobian) * weights
    slope = np.einsum("qki,nqji->nqkj", element.gradients_at(at), np.linalg.inv(jacobian))
    gradient = np.einsum("nkc,nqkj->nqcj", values, slope)
    strain = np.stack(
        [gradient[..., a, b] if a == b else gradient[..., a, b] + gradient[..., b, a] for a, b in PAIRS], -1
    )
    true, true_strain = np.asarray(displacements(place)), np.asarray(strains_of(place))
    found = np.einsum("qk,nkc->nqc", element.shapes_at(at), values)
    matrix, scale = stiffness_matrix(MATERIAL), volume * np.asarray(moduli(place))

    def energy(field):
        return np.einsum("nq,nqi,ij,nqj->", scale, field, matrix, field, optimize=True)

    return (
        np.sqrt((volume[..., None] * (found - true) ** 2).sum() / (volume[..., None] * true**2).sum()),
        np.sqrt(energy(strain - true_strain) / energy(true_strain)),
    )


COUNTS = {"tet4": (6, 12), "hex8": (6, 12), "tet10": (3, 6), "hex20": (3, 6)}


@pytest.mark.parametrize("kind", COUNTS)
def test_displacement_converges_one_order_faster_than_energy(kind):
    """|u - u_h| = O(h^(k+1)), |u - u_h|_E = O(h^k) for elements of order k"""
    counts = COUNTS[kind]
    found = np.array([errors(kind, count) for count in counts])
    rates = -np.diff(np.log(found), axis=0) / np.diff(np.log(counts))[:, None]
    order = ELEMENTS[kind].order
    assert np.allclose(rates[-1], [order + 1, order], rtol=0, atol=0.15), (found, rates)
