"""Edge lengths of a voxel, given as one number or three."""

import jax
import jax.numpy as jnp


def voxel_edges(voxel_mm: jax.Array | float, dtype) -> jax.Array:
    """Edges along x, y and z in mm, shape (3,), from a scalar (cube) or a length-3 array."""
    return jnp.broadcast_to(jnp.asarray(voxel_mm, dtype), (3,))
