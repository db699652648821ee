"""scikit-fem: its assembly and conjugate gradients, preconditioned by PyAMG as in its examples."""

from benchmarks.others._common import Body, Clock, Solution, lame, rigid_modes, run


def solve(body: Body, rtol: float) -> Solution:
    """Trilinear hexahedra with two Gauss points an axis; held nodes condensed."""
    import numpy as np
    import pyamg
    import skfem
    from skfem.models.elasticity import linear_elasticity

    places = body.nodes * body.voxel_mm
    iterations = 0

    def count(_):
        nonlocal iterations
        iterations += 1

    with Clock() as setup:
        mesh = skfem.MeshHex(places.T, body.elements[:, _order()].T)
        basis = skfem.Basis(mesh, skfem.ElementVector(skfem.ElementHex1()), intorder=3)
        stiffness = linear_elasticity(*lame()).assemble(basis)
        start = np.zeros(basis.N)
        start[basis.nodal_dofs] = body.value.T
        held = basis.nodal_dofs[:, body.held].ravel()
        matrix, right, start, inner = skfem.condense(stiffness, x=start, D=held)
        modes = np.zeros((basis.N, 6))
        modes[basis.nodal_dofs] = rigid_modes(places).reshape(-1, 3, 6).transpose(1, 0, 2)
        hierarchy = pyamg.smoothed_aggregation_solver(matrix.tocsr(), B=modes[inner], max_coarse=100)
    with Clock() as solving:
        found = skfem.solve(
            matrix,
            right,
            start,
            inner,
            solver=skfem.solver_iter_krylov(
                rtol=rtol, maxiter=2000, M=hierarchy.aspreconditioner(), callback=count
            ),
        )
    return Solution(
        found[basis.nodal_dofs].T,
        iterations or None,
        setup.cost,
        solving.cost,
        "conjugate gradients, PyAMG smoothed aggregation with six rigid-body modes",
    )


def _order():
    """Corners of this project in the order of skfem's hexahedron."""
    import numpy as np
    import skfem

    wanted = np.asarray(skfem.ElementHex1.doflocs)
    return (wanted @ [4, 2, 1]).astype(int)


if __name__ == "__main__":
    run("scikit-fem", "scikit-fem", solve)
