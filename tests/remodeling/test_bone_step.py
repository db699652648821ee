"""The remodeling unit on one voxel: conservation, bounds, order, equilibrium."""

from dataclasses import fields

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from scipy.integrate import solve_ivp

import remodeling as r


def vector(state: r.BoneState) -> jax.Array:
    return jnp.stack([getattr(state, f.name) for f in fields(r.BoneState)])


def unvector(y) -> r.BoneState:
    return r.BoneState(*y)


def hypogonadal() -> r.HormoneLevels:
    return r.make_hormone_levels(testosterone_ng_dl=200.0, estradiol_pg_ml=15.0)


def test_rates_vanish_at_the_steady_state():
    """y'(y0) = 0 for every bone fraction, to rounding."""
    p, levels = r.default_parameters(), hypogonadal()
    f = jnp.linspace(0.03, 0.94, 50)
    state = r.steady_state(f, levels, p)
    rates = vector(r.bone_rates(state, r.cell_drives(levels, levels, jnp.zeros_like(f), p), p))
    assert float(jnp.abs(rates / vector(state)).max()) < 1e-15


def test_total_volume_is_conserved_when_the_balance_is_one(key):
    """f + u + w changes by (b - 1) w / tau_w: not at all at b = 1, whatever resorption does."""
    p = r.default_parameters()
    keys = jax.random.split(key, 3)
    f = jax.random.uniform(keys[0], (200,), minval=0.03, maxval=0.9)
    state = r.steady_state(f, hypogonadal(), p)
    total = 1.0 - r.room(state)
    for number in range(60):
        log_resorption = 3.0 * jax.random.normal(jax.random.fold_in(keys[1], number), f.shape)
        state, _ = r.bone_step(state, r.Drives(jnp.clip(log_resorption, -3, 3), jnp.zeros_like(f)), p, 20.0)
    assert float(jnp.abs(state.bone_fraction / f - 1).max()) > 0.1
    np.testing.assert_allclose(1.0 - r.room(state), total, rtol=0, atol=1e-14)


@pytest.mark.parametrize(("testosterone", "estradiol"), [(550.0, 30.0), (200.0, 15.0), (20.0, 3.0)])
def test_baseline_is_linearly_stable(rng, testosterone, estradiol):
    """Every eigenvalue of the 0-D system with its mechanical feedback has a negative real part, f0 in [.03,
    .95].
    """
    p = r.default_parameters()
    levels = r.make_hormone_levels(testosterone_ng_dl=testosterone, estradiol_pg_ml=estradiol)

    def system(y, f0):
        state = unvector(y)
        z = -3.0 * jnp.log(state.bone_fraction / f0)
        return vector(r.bone_rates(state, r.cell_drives(levels, levels, z, p), p))

    jacobian = jax.jit(jax.jacfwd(system))
    for f0 in rng.uniform(0.03, 0.95, 40):
        state = r.steady_state(jnp.asarray(f0), levels, p)
        if float(r.room(state)) < 0:
            continue
        eigenvalues = np.linalg.eigvals(np.asarray(jacobian(vector(state), f0)))
        assert eigenvalues.real.max() < 0


