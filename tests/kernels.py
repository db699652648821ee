"""The table of everything that must run on a device: each public traced function with small arguments.

`arguments(dtype)` gives the positional arguments; the first one is what the gradient is taken with respect
to. Plans and other fixed arrays are arguments too, as in use.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import calibration
import fem
import meshes
import remodeling


@dataclass(frozen=True)
class Kernel:
    """One traced function of the public interface."""

    name: str
    """package and function"""
    function: Callable[..., Any]
    """the function of arrays"""
    arguments: Callable[[Any], tuple[Any, ...]]
    """positional arguments in a precision"""
    differentiable: bool = True
    """whether reverse mode applies"""

    def value_and_gradient(self, *arguments: Any) -> tuple[Any, Any]:
        """Value, and the gradient of half the sum of squares of its real outputs by the first argument."""
        if not self.differentiable:
            return self.function(*arguments), None

        def half_square(first, *rest):
            value = self.function(first, *rest)
            real = [leaf for leaf in jax.tree.leaves(value) if jnp.issubdtype(leaf.dtype, jnp.floating)]
            return 0.5 * sum(jnp.vdot(leaf, leaf) for leaf in real), value

        (_, value), gradient = jax.value_and_grad(half_square, has_aux=True)(*arguments)
        return value, gradient


def _mask() -> np.ndarray:
    """A 5 x 4 x 6 block with a hole through it."""
    mask = np.ones((5, 4, 6), bool)
    mask[2, 1:3, 2:4] = False
    return mask


@cache
def _plan(load: str = "axial") -> fem.Plan:
    sizes = {
        "bending-x": {"angle_rad": 0.01},
        "kinematic-uniform": {"strain": (0.01, 0.0, 0.0, 0.0, 0.004, 0.0)},
        "periodic": {"strain": (0.01, 0.0, 0.0, 0.0, 0.004, 0.0)},
        "force": {"force_n": (10.0, 0.0, -50.0)},
    }
    size = sizes.get(load, {"strain": -0.01})
    return fem.make_plan(_mask(), 1.0, fem.load_case(load, **size), coarsest_nodes=30)


def _count() -> int:
    return int(_mask().sum())


def _vector(dtype, low: float, high: float, count: int | None = None) -> jax.Array:
    """Numbers from low to high in an irregular order."""
    count = _count() if count is None else count
    order = np.random.default_rng(7).permutation(count)
    return jnp.asarray(np.linspace(low, high, count)[order], dtype)


def _displacement(dtype) -> jax.Array:
    return _vector(dtype, -0.05, 0.05, _plan().nodes.size).reshape(_plan().nodes.shape)


def _bending() -> fem.LoadCase:
    return fem.load_case("bending-x", angle_rad=0.01)


def _two_loads(dtype) -> jax.Array:
    plans = (_plan(), fem.with_load(_plan(), _bending()))
    return jnp.stack([plan.prescribed for plan in plans]).astype(dtype)


def _daily(dtype) -> remodeling.DailyLoading:
    cases = [
        remodeling.DailyCase("standing", {"axial": -500.0}, 1000.0),
        remodeling.DailyCase("flexion", {"axial": -800.0, "bending-x": 900.0}, 100.0),
    ]
    return remodeling.make_daily_loading(_plan(), [_plan().load, _bending()], cases, dtype=dtype)


def _stiffness(dtype) -> jax.Array:
    return jnp.asarray(1000.0 * fem.stiffness_matrix(fem.transversely_isotropic()), dtype)


def _elements() -> jax.Array:
    return jnp.asarray(np.argwhere(_mask()))


def _compartments() -> jax.Array:
    return jnp.asarray(1 + np.arange(_count()) % 2)


@cache
def _mesh_plan(kind: str = "tet4") -> fem.MeshPlan:
    mesh = meshes.make_box_mesh((2, 1, 2), 1.0, kind)
    held = [fem.Held("z-", 0.0, 0.0, 0.0), fem.Held("z+", z=-0.01)]
    return fem.make_mesh_plan(mesh, held, block=5)


def _mesh_modulus(dtype, kind: str = "tet4") -> jax.Array:
    return _vector(dtype, 500.0, 5000.0, _mesh_plan(kind).element_count)


def _mesh_displacement(dtype, kind: str = "tet4") -> jax.Array:
    points = _mesh_plan(kind).points
    return _vector(dtype, -0.05, 0.05, points.size).reshape(points.shape)


def _mesh_faces() -> dict[str, jax.Array]:
    return {"tri3": jnp.asarray([[0, 1, 2], [1, 2, 3]])}


def _parameters(dtype):
    return remodeling.default_parameters(dtype=dtype)


def _levels(dtype):
    return remodeling.make_hormone_levels(dtype=dtype, testosterone_ng_dl=250.0, estradiol_pg_ml=15.0)


def _state(dtype):
    fraction = _vector(dtype, 0.1, 0.8)
    return remodeling.steady_state(fraction, _levels(dtype), _parameters(dtype))


def _drives(dtype):
    treated = remodeling.make_hormone_levels(dtype=dtype)
    return remodeling.cell_drives(treated, _levels(dtype), _vector(dtype, -0.2, 0.2), _parameters(dtype))


def _person(dtype):
    return remodeling.make_person(testosterone_ng_dl=250.0, estradiol_pg_ml=15.0, axis="primary", dtype=dtype)


def _axis(dtype):
    constants = remodeling.make_axis_parameters(dtype=dtype)
    return _person(dtype), remodeling.match_axis(_person(dtype), constants), constants


def _protocol(dtype):
    weekly = remodeling.Dose("testosterone-cypionate", 100.0, every_days=7.0)
    return remodeling.make_protocol([weekly], duration_days=120.0, dtype=dtype)


def _course(dtype):
    return remodeling.hormone_course(_person(dtype), _protocol(dtype), steps=4, step_days=30.0)


def _mechanics(dtype):
    modulus = np.linspace(200.0, 900.0, _count())
    return remodeling.make_finite_element_mechanics(_plan(), modulus, _mask(), rtol=1e-5, dtype=dtype)


def _density(dtype) -> jax.Array:
    return _vector(dtype, 0.1, 0.5)


def _simulate(density, mechanics, course, parameters):
    options = remodeling.make_options(substeps=2, solve_every=2, report_every=4)
    return remodeling.simulate(density, mechanics, course, parameters, options=options)


def _fit_residuals(parameters, data):
    return (parameters["gain"] * (1 - jnp.exp(-parameters["rate"] * data["time"])) - data["observed"]) / 0.1


def _fit(optimiser):
    def run(start, data, prior):
        return calibration.fit_traced(_fit_residuals, start, data, prior, steps=5, optimiser=optimiser)

    return run


def _fit_arguments(dtype):
    start = {"gain": jnp.asarray(2.0, dtype), "rate": jnp.asarray(0.5, dtype)}
    time = jnp.linspace(0.0, 24.0, 7, dtype=dtype)
    prior = calibration.LogNormalPrior(start, jax.tree.map(lambda _: jnp.asarray(0.5, dtype), start))
    return start, {"time": time, "observed": 6.0 * (1 - jnp.exp(-0.1 * time))}, prior


_SURFACE = fem.YIELD_SURFACES["bone-tissue"]


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
            lambda dtype, load=load: (_vector(dtype, 500.0, 5000.0), _plan(load)),
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
        lambda dtype: (_vector(dtype, 500.0, 5000.0), _plan()),
    ),
    *(
        Kernel(
            f"fem.homogenise[{load}]",
            lambda modulus, plan: fem.homogenise(modulus, plan, rtol=1e-5)[0],
            lambda dtype, load=load: (_vector(dtype, 500.0, 5000.0), _plan(load)),
        )
        for load in ("kinematic-uniform", "periodic")
    ),
    Kernel(
        "fem.solve_several",
        lambda modulus, plan, prescribed: fem.solve_several(modulus, plan, prescribed, rtol=1e-5)[0],
        lambda dtype: (_vector(dtype, 500.0, 5000.0), _plan(), _two_loads(dtype)),
    ),
    Kernel(
        "fem.mutual_energy",
        lambda modulus, plan, displacement: fem.mutual_energy(displacement, modulus, plan),
        lambda dtype: (_vector(dtype, 500.0, 5000.0), _plan(), _two_loads(dtype)),
    ),
    Kernel(
        "fem.load_size",
        lambda plan: fem.load_size(plan, jnp.result_type(float)),
        lambda dtype: (_plan(),),
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
        lambda dtype: (_vector(dtype, -0.01, 0.02, 6), _plan()),
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
    Kernel("fem.top_displacement", fem.top_displacement, lambda dtype: (_plan(),), differentiable=False),
    Kernel(
        "fem.nodal_forces",
        fem.nodal_forces,
        lambda dtype: (_displacement(dtype), _vector(dtype, 500.0, 5000.0), _plan()),
    ),
    Kernel(
        "fem.face_forces",
        fem.face_forces,
        lambda dtype: (_displacement(dtype), _vector(dtype, 500.0, 5000.0), _plan()),
    ),
    Kernel(
        "fem.element_fields",
        fem.element_fields,
        lambda dtype: (_displacement(dtype), _vector(dtype, 500.0, 5000.0), _plan()),
    ),
    Kernel(
        "fem.effective_strain",
        fem.effective_strain,
        lambda dtype: (_vector(dtype, 0.01, 0.5), _vector(dtype, 500.0, 5000.0)),
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
            lambda dtype, load=load: (_vector(dtype, 500.0, 5000.0), _plan(load)),
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
            jnp.zeros((_count(), 8, 7), dtype),
            _vector(dtype, 500.0, 5000.0),
            _plan(),
        ),
    ),
    Kernel(
        "fem.return_mapping",
        lambda strain, history, modulus: fem.return_mapping(
            strain, history, modulus, 0.008 * modulus, fem.isotropic(), _SURFACE
        ),
        lambda dtype: (
            _vector(dtype, -0.02, 0.02, 24).reshape(4, 6),
            jnp.zeros((4, 7), dtype),
            _vector(dtype, 500.0, 5000.0, 4),
        ),
    ),
    Kernel(
        "fem.yield_value",
        lambda stress, size: fem.yield_value(stress, size, _SURFACE),
        lambda dtype: (_vector(dtype, -8.0, 8.0, 24).reshape(4, 6), _vector(dtype, 5.0, 6.0, 4)),
    ),
    Kernel(
        "fem.strength_pistoia",
        lambda sed, modulus: fem.strength_pistoia(sed, modulus, 100.0),
        lambda dtype: (_vector(dtype, 0.01, 0.5), _vector(dtype, 500.0, 5000.0)),
    ),
    Kernel(
        "fem.strength_crawford",
        fem.strength_crawford,
        lambda dtype: (jnp.asarray(9000.0, dtype), jnp.asarray(27.0, dtype)),
    ),
    Kernel(
        "fem.minimum_axial_rigidity",
        lambda modulus, layer: fem.minimum_axial_rigidity(modulus, layer, 6, 1.0),
        lambda dtype: (_vector(dtype, 500.0, 5000.0), _elements()[:, 2]),
    ),
    Kernel(
        "fem.capped_modulus",
        lambda modulus: fem.capped_modulus(modulus, fem.add_caps(_mask(), 1.0, thickness_mm=2.0)),
        lambda dtype: (_vector(dtype, 500.0, 5000.0),),
    ),
    *(
        Kernel(
            f"fem.density_law[{name}]",
            lambda density, name=name: fem.density_law(name).modulus_mpa(density),
            lambda dtype: (_density(dtype),),
        )
        for name in fem.DENSITY_LAWS
    ),
]

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

REMODELING = [
    Kernel(
        "remodeling.free_testosterone_nmol_l",
        remodeling.free_testosterone_nmol_l,
        lambda dtype: (
            _vector(dtype, 100.0, 900.0, 5),
            jnp.asarray(40.0, dtype),
            jnp.asarray(43.0, dtype),
            remodeling.make_axis_parameters(dtype=dtype),
        ),
    ),
    Kernel(
        "remodeling.match_axis",
        lambda constants, person: remodeling.match_axis(person, constants),
        lambda dtype: (remodeling.make_axis_parameters(dtype=dtype), _person(dtype)),
    ),
    Kernel(
        "remodeling.solve_axis",
        lambda exogenous, person, matched, constants: remodeling.solve_axis(
            person,
            matched,
            constants,
            exogenous_testosterone_ng_dl=exogenous,
            aromatase=jnp.ones_like(exogenous),
            gnrh_share=jnp.zeros_like(exogenous),
        ),
        lambda dtype: (_vector(dtype, 0.0, 600.0, 4), *_axis(dtype)),
    ),
    Kernel(
        "remodeling.hormone_course",
        lambda constants, person, protocol: remodeling.hormone_course(
            person, protocol, steps=4, step_days=30.0, axis_parameters=constants
        ),
        lambda dtype: (remodeling.make_axis_parameters(dtype=dtype), _person(dtype), _protocol(dtype)),
    ),
    *(
        Kernel(
            f"remodeling.{name}", getattr(remodeling, name), lambda dtype: (_vector(dtype, 5.0, 900.0, 6),)
        )
        for name in (
            "estradiol_pg_ml_from_pmol_l",
            "estradiol_pmol_l",
            "testosterone_ng_dl_from_nmol_l",
            "testosterone_nmol_l",
        )
    ),
    *(
        Kernel(
            f"remodeling.{name}",
            lambda dose, time, day, name=name: getattr(remodeling, name)(time, day, dose, (0.1, 5.0)),
            lambda dtype: (
                jnp.asarray([100.0, 50.0], dtype),
                jnp.linspace(0.0, 30.0, 6, dtype=dtype),
                jnp.asarray([0.0, 7.0], dtype),
            ),
        )
        for name in ("amount_in_blood", "mean_amount_in_blood")
    ),
    *(
        Kernel(
            f"remodeling.{name}",
            getattr(remodeling, name),
            lambda dtype: (_density(dtype), _levels(dtype), _parameters(dtype)),
        )
        for name in ("baseline_state", "bone_fraction_from_vbmd", "remodeling_voxels", "steady_state")
    ),
    *(
        Kernel(
            f"remodeling.{name}",
            lambda parameters, state, drives, rest, name=name: getattr(remodeling, name)(
                state, drives, parameters, *rest
            ),
            lambda dtype, rest=rest: (_parameters(dtype), _state(dtype), _drives(dtype), rest),
        )
        for name, rest in (("bone_rates", ()), ("bone_step", (15.0,)))
    ),
    Kernel(
        "remodeling.surface_rate",
        remodeling.surface_rate,
        lambda dtype: (_vector(dtype, 0.05, 0.9), _parameters(dtype), 1.0),
    ),
    Kernel(
        "remodeling.specific_surface",
        remodeling.specific_surface,
        lambda dtype: (_vector(dtype, 0.05, 0.9), *(jnp.asarray(v, dtype) for v in (10.0, 0.7, 0.9))),
    ),
    Kernel("remodeling.ash_fraction", remodeling.ash_fraction, lambda dtype: (_vector(dtype, 0.6, 1.0),)),
    Kernel(
        "remodeling.modulus_ratio",
        lambda fraction, state: remodeling.modulus_ratio(fraction, state.mineral_deficit, state),
        lambda dtype: (_vector(dtype, 0.1, 0.8), _state(dtype)),
    ),
    Kernel(
        "remodeling.cell_drives",
        lambda z, parameters, levels, baseline: remodeling.cell_drives(levels, baseline, z, parameters),
        lambda dtype: (
            _vector(dtype, -0.4, 0.4),
            _parameters(dtype),
            remodeling.make_hormone_levels(dtype=dtype),
            _levels(dtype),
        ),
    ),
    *(
        Kernel(
            f"remodeling.{name}",
            lambda levels, parameters, name=name: getattr(remodeling, name)(levels, parameters),
            lambda dtype: (_levels(dtype), _parameters(dtype)),
        )
        for name in ("hormone_balance_level", "hormone_resorption_drive")
    ),
    Kernel(
        "remodeling.hill",
        remodeling.hill,
        lambda dtype: (_vector(dtype, 0.0, 50.0, 6), jnp.asarray(20.0, dtype), jnp.asarray(2.0, dtype)),
    ),
    Kernel("remodeling.room", remodeling.room, lambda dtype: (_state(dtype),)),
    Kernel("remodeling.vbmd", remodeling.vbmd, lambda dtype: (_state(dtype), jnp.asarray(1.2, dtype))),
    Kernel(
        "remodeling.helmholtz_filter",
        lambda values, neighbours, length: remodeling.helmholtz_filter(
            values, neighbours, length, iterations=20
        ),
        lambda dtype: (
            _vector(dtype, 0.1, 1.0),
            jnp.asarray(remodeling.neighbour_table(_mask())),
            jnp.asarray(1.0, dtype),
        ),
    ),
    Kernel(
        "remodeling.daily_energy",
        lambda modulus, plan, daily: (
            remodeling.daily_energy(modulus, plan, daily, rtol=1e-5, max_iterations=100).energy
        ),
        lambda dtype: (_vector(dtype, 500.0, 5000.0), _plan(), _daily(dtype)),
    ),
    Kernel(
        "remodeling.simulate[surrogate]",
        _simulate,
        lambda dtype: (
            _density(dtype),
            remodeling.make_surrogate(dtype=dtype),
            _course(dtype),
            _parameters(dtype),
        ),
    ),
    Kernel(
        "remodeling.simulate[finite elements]",
        _simulate,
        lambda dtype: (_density(dtype), _mechanics(dtype), _course(dtype), _parameters(dtype)),
    ),
]

CALIBRATION = [
    Kernel(
        "calibration.compartment_density",
        calibration.compartment_density,
        lambda dtype: (_density(dtype), _compartments()),
    ),
    Kernel(
        "calibration.bone_mineral_content",
        calibration.bone_mineral_content,
        lambda dtype: (_density(dtype), 1.5),
    ),
    Kernel(
        "calibration.densitometry",
        calibration.densitometry,
        lambda dtype: (_density(dtype), _elements(), _compartments(), 1.5),
    ),
    Kernel(
        "calibration.projected_abmd",
        calibration.projected_abmd,
        lambda dtype: (_density(dtype), _elements(), 1.5),
    ),
    Kernel(
        "calibration.projected_area",
        lambda voxel_mm, elements: calibration.projected_area(elements, voxel_mm),
        lambda dtype: (jnp.asarray(1.5, dtype), _elements()),
    ),
    Kernel(
        "calibration.areal_density_map",
        lambda density, elements: calibration.areal_density_map(density, elements, 1.5, grid=(5, 4, 6)),
        lambda dtype: (_density(dtype), _elements()),
    ),
    Kernel(
        "calibration.turnover_index",
        calibration.turnover_index,
        lambda dtype: (_vector(dtype, 1e-4, 2e-4), _vector(dtype, 1e-4, 1e-3)),
    ),
    Kernel(
        "calibration.skeletal_turnover_index",
        calibration.skeletal_turnover_index,
        lambda dtype: (
            _vector(dtype, 1e-4, 2e-4),
            _vector(dtype, 0.1, 0.8),
            _vector(dtype, 1e-4, 1e-3),
            _vector(dtype, 0.2, 0.7),
            _compartments(),
        ),
    ),
    Kernel(
        "calibration.single_energy_density",
        calibration.single_energy_density,
        lambda dtype: (_vector(dtype, 50.0, 300.0, 4),),
    ),
    Kernel(
        "calibration.single_energy_change",
        calibration.single_energy_change,
        lambda dtype: (_vector(dtype, -5.0, 15.0, 4),),
    ),
    Kernel(
        "calibration.prior_penalty",
        calibration.prior_penalty,
        lambda dtype: (_fit_arguments(dtype)[0], _fit_arguments(dtype)[2]),
    ),
    Kernel("calibration.fit_traced[LBFGS]", _fit(calibration.LBFGS()), _fit_arguments, differentiable=False),
    Kernel("calibration.fit_traced[Adam]", _fit(calibration.Adam()), _fit_arguments, differentiable=False),
]

KERNELS = [*FEM, *MESH, *REMODELING, *CALIBRATION]

HOST_FUNCTIONS = {
    "fem.activity",
    "fem.add_caps",
    "fem.bin_moduli",
    "fem.centroid_strain_matrix",
    "fem.constraints",
    "fem.corner_offsets",
    "fem.describe_load",
    "fem.element_stiffness",
    "fem.export_model",
    "fem.gauss_strain_matrices",
    "fem.fit_fabric_stiffness",
    "fem.force_displacement_checked",
    "fem.isotropic",
    "fem.load_case",
    "fem.orthotropic_axes",
    "fem.prescribed_displacement_mm",
    "fem.require_converged",
    "fem.solve_mesh_checked",
    "fem.solve_checked",
    "fem.stiffness_matrix",
    "fem.transversely_isotropic",
    "fem.with_load",
    "fem.write_inp",
    "fem.write_parosol",
    "remodeling.default_parameters",
    "remodeling.filter_iterations",
    "remodeling.neighbour_table",
    "remodeling.require_plausible_levels",
    "remodeling.simulate_checked",
    "calibration.fit",
}
"""Public functions that work on the host by design: set-up, tables, and the checked entries."""
