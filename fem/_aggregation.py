"""Smoothed aggregation with rigid motions: set up by PyAMG on the host, applied in JAX in float32.

Rigid motions of the aggregates are what the coarse spaces are made of, six unknowns per aggregate, smoothed
once by the operator (Vanek, Mandel, Brezina 1996, Computing 56, 179). On meshes of second order the first
coarse space is that of the corners with straight edges, below which aggregation starts: aggregates of corners
and middles together needed more iterations.
"""

from dataclasses import dataclass
from importlib import import_module

import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse as sparse
from jax import lax

from ._assembly import assemble_stiffness, corner_interpolation, with_unit_rows
from ._block_rows import BlockRows, make_block_rows
from ._mesh_plan import MeshPlan
from ._rigid import rigid_modes

SMOOTHED_RANGE = 10.0
"""Ratio of the largest to the smallest eigenvalue that the smoother damps."""
SAFETY = 1.1
"""Factor on the estimate of the largest eigenvalue, which comes from below."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class AggregationLevel:
    """One level but the coarsest, float32; vectors are (components, nodes)."""

    matrix: BlockRows
    "the operator"
    prolong: BlockRows
    "from the next coarser level to this one"
    restrict: BlockRows
    "transpose of `prolong`"
    inverse_diagonal: jax.Array
    "inverses of the diagonal blocks, shape (b, b, nodes)"
    largest: jax.Array
    "upper bound of the eigenvalues of the operator scaled by them, scalar"


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Aggregation:
    """A hierarchy as preconditioner; make one with `make_aggregation`. Carries no derivative."""

    levels: tuple[AggregationLevel, ...]
    "finest first"
    coarsest_inverse: jax.Array
    "inverse of the coarsest operator, float32, shape (m, m)"
    degree: jax.Array
    "degree of the Chebyshev smoother, before and after each coarse correction, integer"

    def approximate_inverse(self, moduli, plan: MeshPlan):
        """One V-cycle from zero, whatever the moduli: the hierarchy is that of its own.

        Raises:
          ValueError: the hierarchy is of a mesh with another number of nodes.
        """
        del moduli
        frozen = lax.stop_gradient(self)
        own = self.levels[0].matrix.place.shape[0] if self.levels else self.coarsest_inverse.shape[0] // 3
        if own != plan.points.shape[0]:
            raise ValueError(
                f"`preconditioner` is the hierarchy of a mesh of {own} nodes, but the plan has "
                f"{plan.points.shape[0]}; make one with make_aggregation(modulus, plan)."
            )
        return lambda residual: _cycle(frozen, 0, residual.T).T


def make_aggregation(modulus, plan: MeshPlan, *, degree: int = 3, coarsest_nodes: int = 150) -> Aggregation:
    """Hierarchy of a mesh for given moduli; set up on the host, rebuilt rarely.

    Args:
      modulus: MPa, as in `solve_mesh`. The hierarchy serves other moduli too; a change by a few per cent
        costs nothing, one by orders of magnitude costs iterations.
      plan: the plan of `make_mesh_plan`.
      degree: degree of the Chebyshev smoother, 1 or more.
      coarsest_nodes: coarsening stops below this many aggregates, which are solved directly.

    Returns:
      A preconditioner for `solve_mesh`.

    Raises:
      ModuleNotFoundError: PyAMG is not installed.
      ValueError: `degree` below 1.
    """
    try:
        pyamg = import_module("pyamg")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "`make_aggregation` needs PyAMG for its set-up: pip install 'osteon[unstructured]', or pass "
            "`preconditioner=fem.Jacobi()`, which needs no set-up and more iterations."
        ) from error
    if degree < 1:
        raise ValueError(f"`degree` must be 1 or more; got {degree}.")
    matrix = assemble_stiffness(modulus, plan)
    points, free = np.asarray(plan.points), np.asarray(plan.free)
    levels = []
    corners = corner_interpolation(plan)
    if corners is not None:
        prolong, nodes = corners
        levels.append(_make_level(matrix, prolong))
        points, free = points[nodes], free[nodes]
        matrix = with_unit_rows(_galerkin(matrix, prolong), ~free.ravel())
    modes = (rigid_modes(points) * free[..., None]).reshape(-1, 6)
    hierarchy = pyamg.smoothed_aggregation_solver(
        sparse.bsr_matrix(matrix),
        modes,
        symmetry="symmetric",
        strength=("symmetric", {"theta": 0.0}),
        max_coarse=coarsest_nodes,
        max_levels=20,
        presmoother=None,
        postsmoother=None,
    )
    for level in hierarchy.levels[:-1]:
        prolong = sparse.bsr_array(level.P)
        levels.append(_make_level(sparse.bsr_array(level.A), prolong))
    coarsest = hierarchy.levels[-1].A.toarray()
    inverse = np.linalg.pinv(0.5 * (coarsest + coarsest.T), rcond=1e-12, hermitian=True)
    return Aggregation(tuple(levels), jnp.asarray(inverse.astype(np.float32)), jnp.asarray(degree, jnp.int32))


def _galerkin(matrix, prolong):
    return sparse.bsr_array(sparse.csr_array(prolong.T @ matrix @ prolong), blocksize=(3, 3))


def _make_level(matrix, prolong) -> AggregationLevel:
    diagonal = _diagonal_blocks(matrix)
    # aggregates of few nodes leave rows without an entry, which the pseudo-inverse leaves out
    inverse = np.linalg.pinv(diagonal, rcond=1e-9, hermitian=True)
    scaled = sparse.bsr_array(
        (inverse, np.arange(len(inverse)), np.arange(len(inverse) + 1)), shape=matrix.shape
    )
    vector = np.random.default_rng(0).standard_normal(matrix.shape[0])
    estimate = 1.0
    for _ in range(20):
        vector /= np.linalg.norm(vector)
        product = scaled @ (matrix @ vector)
        estimate = max(estimate, float(np.linalg.norm(product)))
        vector = product
    transpose = sparse.bsr_array(prolong.T.tocsr(), blocksize=prolong.blocksize[::-1])
    return AggregationLevel(
        matrix=make_block_rows(matrix),
        prolong=make_block_rows(prolong),
        restrict=make_block_rows(transpose),
        inverse_diagonal=jnp.asarray(np.ascontiguousarray(inverse.transpose(1, 2, 0), np.float32)),
        largest=jnp.asarray(SAFETY * estimate, jnp.float32),
    )


def _diagonal_blocks(matrix):
    size = matrix.blocksize[0]
    count = matrix.shape[0] // size
    rows = np.repeat(np.arange(count), np.diff(matrix.indptr))
    blocks = np.zeros((count, size, size))
    on_diagonal = rows == matrix.indices
    blocks[rows[on_diagonal]] = matrix.data[on_diagonal]
    return blocks


def _scaled(level, residual):
    return jnp.sum(level.inverse_diagonal * residual[None], axis=1)


def _sweep(level, state, first, degree):
    """`degree` steps of the Chebyshev iteration; its first change is step 0.

    A step adds the change it was given, keeps the residual up to date by the one product of the step, and
    makes the next change, so that a program holds one product per sweep.
    """
    theta = level.largest * (1 + 1 / SMOOTHED_RANGE) / 2
    delta = level.largest * (1 - 1 / SMOOTHED_RANGE) / 2
    sigma = theta / delta

    def step(number, state):
        vector, residual, change, rho = state
        vector = vector + change
        residual = residual - level.matrix @ change
        starts = number == 0
        rho_new = jnp.where(starts, 1 / sigma, 1 / (2 * sigma - rho))
        keep = jnp.where(starts, 0.0, rho_new * rho)
        change = keep * change + jnp.where(starts, 1 / theta, 2 * rho_new / delta) * _scaled(level, residual)
        return vector, residual, change, rho_new

    if first == 1:
        residual = state[1]
        state = (state[0], residual, _scaled(level, residual) / theta)
    return lax.fori_loop(first, first + degree, step, (*state, 1 / sigma))


def _cycle(hierarchy, number, right):
    if number == len(hierarchy.levels):
        flat = hierarchy.coarsest_inverse @ right.T.reshape(-1)
        return flat.reshape(right.shape[::-1]).T
    level = hierarchy.levels[number]
    # from zero: the first change needs no product, and the last step leaves the residual
    vector, residual, *_ = _sweep(level, (jnp.zeros_like(right), right), 1, hierarchy.degree)
    correction = level.prolong @ _cycle(hierarchy, number + 1, level.restrict @ residual)
    vector, _, change, _ = _sweep(level, (vector, residual, correction), 0, hierarchy.degree)
    return vector + change
