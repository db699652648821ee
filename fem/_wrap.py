"""Nodes of a box whose opposite faces are tied: numbering, checks (host)."""

from typing import NamedTuple

import numpy as np

from ._hierarchy import element_components

LARGEST_COARSE_GRID = 1000
"""Nodes of the coarsest grid of a periodic box, which is solved directly."""


class Wrapped(NamedTuple):
    """A periodic body."""

    nodes: np.ndarray
    "grid coordinates of the independent nodes, shape (nw, 3)"
    tie: np.ndarray
    "independent node of every node, shape (nn,)"
    halvings: int
    "how often the box can be halved along all three axes"


def wrap(nodes: np.ndarray, connectivity: np.ndarray, shape: tuple[int, int, int]) -> Wrapped:
    """Tie every node on an upper face of the box to its image on the lower one.

    Raises:
      ValueError: the box cannot be halved often enough for coarse grids that are periodic too, the body
        consists of parts that hang on nothing, or it does not reach across the box along two axes.
    """
    halvings = 0
    coarse = np.array(shape)
    while (coarse % 2 == 0).all() and coarse.max() > 2:
        coarse, halvings = coarse // 2, halvings + 1
    if np.prod(coarse) > LARGEST_COARSE_GRID:
        raise ValueError(
            f"`mask` of {shape[0]} x {shape[1]} x {shape[2]} voxels can be halved along all axes {halvings} "
            "times only, and a periodic body needs coarse grids of whole cells down to "
            f"{LARGEST_COARSE_GRID} cells or fewer; crop it to multiples of 8 or 16"
        )
    inside = nodes % np.array(shape)
    flat = np.ravel_multi_index(inside.T, shape)
    keys, tie = np.unique(flat, return_inverse=True)
    tie = tie.reshape(-1)
    _require_percolation(nodes, connectivity, tie, np.array(shape))
    return Wrapped(np.stack(np.unravel_index(keys, shape), axis=-1), tie, halvings)


def _require_percolation(nodes, connectivity, tie, shape):
    """One body, with closed loops through the box along two axes: then no turn is free."""
    parts, _ = element_components(tie[connectivity], int(tie.max()) + 1)
    if parts > 1:
        raise ValueError(
            f"`mask` must be one periodic body, got {parts} parts that do not touch across the faces either; "
            "keep the largest face-connected part (meshes.largest_component)"
        )
    pieces, label = element_components(connectivity, len(nodes))
    piece = np.zeros(len(nodes), dtype=np.int64)
    piece[connectivity.ravel()] = np.repeat(label, 8)
    # a tie joins a piece with the image of a piece some boxes away; loops that do not close are windings
    representative = np.zeros(int(tie.max()) + 1, dtype=np.int64)
    representative[tie[::-1]] = np.arange(len(nodes))[::-1]
    other = representative[tie]
    boxes = nodes // shape - nodes[other] // shape
    ties = np.unique(np.column_stack([piece[other], piece, boxes]), axis=0)
    place = np.full((pieces, 3), np.iinfo(np.int64).min)
    place[0] = 0
    for _ in range(pieces):
        known = place[:, 0] > np.iinfo(np.int64).min
        if known.all():
            break
        for first, second, *step in ties:
            if known[first] and not known[second]:
                place[second], known[second] = place[first] - step, True
            elif known[second] and not known[first]:
                place[first], known[first] = place[second] + step, True
    windings = place[ties[:, 0]] - place[ties[:, 1]] - ties[:, 2:]
    if np.linalg.matrix_rank(windings) < 2:
        raise ValueError(
            "`mask` must reach across the box along two axes at least, with bone that meets its image on the "
            "opposite face; else a periodic body can turn freely. Use kinematic-uniform"
        )