@pytest.mark.parametrize("dt", [5.0, 15.2, 30.4])
def test_extreme_random_runs_stay_inside_the_physical_range(key, dt):
    """c, u, w, f, D > 0 and f + u + w <= 1 by construction: random bounded drives, random parameters, 48
    years.
    """
    steps = int(48 * 365.25 / dt)
    keys = jax.random.split(key, 5)
    p = r.make_parameters(resorption_rate=1e-4, modeling=1.0, osteoclast_lag=10.0)
    f = jnp.concatenate(
        [jnp.linspace(0.02, 0.95, 150), jax.random.uniform(keys[0], (150,), minval=0.02, maxval=0.95)]
    )
    state = r.steady_state(f, r.make_hormone_levels(estradiol_pg_ml=100.0), p)
    state = jax.tree.map(lambda a: a[r.room(state) > 0], state)
    shape = state.bone_fraction.shape

    def step(state, key):
        a, b = jax.random.split(key)
        # Drives sit at their bounds for most of the time: e^3 resorption, 2.01 or 0.50 balance.
        drives = r.Drives(
            3.0 * jnp.tanh(4.0 * jax.random.normal(a, shape)),
            0.7 * jnp.tanh(4.0 * jax.random.normal(b, shape)),
        )
        state, flux = r.bone_step(state, drives, p, dt)
        worst = (
            jnp.min(vector(state), axis=1),
            jnp.min(r.room(state)),
            jnp.min(flux.formed),
            jnp.min(flux.resorbed),
        )
        return state, worst

    def hold(state, drives):
        state, _ = lax.scan(
            lambda s, _: (r.bone_step(s, drives, p, dt)[0], None), state, None, length=steps // 4
        )
        return state

    _, (smallest, room, formed, resorbed) = jax.jit(
        lambda s: lax.scan(step, s, jax.random.split(keys[1], steps))
    )(state)
    assert float(smallest.min()) > 0
    assert float(room.min()) > -1e-13
    assert float(formed.min()) > 0
    assert float(resorbed.min()) > 0
    for log_resorption, log_balance in ((3.0, -0.7), (3.0, 0.7), (-3.0, 0.7), (-3.0, -0.7)):
        drives = r.Drives(jnp.full(shape, log_resorption), jnp.full(shape, log_balance))
        end = jax.jit(hold)(state, drives)
        assert float(vector(end).min()) > 0
        assert float(r.room(end).min()) > -1e-13


def test_the_step_is_second_order():
    """Error against scipy's DOP853 falls by four when the step is halved."""
    p = r.default_parameters()
    start = r.steady_state(jnp.asarray(0.12), hypogonadal(), p)
    drives = r.Drives(jnp.asarray(-0.4), jnp.asarray(0.2))
    rates = jax.jit(lambda y: vector(r.bone_rates(unvector(y), drives, p)))
    exact = solve_ivp(
        lambda _, y: np.asarray(rates(y)),
        (0.0, 480.0),
        np.asarray(vector(start)),
        method="DOP853",
        rtol=1e-12,
        atol=1e-15,
    ).y[:, -1]

    @jax.jit
    def run(dt, state):
        return lax.fori_loop(
            0, jnp.round(480.0 / dt).astype(int), lambda _, s: r.bone_step(s, drives, p, dt)[0], state
        )

    errors = []
    for dt in (30.0, 15.0, 7.5):
        # c is integrated exactly; the other four carry the error of the scheme.
        errors.append(np.abs(np.asarray(vector(run(dt, start))) / exact - 1)[1:].max())
    rates_seen = np.log2(np.array(errors[:-1]) / np.array(errors[1:]))
    assert errors[1] < 1e-3
    np.testing.assert_allclose(rates_seen, 2.0, atol=0.15)


def test_a_held_voxel_keeps_its_density():
    """Activity 0: no turnover, no deficit, density constant."""
    p = r.default_parameters()
    density = jnp.array([-0.05, 0.01, 0.2, 1.3])
    state, activity = r.baseline_state(density, hypogonadal(), p)
    np.testing.assert_array_equal(activity, [0.0, 0.0, 1.0, 0.0])
    np.testing.assert_allclose(r.vbmd(state, p.mineral_maximum), density, rtol=1e-12)
    moved, _ = r.bone_step(state, r.Drives(jnp.full(4, 1.0), jnp.full(4, 0.3)), p, 20.0, activity)
    change = r.vbmd(moved, p.mineral_maximum) - density
    np.testing.assert_allclose(change[np.array([0, 1, 3])], 0.0, atol=1e-16)
    assert abs(float(change[2])) > 1e-5


def test_density_and_bone_fraction_invert_each_other():
    """mu_max (f - D(f)) = density, to 1e-12, for f in [.02, .95]."""
    p, levels = r.default_parameters(), hypogonadal()
    f = jnp.linspace(0.02, 0.95, 40)
    density = r.vbmd(r.steady_state(f, levels, p), p.mineral_maximum)
    np.testing.assert_allclose(r.bone_fraction_from_vbmd(density, levels, p), f, rtol=1e-12)


