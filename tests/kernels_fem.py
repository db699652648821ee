"""Functions of `fem` on voxel bodies, for the table of `kernels`."""

import jax
import jax.numpy as jnp

import fem
from tests.kernel_body import (
    BOTH,
    SINGLE,
    Kernel,
    bending_load,
    body_count,
    body_density,
    body_elements,
    body_mask,
    body_plan,
    vector,
)

_SURFACE = fem.YIELD_SURFACES["bone-tissue"]


def _displacement(dtype) -> jax.Array:
    return vector(dtype, -0.05, 0.05, body_plan().nodes.size).reshape(body_plan().nodes.shape)


def _two_loads(dtype) -> jax.Array:
    plans = (body_plan(), fem.with_load(body_plan(), bending_load()))
    return jnp.stack([plan.prescribed for plan in plans]).astype(dtype)


def _stiffness(dtype) -> jax.Array:
    return jnp.asarray(1000.0 * fem.stiffness_matrix(fem.transversely_isotropic()), dtype)


def _failure_curve(modulus, plan):
    factors = jnp.asarray([0.5, 1.0, 2.0], modulus.dtype)
    return fem.force_displacement(modulus, 0.008 * modulus, plan, _SURFACE, factors, rtol=1e-4)[0]


def _given_curve(force):
    empty, row = jnp.zeros(0, force.dtype), jnp.asarray([-0.03, -0.06, -0.12], force.dtype)
    return fem.FailureCurve(row, force, force[0] / row[0], empty, -row, empty, empty, empty, empty)


