"""Static choices of a simulation."""

from dataclasses import dataclass


@dataclass(frozen=True)
class SimulationOptions:
    """Static choices of a simulation."""

    substeps: int = 2
    "bone steps in a step of the hormone course"
    solve_every: int = 3
    "steps between finite element solves"
    report_every: int = 6
    "steps between recorded fields; a multiple of `solve_every`"
    compartments: int = 1
    "number of compartments in the labels"
    checkpoint: bool = True
    "recompute inside reports, solves and steps in the reverse pass: memory of a square root of the steps"


def make_options(
    *,
    substeps: int = 2,
    solve_every: int = 3,
    report_every: int = 6,
    compartments: int = 1,
    checkpoint: bool = True,
) -> SimulationOptions:
    """Checked options.

    Raises:
      ValueError: a count below 1, or `report_every` not a multiple of `solve_every`.
    """
    for name, value in (
        ("substeps", substeps),
        ("solve_every", solve_every),
        ("report_every", report_every),
        ("compartments", compartments),
    ):
        if int(value) != value or value < 1:
            raise ValueError(f"`{name}` must be a whole number of at least 1, got {value}")
    if report_every % solve_every:
        raise ValueError(
            f"`report_every` must be a multiple of `solve_every` {solve_every}, got {report_every}"
        )
    return SimulationOptions(
        int(substeps), int(solve_every), int(report_every), int(compartments), checkpoint
    )
