"""tatva: matrix-free product of its energy, conjugate gradients written here, as its documentation does.

tatva brings operators and constraints, no linear solver and no preconditioner.
"""

from benchmarks.others._common import VTK_CORNERS, Body, Clock, Solution, lame, run


def solve(body: Body, rtol: float) -> Solution:
    """The product is the derivative of the energy's gradient; compilation counts as set-up."""
    import jax

    jax.config.update("jax_enable_x64", True)
    import jax.numpy as jnp
    from tatva import Mesh, Operator
    from tatva.element import Hexahedron8
    from tatva.lifter import Fixed, Lifter

    first, shear = lame()
    count = body.nodes.size
    with Clock() as setup:
        mesh = Mesh(jnp.asarray(body.nodes * body.voxel_mm), jnp.asarray(body.elements[:, VTK_CORNERS]))
        operator = Operator(mesh, Hexahedron8(), cache_weights=True)
        dofs = jnp.flatnonzero(jnp.repeat(jnp.asarray(body.held), 3))
        lifter = Lifter(count, Fixed(dofs, jnp.asarray(body.value).ravel()[dofs]))

        def energy(reduced, operator, lifter):
            gradient = operator.grad(lifter.lift_from_zeros(reduced).reshape(-1, 3))
            strain = 0.5 * (gradient + jnp.swapaxes(gradient, -1, -2))
            trace = jnp.trace(strain, axis1=-2, axis2=-1)
            return operator.integrate(shear * jnp.sum(strain**2, (-1, -2)) + 0.5 * first * trace**2)

        @jax.jit
        def iterate(operator, lifter, limit):
            # linear: the gradient at zero is minus the right-hand side, its derivative the stiffness
            zero = jnp.zeros(lifter.size_reduced)
            slope, product = jax.linearize(lambda u: jax.grad(energy)(u, operator, lifter), zero)
            size = jnp.vdot(slope, slope)

            def go_on(state):
                return (state[3] > rtol**2 * size) & (state[4] < limit)

            def step(state):
                found, residual, direction, square, number = state
                image = product(direction)
                length = square / jnp.vdot(direction, image)
                residual = residual - length * image
                renewed = jnp.vdot(residual, residual)
                direction, found = residual + renewed / square * direction, found + length * direction
                return found, residual, direction, renewed, number + 1

            state = (zero, -slope, -slope, size, 0)
            found, _, _, _, number = jax.lax.while_loop(go_on, step, state)
            return lifter.lift_from_zeros(found), number

        # no iteration: compilation alone
        jax.block_until_ready(iterate(operator, lifter, 0))
    with Clock() as solving:
        displacement, number = jax.block_until_ready(iterate(operator, lifter, 20_000))
    return Solution(
        displacement.reshape(-1, 3),
        int(number),
        setup.cost,
        solving.cost,
        "matrix-free conjugate gradients without preconditioner; set-up includes compilation",
    )


if __name__ == "__main__":
    run("tatva", "tatva", solve)
