"""What every `osteon solve` does around its own answer: plan, compile, run, and judge."""

import logging
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from ._errors import NotConvergedError, input_errors
from ._runfolder import RunFolder, versions


class Solved(NamedTuple):
    """Answer of a function of `fem` on a body, and what it took."""

    answer: Any
    "what the function returned beside its record"
    info: Any
    "its record, `fem.SolveInfo`"
    modulus: Any
    "moduli of the elements as an array of JAX, MPa, (ne,)"
    plan: Any
    "`fem.Plan` of the solve"
    seconds: dict[str, float]
    "entries of summary.json: seconds of planning, compiling and solving"


def run_solve(
    function: Callable[..., Any],
    body: Any,
    load: Any,
    *,
    where: str,
    poisson: float,
    rtol: float,
    max_iterations: int,
) -> Solved:
    """Plan a body, compile a function of (modulus, plan) and run it, each step on the clock.

    Args:
      function: `fem.solve` or `fem.homogenise`.
      body, load: what is solved.
      where: what to name when the load case does not fit the body.
      poisson, rtol, max_iterations: as given on the command line.

    Raises:
      UserError: the load case does not fit the body.
    """
    import jax
    import jax.numpy as jnp

    import fem

    told = logging.getLogger("osteon").info
    begin = time.perf_counter()
    with input_errors("--poisson"):
        material = fem.isotropic(poisson)
    with input_errors(where):
        plan = fem.make_plan(body.mask, body.voxel_mm, load, material=material)
    modulus = jnp.asarray(body.modulus)
    planned = time.perf_counter()
    told(f"planned {len(body.modulus)} elements, {planned - begin:.1f} s")
    program = jax.jit(function, static_argnames=("max_iterations",))
    compiled = program.lower(modulus, plan, rtol=rtol, max_iterations=max_iterations).compile()
    ready = time.perf_counter()
    told(f"compiled, {ready - planned:.1f} s; solving")
    answer, info = jax.block_until_ready(compiled(modulus, plan, rtol=rtol))
    seconds = {
        "plan_seconds": planned - begin,
        "compile_seconds": ready - planned,
        "solve_seconds": time.perf_counter() - ready,
    }
    return Solved(answer, info, modulus, plan, seconds)


def require_solved(info: Any, *, rtol: float, max_iterations: int) -> None:
    """Raise the program's `NotConvergedError` unless one solve reached `rtol`."""
    import fem

    try:
        fem.require_converged(info, rtol=rtol)
    except fem.NotConvergedError as error:
        raise NotConvergedError(f"{error}; --max-iterations was {max_iterations}") from error


def write_answer(folder: RunFolder, summary: dict[str, Any], hashes: list[str]) -> None:
    """summary.json, versions.json and the log of a solve.

    Args:
      folder: where to.
      summary: its answer, notes included.
      hashes: SHA-256 of what was read.
    """
    folder.write_json("summary.json", summary)
    folder.write_json("versions.json", {**versions(), "inputs_sha256": hashes})
    for note in summary["notes"]:
        folder.log(note)
    residual = summary["relative_residual"]
    told = f"residuals {residual}" if isinstance(residual, list) else f"residual {residual:.2e}"
    folder.log(f"{summary['iterations']} iterations, {told}")
