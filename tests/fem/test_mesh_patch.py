"""Patch tests, rigid motions, symmetry and invariance of the elements of unstructured meshes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

import fem
from fem import (
    Held,
    Jacobi,
    isotropic,
    make_mesh_plan,
    mesh_element_fields,
    mesh_nodal_forces,
    mesh_point_fields,
    mesh_reaction,
    solve_mesh_checked,
    stiffness_matrix,
    transversely_isotropic,
)
from meshes import ELEMENTS, make_box_mesh, make_mesh, to_quadratic, with_box_sets

# MacNeal and Harder 1985, Finite Elem. Anal. Des. 1:3, solid patch test: inner nodes of a unit cube.
INNER = [
    [0.249, 0.342, 0.192],
    [0.826, 0.288, 0.288],
    [0.850, 0.649, 0.263],
    [0.273, 0.750, 0.230],
    [0.320, 0.186, 0.643],
    [0.677, 0.305, 0.683],
    [0.788, 0.693, 0.644],
    [0.165, 0.745, 0.702],
]
MODULUS = 1e6
MATERIAL = isotropic(0.25)
GRADIENT = 1e-3 * np.array([[1.0, 0.5, 0.5], [0.5, 1.0, 0.5], [0.5, 0.5, 1.0]])
"The displacement field of that test: u = (2 x + y + z) / 2000 and its permutations."
EXACT_STRESS = [2000.0, 2000.0, 2000.0, 400.0, 400.0, 400.0]
"Their theoretical answer, MPa for MPa of modulus."

KINDS = list(ELEMENTS)
every_kind = pytest.mark.parametrize("kind", KINDS)


point_fields, element_fields = jax.jit(mesh_point_fields), jax.jit(mesh_element_fields)


def solved(modulus, plan, force=None):
    """Checked solve; always with nodal forces, so that one program serves every test of an element."""
    force = jnp.zeros_like(plan.points) if force is None else force
    return solve_mesh_checked(modulus, plan, preconditioner=Jacobi(), rtol=2e-13, nodal_force=force)


def patch(kind):
    """Seven distorted hexahedra, or as many tetrahedra as a distorted box of 2 x 2 x 2 cubes gives."""
    if kind.startswith("hex"):
        outer = (ELEMENTS["hex8"].nodes + 1.0) / 2.0
        inner = np.arange(8)
        cells = [inner]
        for face in ELEMENTS["hex8"].faces:
            # the inner face is the bottom seen from the outer one
            below = np.array([face[i] for i in (0, 1, 2, 3)])
            cells.append(np.concatenate([below, below + 8]))
        mesh = make_mesh(np.vstack([INNER, outer]), {"hex8": np.array(cells)})
    else:
        box = make_box_mesh(2, 1.0, "tet4")
        points = box.points.copy()
        # the inner node, and those of faces and edges within their face or edge
        points += 0.12 * np.sin(7.0 * points[:, [1, 2, 0]] + 1.0) * (np.abs(points - 0.5) < 0.4)
        mesh = make_mesh(points, box.cells)
    return mesh if kind in ("hex8", "tet4") else to_quadratic(mesh)


def surface_nodes(mesh):
    """Nodes on the faces of the unit cube."""
    return np.flatnonzero((np.abs(mesh.points - 0.5) > 0.5 - 1e-9).any(axis=1))


@every_kind
def test_constant_strain_on_a_distorted_patch_is_exact(kind):
    """u = G x on the surface gives strain sym(G) inside and the stress of MacNeal and Harder, to 1e-10."""
    mesh = patch(kind)
    nodes = surface_nodes(mesh)
    assert len(nodes) < len(mesh.points)
    wanted = mesh.points[nodes] @ GRADIENT.T
    plan = make_mesh_plan(mesh, [Held(nodes, *wanted.T)], material=MATERIAL)
    modulus = jnp.full(plan.element_count, MODULUS)
    displacement, _ = solved(modulus, plan)
    assert np.allclose(displacement, mesh.points @ GRADIENT.T, rtol=0, atol=1e-13)
    for fields in point_fields(displacement, modulus, plan).values():
        assert np.allclose(fields.stress, EXACT_STRESS, rtol=1e-10)
    strain = element_fields(displacement, modulus, plan).strain
    assert np.allclose(strain, 1e-3, rtol=1e-10)


@every_kind
def test_constant_stress_under_tractions_is_exact(kind):
    """Weak patch test: tractions s n on five faces, one face on rollers; the strain is C^-1 s everywhere."""
    mesh = patch(kind)
    low = [np.flatnonzero(np.abs(mesh.points[:, axis]) < 1e-9) for axis in range(3)]
    held = [Held(low[0], x=0.0), Held(low[1], y=0.0), Held(low[2], z=0.0)]
    plan = make_mesh_plan(mesh, held)
    sets = with_box_sets(mesh).face_sets
    force = sum(
        fem.traction_force(plan.points, sets[name], jnp.asarray(traction))
        for name, traction in {"x+": [2.0, 0, 0], "y+": [0, -1.0, 0], "z+": [0, 0, 3.0]}.items()
    )
    modulus = jnp.full(plan.element_count, 10.0)
    displacement, _ = solved(modulus, plan, force)
    fields = element_fields(displacement, modulus, plan)
    assert np.allclose(fields.stress, [2.0, -1.0, 3.0, 0, 0, 0], rtol=0, atol=1e-10)
    total = mesh_reaction(displacement, modulus, plan, low[2], nodal_force=force)
    assert total[2] == pytest.approx(-3.0, rel=1e-10)


@every_kind
def test_rigid_motions_cost_nothing_and_nothing_else_does(kind):
    """The element stiffness has six zero eigenvalues, the next one is far away."""
    mesh = make_box_mesh(1, 1.0, kind)
    mesh = make_mesh(mesh.points + 0.1 * np.sin(5.0 * mesh.points[:, [2, 0, 1]]), mesh.cells)
    plan = make_mesh_plan(mesh, [Held(np.arange(len(mesh.points)), 0.0, 0.0, 0.0)])
    matrices = fem.element_matrices(jnp.ones(plan.element_count), plan)[kind]
    for matrix in np.asarray(matrices):
        assert np.allclose(matrix, matrix.T, rtol=0, atol=1e-12)
        values = np.linalg.eigvalsh(matrix)
        assert np.abs(values[:6]).max() < 1e-12
        assert values[6] > 1e-4


@every_kind
@pytest.mark.parametrize("material", [isotropic(0.3), transversely_isotropic()], ids=["isotropic", "axial"])
def test_products_are_symmetric_and_those_of_the_element_matrices(kind, material, rng):
    """v . K u = u . K v (Betti), K u = sum of K_e u_e"""
    mesh = make_box_mesh((2, 1, 2), 1.0, kind)
    plan = make_mesh_plan(mesh, [Held("z-", 0.0, 0.0, 0.0)], material=material)
    modulus = jnp.asarray(1.0 + rng.random(plan.element_count))
    u, v = jnp.asarray(rng.standard_normal((2, *mesh.points.shape)))
    forward, backward = mesh_nodal_forces(u, modulus, plan), mesh_nodal_forces(v, modulus, plan)
    assert jnp.vdot(v, forward) == pytest.approx(float(jnp.vdot(u, backward)), rel=1e-12)
    matrices = np.asarray(fem.element_matrices(modulus, plan)[kind])
    nodes = mesh.cells[kind]
    total = np.zeros(mesh.points.shape)
    local = np.einsum("nij,nj->ni", matrices, np.asarray(u)[nodes].reshape(len(nodes), -1))
    np.add.at(total, nodes.ravel(), local.reshape(-1, 3))
    assert np.allclose(forward, total, rtol=0, atol=1e-12)


def test_padding_of_blocks_changes_nothing(rng):
    """The product of blocks of 5 of 24 elements is that of one block."""
    mesh = make_box_mesh((2, 1, 2), 1.0, "tet10")
    modulus = jnp.asarray(1.0 + rng.random(24))
    u = jnp.asarray(rng.standard_normal(mesh.points.shape))
    whole, parts = (
        mesh_nodal_forces(u, modulus, make_mesh_plan(mesh, [Held("z-", 0.0, 0.0, 0.0)], block=block))
        for block in (24, 5)
    )
    assert np.allclose(whole, parts, rtol=0, atol=1e-13)


@every_kind
def test_a_turned_body_answers_turned(kind):
    """Points R x, axes R, held values R u: displacement R u, the same energy (frame indifference)."""
    material = transversely_isotropic()
    turn = Rotation.from_rotvec([0.4, -0.9, 0.3]).as_matrix()
    mesh = patch(kind)
    nodes = surface_nodes(mesh)
    wanted = 0.01 * np.sin(3.0 * mesh.points[nodes] @ np.array([[1, 2, 0], [0, 1, 1], [2, 0, 1.0]]))
    found = []
    for rotation in (np.eye(3), turn):
        body = make_mesh(mesh.points @ rotation.T, mesh.cells)
        plan = make_mesh_plan(body, [Held(nodes, *(wanted @ rotation.T).T)], material=material, axes=rotation)
        modulus = jnp.linspace(1.0, 2.0, plan.element_count)
        found.append(solved(modulus, plan))
    (straight, info), (turned, turned_info) = found
    assert np.allclose(turned, straight @ turn.T, rtol=0, atol=1e-11)
    assert turned_info.energy == pytest.approx(float(info.energy), rel=1e-10)


@every_kind
def test_stiffness_scales_with_modulus_and_size(kind):
    """K(c E) = c K(E); size x s gives K x s"""
    mesh = patch(kind)
    nodes = surface_nodes(mesh)
    held = [Held(nodes, *(mesh.points[nodes] @ GRADIENT.T).T)]
    plan = make_mesh_plan(mesh, held)
    modulus = jnp.linspace(1.0, 2.0, plan.element_count)
    larger = make_mesh_plan(make_mesh(2.5 * mesh.points, mesh.cells), held)
    energies = [
        float(solved(values, body)[1].energy)
        for values, body in ((modulus, plan), (7.0 * modulus, plan), (modulus, larger))
    ]
    assert energies[1] == pytest.approx(7.0 * energies[0], rel=1e-9)
    assert energies[2] == pytest.approx(2.5 * energies[0], rel=1e-9)


def test_two_materials_side_by_side_follow_voigt():
    """Two halves side by side without lateral strain carry F = sum A_i C_zz,i e."""
    materials = [isotropic(0.2), transversely_isotropic()]
    mesh = make_box_mesh((4, 2, 3), (2.0, 1.0, 1.0), "hex8")
    right = (mesh.points[mesh.cells["hex8"]].mean(axis=1)[:, 0] > 1.0).astype(int)
    everywhere = np.arange(len(mesh.points))
    held = [Held(everywhere, x=0.0, y=0.0), Held("z-", z=0.0), Held("z+", z=-0.01)]
    plan = make_mesh_plan(mesh, held, material=materials, material_of=right)
    modulus = jnp.full(plan.element_count, 100.0)
    displacement, _ = solved(modulus, plan)
    force = mesh_reaction(displacement, modulus, plan, mesh.node_sets["z+"])[2]
    exact = -0.01 * 100.0 * sum(stiffness_matrix(material)[2, 2] for material in materials)
    assert force == pytest.approx(exact, rel=1e-10)


@pytest.mark.parametrize(
    ("held", "words"),
    [
        ([Held("z-", z=0.0)], r"stops only 3 of a part of 27 nodes around \[0.5, 0.5, 0.5\]"),
        ([Held("top", z=0.0)], "names the node set 'top'"),
        ([Held("z-", z=0.0), Held("x-", z=1.0)], "which is already held to 0 mm"),
        ([Held([], z=0.0)], "at least one node"),
        ([Held([27], z=0.0)], "nodes below 27"),
        ([], "stops only 0"),
    ],
)
def test_supports_that_do_not_do_are_refused(held, words):
    """Loose bodies, unknown sets, clashes."""
    with pytest.raises(ValueError, match=words):
        make_mesh_plan(make_box_mesh(2, 1.0), held)