def test_mineral_deficit_equals_the_queue_of_packets():
    """Constant turnover: D = phi dmu int_0^inf e^-(kappa + rho/f) a da, the integral over all packet ages."""
    p = r.default_parameters()
    levels = hypogonadal()
    state = r.steady_state(jnp.asarray(0.15), levels, p)
    rho = float(state.resorption_cavities / p.reversal_time)
    rate = float(p.mineralization_rate) + rho / 0.15
    age = np.linspace(0, 60 / rate, 400_001)
    queue = rho * float(p.primary_deficit) * np.trapezoid(np.exp(-rate * age), age)
    np.testing.assert_allclose(state.mineral_deficit, queue, rtol=1e-6)


def test_specific_surface_has_the_stated_values():
    """2.2 /mm at 0.1, 4.0 at 0.5, 1.5 at 0.95 (to two digits), nearly zero at both ends."""
    p = r.default_parameters()
    args = (p.surface_amplitude, p.surface_exponent_bone, p.surface_exponent_void)
    np.testing.assert_allclose(
        r.specific_surface(jnp.array([0.1, 0.5, 0.95]), *args), [2.2, 4.0, 1.5], atol=0.1
    )
    assert float(r.specific_surface(jnp.array([0.0, 1.0]), *args).max()) < 0.05


def test_compact_bone_turns_over_alike_however_full_its_voxel():
    """A voxel half as full holds half as much shell: turnover per bone is k_s S_c, whatever the fraction."""
    p, levels = r.default_parameters(), r.make_hormone_levels(testosterone_ng_dl=550.0, estradiol_pg_ml=30.0)
    f = jnp.array([0.1, 0.3, 0.9])
    state = r.steady_state(f, levels, p, compact=1.0)
    resorbed = r.surface_rate(f, p, 1.0, 1.0) * state.osteoclasts
    np.testing.assert_allclose(
        resorbed / f, p.resorption_rate * p.compact_surface * state.osteoclasts, rtol=1e-12
    )
    mixed = jnp.array([0.0, 1.0, 1.0])
    trabecular = r.surface_rate(f, p, 1.0)
    assert float(r.surface_rate(f, p, 1.0, mixed)[0]) == float(trabecular[0])
    assert float(trabecular[1]) > 1.5 * float(r.surface_rate(f, p, 1.0, mixed)[1])


def test_compact_bone_starts_at_its_density_and_rests():
    """A map of both kinds keeps its density; rates vanish; less turnover means less missing mineral."""
    p, levels = r.default_parameters(), hypogonadal()
    density, compact = jnp.array([0.12, 0.3, 0.3, 0.95]), jnp.array([0.0, 0.0, 1.0, 1.0])
    state, activity = r.baseline_state(density, levels, p, compact)
    np.testing.assert_allclose(r.vbmd(state, p.mineral_maximum), density, rtol=1e-12)
    drives = r.cell_drives(levels, levels, jnp.zeros(4), p)
    rates = r.bone_rates(state, drives, p, activity, compact)
    assert float(jnp.abs(vector(rates) / vector(state)).max()) < 1e-15
    assert float(state.mineral_deficit[2]) < float(state.mineral_deficit[1])
    after, _ = r.bone_step(state, drives, p, 30.0, activity, compact)
    np.testing.assert_allclose(vector(after), vector(state), rtol=1e-8)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_dtype_follows_the_input(dtype):
    """A float32 state stays float32."""
    p, levels = r.default_parameters(dtype=dtype), r.make_hormone_levels(dtype=dtype)
    state = r.steady_state(jnp.array([0.1, 0.8], dtype), levels, p)
    drives = r.cell_drives(levels, levels, jnp.zeros(2, dtype), p)
    new, flux = r.bone_step(state, drives, p, 15.0)
    assert {a.dtype for a in jax.tree.leaves((new, flux))} == {jnp.dtype(dtype)}


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"resorption_rat": 1.0}, "resorption_rat"),
        ({"osteoclast_lag": 0.0}, "positive"),
        ({"estradiol_scale": -1.0}, "negative"),
    ],
)
def test_wrong_parameters_are_named(values, text):
    """The error names the parameter and the fault."""
    with pytest.raises(ValueError, match=text):
        r.make_parameters(**values)


def test_the_parameter_table_matches_the_pytree():
    """One row per field, in order, each with a unit, a status and a source."""
    assert [row.name for row in r.PARAMETERS] == [f.name for f in fields(r.BoneParameters)]
    for row in r.PARAMETERS:
        assert row.status in ("measured", "fitted", "assumed")
        assert row.unit
        assert row.source
