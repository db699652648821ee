"""torch-fem: assembled in PyTorch, conjugate gradients with PyAMG's smoothed aggregation, on the CPU."""

import contextlib
import io
import re

from benchmarks.others._common import MODULUS_MPA, POISSON, VTK_CORNERS, Body, Clock, Solution, run


def solve(body: Body, rtol: float) -> Solution:
    """One linear increment; its own `solve` assembles, builds the hierarchy and iterates in one call."""
    import torch
    from torchfem import Solid
    from torchfem.materials import IsotropicElasticity3D

    torch.set_default_dtype(torch.float64)
    with Clock() as setup:
        model = Solid(
            torch.tensor(body.nodes * body.voxel_mm),
            torch.tensor(body.elements[:, VTK_CORNERS]),
            IsotropicElasticity3D(E=MODULUS_MPA, nu=POISSON),
        )
        model.constraints = torch.tensor(body.held)[:, None].expand(-1, 3).clone()
        model.displacements = torch.tensor(body.value)
    said = io.StringIO()
    with Clock() as solving, contextlib.redirect_stdout(said):
        # a looser Newton tolerance than the linear one: a second Newton step would solve a second time
        displacement = model.solve(method="cg", stol=rtol, rtol=10 * rtol, atol=1e-30, verbose=True)[0]
    counted = re.search(r"(\d+) Krylov iterations", said.getvalue().replace(",", ""))
    return Solution(
        displacement.numpy(),
        int(counted.group(1)) if counted else None,
        setup.cost,
        solving.cost,
        "conjugate gradients, PyAMG smoothed aggregation applied in torch; all of it inside solve",
    )


if __name__ == "__main__":
    run("torch-fem", "torch-fem", solve)
