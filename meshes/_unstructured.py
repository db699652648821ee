"""Voxels as hexahedra for meshio and ParaView, and unstructured files read without surprises."""

import contextlib
import io
import os
import re
from collections.abc import Mapping
from pathlib import Path

import meshio
import numpy as np
from numpy.typing import ArrayLike

from ._files import atomic_path, existing_file, reason_of, suffix_of

# Corners of a hexahedron in VTK's order: bottom face counter-clockwise, then top.
_VTK_CORNERS = np.array(
    [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 1], [1, 0, 1], [1, 1, 1], [0, 1, 1]]
)


def voxel_mesh(
    mask: ArrayLike,
    spacing_mm: ArrayLike,
    origin: ArrayLike = (0.0, 0.0, 0.0),
    cell_fields: Mapping[str, ArrayLike] | None = None,
    *,
    direction: ArrayLike | None = None,
) -> meshio.Mesh:
    """Hexahedra of the voxels of a mask; nodes shared, elements in the order of `np.argwhere(mask)`.

    Args:
      mask: boolean, shape (nx, ny, nz).
      spacing_mm: voxel edges, mm, one number or three.
      origin: centre of voxel [0, 0, 0], mm, shape (3,), as in `Image` and `write_vti`.
      cell_fields: name to values, per voxel (nx, ny, nz) or per element (ne,) or (ne, components).
      direction: unit vectors of the array axes as columns, shape (3, 3); identity if left out.

    Returns:
      meshio.Mesh with points (nn, 3) in mm and one block of hexahedra (ne, 8).

    Raises:
      ValueError: mask not three-dimensional, empty, or a field of another length.
      TypeError: mask not boolean.
    """
    solid = np.asarray(mask)
    if solid.ndim != 3 or not solid.any():
        raise ValueError(f"`mask` needs 3 axes and a voxel set; got shape {solid.shape}, {solid.sum()} set.")
    if solid.dtype != bool:
        raise TypeError(f"`mask` must be boolean; got {solid.dtype}.")
    elements = np.argwhere(solid)
    lattice = tuple(n + 1 for n in solid.shape)
    corner = elements[:, None, :] + _VTK_CORNERS
    used, cells = np.unique(
        np.ravel_multi_index(tuple(np.moveaxis(corner, 2, 0)), lattice), return_inverse=True
    )
    nodes = np.stack(np.unravel_index(used, lattice), axis=1)
    step = np.broadcast_to(np.asarray(spacing_mm, float).ravel(), (3,))
    axes = np.eye(3) if direction is None else np.asarray(direction, float)
    points = np.asarray(origin, float) + ((nodes - 0.5) * step) @ axes.T
    data = {}
    for name, values in (cell_fields or {}).items():
        array = np.asarray(values)
        array = array[solid] if array.shape[:3] == solid.shape else array
        if len(array) != len(elements):
            raise ValueError(
                f"`cell_fields`: {name!r} needs {len(elements)} elements or shape {solid.shape}; "
                f"got {array.shape}."
            )
        data[name] = [array]
    return meshio.Mesh(points, [("hexahedron", cells.reshape(-1, 8))], cell_data=data)


def write_vtu(path: str | os.PathLike[str], mesh: meshio.Mesh) -> None:
    """Write a mesh as VTU, whole or not at all; `mesh` itself is left as it is.

    Args:
      path: target ending in .vtu; replaced if it exists.
      mesh: any meshio mesh.

    Raises:
      ValueError: another suffix, or meshio cannot write this mesh.
    """
    target = Path(path)
    if suffix_of(target) != ".vtu":
        raise ValueError(f"`path` must end in .vtu; got {target.name!r}.")
    # meshio's writers change data types and byte order of the mesh they are given.
    copy = meshio.Mesh(
        mesh.points.copy(),
        [(block.type, block.data.copy()) for block in mesh.cells],
        point_data={name: np.array(values) for name, values in mesh.point_data.items()},
        cell_data={name: [np.array(part) for part in parts] for name, parts in mesh.cell_data.items()},
    )
    with atomic_path(target) as partial, meshio_errors(target):
        meshio.write(partial, copy, file_format="vtu")


