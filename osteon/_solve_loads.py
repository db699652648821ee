"""Load cases of `osteon solve`: sizes from the command line, and what a case answers."""

import argparse
from math import radians
from typing import Any

from ._errors import UserError, input_errors

STIFFNESS_LOADS = {"stiffness-kubc": "kinematic-uniform", "stiffness-periodic": "periodic"}
"""Names for six solves at once, and the load case of each."""

_OPTIONS = {
    "strain": "--strain",
    "displacement_mm": "--displacement-mm",
    "angle_rad": "--angle-deg",
    "force_n": "--force-n",
    "pressure_mpa": "--pressure-mpa",
}


def chosen_load(arguments: argparse.Namespace) -> tuple[Any, bool]:
    """Load case with its size, and whether the whole stiffness is asked for.

    Raises:
      UserError: unknown name, a size that the case does not take, or none where there is no default.
    """
    import fem

    angle = arguments.angle_deg
    given = {
        "strain": arguments.strain,
        "displacement_mm": arguments.displacement_mm,
        "angle_rad": None if angle is None else radians(angle),
        "force_n": arguments.force_n,
        "pressure_mpa": arguments.pressure_mpa,
    }
    given = {key: value for key, value in given.items() if value is not None}
    tensor = arguments.strain_tensor
    whole = arguments.load in STIFFNESS_LOADS
    if whole:
        if given or tensor is not None:
            raise UserError(f"--load {arguments.load} takes no size; it solves the six unit strains")
        return fem.load_case(STIFFNESS_LOADS[arguments.load], strain=(0.0, 0.0, 1e-3, 0.0, 0.0, 0.0)), True
    if arguments.load not in fem.LOAD_CASES:
        names = ", ".join((*fem.LOAD_CASES, *STIFFNESS_LOADS))
        raise UserError(f"--load is {arguments.load!r}; it must be one of {names}")
    case = fem.LOAD_CASES[arguments.load]
    by_tensor = case.motion in ("affine", "periodic")
    if tensor is not None and not by_tensor:
        raise UserError(f"--strain-tensor is for kinematic-uniform and periodic; --load is {arguments.load}")
    if by_tensor:
        if tensor is None or given:
            raise UserError(
                f"--load {arguments.load} takes --strain-tensor XX YY ZZ YZ XZ XY and no other size, e.g. "
                f"--strain-tensor 0 0 -0.01 0 0 0; for the whole stiffness use --load {_whole(case.motion)}"
            )
        given = {"strain": tensor}
    defaults: dict[str, Any] = {"strain": -0.01, "angle_rad": radians(1.0)}
    if not given:
        if case.sizes[0] not in defaults:
            raise UserError(f"--load {arguments.load} needs {_OPTIONS[case.sizes[0]]}")
        given = {case.sizes[0]: defaults[case.sizes[0]]}
    wrong = [_OPTIONS[key] for key in given if key not in case.sizes]
    if wrong:
        takes = " or ".join(_OPTIONS[key] for key in case.sizes)
        raise UserError(f"--load {arguments.load} takes {takes}, got {', '.join(wrong)}")
    with input_errors(f"--load {arguments.load}"):
        return fem.load_case(arguments.load, **given), False


def _whole(motion: str) -> str:
    return "stiffness-kubc" if motion == "affine" else "stiffness-periodic"


def axial_answers(body: Any, load: Any, reaction_n: float) -> dict[str, Any]:
    """Stiffness and apparent modulus of a load along z; None in each for other loads."""
    import fem

    if load.definition.motion != "z":
        return {"stiffness_n_per_mm": None, "apparent_modulus_mpa": None}
    nx, ny, nz = body.mask.shape
    shortening = fem.prescribed_displacement_mm(load, body.mask.shape, body.voxel_mm)
    stiffness = reaction_n / abs(shortening)
    return {
        "stiffness_n_per_mm": stiffness,
        "apparent_modulus_mpa": stiffness * nz * body.voxel_mm / (nx * ny * body.voxel_mm**2),
    }


def generalised_answers(load: Any, info: Any) -> dict[str, Any]:
    """What does work on the size of the load, and that size; numbers, or lists for a macroscopic strain."""
    described = load.definition.conjugate
    unit = {"N mm": "rad", "N": "mm", "MPa": "1"}[described[1]]
    return {
        "generalised_force": {
            "quantity": described[0], "value": info.generalised_force.tolist(), "unit": described[1],
        },
        "generalised_displacement": {"value": info.generalised_displacement.tolist(), "unit": unit},
    }  # fmt: skip


def load_columns(summary: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """Columns of the table row that belong to the load."""
    if summary["apparent_modulus_mpa"] is not None:
        return (
            ("reaction N", f"{summary['reaction_n']:.7g}"),
            ("stiffness N/mm", f"{summary['stiffness_n_per_mm']:.7g}"),
            ("modulus MPa", f"{summary['apparent_modulus_mpa']:.7g}"),
            ("Pistoia N", f"{summary['strength_pistoia_n']:.5g}"),
        )
    force, moved = summary["generalised_force"], summary["generalised_displacement"]
    if isinstance(force["value"], list):
        names = ("xx", "yy", "zz", "yz", "xz", "xy")
        pairs = zip(names, force["value"], strict=True)
        return tuple((f"stress {name} MPa", f"{value:.6g}") for name, value in pairs)
    return (
        (f"{force['quantity'].split(' over')[0]} {force['unit']}", f"{force['value']:.7g}"),
        (f"size {moved['unit']}" if moved["unit"] != "1" else "strain", f"{moved['value']:.7g}"),
    )
