"""
A gradient: what a voxel and a parameter do to the answer
=========================================================

Every step of the program is differentiable, the finite-element solves included: the derivative of a solve
costs one more solve. Here a small body of bone is compressed and then treated for half a year; the
derivative of its stiffness by the density of every voxel and that of its gain by the parameters are checked
against finite differences.
"""

# %%
# The library leaves precision to the program; a script that compares derivatives with differences needs
# double.
import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

import fem
import remodeling

jax.config.update("jax_enable_x64", True)

# %%
# A body
# ------
# 8 x 8 x 10 voxels of 3 mm, a soft core in a denser rim, with some scatter. Density is
# hydroxyapatite-equivalent, g/cm3; here the modulus is a power of it.
shape, voxel_mm = (8, 8, 10), 3.0
x, y, _ = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
scatter = np.random.default_rng(0).normal(size=shape)
grid = (0.12 + 0.25 * np.maximum(abs(x), abs(y)) ** 4) * np.exp(0.15 * scatter)
mask = np.ones(shape, bool)
density = jnp.asarray(grid[mask])
plan = fem.make_plan(mask, voxel_mm, fem.load_case("axial", strain=-0.01))


def modulus_of(density):
    """Axial modulus, MPa."""
    return 4700.0 * density**1.6


# %%
# Stiffness by density
# --------------------
# The strain energy at a prescribed shortening is half the stiffness times its square; energy and gradient
# come from one solve. Where the map is high, a gram of mineral stiffens the body most.
shortening_mm = 0.01 * shape[2] * voxel_mm


@jax.jit
def stiffness(density):
    """Axial stiffness, N/mm."""
    energy, _ = fem.strain_energy(modulus_of(density), plan, rtol=1e-10)
    return 2 * energy / shortening_mm**2


value, by_density = jax.value_and_grad(stiffness)(density)
direction = jnp.asarray(np.random.default_rng(1).normal(size=density.size))
h = 1e-5
difference = (stiffness(density + h * direction) - stiffness(density - h * direction)) / (2 * h)
print(f"stiffness {value:.1f} N/mm")
print(f"along a random direction: gradient {by_density @ direction:.6f}, difference {difference:.6f}")
assert abs(by_density @ direction / difference - 1) < 1e-5

# %%
figure = Figure(figsize=(7.5, 3.2), layout="constrained")
panels = figure.subplots(1, 2)
for panel, (title, values, unit) in zip(
    panels,
    (
        ("density", 1000 * density, "mg/cm3"),
        ("stiffness by density", by_density / 1000, "N/mm per mg/cm3 of a voxel"),
    ),
    strict=True,
):
    full = np.zeros(shape)
    full[mask] = values
    image = panel.imshow(full[:, shape[1] // 2].T, origin="lower", cmap="cividis")
    figure.colorbar(image, ax=panel, label=unit)
    panel.set_title(f"{title}, middle slice")
    panel.set_xlabel("x (voxels)")
    panel.set_ylabel("z (voxels)")

# %%
# Gain by parameters, through the solves of a simulation
# ------------------------------------------------------
# Six months in which testosterone and estradiol rise to normal. The body is solved at the start and after
# three months; in between bone answers to hormones and to the strain energy of the last solve.
parameters = remodeling.default_parameters()
low = remodeling.make_hormone_levels(testosterone_ng_dl=200.0, estradiol_pg_ml=14.0)
course = remodeling.make_hormone_course(
    low,
    steps=6,
    step_days=365.25 / 12,
    testosterone_ng_dl=np.linspace(300.0, 500.0, 6),
    estradiol_pg_ml=np.linspace(18.0, 28.0, 6),
)
mechanics = remodeling.make_finite_element_mechanics(plan, np.asarray(modulus_of(density)), mask, rtol=1e-10)
options = remodeling.make_options(solve_every=3, report_every=6)


@jax.jit
def gain(parameters):
    """Change of mean density in six months, %."""
    trajectory, _ = remodeling.simulate(density, mechanics, course, parameters, options=options)
    return 100 * (jnp.mean(trajectory.density[-1]) / jnp.mean(density) - 1)


@jax.jit
def rate_of_gain(parameters, direction):
    """Derivative of the gain along a direction of the parameters, forward through every solve."""
    return jax.jvp(gain, (parameters,), (direction,))[1]


# %%
# One compiled program gives the derivative by any parameter. For all of them at once, or for the density of
# every voxel, ``jax.grad`` of the same function is the way; it takes a minute or two to compile.
print(f"gain {gain(parameters):.3f} %; a rise of a parameter by 1 % changes it by:")
nowhere = jax.tree.map(jnp.zeros_like, parameters)
for name in ("resorption_rate", "formation_time", "disuse_balance"):
    value = getattr(parameters, name)
    derivative = rate_of_gain(parameters, dataclasses.replace(nowhere, **{name: value}))
    up, down = (dataclasses.replace(parameters, **{name: value * (1 + s)}) for s in (1e-3, -1e-3))
    difference = (gain(up) - gain(down)) / 2e-3
    print(f"  {name:16} {derivative / 100:+.6f} %, by differences {difference / 100:+.6f} %")
    assert abs(derivative - difference) < 1e-4 * abs(difference) + 1e-7