def read_unstructured(path: str | os.PathLike[str]) -> meshio.Mesh:
    """Mesh of any file that meshio reads (VTU, STL, OBJ, Abaqus, ...).

    Raises:
      FileNotFoundError: no such file.
      ValueError: meshio cannot read it, or it holds no point.
    """
    place = existing_file(path)
    _require_no_entities(place)
    _require_header_end(place)
    with meshio_errors(place), _bounded_memory(place):
        mesh = meshio.read(place)
    if len(mesh.points) == 0 or not np.isfinite(mesh.points).all():
        raise ValueError(f"{str(place)!r}: a mesh needs points with finite coordinates.")
    count = len(mesh.points)
    for block in mesh.cells:
        corners = np.asarray(block.data)
        if corners.dtype.kind not in "iu" and not block.type.startswith("polyhedron"):
            raise ValueError(
                f"{str(place)!r}: elements of type {block.type} name points by {corners.dtype} numbers, "
                "which are too large or no integers; the file is damaged."
            )
        if corners.dtype.kind in "iu" and corners.size and not 0 <= corners.min() <= corners.max() < count:
            raise ValueError(
                f"{str(place)!r}: elements of type {block.type} name points from {corners.min()} to "
                f"{corners.max()}, but there are {count}; the file is damaged."
            )
    return mesh


@contextlib.contextmanager
def _bounded_memory(place: Path):
    """meshio believes the counts of a damaged file and asks for all memory; here that is a MemoryError.

    The process may grow by 1 GiB and 64 times the file meanwhile; without a limit where the system has none.
    """
    statm = Path("/proc/self/statm")
    if not statm.exists():
        yield
        return
    import resource

    old = resource.getrlimit(resource.RLIMIT_AS)
    now = int(statm.read_text().split()[0]) * resource.getpagesize()
    most = now + 2**30 + 64 * place.stat().st_size
    if old[1] != resource.RLIM_INFINITY:
        most = min(most, old[1])
    resource.setrlimit(resource.RLIMIT_AS, (most, old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, old)


def _require_no_entities(place: Path) -> None:
    """Nothing unless an XML file declares a document type: entities grow without bound or name other files.

    Raises:
      ValueError: it does.
    """
    with place.open("rb") as stream:
        head = stream.read(1 << 16)
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<") and re.search(rb"<!(DOCTYPE|ENTITY)", head, re.I):
        raise ValueError(
            f"{str(place)!r} declares a document type or entities, which are not read; write it without them."
        )


def _require_header_end(place: Path) -> None:
    """Nothing unless a PLY file ends within its header: meshio would look for the end of it for ever.

    Raises:
      ValueError: it does.
    """
    if suffix_of(place) == ".ply" and not re.search(rb"(?m)^\s*end_header\s*$", place.read_bytes()):
        raise ValueError(f"{str(place)!r} ends within its header (no line end_header); the file is damaged.")


@contextlib.contextmanager
def meshio_errors(place: Path):
    """meshio ends the whole program (SystemExit) and prints on bad files; here that is a ValueError."""
    said = io.StringIO()
    # Its STL reader multiplies four arbitrary bytes of a text file and may overflow; that is no error.
    quiet = np.errstate(over="ignore")
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said), quiet:
            yield
    except SystemExit as error:
        reason = " ".join(said.getvalue().split()) or "meshio gave no reason"
        raise ValueError(f"{str(place)!r} cannot be handled as a mesh: {reason}") from error
    except Exception as error:
        # Its readers follow what the bytes say, and from damaged ones any exception comes.
        raise ValueError(f"{str(place)!r} cannot be handled as a mesh: {reason_of(error)}") from error
