"""NGSolve: its assembly, its preconditioners, its conjugate gradients, in its own threads."""

import sys

from benchmarks.others._common import VTK_CORNERS, Body, Clock, Solution, lame, run

PRECONDITIONER = "local"


def solve(body: Body, rtol: float) -> Solution:
    """A netgen mesh of the hexahedra, lowest-order vector elements, held nodes taken from the free ones.

    Its iteration stops on the preconditioned residual, so it is asked for a tenth of the tolerance.
    """
    import ngsolve
    import numpy as np
    from netgen.meshing import Element3D, MeshPoint, Pnt
    from netgen.meshing import Mesh as NetgenMesh

    kind = sys.argv[4] if len(sys.argv) > 4 else PRECONDITIONER
    first, shear = lame()
    with ngsolve.TaskManager(), Clock() as setup:
        netgen = NetgenMesh(dim=3)
        points = [netgen.Add(MeshPoint(Pnt(*place))) for place in (body.nodes * body.voxel_mm).tolist()]
        netgen.SetMaterial(1, "bone")
        for corners in body.elements[:, VTK_CORNERS].tolist():
            netgen.Add(Element3D(1, [points[corner] for corner in corners]))
        space = ngsolve.VectorH1(ngsolve.Mesh(netgen), order=1)
        free = space.FreeDofs()
        count = len(body.nodes)
        # one block of unknowns per component, the vertices in the order in which the points were added
        for axis in range(3):
            for node in np.flatnonzero(body.held).tolist():
                free.Clear(axis * count + node)
        u, v = space.TnT()

        def strain(w):
            return ngsolve.Sym(ngsolve.Grad(w))

        stress = 2 * shear * strain(u) + first * ngsolve.Trace(strain(u)) * ngsolve.Id(3)
        form = ngsolve.BilinearForm(ngsolve.InnerProduct(stress, strain(v)) * ngsolve.dx)
        preconditioner = ngsolve.Preconditioner(form, kind)
        form.Assemble()
        answer = ngsolve.GridFunction(space)
        answer.vec.FV().NumPy()[:] = body.value.T.ravel()
        right = form.mat.CreateColVector()
        right.data = -form.mat * answer.vec
    with ngsolve.TaskManager(), Clock() as solving:
        solver = ngsolve.solvers.CGSolver(
            form.mat, preconditioner.mat, tol=rtol / 10, maxiter=20_000, printrates=False
        )
        answer.vec.data += solver * right
    return Solution(
        answer.vec.FV().NumPy().reshape(3, -1).T.copy(),
        int(solver.iterations),
        setup.cost,
        solving.cost,
        f"conjugate gradients, preconditioner {kind}",
    )


if __name__ == "__main__":
    run("ngsolve", "ngsolve", solve)
