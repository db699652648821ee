"""Shapes of responses: saturation, Hill terms, smooth parts, bounds, answer of bone to the stimulus."""

import jax
import jax.numpy as jnp

SPLIT_WIDTH = 0.02
"""Rounding of the smooth positive and negative parts (assumed; 0.02 to 0.05 give the same runs)."""
STIMULUS_SLOPE_WIDTH = 0.05
"""Log stimulus inside the lazy zone that keeps a nonzero slope, so gradients live at the exact baseline."""

SUPPRESSION_WIDTH = 0.05
"""Rounding of one-sided answers, in units of a logarithm (assumed)."""


def share(effect: jax.Array) -> jax.Array:
    """x / (1 + x), for x >= 0: effect of a drug given over its amount of half effect."""
    return effect / (1.0 + effect)


def hill(x: jax.Array, half: jax.Array, exponent: jax.Array) -> jax.Array:
    """x^n / (x^n + half^n), between 0 and 1; exponent > 0, x >= 0."""
    # ln of a level of exactly zero would put NaN into the derivative; the floor is far below any assay.
    ratio = jnp.maximum(x, 1e-9 * half) / half
    return 1.0 / (1.0 + ratio**-exponent)


def logarithmic(x: jax.Array, scale: jax.Array, full: float) -> jax.Array:
    """ln(1 + x / scale) / ln(1 + full / scale): 0 at 0, 1 at `full`, proportional to x far below `scale`.

    scale > 0, x >= 0.
    """
    return jnp.log1p(x / scale) / jnp.log1p(full / scale)


def one_sided(x: jax.Array) -> jax.Array:
    """x^2 / (x + w) for x > 0, else 0: exactly zero with zero slope up to 0, x - w for x >> w."""
    positive = jnp.maximum(x, 0.0)
    return positive**2 / (positive + SUPPRESSION_WIDTH)


def smooth_positive(x: jax.Array) -> jax.Array:
    """Smooth positive part: 0 at 0, slope 1/2 there, x for x >> 0; [x]_+ - [x]_- = x."""
    return 0.5 * (x + jnp.sqrt(x**2 + SPLIT_WIDTH**2) - SPLIT_WIDTH)


def smooth_negative(x: jax.Array) -> jax.Array:
    """Smooth negative part: 0 at 0, -x for x << 0."""
    return 0.5 * (jnp.sqrt(x**2 + SPLIT_WIDTH**2) - SPLIT_WIDTH - x)


def bounded(x: jax.Array, bound: float) -> jax.Array:
    """bound tanh(x / bound)."""
    return bound * jnp.tanh(x / bound)


def stimulus_response(
    log_stimulus: jax.Array | float, saturation: jax.Array, lazy_width: jax.Array
) -> jax.Array:
    """zs tanh( z (z^2 + d^2) / (z^2 + zl^2 + d^2) / zs ): saturating, flat in the lazy zone, odd."""
    z = log_stimulus
    d2 = STIMULUS_SLOPE_WIDTH**2
    return saturation * jnp.tanh(z * (z**2 + d2) / (z**2 + lazy_width**2 + d2) / saturation)