FEM = [
    *(
        Kernel(
            f"fem.solve[{load}]",
            lambda modulus, plan: fem.solve(modulus, plan, rtol=1e-5)[0],
            lambda dtype, load=load: (vector(dtype, 500.0, 5000.0), body_plan(load)),
        )
        for load in (
            "axial",
            "uniaxial",
            "clamped-bottom",
            "confined",
            "bending-x",
            "kinematic-uniform",
            "force",
            "periodic",
        )
    ),
    Kernel(
        "fem.strain_energy",
        lambda modulus, plan: fem.strain_energy(modulus, plan, rtol=1e-5)[0],
        lambda dtype: (vector(dtype, 500.0, 5000.0), body_plan()),
    ),
    *(
        Kernel(
            f"fem.homogenise[{load}]",
            lambda modulus, plan: fem.homogenise(modulus, plan, rtol=1e-5)[0],
            lambda dtype, load=load: (vector(dtype, 500.0, 5000.0), body_plan(load)),
        )
        for load in ("kinematic-uniform", "periodic")
    ),
    Kernel(
        "fem.solve_several",
        lambda modulus, plan, prescribed: fem.solve_several(modulus, plan, prescribed, rtol=1e-5)[0],
        lambda dtype: (vector(dtype, 500.0, 5000.0), body_plan(), _two_loads(dtype)),
    ),
    Kernel(
        "fem.mutual_energy",
        lambda modulus, plan, displacement: fem.mutual_energy(displacement, modulus, plan),
        lambda dtype: (vector(dtype, 500.0, 5000.0), body_plan(), _two_loads(dtype)),
    ),
    Kernel(
        "fem.load_size",
        lambda plan: fem.load_size(plan, jnp.result_type(float)),
        lambda dtype: (body_plan(),),
        differentiable=False,
    ),
    Kernel(
        "fem.fabric_stiffness",
        fem.fabric_stiffness,
        lambda dtype: (jnp.asarray(0.3, dtype), jnp.asarray([0.8, 1.0, 1.2], dtype)),
    ),
    Kernel(
        "fem.macroscopic_displacement",
        fem.macroscopic_displacement,
        lambda dtype: (vector(dtype, -0.01, 0.02, 6), body_plan()),
    ),
    *(
        Kernel(f"fem.{name}", getattr(fem, name), lambda dtype: (_stiffness(dtype),))
        for name in ("engineering_constants", "from_mandel", "to_mandel")
    ),
    Kernel(
        "fem.rotate_stiffness",
        fem.rotate_stiffness,
        lambda dtype: (_stiffness(dtype), jnp.eye(3)[jnp.array([1, 2, 0])]),
    ),
    Kernel(
        "fem.voigt_reuss_bounds",
        lambda share, stiffness: fem.voigt_reuss_bounds(share, stiffness),
        lambda dtype: (
            jnp.asarray([0.3, 0.7], dtype),
            jnp.stack([_stiffness(dtype), 5 * _stiffness(dtype)]),
        ),
    ),
    Kernel(
        "fem.hashin_shtrikman_bounds",
        fem.hashin_shtrikman_bounds,
        lambda dtype: tuple(jnp.asarray(v, dtype) for v in ([0.3, 0.7], [50.0, 900.0], [20.0, 400.0])),
    ),
    Kernel("fem.top_displacement", fem.top_displacement, lambda dtype: (body_plan(),), differentiable=False),
    Kernel(
        "fem.nodal_forces",
        fem.nodal_forces,
        lambda dtype: (_displacement(dtype), vector(dtype, 500.0, 5000.0), body_plan()),
    ),
    Kernel(
        "fem.face_forces",
        fem.face_forces,
        lambda dtype: (_displacement(dtype), vector(dtype, 500.0, 5000.0), body_plan()),
    ),
    Kernel(
        "fem.element_fields",
        fem.element_fields,
        lambda dtype: (_displacement(dtype), vector(dtype, 500.0, 5000.0), body_plan()),
    ),
    Kernel(
        "fem.effective_strain",
        fem.effective_strain,
        lambda dtype: (vector(dtype, 0.01, 0.5), vector(dtype, 500.0, 5000.0)),
    ),
    Kernel(
        "fem.spine_load",
        lambda mass, height: fem.spine_load(mass, height, fem.activity("lifting-20")),
        lambda dtype: (jnp.asarray(80.0, dtype), jnp.asarray(1.75, dtype)),
    ),
    Kernel(
        "fem.load_to_strength",
        fem.load_to_strength,
        lambda dtype: (jnp.asarray(3000.0, dtype), jnp.asarray(6000.0, dtype)),
    ),
    *(
        Kernel(
            f"fem.force_displacement[{load}]",
            lambda modulus, plan: fem.nonlinear_strength(_failure_curve(modulus, plan), 6.0),
            lambda dtype, load=load: (vector(dtype, 500.0, 5000.0), body_plan(load)),
            slow=SINGLE if load == "axial" else BOTH,
        )
        for load in ("axial", "uniaxial")
    ),
    Kernel(
        "fem.nonlinear_strength",
        lambda force: fem.nonlinear_strength(_given_curve(force), 6.0),
        lambda dtype: (jnp.asarray([-10.0, -18.0, -20.0], dtype),),
    ),
    Kernel(
        "fem.plastic_forces",
        lambda displacement, history, modulus, plan: fem.plastic_forces(
            displacement, history, modulus, 0.008 * modulus, plan, _SURFACE
        ),
        lambda dtype: (
            _displacement(dtype),
            jnp.zeros((body_count(), 8, 7), dtype),
            vector(dtype, 500.0, 5000.0),
            body_plan(),
        ),
    ),
    Kernel(
        "fem.return_mapping",
        lambda strain, history, modulus: fem.return_mapping(
            strain, history, modulus, 0.008 * modulus, fem.isotropic(), _SURFACE
        ),
        lambda dtype: (
            vector(dtype, -0.02, 0.02, 24).reshape(4, 6),
            jnp.zeros((4, 7), dtype),
            vector(dtype, 500.0, 5000.0, 4),
        ),
    ),
    Kernel(
        "fem.yield_value",
        lambda stress, size: fem.yield_value(stress, size, _SURFACE),
        lambda dtype: (vector(dtype, -8.0, 8.0, 24).reshape(4, 6), vector(dtype, 5.0, 6.0, 4)),
    ),
    Kernel(
        "fem.strength_pistoia",
        lambda sed, modulus: fem.strength_pistoia(sed, modulus, 100.0),
        lambda dtype: (vector(dtype, 0.01, 0.5), vector(dtype, 500.0, 5000.0)),
    ),
    Kernel(
        "fem.strength_crawford",
        fem.strength_crawford,
        lambda dtype: (jnp.asarray(9000.0, dtype), jnp.asarray(27.0, dtype)),
    ),
    Kernel(
        "fem.minimum_axial_rigidity",
        lambda modulus, layer: fem.minimum_axial_rigidity(modulus, layer, 6, 1.0),
        lambda dtype: (vector(dtype, 500.0, 5000.0), body_elements()[:, 2]),
    ),
    Kernel(
        "fem.capped_modulus",
        lambda modulus: fem.capped_modulus(modulus, fem.add_caps(body_mask(), 1.0, thickness_mm=2.0)),
        lambda dtype: (vector(dtype, 500.0, 5000.0),),
    ),
    *(
        Kernel(
            f"fem.density_law[{name}]",
            lambda density, name=name: fem.density_law(name).modulus_mpa(density),
            lambda dtype: (body_density(dtype),),
        )
        for name in fem.DENSITY_LAWS
    ),
]
