"""Named load cases: which face is held in which direction, and to what value.

The load acts along z: the bottom is the plane z = 0, the top the plane z = nz h of the box of elements.
Compression is negative.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

AXES = "xyz"


@dataclass(frozen=True)
class LoadCaseDefinition:
    """What a load case holds, without its size."""

    name: str
    "name in study files and on the command line"
    version: int
    "raised whenever the meaning changes, so that old results can be told apart"
    bottom: str
    'components held at zero on z-min, a subset of "xyz"'
    top: str
    'components held on z-max: z at the prescribed displacement, others at zero, a subset of "xyz"'
    sides: bool
    "whether the displacement normal to the four side faces of the box is zero"
    caps: bool
    "whether the body is expected to carry caps over its endplates (add_caps)"
    sentence: str
    "the case in words"


_DEFINITIONS = (
    LoadCaseDefinition(
        "axial",
        1,
        "xyz",
        "xyz",
        False,
        False,
        "Both end faces are glued to rigid platens; the upper platen moves along z.",
    ),
    LoadCaseDefinition(
        "uniaxial",
        1,
        "z",
        "z",
        False,
        False,
        "Both end faces rest on rigid frictionless platens; the upper platen moves along z and the in-plane "
        "rigid motion is free.",
    ),
    LoadCaseDefinition(
        "clamped-bottom",
        1,
        "xyz",
        "z",
        False,
        False,
        "The bottom face is held in all directions; the top face moves along z and is free in the plane.",
    ),
    LoadCaseDefinition(
        "confined",
        1,
        "z",
        "z",
        True,
        False,
        "Both end faces rest on rigid frictionless platens and the four side faces of the box on rigid "
        "frictionless walls; the upper platen moves along z.",
    ),
    LoadCaseDefinition(
        "pmma-axial",
        1,
        "xyz",
        "xyz",
        False,
        True,
        "A vertebral body embedded in bone cement over both endplates; the flat faces of the cement are "
        "glued to rigid platens and the upper platen moves along z.",
    ),
)

LOAD_CASES = MappingProxyType({definition.name: definition for definition in _DEFINITIONS})
"The load cases by name."


@dataclass(frozen=True)
class LoadCase:
    """A load case with its size; hashable, without arrays. Exactly one of the two sizes is given."""

    name: str
    "name of the definition in LOAD_CASES"
    version: int
    "version of the definition"
    strain: float | None
    "displacement of the top over the height of the box, -; negative in compression"
    displacement_mm: float | None
    "displacement of the top, mm; negative in compression"


class Constraints(NamedTuple):
    """Prescribed displacements of the nodes."""

    fixed: np.ndarray
    "held components, bool, shape (nn, 3)"
    value: np.ndarray
    "prescribed displacement, mm, float64, shape (nn, 3); zero where not held"
    bottom: np.ndarray
    "nodes on z-min, bool, shape (nn,)"
    top: np.ndarray
    "nodes on z-max, bool, shape (nn,)"
    in_plane_free: bool
    "whether translation along x and y and rotation about z cost no energy"


def load_case(name: str, *, strain: float | None = None, displacement_mm: float | None = None) -> LoadCase:
    """Load case by name, checked.

    Args:
      name: a key of LOAD_CASES.
      strain: displacement of the top over the height of the whole box of elements (caps included), -.
      displacement_mm: displacement of the top, mm. Give exactly one of the two; compression is negative.

    Raises:
      ValueError: unknown name, none or both sizes given, or a size that is zero, not finite or a strain of
        1 or more.
    """
    if name not in LOAD_CASES:
        raise ValueError(f"`name` must be a load case, one of {', '.join(LOAD_CASES)}; got {name!r}")
    if (strain is None) == (displacement_mm is None):
        given = "neither" if strain is None else "both"
        raise ValueError(
            f"exactly one of `strain` and `displacement_mm` must be given, got {given}; "
            "for example strain=-0.01 for one percent of compression"
        )
    for argument, size in (("strain", strain), ("displacement_mm", displacement_mm)):
        if size is not None and (not np.isfinite(size) or size == 0.0):
            raise ValueError(f"`{argument}` must be finite and not zero, got {size}; compression is negative")
    if strain is not None and abs(strain) >= 1.0:
        raise ValueError(
            f"`strain` is a fraction and must be below 1 in size, got {strain}; write one percent as 0.01"
        )
    return LoadCase(
        name,
        LOAD_CASES[name].version,
        None if strain is None else float(strain),
        None if displacement_mm is None else float(displacement_mm),
    )


def describe_load(load: LoadCase) -> dict[str, Any]:
    """Machine-readable description of a load case (plain JSON types).

    Keys: name, version, sentence, size (quantity, value, unit), caps, in_plane_free and held: a list of
    (face, component, value_mm) entries, where the value is a number or "displacement" (the displacement of
    the top, which is strain x height if a strain was given). Faces are x-min, x-max, ..., z-max.
    """
    definition = LOAD_CASES[load.name]
    moved: float | str = "displacement" if load.displacement_mm is None else load.displacement_mm
    held = [{"face": "z-min", "component": axis, "value_mm": 0.0} for axis in definition.bottom]
    held += [
        {"face": "z-max", "component": axis, "value_mm": moved if axis == "z" else 0.0}
        for axis in definition.top
    ]
    if definition.sides:
        held += [
            {"face": f"{axis}-{end}", "component": axis, "value_mm": 0.0}
            for axis in "xy"
            for end in ("min", "max")
        ]
    size = (
        {"quantity": "strain", "value": load.strain, "unit": "1"}
        if load.displacement_mm is None
        else {"quantity": "displacement", "value": load.displacement_mm, "unit": "mm"}
    )
    return {
        "name": load.name,
        "version": load.version,
        "sentence": definition.sentence,
        "size": size,
        "caps": definition.caps,
        "in_plane_free": _in_plane_free(definition),
        "held": held,
    }


def prescribed_displacement_mm(load: LoadCase, shape: tuple[int, int, int], voxel_mm: float) -> float:
    """Displacement of the top along z in mm for a box of `shape` elements."""
    if load.strain is None:
        return float(load.displacement_mm or 0.0)
    return load.strain * shape[2] * float(voxel_mm)


def constraints(
    load: LoadCase, nodes: np.ndarray, shape: tuple[int, int, int], voxel_mm: float
) -> Constraints:
    """Which components of which nodes are held, and where.

    Args:
      load: load case.
      nodes: integer node coordinates (nn, 3), from 0 to the number of elements along each axis inclusive.
      shape: elements of the box (nx, ny, nz).
      voxel_mm: edge of a voxel, mm.

    Raises:
      ValueError: no bone touches a loaded face, or none touches a side wall that the case relies on.
    """
    nodes = np.asarray(nodes)
    definition = LOAD_CASES[load.name]
    bottom = nodes[:, 2] == 0
    top = nodes[:, 2] == shape[2]
    _require_bone_at(load, nodes, shape, voxel_mm)
    fixed = np.zeros((len(nodes), 3), dtype=bool)
    for axis in definition.bottom:
        fixed[bottom, AXES.index(axis)] = True
    for axis in definition.top:
        fixed[top, AXES.index(axis)] = True
    if definition.sides:
        for axis in (0, 1):
            wall = (nodes[:, axis] == 0) | (nodes[:, axis] == shape[axis])
            if not wall.any():
                raise ValueError(
                    f"no bone touches the walls {AXES[axis]}-min or {AXES[axis]}-max, so the load case "
                    f"{load.name!r} does not hold it along {AXES[axis]}; crop the empty layers of the mask"
                )
            fixed[wall, axis] = True
    value = np.zeros((len(nodes), 3))
    value[top, 2] = prescribed_displacement_mm(load, shape, voxel_mm)
    return Constraints(fixed, value, bottom, top, _in_plane_free(definition))


def _in_plane_free(definition: LoadCaseDefinition) -> bool:
    held = set(definition.bottom + definition.top)
    return not definition.sides and not {"x", "y"} & held


def _require_bone_at(load: LoadCase, nodes: np.ndarray, shape: tuple[int, int, int], voxel_mm: float) -> None:
    if len(nodes) == 0:
        raise ValueError("`nodes` must hold at least one bone node, got none; the mask is empty")
    for face, gap in (("z-min", int(nodes[:, 2].min())), ("z-max", shape[2] - int(nodes[:, 2].max()))):
        if gap > 0:
            raise ValueError(
                f"no bone touches the loaded face {face} of the load case {load.name!r}: the nearest bone is "
                f"{gap * float(voxel_mm):g} mm ({gap} voxels) away; crop the empty layers of the mask, or "
                "turn the image so that the loaded axis is z"
            )
