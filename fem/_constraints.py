"""What a load case does to the nodes of a body: held components, prescribed displacements, applied forces."""

from typing import NamedTuple

import numpy as np

from ._hex8 import corner_offsets
from ._load_definitions import FreeMotions
from ._loads import LoadCase, prescribed_displacement_mm

AXES = "xyz"


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
    free: FreeMotions
    "rigid motions that cost no energy"

    @property
    def in_plane_free(self) -> bool:
        """Whether translation along x and y and rotation about z cost no energy."""
        return self.free == "in-plane"


def constraints(
    load: LoadCase, nodes: np.ndarray, shape: tuple[int, int, int], voxel_mm: float
) -> Constraints:
    """Which components of which nodes are held, and where.

    Args:
      load: load case.
      nodes: integer node coordinates (nn, 3), from 0 to the number of elements along each axis inclusive.
      shape: elements of the box (nx, ny, nz).
      voxel_mm: edge of a voxel, mm.

    Returns:
      Constraints. Of a periodic load, which holds nothing, `value` is the macroscopic part of the
      displacement.

    Raises:
      ValueError: no bone touches a loaded face, or none touches a side wall that the case relies on.
    """
    nodes = np.asarray(nodes)
    definition = load.definition
    _require_bone_at_faces(load, nodes, shape, voxel_mm)
    fixed = np.zeros((len(nodes), 3), dtype=bool)
    for face, components in definition.held:
        on_face = _on_face(nodes, face, shape)
        for component in components:
            fixed[on_face, AXES.index(component)] = True
    bottom, top = _on_face(nodes, "z-min", shape), _on_face(nodes, "z-max", shape)
    value = _displacement(load, nodes, bottom, top, shape, float(voxel_mm))
    if definition.motion != "periodic":
        value[~fixed] = 0.0
    return Constraints(fixed, value, bottom, top, definition.free)


def applied_force(
    load: LoadCase, elements: np.ndarray, connectivity: np.ndarray, node_count: int,
    shape: tuple[int, int, int], voxel_mm: float,
) -> np.ndarray | None:  # fmt: skip
    """Forces of a load case on the nodes, N, shape (nn, 3), or None where it has none.

    The traction is uniform over the upper faces of the elements of the last layer; a quarter of the force of
    a face goes to each of its corners, which is exact for a trilinear element.
    """
    motion = load.definition.motion
    if motion not in ("force", "pressure"):
        return None
    loaded = connectivity[elements[:, 2] == shape[2] - 1][:, corner_offsets()[:, 2] == 1]
    share = np.bincount(loaded.ravel(), minlength=node_count) / 4.0
    if motion == "force":
        each = np.asarray(load.size) / len(loaded)
    else:
        each = np.array([0.0, 0.0, -load.size[0] * voxel_mm**2])
    return share[:, None] * each


def box_centre(shape: tuple[int, int, int]) -> np.ndarray:
    """Centre of the box in voxels, shape (3,)."""
    return np.asarray(shape) / 2.0


def strain_tensor(strain) -> np.ndarray:
    """Symmetric (3, 3) tensor of six strains xx yy zz yz xz xy with engineering shear."""
    xx, yy, zz, yz, xz, xy = (float(value) for value in strain)
    return np.array([[xx, xy / 2, xz / 2], [xy / 2, yy, yz / 2], [xz / 2, yz / 2, zz]])


def _on_face(nodes, face, shape):
    axis = AXES.index(face[0])
    return nodes[:, axis] == (0 if face.endswith("min") else shape[axis])


def _displacement(load, nodes, bottom, top, shape, voxel_mm):
    """Displacement of all nodes as the load case would have it on the faces that it holds, mm, (nn, 3)."""
    motion = load.definition.motion
    value = np.zeros((len(nodes), 3))
    if motion in ("x", "y", "z"):
        value[top, AXES.index(motion)] = prescribed_displacement_mm(load, shape, voxel_mm)
    elif motion in ("turn-x", "turn-y", "twist"):
        x, y = ((nodes - nodes[bottom | top].mean(axis=0)) * voxel_mm)[:, :2].T
        angle = load.size[0]
        if motion == "twist":
            value[top] = angle * np.stack([-y, x, np.zeros_like(x)], axis=1)[top]
        else:
            rise = angle / 2 * (y if motion == "turn-x" else -x)
            value[:, 2] = np.where(top, rise, np.where(bottom, -rise, 0.0))
    elif motion in ("affine", "periodic"):
        value = (nodes - box_centre(shape)) * voxel_mm @ strain_tensor(load.size)
    elif motion.startswith("shear-"):
        first, second = (AXES.index(axis) for axis in motion[-2:])
        position = (nodes - box_centre(shape)) * voxel_mm
        value[:, first] = load.size[0] / 2 * position[:, second]
        value[:, second] = load.size[0] / 2 * position[:, first]
    return value


def _require_bone_at_faces(load, nodes, shape, voxel_mm):
    """Bone at every face that is pushed or pulled, and at one of each pair of walls that only hold."""
    if len(nodes) == 0:
        raise ValueError("`nodes` must hold at least one bone node, got none; the mask is empty")
    motion = load.definition.motion
    along_z = motion in ("x", "y", "z", "turn-x", "turn-y", "twist", "force", "pressure")
    loaded = (
        ("z-min", "z-max")
        if along_z
        else tuple(f"{axis}-{end}" for axis in motion[-2:] for end in ("min", "max"))
        if motion.startswith("shear-")
        else ()
    )
    for face in loaded:
        along = nodes[:, AXES.index(face[0])]
        gap = int(along.min()) if face.endswith("min") else shape[AXES.index(face[0])] - int(along.max())
        if gap > 0:
            raise ValueError(
                f"no bone touches the loaded face {face} of the load case {load.name!r}: the nearest bone is "
                f"{gap * float(voxel_mm):g} mm ({gap} voxels) away; crop the empty layers of the mask, or "
                "turn the image so that the loaded axis is z"
            )
    walls = {face[0] for face, _ in load.definition.held} - {face[0] for face in loaded}
    for axis in sorted(walls):
        along = nodes[:, AXES.index(axis)]
        if along.min() > 0 and along.max() < shape[AXES.index(axis)]:
            raise ValueError(
                f"no bone touches the walls {axis}-min or {axis}-max, so the load case {load.name!r} does "
                f"not hold it along {axis}; crop the empty layers of the mask"
            )
