"""In which order elements can be visited, found once on the host from their connectivity.

The compiled solver visits elements in blocks. It takes those of a column along z together, as many as fit
into a register, and has to know which nodes a block touches to let several processors work at the same time.
"""

import numpy as np

BLOCK = 64
"""Elements of a block, as in fem/native/product.h."""

SPARE_ROWS = 16
"""Rows after the last node of a nodal vector: the compiled solver reads and adds whole registers."""


def runs(connectivity):
    """Length of the column that starts at every element, within its block.

    Args:
      connectivity: nodes of the elements, corner k = 4 i + 2 j + m, shape (elements, 8).

    Returns:
      Number of elements from here on whose nodes each follow those of the one before, uint8, shape
      (elements,); 0 where the upper corners of an element do not follow its lower ones.
    """
    count = len(connectivity)
    upright = (connectivity[:, 1::2] == connectivity[:, ::2] + 1).all(axis=1)
    last = np.ones(count, bool)
    last[:-1] = ~upright[1:] | ~upright[:-1] | (connectivity[1:] != connectivity[:-1] + 1).any(axis=1)
    last[BLOCK - 1 :: BLOCK] = True
    end = np.flatnonzero(last)
    length = np.repeat(end, np.diff(end, prepend=-1)) - np.arange(count) + 1
    return np.where(upright, length, 0).astype(np.uint8)


def reach(connectivity):
    """Smallest and largest node of every block of elements, int32, shape (blocks, 2)."""
    blocks = -(-len(connectivity) // BLOCK)
    fill = np.repeat(connectivity[-1:], blocks * BLOCK - len(connectivity), axis=0)
    nodes = np.concatenate([connectivity, fill]).reshape(blocks, -1)
    return np.stack([nodes.min(axis=1), nodes.max(axis=1)], axis=1).astype(np.int32)


def padded_rows(nodes):
    """Rows of a nodal vector with its spare ones, a whole number of registers."""
    return -(-(nodes + SPARE_ROWS) // SPARE_ROWS) * SPARE_ROWS
