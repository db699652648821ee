"""The voxel solver: answers, convergence, derivatives, set-up."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage, sparse
from scipy.sparse.linalg import spsolve

import fem

LOADS = ["axial", "uniaxial", "clamped-bottom", "confined"]


def largest_part(mask):
    labels, _ = ndimage.label(mask)
    return labels == np.bincount(labels.ravel())[1:].argmax() + 1


def porous_cube(size, threshold=0.35, seed=0):
    """A connected level-set sheet specimen that touches both loaded faces."""
    field = ndimage.gaussian_filter(
        np.random.default_rng(seed).standard_normal((size,) * 3), 2.0, mode="wrap"
    )
    mask = largest_part(np.abs(field / field.std()) < threshold)
    assert mask[:, :, 0].any()
    assert mask[:, :, -1].any()
    return mask


def direct_solution(modulus, plan):
    """The same finite-element problem by assembly and a sparse direct solver."""
    unit = fem.element_stiffness(plan.material) * float(plan.voxel_mm)
    nodes = np.asarray(plan.connectivity)
    degrees = (3 * nodes[:, :, None] + np.arange(3)).reshape(-1, 24)
    rows = np.repeat(degrees, 24, axis=1).ravel()
    columns = np.tile(degrees, (1, 24)).ravel()
    values = (np.asarray(modulus)[:, None, None] * unit).ravel()
    stiffness = sparse.csr_matrix((values, (rows, columns)), shape=(3 * len(plan.nodes),) * 2)
    held = fem.constraints(plan.load, np.asarray(plan.nodes), plan.shape, float(plan.voxel_mm))
    displacement = held.value.ravel().copy()
    free = ~held.fixed.ravel()
    right = -(stiffness @ displacement)[free]
    displacement[free] = spsolve(stiffness[free][:, free].tocsc(), right)
    force = (stiffness @ displacement).reshape(-1, 3)
    return displacement.reshape(-1, 3), force[held.top].sum(axis=0)


@pytest.mark.parametrize("load", ["axial", "clamped-bottom", "confined"])
def test_solution_is_that_of_a_sparse_direct_solver(load, rng):
    """u = K^-1 f on porous bone with moduli over three decades."""
    mask = porous_cube(14)
    plan = fem.make_plan(mask, 0.5, fem.load_case(load, strain=-0.01), coarsest_nodes=40)
    modulus = jnp.asarray(10 ** rng.uniform(1, 4, int(mask.sum())))
    displacement, _ = fem.solve_checked(modulus, plan, rtol=1e-11)
    expected, force = direct_solution(modulus, plan)
    assert np.abs(displacement - expected).max() < 1e-8 * np.abs(expected).max()
    _, top = fem.face_forces(displacement, modulus, plan)
    np.testing.assert_allclose(top, force, rtol=1e-8, atol=1e-8 * np.abs(force).max())


def test_uniaxial_body_keeps_no_rigid_motion_in_the_plane(rng):
    """The mean translation and turn about z of the answer are zero; the stress does not depend on them."""
    mask = porous_cube(12)
    plan = fem.make_plan(mask, 1.0, fem.load_case("uniaxial", strain=-0.01), coarsest_nodes=40)
    modulus = jnp.asarray(rng.uniform(1e3, 1e4, int(mask.sum())))
    displacement, _ = fem.solve_checked(modulus, plan, rtol=1e-10)
    planar = np.asarray(displacement)[:, :2]
    place = np.asarray(plan.nodes)[:, :2] - np.asarray(plan.nodes)[:, :2].mean(axis=0)
    scale = np.abs(planar).max()
    assert np.abs(planar.mean(axis=0)).max() < 1e-10 * scale
    assert abs(np.mean(place[:, 0] * planar[:, 1] - place[:, 1] * planar[:, 0])) < 1e-8 * scale


@pytest.mark.parametrize(("size", "bound"), [(16, 9), (32, 9)])
def test_iterations_on_a_solid_cube_do_not_grow_with_its_size(size, bound):
    """At most 9 iterations to a true residual of 1e-6 (7 were measured at 16 and at 64 voxels)."""
    plan = fem.make_plan(np.ones((size,) * 3, bool), 1.0, fem.load_case("axial", strain=-0.01))
    _, info = fem.solve_checked(jnp.full(size**3, 1e4), plan)
    assert int(info.iterations) <= bound


def test_iterations_stay_bounded_over_six_decades_of_modulus(rng):
    """A smooth contrast of 1e6 in a solid cube: at most 40 iterations."""
    field = ndimage.gaussian_filter(rng.standard_normal((24,) * 3), 3.0)
    field = (field - field.min()) / np.ptp(field)
    plan = fem.make_plan(np.ones((24,) * 3, bool), 1.0, fem.load_case("axial", strain=-0.01))
    _, info = fem.solve_checked(jnp.asarray(10 ** (6 * field.ravel() - 2)), plan)
    assert int(info.iterations) <= 40


def test_bone_that_almost_touches_is_not_glued_together_on_coarse_grids():
    """Two columns one void voxel apart: coarse elements stay separate and the solve needs few iterations."""
    mask = np.zeros((9, 4, 16), bool)
    mask[:4], mask[5:] = True, True
    plan = fem.make_plan(mask, 1.0, fem.load_case("axial", strain=-0.01), coarsest_nodes=20)
    first_coarse = plan.levels[1]
    count = int(plan.levels[0].transfer.in_order)
    nodes = np.unique(np.asarray(first_coarse.connectivity).reshape(-1, 8)[:count])
    place = np.asarray(first_coarse.coordinates).T[nodes]
    copies = np.unique(place, axis=0, return_counts=True)[1]
    assert copies.max() == 2
    _, info = fem.solve_checked(jnp.full(int(mask.sum()), 1e4), plan)
    assert int(info.iterations) <= 12


def test_warm_start_saves_iterations_and_changes_nothing(rng):
    """Started from its own answer a solve stops at once; from a near one it needs fewer iterations."""
    mask = porous_cube(16)
    plan = fem.make_plan(mask, 1.0, fem.load_case("axial", strain=-0.01))
    modulus = jnp.asarray(rng.uniform(5e3, 1e4, int(mask.sum())))
    cold, info = fem.solve_checked(modulus, plan, rtol=1e-8)
    _, again = fem.solve_checked(modulus, plan, rtol=1e-8, start=cold)
    assert int(again.iterations) <= 1
    changed = modulus * 1.001
    warm, near = fem.solve_checked(changed * (1 + 1e-3 * jnp.sin(modulus)), plan, rtol=1e-8, start=cold)
    assert int(near.iterations) < int(info.iterations)
    assert bool(jnp.isfinite(warm).all())


@pytest.mark.parametrize("load", LOADS)
def test_derivatives_of_a_displacement_agree_with_finite_differences(load, rng):
    """d/dE of a functional of u: reverse = forward = central difference."""
    mask = porous_cube(9, threshold=0.6)
    plan = fem.make_plan(mask, 0.7, fem.load_case(load, strain=-0.02), coarsest_nodes=30)
    modulus = jnp.asarray(rng.uniform(1e3, 1e4, int(mask.sum())))
    weight = jnp.asarray(rng.standard_normal((len(plan.nodes), 3)))
    direction = jnp.asarray(rng.standard_normal(len(modulus))) * modulus

    def functional(modulus):
        displacement, _ = fem.solve(modulus, plan, rtol=1e-12)
        return jnp.sum(weight * displacement) + jnp.sum(displacement**2)

    gradient = jax.jit(jax.grad(functional))
    tangent = jax.jit(lambda modulus: jax.jvp(functional, (modulus,), (direction,)))
    reverse = jnp.vdot(gradient(modulus), direction)
    np.testing.assert_allclose(reverse, tangent(modulus)[1], rtol=1e-8)
    # fourth-order central difference: its step can be long enough for the noise of the solves to vanish
    step = 1e-3
    near, far = (
        tangent(modulus + s * direction)[0] - tangent(modulus - s * direction)[0] for s in (step, 2 * step)
    )
    np.testing.assert_allclose(reverse, (8 * near - far) / (12 * step), rtol=1e-5)


def test_remainder_of_the_energy_gradient_falls_with_the_square_of_the_step(rng):
    """|W(E + s d) - W(E) - s dW.d| ~ s^2, slope 1.9 to 2.1; the gradient equals that through `solve`."""
    mask = porous_cube(10, threshold=0.6)
    plan = fem.make_plan(mask, 1.0, fem.load_case("axial", strain=-0.01), coarsest_nodes=30)
    modulus = jnp.asarray(rng.uniform(1e3, 1e4, int(mask.sum())))
    direction = modulus * jnp.asarray(rng.uniform(-1, 1, len(modulus)))
    energy = jax.jit(jax.value_and_grad(lambda e: fem.strain_energy(e, plan, rtol=1e-12)[0]))
    value, gradient = energy(modulus)
    slope_here = jnp.vdot(gradient, direction)
    steps = np.array([0.2, 0.1, 0.05, 0.025])
    remainders = [abs(energy(modulus + s * direction)[0] - value - s * slope_here) for s in steps]
    slope = np.polyfit(np.log(steps), np.log(remainders), 1)[0]
    assert 1.9 < slope < 2.1

    def through_solve(modulus):
        displacement, _ = fem.solve(modulus, plan, rtol=1e-12)
        return jnp.vdot(displacement, fem.nodal_forces(displacement, modulus, plan)) / 2

    np.testing.assert_allclose(
        jax.jit(jax.grad(through_solve))(modulus), gradient, rtol=1e-6, atol=1e-9 * gradient.max()
    )


def test_second_derivative_of_the_energy_is_exact(rng):
    """d2W along a direction by forward-over-reverse against a difference of gradients."""
    plan = fem.make_plan(np.ones((4, 4, 5), bool), 1.0, fem.load_case("clamped-bottom", strain=-0.01))
    modulus = jnp.asarray(rng.uniform(1e3, 2e3, 80))
    direction = modulus * jnp.asarray(rng.uniform(-1, 1, 80))
    gradient = jax.grad(lambda e: fem.strain_energy(e, plan, rtol=1e-13)[0])
    both = jax.jit(lambda e: jax.jvp(gradient, (e,), (direction,)))
    exact = both(modulus)[1]
    step = 1e-4
    central = (both(modulus + step * direction)[0] - both(modulus - step * direction)[0]) / (2 * step)
    np.testing.assert_allclose(exact, central, rtol=1e-5, atol=1e-6 * np.abs(exact).max())


def test_derivative_with_respect_to_nodal_forces_is_the_compliance(rng):
    """For forces on the free nodes du/df = K^-1, symmetric: v.(du/df w) = w.(du/df v)."""
    plan = fem.make_plan(np.ones((4, 5, 6), bool), 1.0, fem.load_case("axial", strain=-0.001))
    modulus = jnp.full(120, 1e3)
    inside = jnp.asarray((~np.asarray(plan.bottom | plan.top))[:, None])
    first, second = (jnp.asarray(rng.standard_normal((len(plan.nodes), 3))) * inside for _ in range(2))

    def displacement(force):
        return fem.solve(modulus, plan, rtol=1e-12, nodal_force=force)[0]

    zero = jnp.zeros_like(first)
    along = jax.jit(lambda force: jax.jvp(displacement, (zero,), (force,))[1])
    one = jnp.vdot(second, along(first))
    other = jnp.vdot(first, along(second))
    np.testing.assert_allclose(one, other, rtol=1e-9)


def test_single_precision_follows_its_input(rng):
    """float32 moduli give float32 displacements with the reaction good to 1e-3."""
    mask = porous_cube(12)
    plan = fem.make_plan(mask, 1.0, fem.load_case("axial", strain=-0.01))
    modulus = rng.uniform(5e3, 1e4, int(mask.sum()))
    single, info = jax.jit(fem.solve)(jnp.asarray(modulus, jnp.float32), plan, rtol=1e-5)
    assert single.dtype == jnp.float32
    assert {value.dtype for value in info[2:]} == {jnp.dtype(jnp.float32)}
    _, reference = fem.solve_checked(jnp.asarray(modulus), plan, rtol=1e-9)
    np.testing.assert_allclose(info.force_top_n, reference.force_top_n, rtol=1e-3)


def test_a_solve_is_traced_once_for_changed_moduli():
    """New values of the same shape reuse the compiled program."""
    plan = fem.make_plan(np.ones((3, 3, 3), bool), 1.0, fem.load_case("axial", strain=-0.01))
    traces = []

    @jax.jit
    def run(modulus, plan):
        traces.append(1)
        return fem.solve(modulus, plan)[1].force_top_n

    first, second = run(jnp.full(27, 1e3), plan), run(jnp.full(27, 2e3), plan)
    assert len(traces) == 1
    np.testing.assert_allclose(second, 2 * first, rtol=1e-5)


def test_too_few_iterations_are_an_error_that_says_what_was_reached():
    """A failed solve raises, with the residual asked for and the one reached."""
    plan = fem.make_plan(porous_cube(16), 1.0, fem.load_case("axial", strain=-0.01))
    modulus = jnp.full(len(plan.elements), 1e4)
    with pytest.raises(fem.NotConvergedError, match=r"after 1 iterations .*asked 1\.0e-08"):
        fem.solve_checked(modulus, plan, rtol=1e-8, max_iterations=1)


@pytest.mark.parametrize(
    ("mask", "sentence"),
    [
        (np.zeros((3, 3, 3), bool), "at least one voxel"),
        (np.ones((3, 3), bool), "three axes"),
        (np.full((2, 2, 2), 2), "0 and 1 only, got 8"),
    ],
)
def test_masks_that_cannot_be_solved_are_refused(mask, sentence):
    """Each refusal says what was needed and what came."""
    with pytest.raises(ValueError, match=sentence):
        fem.make_plan(mask, 1.0, fem.load_case("axial", strain=-0.01))


def test_a_floating_part_is_refused_by_size_and_place():
    """Bone that no face holds would make the system singular."""
    mask = np.zeros((8, 8, 8), bool)
    mask[:4, :4] = True
    mask[6:, 6:, 3:5] = True
    with pytest.raises(ValueError, match=r"8 voxels, are not held; one of 8 voxels is around \(7, 7, 4\) mm"):
        fem.make_plan(mask, 1.0, fem.load_case("axial", strain=-0.01))


def test_moduli_that_are_not_positive_are_refused():
    """The first offending element is named."""
    plan = fem.make_plan(np.ones((2, 2, 2), bool), 1.0, fem.load_case("axial", strain=-0.01))
    with pytest.raises(ValueError, match=r"1 other values, the first 0\.0 at element 3"):
        fem.solve_checked(jnp.ones(8).at[3].set(0.0), plan)


def test_reaction_by_work_is_an_order_more_exact_than_the_force_of_a_face(rng):
    """F = u.K u / d: its error is quadratic in the residual, from a cold and from a warm start."""
    mask = porous_cube(14)
    plan = fem.make_plan(mask, 0.5, fem.load_case("axial", strain=-0.01))
    modulus = jnp.asarray(rng.uniform(5e3, 1e4, int(mask.sum())))
    near, info = fem.solve_checked(modulus, plan, rtol=1e-12)
    exact = float(info.reaction_n)
    np.testing.assert_allclose(exact, info.force_top_n, rtol=1e-9)
    _, warm = fem.solve_checked(modulus, plan, rtol=1e-4, start=near * (1 + 0.01 * jnp.sin(1e3 * near)))
    assert abs(float(warm.reaction_n) / exact - 1) < 1e-5
    assert abs(float(warm.force_bottom_n) / -exact - 1) > 10 * abs(float(warm.reaction_n) / exact - 1)
