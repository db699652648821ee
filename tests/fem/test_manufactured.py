"""Manufactured solution with a modulus that varies in space (check 4 of the verification plan).

A smooth displacement is chosen; the body force -div s and the tractions s n of the free sides follow by
automatic differentiation, are integrated against the trilinear shape functions and handed to the solver as
nodal forces. The end faces are held.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fem import (
    corner_offsets,
    gauss_strain_matrices,
    load_case,
    make_plan,
    solve_checked,
    stiffness_matrix,
    transversely_isotropic,
)

MATERIAL = transversely_isotropic()
STRAIN = -0.01
AMPLITUDE = 0.01
INSET = 0.5 / np.sqrt(3.0)
LINE = np.array([0.5 - INSET, 0.5 + INSET])


def modulus_at(point):
    """MPa, smooth, by a factor of three over the unit cube."""
    x, y, z = point
    return 1000.0 * (2.0 + jnp.sin(2.0 * x + y) * jnp.cos(1.5 * z))


def displacement_at(point):
    """mm; zero at z = 0, (0, 0, STRAIN) at z = 1."""
    x, y, z = point
    bubble = AMPLITUDE * jnp.sin(jnp.pi * z)
    return jnp.stack([bubble * jnp.sin(2 * x + y), bubble * jnp.cos(x - y), bubble * x * y + STRAIN * z])


def strain_at(point):
    gradient = jax.jacfwd(displacement_at)(point)
    pairs = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))
    return jnp.stack([gradient[a, b] if a == b else gradient[a, b] + gradient[b, a] for a, b in pairs])


def stress_at(point):
    """MPa, (3, 3)."""
    xx, yy, zz, yz, xz, xy = modulus_at(point) * (jnp.asarray(stiffness_matrix(MATERIAL)) @ strain_at(point))
    return jnp.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])


def body_force_at(point):
    """-div s, N/mm3."""
    return -jnp.trace(jax.jacfwd(stress_at)(point), axis1=1, axis2=2)


body_forces = jax.jit(jax.vmap(body_force_at))
stresses = jax.jit(jax.vmap(stress_at))
displacements = jax.jit(jax.vmap(displacement_at))
strains_of = jax.jit(jax.vmap(strain_at))
moduli = jax.jit(jax.vmap(modulus_at))


def shapes_at(local):
    """Trilinear shape functions (8,) of a point of the unit cube."""
    return np.prod(np.where(corner_offsets() == 1, local, 1.0 - local), axis=1)


def consistent_forces(plan, count):
    """Nodal forces (nn, 3), N, of the body force and of the tractions on the four free sides."""
    elements, connectivity = np.asarray(plan.elements), np.asarray(plan.connectivity)
    size = 1.0 / count
    total = np.zeros(plan.nodes.shape)

    def add(chosen, local, density, weight):
        values = np.asarray(density(jnp.asarray((elements[chosen] + local) * size)))
        shares = shapes_at(local)[None, :, None] * values[:, None, :] * weight
        np.add.at(total, connectivity[chosen].reshape(-1), shares.reshape(-1, 3))

    everywhere = np.arange(len(elements))
    for local in np.stack(np.meshgrid(LINE, LINE, LINE, indexing="ij"), -1).reshape(-1, 3):
        add(everywhere, local, body_forces, size**3 / 8)
    for axis in (0, 1):
        for end, layer in ((0.0, 0), (1.0, count - 1)):
            side = np.flatnonzero(elements[:, axis] == layer)
            sign = 2.0 * end - 1.0
            for one in LINE:
                for other in LINE:
                    local = np.array([one, one, other])
                    local[axis], local[1 - axis] = end, one
                    add(side, local, lambda p, a=axis, s=sign: s * stresses(p)[:, :, a], size**2 / 4)
    return jnp.asarray(total)


def errors(count):
    """Errors in displacement (L2) and in strain (energy norm), both relative."""
    plan = make_plan(
        np.ones((count,) * 3, bool), 1.0 / count, load_case("axial", strain=STRAIN), material=MATERIAL
    )
    size = 1.0 / count
    centre = (plan.elements + 0.5) * size
    modulus = moduli(centre)
    solution, _ = solve_checked(modulus, plan, rtol=1e-10, nodal_force=consistent_forces(plan, count))
    corner = np.asarray(solution)[np.asarray(plan.connectivity)]
    sums = np.zeros(4)
    matrix = stiffness_matrix(MATERIAL)
    for local, strains in zip(LINE[corner_offsets()], gauss_strains(corner, size), strict=True):
        point = (plan.elements + local) * size
        exact, exact_strain = np.asarray(displacements(point)), np.asarray(strains_of(point))
        sums[0] += np.sum((np.einsum("a,eai->ei", shapes_at(local), corner) - exact) ** 2)
        sums[1] += np.sum(exact**2)
        weight = np.asarray(moduli(point))
        for slot, field in ((2, strains - exact_strain), (3, exact_strain)):
            sums[slot] += np.einsum("e,ei,ij,ej->", weight, field, matrix, field)
    return np.sqrt(sums[0] / sums[1]), np.sqrt(sums[2] / sums[3])


def gauss_strains(corner, size):
    return np.einsum("gij,ej->gei", gauss_strain_matrices(), corner.reshape(-1, 24)) / size


def check_rates(counts):
    found = np.array([errors(count) for count in counts])
    rates = -np.diff(np.log(found), axis=0) / np.diff(np.log(counts))[:, None]
    assert np.allclose(rates[-1], [2.0, 1.0], rtol=0, atol=0.1), (found, rates)


def test_displacement_converges_with_order_two_and_energy_with_order_one():
    """|u - u_h| = O(h^2), |u - u_h|_E = O(h)"""
    check_rates([8, 16])


@pytest.mark.slow
def test_the_orders_hold_on_to_sixty_four_elements_an_edge():
    """|u - u_h| = O(h^2), |u - u_h|_E = O(h)"""
    check_rates([8, 16, 32, 64])
