"""NGSolve: its assembly, Jacobi preconditioner and conjugate gradients, in its own threads.

Of its other preconditioners `bddc` factorises the whole matrix at lowest order (50 times the set-up and 15
times the memory at 32^3), and `h1amg`, made for scalar problems, did not end within 100 s there.
"""

from benchmarks.others._common import VTK_CORNERS, Body, Clock, Solution, lame, run


def solve(body: Body, rtol: float) -> Solution:
    """A netgen mesh of the hexahedra, lowest-order vector elements, held nodes taken from the free ones."""
    import ngsolve
    import numpy as np
    from netgen.meshing import Element3D, MeshPoint, Pnt
    from netgen.meshing import Mesh as NetgenMesh

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
        preconditioner = ngsolve.Preconditioner(form, "local")
        form.Assemble()
        answer = ngsolve.GridFunction(space)
        answer.vec.FV().NumPy()[:] = body.value.T.ravel()
        right = form.mat.CreateColVector()
        right.data = -form.mat * answer.vec
    with ngsolve.TaskManager(), Clock() as solving:
        solver = ngsolve.solvers.CGSolver(
            form.mat, preconditioner.mat, tol=rtol, maxiter=20_000, printrates=False
        )
        answer.vec.data += solver * right
    return Solution(
        answer.vec.FV().NumPy().reshape(3, -1).T.copy(),
        int(solver.iterations),
        setup.cost,
        solving.cost,
        "conjugate gradients, Jacobi; stops on the preconditioned residual",
    )


if __name__ == "__main__":
    run("ngsolve", "ngsolve", solve)
