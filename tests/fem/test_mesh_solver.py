"""Solves on unstructured meshes: against the voxel solver, derivatives, balance, refusals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import fem
from fem import (
    Held,
    Jacobi,
    MeshPlan,
    load_case,
    make_mesh_plan,
    make_plan,
    mesh_element_fields,
    mesh_nodal_forces,
    mesh_point_fields,
    mesh_reaction,
    mesh_strain_energy,
    solve_checked,
    solve_mesh,
    solve_mesh_checked,
    transversely_isotropic,
)
from meshes import ELEMENTS, make_box_mesh, make_mesh, with_box_sets

element_fields, point_fields = jax.jit(mesh_element_fields), jax.jit(mesh_point_fields)

# VTK's order of the corners of a hexahedron among the corners 4 i + 2 j + m of a voxel
VTK_OF_VOXEL = np.array([0, 4, 6, 2, 1, 5, 7, 3])


def voxel_case(material):
    """A block with a hole as voxels of 0.7 mm and as hexahedra with the same nodes in the same order."""
    mask = np.ones((4, 3, 5), bool)
    mask[1:3, 1, 2:4] = False
    plan = make_plan(mask, 0.7, load_case("axial", strain=-0.01), material=material)
    mesh = make_mesh(0.7 * np.asarray(plan.nodes), {"hex8": np.asarray(plan.connectivity)[:, VTK_OF_VOXEL]})
    mesh = with_box_sets(mesh)
    held = [Held("z-", 0.0, 0.0, 0.0), Held("z+", 0.0, 0.0, -0.01 * 5 * 0.7)]
    return plan, make_mesh_plan(mesh, held, material=material), mesh


@pytest.mark.parametrize(
    "material", [fem.isotropic(0.3), transversely_isotropic()], ids=["isotropic", "axial"]
)
def test_the_general_hexahedron_of_a_cube_is_the_voxel(material):
    """K_e of hex8 equals E h times the unit stiffness of the voxel, corners reordered."""
    edge = 0.7
    mesh = make_box_mesh(1, edge)
    plan = make_mesh_plan(mesh, [Held("z-", 0.0, 0.0, 0.0)], material=material)
    found = np.asarray(fem.element_matrices(jnp.array([3.0]), plan)["hex8"][0]).reshape(8, 3, 8, 3)
    order = VTK_OF_VOXEL
    voxel = fem.element_stiffness(material).reshape(8, 3, 8, 3)[order][:, :, order]
    # the nodes of the box mesh are in C order, the element lists them in VTK's
    assert np.allclose(found, 3.0 * edge * voxel, rtol=0, atol=1e-13)


@pytest.mark.parametrize(
    "material", [fem.isotropic(0.3), transversely_isotropic()], ids=["isotropic", "axial"]
)
def test_hexahedra_of_voxels_answer_as_the_voxel_solver(material, rng):
    """The same displacement, reaction and fields to 1e-8."""
    plan, mesh_plan, mesh = voxel_case(material)
    modulus = jnp.asarray(10.0 ** rng.uniform(1, 4, mesh_plan.element_count))
    voxels, info = solve_checked(modulus, plan, rtol=1e-12)
    hexahedra, _ = solve_mesh_checked(modulus, mesh_plan, preconditioner=Jacobi(), rtol=1e-12)
    assert np.allclose(hexahedra, voxels, rtol=0, atol=1e-8 * np.abs(voxels).max())
    force = mesh_reaction(hexahedra, modulus, mesh_plan, mesh.node_sets["z+"])
    assert force[2] == pytest.approx(float(info.force_top_n), rel=1e-8)
    expected = fem.element_fields(voxels, modulus, plan)
    for name in ("strain", "stress", "sed_mean", "sed_centroid", "effective_strain"):
        wanted, found = (
            np.asarray(getattr(e, name)) for e in (expected, element_fields(hexahedra, modulus, mesh_plan))
        )
        assert np.allclose(found, wanted, rtol=0, atol=1e-8 * np.abs(wanted).max()), name


def test_bodies_of_different_elements_in_one_mesh_keep_their_numbers():
    """Two boxes side by side, hex8 and tet10, each under uniaxial strain: stresses, forces and volumes."""
    boxes = [make_box_mesh((2, 1, 2), 1.0, kind) for kind in ("hex8", "tet10")]
    aside = np.array([2.0, 0.0, 0.0])
    points = np.concatenate([boxes[0].points, aside + boxes[1].points])
    cells = {"tet10": boxes[1].cells["tet10"] + len(boxes[0].points), "hex8": boxes[0].cells["hex8"]}
    mesh = with_box_sets(make_mesh(points, cells))
    everywhere = np.arange(len(points))
    held = [Held(everywhere, x=0.0, y=0.0), Held("z-", z=0.0), Held("z+", z=-0.01)]
    plan = make_mesh_plan(mesh, held, material=fem.isotropic(0.25))
    # hexahedra come first
    modulus = jnp.concatenate([jnp.full(4, 100.0), jnp.full(24, 300.0)])
    displacement, _ = solve_mesh_checked(modulus, plan, preconditioner=Jacobi(), rtol=1e-12)
    stress = element_fields(displacement, modulus, plan).stress
    confined = fem.stiffness_matrix(fem.isotropic(0.25))[2, 2]
    assert np.allclose(stress[:4, 2], -0.01 * 100.0 * confined, rtol=1e-9)
    assert np.allclose(stress[4:, 2], -0.01 * 300.0 * confined, rtol=1e-9)
    assert np.allclose(fem.element_volumes(plan), np.repeat([1 / 4, 1 / 24], [4, 24]), rtol=1e-12)
    force = mesh_reaction(displacement, modulus, plan, mesh.node_sets["z+"])
    assert force[2] == pytest.approx(-4.0 * confined, rel=1e-9)


def small_case(kind="tet10"):
    """A bent box on a plane, pushed and pulled at the top."""
    box = make_box_mesh((2, 1, 2), (2.0, 1.0, 2.0), kind)
    mesh = make_mesh(
        box.points + 0.05 * np.sin(2.0 * box.points[:, [1, 2, 0]]),
        box.cells,
        node_sets=box.node_sets,
        face_sets=box.face_sets,
    )
    plan = make_mesh_plan(mesh, [Held("z-", 0.0, 0.0, 0.0), Held("z+", x=0.02)])
    force = fem.traction_force(plan.points, mesh.face_sets["x+"], jnp.array([1.0, -2.0, 3.0]))
    modulus = jnp.linspace(100.0, 200.0, plan.element_count)
    return mesh, plan, modulus, force


@pytest.mark.parametrize("kind", ELEMENTS)
def test_forces_balance_and_work_is_energy(kind):
    """Reactions + loads = 0; u . f / 2 = strain energy = integral of the density over the points."""
    mesh, plan, modulus, force = small_case(kind)
    displacement, info = solve_mesh_checked(
        modulus, plan, preconditioner=Jacobi(), rtol=1e-12, nodal_force=force
    )
    everyone = np.arange(len(mesh.points))
    reaction = mesh_reaction(displacement, modulus, plan, everyone, nodal_force=force)
    assert np.allclose(reaction, -force.sum(axis=0), rtol=0, atol=1e-9)
    assert np.allclose(force.sum(axis=0), jnp.array([1.0, -2.0, 3.0]) * area_of("x+", mesh), rtol=1e-9)
    fields = point_fields(displacement, modulus, plan)[kind]
    assert jnp.sum(fields.sed * fields.volume) == pytest.approx(float(info.energy), rel=1e-10)
    internal = mesh_nodal_forces(displacement, modulus, plan)
    assert jnp.vdot(displacement, internal) / 2 == pytest.approx(float(info.energy), rel=1e-12)


def area_of(name, mesh):
    """Area of a face set, mm2: the pressure force of a unit traction along each axis is the area vector."""
    ones = fem.traction_force(mesh.points, mesh.face_sets[name], jnp.array([1.0, 0.0, 0.0]))
    return float(ones.sum())


def test_pressure_on_a_closed_surface_squeezes_evenly():
    """p on all faces of a free-standing box: strain -p (1 - 2 v) / E in every direction."""
    mesh = make_box_mesh((2, 3, 2), (1.0, 2.0, 1.5), "hex20")
    held = [Held("x-", x=0.0), Held("y-", y=0.0), Held("z-", z=0.0)]
    plan = make_mesh_plan(mesh, held)
    force = sum(fem.pressure_force(plan.points, mesh.face_sets[name], 2.0) for name in ("x+", "y+", "z+"))
    modulus = jnp.full(plan.element_count, 50.0)
    displacement, _ = solve_mesh_checked(
        modulus, plan, preconditioner=Jacobi(), rtol=1e-12, nodal_force=force
    )
    strain = element_fields(displacement, modulus, plan).strain
    assert np.allclose(strain[:, :3], -2.0 * 0.4 / 50.0, rtol=1e-9)
    assert np.allclose(strain[:, 3:], 0.0, rtol=0, atol=1e-12)


def test_own_weight_of_a_column():
    """Top of a column of height l under its own weight w per volume, v = 0: u_z = -w l^2 / (2 E)"""
    mesh = make_box_mesh((1, 1, 4), (1.0, 1.0, 3.0), "hex20")
    plan = make_mesh_plan(mesh, [Held("z-", 0.0, 0.0, 0.0)], material=fem.isotropic(0.0))
    force = fem.body_force(plan, jnp.array([0.0, 0.0, -2.0]))
    displacement, _ = solve_mesh_checked(
        jnp.full(4, 50.0), plan, preconditioner=Jacobi(), rtol=1e-12, nodal_force=force
    )
    top = displacement[mesh.node_sets["z+"], 2]
    assert np.allclose(top, -2.0 * 9.0 / (2 * 50.0), rtol=1e-9)


def taylor_slope(function, start, direction):
    """Order of f(x + h d) - f(x) - h f'(x) d in h, by two steps, and f'(x)."""
    both = jax.jit(jax.value_and_grad(function))
    value, gradient = both(start)
    slope = jax.tree.reduce(jnp.add, jax.tree.map(jnp.vdot, gradient, direction))
    remainders = []
    for step in (0.1, 0.05):
        moved = jax.tree.map(lambda s, d, h=step: s + h * d, start, direction)
        remainders.append(float(jnp.abs(both(moved)[0] - value - step * slope)))
    return np.log2(remainders[0] / remainders[1]), gradient


def test_gradients_with_respect_to_moduli_and_forces_pass_the_taylor_test(rng):
    """|f(x + h d) - f(x) - h g . d| = O(h^2), through the solve"""
    _, plan, modulus, force = small_case()
    weight = jnp.asarray(rng.standard_normal(plan.points.shape))

    def goal(arguments):
        values, loads = arguments
        displacement, _ = solve_mesh(values, plan, preconditioner=Jacobi(), rtol=1e-13, nodal_force=loads)
        return jnp.vdot(weight, displacement) + 10.0 * jnp.sum(displacement**2)

    direction = (
        jnp.asarray(20.0 * rng.standard_normal(modulus.shape)),
        jnp.asarray(rng.standard_normal(force.shape)),
    )
    assert taylor_slope(goal, (modulus, force), direction)[0] == pytest.approx(2.0, abs=0.1)


def test_a_pressure_reaches_the_goal_with_its_derivative():
    """d goal / d p by the chain through the nodal forces: the answer is linear in the pressure."""
    mesh, plan, modulus, _ = small_case("hex8")

    @jax.jit
    @jax.value_and_grad
    def goal(pressure):
        force = fem.pressure_force(plan.points, mesh.face_sets["z+"], pressure)
        return solve_mesh(modulus, plan, preconditioner=Jacobi(), rtol=1e-13, nodal_force=force)[0][-1, 2]

    value, slope = goal(1.0)
    assert goal(2.0)[0] - value == pytest.approx(float(slope), rel=1e-9)


def test_energy_has_the_gradient_of_rayleigh_and_ritz(rng):
    """dW/dE_e = u_e . K_e(1) u_e / 2: equal to the derivative through the solve, by Taylor and directly."""
    _, plan, modulus, _ = small_case()

    def energy(values):
        return mesh_strain_energy(values, plan, preconditioner=Jacobi(), rtol=1e-13)[0]

    @jax.jit
    def through_the_solve(values):
        displacement, _ = solve_mesh(values, plan, preconditioner=Jacobi(), rtol=1e-13)
        return jnp.vdot(displacement, mesh_nodal_forces(displacement, values, plan)) / 2

    direction = jnp.asarray(20.0 * rng.standard_normal(modulus.shape))
    order, direct = taylor_slope(energy, modulus, direction)
    assert np.allclose(direct, jax.grad(through_the_solve)(modulus), rtol=1e-8)
    assert order == pytest.approx(2.0, abs=0.1)


def test_one_program_serves_changed_values():
    """A second call with other moduli, forces and start is not traced again."""
    _, plan, modulus, force = small_case("tet4")
    traces = []

    @jax.jit
    def run(values: jax.Array, body: MeshPlan, loads: jax.Array, start: jax.Array):
        traces.append(1)
        return solve_mesh(values, body, preconditioner=Jacobi(), nodal_force=loads, start=start)

    first, info = run(modulus, plan, force, jnp.zeros_like(plan.points))
    again, warm = run(modulus, plan, force, first)
    run(2.0 * modulus, plan, -force, first)
    assert len(traces) == 1
    assert int(warm.iterations) < int(info.iterations) / 4
    assert np.allclose(again, first, rtol=0, atol=1e-6)


def test_single_precision_stays_single():
    """float32 moduli give a float32 answer that is right to 1e-4."""
    _, plan, modulus, force = small_case("hex8")
    wide, _ = solve_mesh_checked(modulus, plan, preconditioner=Jacobi(), rtol=1e-10, nodal_force=force)
    single, info = solve_mesh_checked(
        modulus.astype(jnp.float32), plan, preconditioner=Jacobi(), rtol=1e-5, nodal_force=force
    )
    assert single.dtype == jnp.float32
    assert info.energy.dtype == jnp.float32
    assert np.allclose(single, wide, rtol=0, atol=1e-4 * float(np.abs(wide).max()))


def test_what_does_not_converge_is_an_error():
    """Three iterations are too few; the sentence says what was reached."""
    _, plan, modulus, force = small_case()
    with pytest.raises(fem.NotConvergedError, match="after 3 iterations at a true relative residual"):
        solve_mesh_checked(modulus, plan, preconditioner=Jacobi(), max_iterations=3, nodal_force=force)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.ones(3), r"`modulus` must have shape \(4,\)"),
        (np.array([1.0, 2.0, 0.0, 1.0]), r"1 other values, the first 0.0 at \(2,\)"),
        (np.array([1.0, np.nan, 2.0, 1.0]), r"the first nan at \(1,\)"),
        ({"tet4": np.ones((4, 1))}, r"an entry for \['hex8'\]"),
        ({"hex8": np.ones((4, 4))}, r"`modulus\['hex8'\]` must have shape \(4, 8\)"),
    ],
)
def test_wrong_moduli_are_refused(values, words):
    """Shape and sign, for one value per element and per point."""
    _, plan, _, _ = small_case("hex8")
    with pytest.raises(ValueError, match=words):
        solve_mesh_checked(values, plan, preconditioner=Jacobi())
