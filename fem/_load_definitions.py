"""The table of load cases: what each holds and what it moves, without sizes.

The load acts along z unless the name says otherwise: the bottom is the plane z = 0, the top the plane
z = nz h of the box of elements.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Motion = Literal[
    "x", "y", "z", "turn-x", "turn-y", "twist", "shear-yz", "shear-xz", "shear-xy", "affine", "periodic",
    "force", "pressure",
]  # fmt: skip
"""What moves: the top along an axis; both platens about x or y by half the angle each; the top about z; the
sides of the box along each other; the whole box by a macroscopic strain; or a force acts on the top."""

FreeMotions = Literal["", "in-plane", "translations"]
"""Rigid motions that cost no energy: none; translations along x and y and the turn about z; translations."""

OUTER_FACES = ("x-min", "x-max", "y-min", "y-max", "z-min", "z-max")


@dataclass(frozen=True)
class LoadCaseDefinition:
    """What a load case holds, without its size."""

    name: str
    "name in study files and on the command line"
    version: int
    "raised whenever the meaning changes, so that old results can be told apart"
    held: tuple[tuple[str, str], ...]
    'faces of the box and the components held on them, for example ("z-min", "xyz")'
    sentence: str
    "the case in words"
    motion: Motion = "z"
    "what moves"
    sizes: tuple[str, ...] = ("strain", "displacement_mm")
    "names of the sizes that the case may be given by"
    conjugate: tuple[str, str] = ("force", "N")
    "what does work on the size of the load (generalised force), and its unit"
    caps: bool = False
    "whether the body is expected to carry caps over its endplates (add_caps)"
    free: FreeMotions = ""
    "rigid motions that cost no energy"


_GLUED = (("z-min", "xyz"), ("z-max", "xyz"))
_SMOOTH = (("z-min", "z"), ("z-max", "z"))
_WALLS = (("x-min", "x"), ("x-max", "x"), ("y-min", "y"), ("y-max", "y"))
_ANGLE = ("angle_rad",)
_MOMENT = ("moment", "N mm")
_STRESS = ("mean stress over the box", "MPa")


def _shear(axis: str) -> LoadCaseDefinition:
    return LoadCaseDefinition(
        f"shear-{axis}",
        1,
        _GLUED,
        f"Both end faces are glued to rigid platens; the upper platen moves along {axis}: directional shear.",
        motion="x" if axis == "x" else "y",
    )


def _symmetric_shear(plane: Literal["yz", "xz", "xy"]) -> LoadCaseDefinition:
    first, second = plane
    third = next(axis for axis in "xyz" if axis not in plane)
    motion: Motion = "shear-yz" if plane == "yz" else "shear-xz" if plane == "xz" else "shear-xy"
    held = [(f"{axis}-{end}", other) for axis, other in ((first, second), (second, first)) for end in _ENDS]
    return LoadCaseDefinition(
        f"symmetric-shear-{plane}",
        1,
        (*held, *((f"{third}-{end}", third) for end in _ENDS)),
        f"The side faces normal to {first} tilt along {second} and those normal to {second} tilt along "
        f"{first}, by half the shear angle each; the faces normal to {third} rest on rigid smooth walls.",
        motion=motion,
        sizes=("strain",),
        conjugate=("mean shear stress over the box", "MPa"),
    )


def _bending(axis: Literal["x", "y"], *, glued: bool, caps: bool) -> LoadCaseDefinition:
    contact = "glued to" if glued else "frictionless on"
    embedded = "A vertebral body embedded in bone cement over both endplates. " if caps else ""
    return LoadCaseDefinition(
        f"{'pmma-' if caps else '' if glued else 'uniaxial-'}bending-{axis}",
        1,
        _GLUED if glued else _SMOOTH,
        f"{embedded}Both end faces are {contact} rigid platens; about the axis through the centroid of the "
        f"loaded faces along {axis} the upper platen turns by half the angle and the lower one by as much "
        "the other way.",
        motion="turn-x" if axis == "x" else "turn-y",
        sizes=_ANGLE,
        conjugate=_MOMENT,
        caps=caps,
        free="" if glued else "in-plane",
    )


_ENDS = ("min", "max")

_DEFINITIONS = (
    LoadCaseDefinition(
        "axial", 1, _GLUED, "Both end faces are glued to rigid platens; the upper platen moves along z."
    ),
    LoadCaseDefinition(
        "uniaxial",
        1,
        _SMOOTH,
        "Both end faces rest on rigid frictionless platens; the upper platen moves along z and the in-plane "
        "rigid motion is free.",
        free="in-plane",
    ),
    LoadCaseDefinition(
        "clamped-bottom",
        1,
        (("z-min", "xyz"), ("z-max", "z")),
        "The bottom face is held in all directions; the top face moves along z and is free in the plane.",
    ),
    LoadCaseDefinition(
        "confined",
        1,
        (*_SMOOTH, *_WALLS),
        "Both end faces rest on rigid frictionless platens and the four side faces of the box on rigid "
        "frictionless walls; the upper platen moves along z.",
    ),
    LoadCaseDefinition(
        "pmma-axial",
        1,
        _GLUED,
        "A vertebral body embedded in bone cement over both endplates; the flat faces of the cement are "
        "glued to rigid platens and the upper platen moves along z.",
        caps=True,
    ),
    _shear("x"),
    _shear("y"),
    _symmetric_shear("yz"),
    _symmetric_shear("xz"),
    _symmetric_shear("xy"),
    _bending("x", glued=True, caps=False),
    _bending("y", glued=True, caps=False),
    _bending("x", glued=False, caps=False),
    _bending("y", glued=False, caps=False),
    _bending("x", glued=True, caps=True),
    _bending("y", glued=True, caps=True),
    LoadCaseDefinition(
        "torsion",
        1,
        _GLUED,
        "Both end faces are glued to rigid platens; the upper platen turns about the axis along z through "
        "the centroid of the loaded faces.",
        motion="twist",
        sizes=_ANGLE,
        conjugate=_MOMENT,
    ),
    LoadCaseDefinition(
        "kinematic-uniform",
        1,
        tuple((face, "xyz") for face in OUTER_FACES),
        "All nodes on the outer faces of the box follow a macroscopic strain, u = strain (x - centre).",
        motion="affine",
        sizes=("strain",),
        conjugate=_STRESS,
    ),
    LoadCaseDefinition(
        "periodic",
        1,
        (),
        "Opposite faces of the box deform alike; their displacements differ by the macroscopic strain times "
        "the edge of the box, and the mean displacement is free.",
        motion="periodic",
        sizes=("strain",),
        conjugate=_STRESS,
        free="translations",
    ),
    LoadCaseDefinition(
        "force",
        1,
        (("z-min", "xyz"),),
        "The bottom face is held in all directions; a total force is spread evenly over the bone area of the "
        "top face.",
        motion="force",
        sizes=("force_n",),
        conjugate=("total force", "N"),
    ),
    LoadCaseDefinition(
        "pressure",
        1,
        (("z-min", "xyz"),),
        "The bottom face is held in all directions; a uniform pressure acts on the bone of the top face.",
        motion="pressure",
        sizes=("pressure_mpa",),
        conjugate=("total force", "N"),
    ),
)

LOAD_CASES = MappingProxyType({definition.name: definition for definition in _DEFINITIONS})
"The load cases by name."
