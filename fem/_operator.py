"""Matrix-free products with the stiffness of a voxel body.

Vectors are stored as `(3, rows)`: all x, all y, all z, with spare rows at the end that stay zero, to which
padding elements point. The compiled solver reads whole registers of a column of nodes from that; plain JAX
gathers nodes of four components, one aligned register each, in blocks of elements small enough that their
values stay in cache; a block is one 32 x 32 matrix product.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ._hex8 import element_stiffness
from ._visits import padded_rows


def unit_stiffness(material, dtype):
    """Element matrix for modulus 1 MPa and edge 1 mm, zero in the fourth component, shape (32, 32)."""
    padded = np.zeros((8, 4, 8, 4))
    padded[:, :3, :, :3] = element_stiffness(material).reshape(8, 3, 8, 3)
    return jnp.asarray(padded.reshape(32, 32), dtype)


def by_node(vector):
    """Nodal vectors `(3, rows)` as rows of four components, the last one zero, `(rows, 4)`."""
    return jnp.pad(vector.T, ((0, 0), (0, 1)))


def by_axis(vector):
    """Inverse of `by_node`."""
    return vector[:, :3].T


def _gather(vector, connectivity):
    return vector.at[connectivity].get(mode="promise_in_bounds")


def _scatter_add(vector, connectivity, values):
    return vector.at[connectivity].add(values, mode="promise_in_bounds")


def apply_scaled(coefficient, vector, connectivity, matrix):
    """Product with a stiffness whose element matrices are multiples of one matrix.

    Args:
      coefficient: modulus times edge length of every element, N/mm, shape (blocks, block).
      vector: nodal values, shape (3, rows).
      connectivity: nodes of the elements, shape (blocks, block, 8).
      matrix: padded element matrix for modulus 1 MPa and edge 1 mm, shape (32, 32).

    Returns:
      Nodal values, shape (3, rows). Linear in `coefficient` and in `vector`; the block body is
      rematerialised in the reverse pass, which keeps its memory that of the forward pass.
    """

    @jax.checkpoint
    def block(total, inputs):
        nodes, scale = inputs
        local = _gather(vector, nodes).reshape(-1, 32)
        force = (local @ matrix) * scale[:, None]
        return _scatter_add(total, nodes, force.reshape(-1, 8, 4)), None

    vector = by_node(vector)
    return by_axis(lax.scan(block, jnp.zeros_like(vector), (connectivity, coefficient))[0])


def apply_full(matrices, vector, connectivity):
    """Product with a stiffness given by one `(24, 24)` matrix per element, shape (blocks, block, 24, 24)."""

    def block(total, inputs):
        nodes, matrix = inputs
        local = _gather(vector, nodes)[..., :3].reshape(-1, 24)
        force = jnp.einsum("eij,ej->ei", matrix, local)
        padded = jnp.pad(force.reshape(-1, 8, 3), ((0, 0), (0, 0), (0, 1)))
        return _scatter_add(total, nodes, padded), None

    vector = by_node(vector)
    return by_axis(lax.scan(block, jnp.zeros_like(vector), (connectivity, matrices))[0])


def _assemble_diagonal(local, connectivity, rows):
    start = jnp.zeros((rows, 3), local.dtype)
    return start.at[connectivity.reshape(-1, 8)].add(local.reshape(-1, 8, 3)).T


def diagonal_scaled(coefficient, connectivity, matrix, rows):
    """Diagonal of the stiffness of `apply_scaled`, shape (3, rows)."""
    local = jnp.diag(matrix).reshape(8, 4)[:, :3].reshape(24)
    return _assemble_diagonal(coefficient.reshape(-1, 1) * local, connectivity, rows)


def diagonal_full(matrices, connectivity, rows):
    """Diagonal of the stiffness of `apply_full`, shape (3, rows)."""
    local = jnp.diagonal(matrices, axis1=-2, axis2=-1)
    return _assemble_diagonal(local.reshape(-1, 24), connectivity, rows)


def to_padded(vector):
    """Nodal vectors `(nodes, 3)` in the padded form `(3, rows)`."""
    nodes = vector.shape[0]
    return jnp.pad(vector.T, ((0, 0), (0, padded_rows(nodes) - nodes)))


def from_padded(vector, nodes):
    """Nodal vectors `(3, rows)` without their padding, `(nodes, 3)`."""
    return vector[:, :nodes].T
