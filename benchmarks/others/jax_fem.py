"""JAX-FEM: its assembly and Newton step, the linear solver that its PETSc option takes by default.

Its distribution does not declare what it imports: petsc4py, fenics-basix, gmsh, meshio, pyfiglet, matplotlib.
petsc4py has no wheels; Debian's python3-petsc4py-real (with NumPy below 2 and jax 0.4.38) or a build serves.
"""

import logging

from benchmarks.others._common import STRAIN, VTK_CORNERS, Body, Clock, Solution, lame, run


def solve(body: Body, rtol: float) -> Solution:
    """One Newton step from the prescribed displacements, so that rows of held nodes stay at zero.

    PETSc stops on the preconditioned residual: a second Newton step may follow, and its iterations count.
    The linear solver is handed in to count its iterations and to set its tolerance; assembly and compilation
    happen inside the solve of JAX-FEM and are told apart by the clock of the linear solver.
    """
    import jax

    jax.config.update("jax_enable_x64", True)
    import jax.numpy as jnp
    from jax_fem.generate_mesh import Mesh
    from jax_fem.problem import Problem
    from jax_fem.solver import solver
    from petsc4py import PETSc

    logging.disable(logging.INFO)
    first, shear = lame()

    class Elasticity(Problem):
        def get_tensor_map(self):
            def stress(gradient):
                strain = 0.5 * (gradient + gradient.T)
                return 2 * shear * strain + first * jnp.trace(strain) * jnp.eye(3)

            return stress

    count, costs = [], []

    def petsc(matrix, right, start, options):
        with Clock() as clock:
            vector, found = matrix.createVecs()
            vector.setArray(right)
            krylov = PETSc.KSP().create()
            krylov.setOperators(matrix)
            krylov.setType("bcgsl")
            krylov.pc.setType("ilu")
            krylov.setTolerances(rtol=rtol, max_it=20_000)
            krylov.solve(vector, found)
        count.append(krylov.getIterationNumber())
        costs.append(clock.cost)
        return found.getArray()

    held = jnp.asarray(body.held)
    height = body.shape[2] * body.voxel_mm
    with Clock() as whole:

        def at(point, number):
            return held[number]

        def zero(point):
            return 0.0

        def moved(point):
            return jnp.where(point[2] > 0.5 * height, STRAIN * height, 0.0)

        problem = Elasticity(
            mesh=Mesh(body.nodes * body.voxel_mm, body.elements[:, VTK_CORNERS], ele_type="HEX8"),
            vec=3,
            dim=3,
            ele_type="HEX8",
            dirichlet_bc_info=[[at] * 3, [0, 1, 2], [zero, zero, moved]],
        )
        options = {
            "custom_solver": petsc,
            "initial_guess": [jnp.asarray(body.value)],
            "rel_tol": 10 * rtol,
            "tol": 0.0,
        }
        answer = solver(problem, options)[0]
    cost = {name: sum(one[name] for one in costs) for name in ("wall_s", "cpu_s")}
    return Solution(
        jax.device_get(answer),
        sum(count),
        {name: whole.cost[name] - cost[name] for name in cost},
        cost,
        "PETSc bcgsl with ILU, the default of its PETSc option; set-up includes compilation",
    )


if __name__ == "__main__":
    run("jax-fem", "jax-fem", solve)
