"""Matrix-free products with the stiffness of a voxel body.

Vectors are stored as `(nodes + 1, 4)`: three components padded to four, so that one node is one aligned
vector register, and one extra row that stays zero, to which padding elements point. Elements are visited in
blocks small enough that their gathered values stay in cache; a block is one 32 x 32 matrix product. On CPU
both choices pay: whole-array gathers spill to memory, and rows of three components defeat vector loads.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ._hex8 import element_stiffness


def unit_stiffness(material, dtype):
    """Element matrix for modulus 1 MPa and edge 1 mm, zero in the fourth component, shape (32, 32)."""
    padded = np.zeros((8, 4, 8, 4))
    padded[:, :3, :, :3] = element_stiffness(material).reshape(8, 3, 8, 3)
    return jnp.asarray(padded.reshape(32, 32), dtype)


def _gather(vector, connectivity):
    return vector.at[connectivity].get(mode="promise_in_bounds")


def _scatter_add(vector, connectivity, values):
    return vector.at[connectivity].add(values, mode="promise_in_bounds")


def apply_scaled(coefficient, vector, connectivity, matrix):
    """Product with a stiffness whose element matrices are multiples of one matrix.

    Args:
      coefficient: modulus times edge length of every element, N/mm, shape (blocks, block).
      vector: nodal values, shape (nodes + 1, 4).
      connectivity: nodes of the elements, shape (blocks, block, 8).
      matrix: padded element matrix for modulus 1 MPa and edge 1 mm, shape (32, 32).

    Returns:
      Nodal values, shape (nodes + 1, 4). Linear in `coefficient` and in `vector`; the block body is
      rematerialised in the reverse pass, which keeps its memory that of the forward pass.
    """

    @jax.checkpoint
    def block(total, inputs):
        nodes, scale = inputs
        local = _gather(vector, nodes).reshape(-1, 32)
        force = (local @ matrix) * scale[:, None]
        return _scatter_add(total, nodes, force.reshape(-1, 8, 4)), None

    return lax.scan(block, jnp.zeros_like(vector), (connectivity, coefficient))[0]


def apply_full(matrices, vector, connectivity):
    """Product with a stiffness given by one `(24, 24)` matrix per element, shape (blocks, block, 24, 24)."""

    def block(total, inputs):
        nodes, matrix = inputs
        local = _gather(vector, nodes)[..., :3].reshape(-1, 24)
        force = jnp.einsum("eij,ej->ei", matrix, local)
        padded = jnp.pad(force.reshape(-1, 8, 3), ((0, 0), (0, 0), (0, 1)))
        return _scatter_add(total, nodes, padded), None

    return lax.scan(block, jnp.zeros_like(vector), (connectivity, matrices))[0]


def _assemble_diagonal(local, connectivity, rows):
    padded = jnp.pad(local.reshape(-1, 8, 3), ((0, 0), (0, 0), (0, 1)))
    return jnp.zeros((rows, 4), local.dtype).at[connectivity.reshape(-1, 8)].add(padded)


def diagonal_scaled(coefficient, connectivity, matrix, rows):
    """Diagonal of the stiffness of `apply_scaled`, shape (rows, 4)."""
    local = jnp.diag(matrix).reshape(8, 4)[:, :3].reshape(24)
    return _assemble_diagonal(coefficient.reshape(-1, 1) * local, connectivity, rows)


def diagonal_full(matrices, connectivity, rows):
    """Diagonal of the stiffness of `apply_full`, shape (rows, 4)."""
    local = jnp.diagonal(matrices, axis1=-2, axis2=-1)
    return _assemble_diagonal(local.reshape(-1, 24), connectivity, rows)


def to_padded(vector):
    """Nodal vectors `(nodes, 3)` in the padded form `(nodes + 1, 4)`."""
    return jnp.pad(vector, ((0, 1), (0, 1)))


def from_padded(vector):
    """Nodal vectors `(nodes + 1, 4)` without their padding, `(nodes, 3)`."""
    return vector[:-1, :3]
