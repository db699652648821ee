"""Apparent stiffness from six load cases: closed forms, bounds, turns, tiling, derivatives, refusals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import sparse
from scipy.sparse.linalg import splu

import fem
import meshes

STRAINS = (0.01, -0.02, 0.03, 0.004, -0.005, 0.006)
every_boundary = pytest.mark.parametrize("boundary", ["kinematic-uniform", "periodic"])
program = jax.jit(fem.homogenise, static_argnames=("max_iterations",))


def homogenised(modulus, boundary, *, mask=None, material=None, size=0.5, rtol=1e-10):
    """Stiffness of a grid of moduli, MPa, (6, 6)."""
    mask = np.ones(modulus.shape, bool) if mask is None else mask
    load = fem.load_case(boundary, strain=STRAINS)
    plan = fem.make_plan(mask, size, load, material=material, coarsest_nodes=400)
    stiffness, info = program(jnp.asarray(modulus[mask]), plan, rtol=rtol)
    assert bool(info.converged.all()), info
    return np.asarray(stiffness)


def laminate(stiffness):
    """Exact stiffness of layers across z of equal thickness and isotropic stiffness (n, 6, 6)."""
    c11, c12, c33, c13, c44, c66 = (
        stiffness[:, i, j] for i, j in ((0, 0), (0, 1), (2, 2), (0, 2), (3, 3), (5, 5))
    )
    across = 1 / np.mean(1 / c33)
    shift = np.mean(c13 / c33)
    exact = np.zeros((6, 6))
    exact[2, 2] = across
    exact[0, 0] = exact[1, 1] = np.mean(c11 - c13**2 / c33) + shift**2 * across
    exact[0, 1] = exact[1, 0] = np.mean(c12 - c13**2 / c33) + shift**2 * across
    exact[0, 2] = exact[2, 0] = exact[1, 2] = exact[2, 1] = shift * across
    exact[3, 3] = exact[4, 4] = 1 / np.mean(1 / c44)
    exact[5, 5] = np.mean(c66)
    return exact


@every_boundary
@pytest.mark.parametrize(
    "material", [fem.isotropic(), fem.transversely_isotropic()], ids=lambda material: material.name
)
def test_a_uniform_box_gives_its_own_stiffness_back(boundary, material):
    """C* = E C"""
    stiffness = homogenised(np.full((4, 6, 2), 700.0), boundary, material=material)
    np.testing.assert_allclose(stiffness, 700.0 * fem.stiffness_matrix(material), atol=1e-9 * 700)


def test_a_periodic_laminate_has_the_stiffness_of_layer_theory(rng):
    """C33 = 1 / <1 / c33>, C66 = <c66>, C44 = 1 / <1 / c44>, ... (Backus 1962); at v = 0 Voigt and Reuss"""
    layers = rng.uniform(10.0, 1000.0, 6)
    grid = np.broadcast_to(layers, (4, 4, 6))
    for poisson in (0.3, 0.0):
        phases = layers[:, None, None] * fem.stiffness_matrix(fem.isotropic(poisson))
        stiffness = homogenised(grid, "periodic", material=fem.isotropic(poisson))
        np.testing.assert_allclose(stiffness, laminate(phases), atol=1e-8 * layers.max())
    assert stiffness[0, 0] == pytest.approx(layers.mean(), rel=1e-8)
    assert stiffness[2, 2] == pytest.approx(1 / np.mean(1 / layers), rel=1e-8)


def test_a_periodic_stiffness_does_not_see_how_many_cells_the_box_holds(rng):
    """C*(two cells along each axis) = C*(one cell)"""
    cell = np.exp(rng.uniform(np.log(50.0), np.log(5000.0), (4, 4, 4)))
    once = homogenised(cell, "periodic")
    np.testing.assert_allclose(
        homogenised(np.tile(cell, (2, 2, 2)), "periodic"), once, atol=1e-7 * once.max()
    )


def test_boundary_conditions_and_phases_bound_the_stiffness(rng):
    """Reuss <= periodic <= kinematic <= Voigt as quadratic forms; Hashin-Shtrikman for the bulk modulus"""
    modulus = np.full((8, 8, 8), 100.0)
    modulus[2:6, 2:6, 2:6] = 5000.0
    share = np.array([7 / 8, 1 / 8])
    phases = np.array([100.0, 5000.0])[:, None, None] * fem.stiffness_matrix(fem.isotropic())
    bounds = fem.voigt_reuss_bounds(share, phases)
    periodic, kinematic = (homogenised(modulus, name) for name in ("periodic", "kinematic-uniform"))
    for lower, upper in zip(
        (bounds.lower, periodic, kinematic), (periodic, kinematic, bounds.upper), strict=True
    ):
        assert np.linalg.eigvalsh(np.asarray(upper) - np.asarray(lower)).min() > -1e-8
    bulk, shear = np.array([100.0, 5000.0]) / (3 * 0.4), np.array([100.0, 5000.0]) / 2.6
    tighter = fem.hashin_shtrikman_bounds(share, bulk, shear)
    # cubic symmetry: the bulk modulus obeys the isotropic bounds
    measured = (periodic[0, 0] + 2 * periodic[0, 1]) / 3
    assert float(tighter.bulk.lower) < measured < float(tighter.bulk.upper)
    voigt = np.asarray(bounds.upper)
    assert float(tighter.bulk.upper) < (voigt[0, 0] + 2 * voigt[0, 1]) / 3
    assert float(tighter.shear.upper) < voigt[3, 3]
    assert float(tighter.shear.lower) > np.asarray(bounds.lower)[3, 3]


def test_bounds_of_a_porous_body_leave_zero_below():
    """void: K+ = f K (4/3) G / (K (1 - f) + (4/3) G), K- = G- = 0; one phase alone: both bounds meet"""
    bounds = fem.hashin_shtrikman_bounds(np.array([0.8, 0.2]), np.array([0.0, 5.0]), np.array([0.0, 3.0]))
    assert float(bounds.bulk.upper) == pytest.approx(0.2 * 5 * 4 / (5 * 0.8 + 4))
    assert float(bounds.bulk.lower) == 0
    assert float(bounds.shear.lower) == 0
    alone = fem.hashin_shtrikman_bounds(np.array([1.0]), np.array([5.0]), np.array([3.0]))
    np.testing.assert_allclose([alone.bulk, alone.shear], [[5.0, 5.0], [3.0, 3.0]])


def porous(rng, n=8):
    """A porous cube, its moduli zero outside, that reaches its images."""
    mask = rng.random((n, n, n)) > 0.15
    mask[0] = mask[:, 0] = mask[:, :, 0] = mask[-1] = mask[:, -1] = mask[:, :, -1] = True
    return mask, np.exp(rng.uniform(np.log(500.0), np.log(5000.0), mask.shape))


@every_boundary
def test_turning_the_image_turns_the_stiffness(boundary, rng):
    """C*(turned image) = Q C* Q^T; C* scales with the modulus and not with the size"""
    mask, modulus = porous(rng)
    once = homogenised(modulus, boundary, mask=mask)
    turned = homogenised(
        np.rot90(modulus, axes=(0, 1)).copy(), boundary, mask=np.rot90(mask, axes=(0, 1)).copy()
    )
    quarter = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    # the image turns from x to y: seen along axes turned back, it is the old one
    np.testing.assert_allclose(
        turned, fem.rotate_stiffness(jnp.asarray(once), quarter), atol=1e-7 * once.max()
    )
    cycled = homogenised(modulus.transpose(1, 2, 0).copy(), boundary, mask=mask.transpose(1, 2, 0).copy())
    axes = np.eye(3)[[1, 2, 0]]
    np.testing.assert_allclose(cycled, fem.rotate_stiffness(jnp.asarray(once), axes), atol=1e-7 * once.max())
    other = homogenised(7.0 * modulus, boundary, mask=mask, size=0.1)
    np.testing.assert_allclose(other, 7.0 * once, atol=1e-7 * other.max())


@every_boundary
def test_the_mean_stress_of_any_strain_is_the_stiffness_times_it(boundary, rng):
    """<sigma> = C* epsilon; C* is symmetric; u of opposite faces differs by epsilon L"""
    mask, modulus = porous(rng)
    stiffness = homogenised(modulus, boundary, mask=mask)
    np.testing.assert_allclose(stiffness, stiffness.T, atol=1e-9 * stiffness.max())
    plan = fem.make_plan(mask, 0.5, fem.load_case(boundary, strain=STRAINS), coarsest_nodes=400)
    displacement, info = fem.solve_checked(jnp.asarray(modulus[mask]), plan, rtol=1e-10)
    expected = stiffness @ np.array(STRAINS)
    np.testing.assert_allclose(info.generalised_force, expected, atol=1e-7 * np.abs(expected).max())
    np.testing.assert_allclose(info.generalised_displacement, STRAINS)
    energy = jnp.sum(fem.element_fields(displacement, jnp.asarray(modulus[mask]), plan).sed_mean)
    assert float(energy) / mask.size == pytest.approx(np.array(STRAINS) @ expected / 2, rel=1e-8)
    grid = np.full((9, 9, 9, 3), np.nan)
    grid[tuple(np.asarray(plan.nodes).T)] = displacement
    jump = (grid[-1] - grid[0])[~np.isnan(grid[-1] - grid[0]).any(axis=-1)]
    xx, _, _, _, xz, xy = STRAINS
    np.testing.assert_allclose(jump, np.broadcast_to([4 * xx, 2 * xy, 2 * xz], jump.shape), atol=1e-12)


@every_boundary
def test_remainder_of_the_stiffness_gradient_falls_with_the_square_of_the_step(boundary, rng):
    """J = <W, C*>: |J(E + s d) - J(E) - s dJ.d| ~ s^2; forward = reverse"""
    modulus = np.exp(rng.uniform(np.log(500.0), np.log(5000.0), (4, 4, 4)))
    plan = fem.make_plan(np.ones((4, 4, 4), bool), 0.5, fem.load_case(boundary, strain=STRAINS))
    weight = jnp.asarray(rng.standard_normal((6, 6)))

    def value(e):
        return jnp.vdot(weight, fem.homogenise(e, plan, rtol=1e-12)[0])

    start = jnp.asarray(modulus.ravel())
    along = start * jnp.asarray(rng.uniform(-1.0, 1.0, start.shape))
    forward = jax.jit(lambda e: jax.jvp(value, (e,), (along,)))
    base, gradient = jax.jit(jax.value_and_grad(value))(start)
    slope = float(jnp.vdot(gradient, along))
    assert float(forward(start)[1]) == pytest.approx(slope, rel=1e-9)
    steps = np.array([0.1, 0.05, 0.025])
    remainder = [abs(float(forward(start + s * along)[0] - base) - s * slope) for s in steps]
    rates = np.diff(np.log(remainder)) / np.diff(np.log(steps))
    assert np.all((rates > 1.9) & (rates < 2.1)), rates


def test_a_new_strain_or_new_moduli_need_no_new_program():
    """One trace of `homogenise` and of `solve` for two macroscopic strains"""
    traces = []

    @jax.jit
    def run(modulus, plan):
        traces.append(1)
        return fem.solve(modulus, plan, rtol=1e-10)[1].generalised_force

    plan = fem.make_plan(np.ones((2, 2, 2), bool), 1.0, fem.load_case("periodic", strain=STRAINS))
    first = run(jnp.full(8, 100.0), plan)
    other = fem.with_load(plan, fem.load_case("periodic", strain=2 * np.array(STRAINS)))
    np.testing.assert_allclose(run(jnp.full(8, 50.0), other), first, rtol=1e-9)
    assert len(traces) == 1


CORNERS = np.array(list(np.ndindex(2, 2, 2)))


def brick(size, mean_dilatation=False, poisson=0.3):
    """Stiffness matrix of a brick of modulus 1 by 2 x 2 x 2 Gauss points, (24, 24); written here alone."""
    signs = 2.0 * CORNERS - 1
    lame = np.zeros((6, 6))
    lame[:3, :3] = poisson / ((1 + poisson) * (1 - 2 * poisson))
    lame += np.diag([2.0, 2, 2, 1, 1, 1]) / (2 * (1 + poisson))

    def slopes(point):
        lines = 1 + signs * point
        return np.stack(
            [signs[:, k] * np.delete(lines, k, axis=1).prod(axis=1) for k in range(3)], axis=1
        ) / (4 * size)

    points = signs / np.sqrt(3)
    average = np.mean([slopes(point) for point in points], axis=0)
    total = np.zeros((24, 24))
    for point in points:
        slope = slopes(point)
        strain = np.zeros((6, 8, 3))
        for k in range(3):
            strain[k, :, k] = slope[:, k]
        for row, (i, j) in zip((3, 4, 5), ((1, 2), (0, 2), (0, 1)), strict=True):
            strain[row, :, i], strain[row, :, j] = slope[:, j], slope[:, i]
        if mean_dilatation:
            strain[:3] += (average - slope) / 3
        strain = strain.reshape(6, 24)
        total += strain.T @ lame @ strain * size**3 / 8
    return total


def assembled(modulus, mask, size, element):
    """Kinematic-uniform stiffness by an assembled matrix and a direct solve."""
    places = np.argwhere(mask)
    shape = np.array(mask.shape) + 1
    corners = np.ravel_multi_index((places[:, None] + CORNERS).transpose(2, 0, 1), tuple(shape))
    used, nodes = np.unique(corners, return_inverse=True)
    dofs = (3 * nodes.reshape(-1, 8)[..., None] + np.arange(3)).reshape(-1, 24)
    values = modulus[mask][:, None, None] * element
    matrix = sparse.coo_matrix(
        (values.ravel(), (np.repeat(dofs, 24, axis=1).ravel(), np.tile(dofs, 24).ravel()))
    ).tocsc()
    at = np.stack(np.unravel_index(used, tuple(shape)), axis=1)
    held = np.repeat(((at == 0) | (at == shape - 1)).any(axis=1), 3)
    strains = np.zeros((6, 3, 3))
    for row, (i, j) in enumerate(((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))):
        strains[row, i, j] += 0.5
        strains[row, j, i] += 0.5
    displacement = np.einsum("nj,sij->nis", at * size, strains).reshape(-1, 6)
    free = matrix[~held]
    displacement[~held] = splu(free[:, ~held]).solve(-(free[:, held] @ displacement[held]))
    return displacement.T @ (matrix @ displacement) / (mask.size * size**3)


def test_an_assembled_matrix_and_a_direct_solve_give_the_same_stiffness(rng):
    """C_kl = u_k . K u_l / V by another quadrature, assembly and solver"""
    mask, modulus = porous(rng)
    expected = assembled(modulus, mask, 0.5, brick(0.5))
    np.testing.assert_allclose(
        homogenised(modulus, "kinematic-uniform", mask=mask), expected, atol=1e-8 * expected.max()
    )


@pytest.mark.slow
def test_an_assembled_matrix_gives_the_same_stiffness_of_real_bone_and_mean_dilatation_softens_it(
    shared_data,
):
    """octant of LHDL at 78 um: the same to 1e-6; with the mean dilatation of each element in place of that of
    the point (B-bar) ln C is lower by 0.03 to 0.05 (struts of three voxels bend)"""
    with np.load(shared_data / "trab_human_lhdl3155_mask_50.npz") as stored:
        mask, size = (
            meshes.largest_component(stored["mask"][:25, :25, :25].astype(bool)),
            float(stored["voxel_mm"]),
        )
    modulus = np.full(mask.shape, 1e4)
    expected = assembled(modulus, mask, size, brick(size))
    np.testing.assert_allclose(
        homogenised(modulus, "kinematic-uniform", mask=mask, size=size, rtol=1e-7),
        expected,
        atol=1e-6 * expected.max(),
    )
    soft = assembled(modulus, mask, size, brick(size, mean_dilatation=True))
    change = np.log(np.diagonal(soft) / np.diagonal(expected))
    assert change.mean() == pytest.approx(-0.0386, abs=0.003)


def islands():
    mask = np.zeros((8, 8, 8), bool)
    mask[2:6, 2:6, 2:6] = True
    return mask


def corner_ball():
    """One body only across the faces, and turning about nothing is held: eight corners of a ball."""
    return np.roll(islands(), (4, 4, 4), axis=(0, 1, 2))


def column():
    mask = np.zeros((8, 8, 8), bool)
    mask[2:4, 2:4] = True
    return mask


@pytest.mark.parametrize(
    ("mask", "sentence"),
    [
        (islands(), "reach across the box along two axes"),
        (corner_ball(), "reach across the box along two axes"),
        (column(), "reach across the box along two axes"),
        (islands() | column()[::-1, ::-1][:, :, ::-1] & False | np.roll(column(), 5, axis=0), "got 2 parts"),
        (np.ones((11, 11, 11), bool), "can be halved along all axes 0 times only"),
    ],
    ids=["island", "corner ball", "column", "two parts", "odd"],
)
def test_bodies_that_cannot_be_periodic_are_refused(mask, sentence):
    """ValueError says why"""
    with pytest.raises(ValueError, match=sentence):
        fem.make_plan(mask, 1.0, fem.load_case("periodic", strain=STRAINS))


def test_other_load_cases_do_not_homogenise():
    """ValueError names the load case"""
    plan = fem.make_plan(np.ones((2, 2, 2), bool), 1.0, fem.load_case("axial", strain=-0.01))
    with pytest.raises(ValueError, match="to homogenise, got 'axial'"):
        fem.homogenise(jnp.ones(8), plan)
