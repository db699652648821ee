"""Element fields: linear displacements, energies and derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fem import (
    density_law,
    effective_strain,
    element_fields,
    isotropic,
    load_case,
    make_plan,
    stiffness_matrix,
    strength_pistoia,
    transversely_isotropic,
)

MATERIALS = {"isotropic": isotropic(), "vertebral": transversely_isotropic()}
every_material = pytest.mark.parametrize("material", MATERIALS.values(), ids=MATERIALS)


def body(material, size=0.7):
    mask = np.ones((3, 4, 5), dtype=bool)
    mask[0, 0, 1:4] = False
    return make_plan(mask, size, load_case("axial", strain=-0.01), material=material)


def linear_field(plan, strain):
    xx, yy, zz, yz, xz, xy = strain
    gradient = np.array([[xx, xy / 2, xz / 2], [xy / 2, yy, yz / 2], [xz / 2, yz / 2, zz]])
    return jnp.asarray(np.asarray(plan.nodes) * float(plan.voxel_mm) @ gradient)


@every_material
def test_a_linear_displacement_has_constant_strain_stress_and_energy(material, rng):
    """e constant, s = E C e, SED = e.s / 2 as mean and at the centroid, e_eff = sqrt(2 SED / E)"""
    plan = body(material)
    strain = 1e-3 * rng.normal(size=6)
    modulus = jnp.asarray(rng.uniform(100.0, 1000.0, plan.elements.shape[0]))
    fields = element_fields(linear_field(plan, strain), modulus, plan)
    stress = np.asarray(modulus)[:, None] * (stiffness_matrix(material) @ strain)
    assert np.allclose(fields.strain, strain, rtol=0, atol=1e-14)
    assert np.allclose(fields.stress, stress, rtol=1e-10)
    energy = 0.5 * stress @ strain
    assert np.allclose(fields.sed_centroid, energy, rtol=1e-10)
    assert np.allclose(fields.sed_mean, energy, rtol=1e-10)
    assert np.allclose(fields.effective_strain, np.sqrt(2 * energy / np.asarray(modulus)), rtol=1e-10)


@every_material
def test_the_mean_energy_is_never_below_that_at_the_centroid(material, rng):
    """Jensen: the mean of e.C e over the element is at least its value at the mean strain"""
    plan = body(material)
    displacement = jnp.asarray(rng.normal(size=plan.nodes.shape))
    fields = element_fields(displacement, jnp.ones(plan.elements.shape[0]), plan)
    assert bool(jnp.all(fields.sed_mean > fields.sed_centroid))


@every_material
def test_mean_energies_add_up_to_half_the_work_of_the_nodal_forces(material, rng):
    """sum SED h^3 = u.K u / 2"""
    from fem import nodal_forces

    plan = body(material)
    displacement = jnp.asarray(rng.normal(size=plan.nodes.shape))
    modulus = jnp.asarray(rng.uniform(1.0, 9.0, plan.elements.shape[0]))
    fields = element_fields(displacement, modulus, plan)
    work = 0.5 * jnp.vdot(displacement, nodal_forces(displacement, modulus, plan))
    assert float(jnp.sum(fields.sed_mean) * plan.voxel_mm**3) == pytest.approx(float(work), rel=1e-12)


def test_rigid_motions_leave_no_strain(rng):
    """e(u + t + w x X) = e(u)"""
    plan = body(isotropic())
    motion = rng.normal(size=3) + np.cross(rng.normal(size=3), np.asarray(plan.nodes, float))
    fields = element_fields(jnp.asarray(motion), jnp.ones(plan.elements.shape[0]), plan)
    assert float(jnp.abs(fields.strain).max()) < 1e-12
    assert float(jnp.abs(fields.sed_mean).max()) < 1e-12


def test_the_effective_strain_follows_the_chosen_energy(rng):
    """e_eff = sqrt(2 SED_chosen / E)"""
    plan = body(isotropic())
    displacement = jnp.asarray(rng.normal(size=plan.nodes.shape))
    modulus = jnp.full(plan.elements.shape[0], 3.0)
    for effective, energy in (("centroid", "sed_centroid"), ("mean", "sed_mean")):
        fields = element_fields(displacement, modulus, plan, effective=effective)
        expected = jnp.sqrt(2 * getattr(fields, energy) / 3.0)
        assert np.allclose(fields.effective_strain, expected, rtol=1e-12)
    with pytest.raises(ValueError, match="`effective`"):
        element_fields(displacement, modulus, plan, effective="peak")


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_fields_and_their_gradient_keep_the_dtype_and_are_finite_at_rest(dtype):
    """dtype follows the displacement; d/du at u = 0 is finite"""
    plan = body(isotropic())
    modulus = jnp.ones(plan.elements.shape[0], dtype)
    rest = jnp.zeros(plan.nodes.shape, dtype)
    fields = element_fields(rest, modulus, plan)
    numbers = [leaf.dtype for leaf in jax.tree.leaves(fields) if leaf.dtype != bool]
    assert set(numbers) == {jnp.dtype(dtype)}
    assert not fields.clipped.any()
    gradient = jax.grad(lambda u: jnp.sum(element_fields(u, modulus, plan).effective_strain))(rest)
    assert gradient.dtype == dtype
    assert bool(jnp.all(jnp.isfinite(gradient)))


def test_an_energy_that_rounding_made_negative_is_zero_and_counted():
    """A nearly rigid motion in float32: u^T K u cancels to either side of 0; its root is finite."""
    grid = make_plan(np.ones((6, 6, 6), bool), 1.0, load_case("axial", strain=-0.01))
    modulus = jnp.full(216, 1e4, jnp.float32)
    turned = np.asarray(grid.nodes) @ np.array([[0, 0.3, -0.2], [-0.3, 0, 0.1], [0.2, -0.1, 0]]) + 300.0
    fields = element_fields(jnp.asarray(turned, jnp.float32), modulus, grid)
    assert int(fields.clipped.sum()) > 0
    assert float(fields.sed_mean.min()) == 0.0
    assert float(fields.sed_centroid.min()) >= 0.0
    assert bool(jnp.isfinite(fields.effective_strain).all())
    assert float(effective_strain(jnp.asarray(-1e-9), jnp.asarray(1e4))) == pytest.approx(0, abs=1e-12)


def test_fields_compile_once_for_changed_values(rng):
    """one trace over changed values"""
    plan = body(isotropic())
    traces = []

    @jax.jit
    def compiled(displacement, modulus, plan):
        traces.append(0)
        return element_fields(displacement, modulus, plan)

    for scale in (1.0, 2.0, 3.0):
        compiled(jnp.full(plan.nodes.shape, scale), jnp.full(plan.elements.shape[0], scale), plan)
    assert len(traces) == 1


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_density_to_strength_and_its_gradient_lower_for_cuda(dtype):
    """jax.export on a machine without a device"""
    plan = body(transversely_isotropic())

    def strength(density, displacement, plan):
        modulus = density_law("kopperdahl-2002-power").modulus_mpa(density)
        return strength_pistoia(element_fields(displacement, modulus, plan), modulus, 1.0)

    density = jnp.full(plan.elements.shape[0], 0.2, dtype)
    displacement = jnp.ones(plan.nodes.shape, dtype)
    compiled = jax.jit(jax.value_and_grad(strength, argnums=(0, 1)))
    exported = jax.export.export(compiled, platforms=["cuda"])(density, displacement, plan)
    assert exported.platforms == ("cuda",)
