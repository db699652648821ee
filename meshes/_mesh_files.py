"""Unstructured meshes from and to files: one adapter over meshio, and INP of our own."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import meshio
import numpy as np
from numpy.typing import ArrayLike

from ._elements import ELEMENTS, FACE_ELEMENTS
from ._files import atomic_path, existing_file, suffix_of
from ._inp import read_inp, write_inp
from ._mesh import UnstructuredMesh, element_count, make_mesh
from ._unstructured import meshio_errors, read_unstructured, write_vtu

_SOLIDS = {element.meshio_name: name for name, element in ELEMENTS.items()}
_FACES = {element.meshio_name: name for name, element in FACE_ELEMENTS.items()}
_NODE_SET, _ELEMENT_SET, _FACE_SET = "node_set:", "element_set:", "face_set:"


def read_mesh(path: str | os.PathLike[str], *, scale_mm: float) -> UnstructuredMesh:
    """Mesh of a file in VTU, VTK, INP, MSH or any other format of meshio that holds solids.

    Args:
      path: the file.
      scale_mm: mm per unit of length of the file: 1 for mm, 1000 for m. No format says it.

    Returns:
      Mesh with the solids of the file, the nodes that they use, its sets and the fields of its elements.

    Raises:
      FileNotFoundError: no such file.
      ValueError: unreadable, no solids, solids of a kind that is not supported, inverted elements,
        `scale_mm` not positive.
    """
    if not (np.isfinite(scale_mm) and scale_mm > 0):
        raise ValueError(f"`scale_mm` must be positive, mm per unit of the file; got {scale_mm}.")
    place = existing_file(path)
    if suffix_of(place) == ".inp":
        return read_inp(place, scale_mm=scale_mm)
    return from_meshio(read_unstructured(place), scale_mm=scale_mm)


def from_meshio(mesh: meshio.Mesh, *, scale_mm: float) -> UnstructuredMesh:
    """The solids of a meshio mesh.

    Blocks of one type become one; points that no solid uses, lines and vertices are left out. Faces are kept
    where a set names them, which is also a set of their nodes. Sets of Gmsh are those of its physical names.

    Args:
      mesh: meshio mesh; not changed.
      scale_mm: mm per unit of length.

    Raises:
      ValueError: as `read_mesh`.
    """
    kinds = [block.type for block in mesh.cells]
    other = sorted({block.type for block in mesh.cells if block.type not in _SOLIDS and block.dim == 3})
    if other:
        raise ValueError(
            f"`mesh` has solids of type {', '.join(other)}, which are not supported; those that are: "
            f"{', '.join(_SOLIDS)}."
        )
    solids = sorted((i for i, k in enumerate(kinds) if k in _SOLIDS), key=lambda i: _SOLIDS[kinds[i]])
    if not solids:
        raise ValueError(
            f"`mesh` must hold solids ({', '.join(_SOLIDS)}); got {', '.join(sorted(set(kinds))) or 'none'}. "
            "A closed surface becomes tetrahedra with tetrahedralize."
        )
    used = np.unique(np.concatenate([mesh.cells[i].data.ravel() for i in solids]))
    number = np.full(len(mesh.points), -1)
    number[used] = np.arange(len(used))
    cells: dict[str, list[np.ndarray]] = {}
    for i in solids:
        cells.setdefault(_SOLIDS[kinds[i]], []).append(number[mesh.cells[i].data])
    members = _members(mesh)
    start = dict(
        zip(solids, np.cumsum([0] + [len(mesh.cells[i].data) for i in solids])[:-1].tolist(), strict=True)
    )
    node_sets = {name: number[_native(values)] for name, values in mesh.point_sets.items()}
    for name, values in mesh.point_data.items():
        if name.startswith(_NODE_SET):
            node_sets[name.removeprefix(_NODE_SET)] = number[np.flatnonzero(np.ravel(values) > 0.5)]
    element_sets, face_sets = {}, {}
    for name, parts in members.items():
        inside = [start[i] + parts[i] for i in solids if i in parts and len(parts[i])]
        if inside:
            element_sets[name] = np.concatenate(inside)
        for i, chosen in parts.items():
            if mesh.cells[i].dim == 3 or not len(chosen):
                continue
            nodes = number[mesh.cells[i].data[chosen]]
            nodes = nodes[(nodes >= 0).all(axis=1)]
            if kinds[i] in _FACES:
                face_sets.setdefault(name, {}).setdefault(_FACES[kinds[i]], []).append(nodes)
            if name not in mesh.point_sets and _NODE_SET + name not in mesh.point_data:
                node_sets[name] = np.union1d(node_sets.get(name, []), nodes).astype(np.int64)
    fields = {
        name: np.concatenate([_native(parts[i]) for i in solids])
        for name, parts in mesh.cell_data.items()
        if not name.startswith(("gmsh:", _ELEMENT_SET, _FACE_SET))
    }
    return make_mesh(
        scale_mm * np.asarray(mesh.points, float)[used],
        {name: np.concatenate(parts) for name, parts in cells.items()},
        node_sets={name: values[values >= 0] for name, values in node_sets.items()},
        element_sets=element_sets,
        face_sets={
            name: {kind: np.concatenate(parts) for kind, parts in kinds_of.items()}
            for name, kinds_of in face_sets.items()
        },
        fields=fields,
    )


def _native(values: Any) -> np.ndarray:
    """Contiguous, in the byte order of this machine (meshio hands VTK's big-endian numbers on)."""
    array = np.asarray(values)
    return np.ascontiguousarray(array, array.dtype.newbyteorder("="))


def _members(mesh: meshio.Mesh) -> dict[str, dict[int, np.ndarray]]:
    """Indices of cells by set and block, from meshio's sets, Gmsh's physical names and our own flags."""
    found: dict[str, dict[int, np.ndarray]] = {}
    for name, parts in mesh.cell_sets.items():
        if not name.startswith("gmsh:"):
            for i, part in enumerate(parts):
                if part is not None and np.size(part):
                    found.setdefault(name, {})[i] = _native(part).astype(np.int64)
    tags = mesh.cell_data.get("gmsh:physical")
    for name, (tag, dimension) in mesh.field_data.items() if tags is not None else ():
        for i, part in enumerate(tags or ()):
            chosen = np.flatnonzero(np.asarray(part) == tag)
            if mesh.cells[i].dim == dimension and len(chosen):
                found.setdefault(name, {})[i] = chosen
    for label, parts in mesh.cell_data.items():
        for prefix in (_ELEMENT_SET, _FACE_SET):
            if label.startswith(prefix):
                for i, part in enumerate(parts):
                    chosen = np.flatnonzero(np.ravel(part) > 0.5)
                    if len(chosen):
                        found.setdefault(label.removeprefix(prefix), {})[i] = chosen
    return found


def to_meshio(
    mesh: UnstructuredMesh,
    *,
    point_fields: Mapping[str, ArrayLike] | None = None,
    element_fields: Mapping[str, ArrayLike] | None = None,
) -> meshio.Mesh:
    """A meshio mesh with everything that the mesh holds, in mm.

    Sets become fields of zeros and ones ("node_set:NAME", "element_set:NAME", "face_set:NAME"), because VTU
    and VTK have none; `read_mesh` turns them back. Faces of sets are cells beside the solids, with NaN (or 0)
    in the fields of elements.

    Args:
      mesh: the mesh; not changed.
      point_fields: further fields of nodes, (nn,) or (nn, components).
      element_fields: further fields of elements, (ne,) or (ne, components).

    Raises:
      ValueError: a field of another length.
    """
    count = element_count(mesh)
    faces: dict[str, list[tuple[str, np.ndarray]]] = {}
    for name, parts in mesh.face_sets.items():
        for kind, nodes in parts.items():
            if len(nodes):
                faces.setdefault(kind, []).append((name, np.asarray(nodes)))
    blocks = [(ELEMENTS[name].meshio_name, np.array(nodes)) for name, nodes in mesh.cells.items()]
    ends = np.cumsum([len(nodes) for _, nodes in blocks])[:-1]
    for kind, parts in faces.items():
        blocks.append((FACE_ELEMENTS[kind].meshio_name, np.concatenate([nodes for _, nodes in parts])))
    extra = [len(nodes) for _, nodes in blocks[len(mesh.cells) :]]

    def with_faces(values):
        array = np.array(values)
        fill = np.nan if array.dtype.kind == "f" else 0
        return np.split(array, ends) + [np.full((n, *array.shape[1:]), fill, array.dtype) for n in extra]

    fields = {**mesh.fields, **(element_fields or {})}
    for name, values in fields.items():
        if np.shape(values)[:1] != (count,):
            raise ValueError(
                f"`element_fields[{name!r}]` needs {count} values; got shape {np.shape(values)}."
            )
    cell_data: dict[str, Any] = {name: with_faces(values) for name, values in fields.items()}
    for name, members in mesh.element_sets.items():
        cell_data[_ELEMENT_SET + name] = with_faces(_flags(members, count))
    for name in mesh.face_sets:
        parts = [np.zeros(len(nodes), np.int32) for _, nodes in blocks[: len(mesh.cells)]]
        for members in faces.values():
            parts.append(np.concatenate([np.full(len(n), who == name, np.int32) for who, n in members]))
        cell_data[_FACE_SET + name] = parts
    point_data: dict[str, Any] = {name: np.array(values) for name, values in (point_fields or {}).items()}
    for name, values in point_data.items():
        if values.shape[:1] != (len(mesh.points),):
            raise ValueError(
                f"`point_fields[{name!r}]` needs {len(mesh.points)} values; got shape {values.shape}."
            )
    for name, members in mesh.node_sets.items():
        point_data[_NODE_SET + name] = _flags(members, len(mesh.points))
    cells: Any = blocks
    return meshio.Mesh(np.array(mesh.points), cells, point_data=point_data, cell_data=cell_data)


def _flags(members, count):
    flags = np.zeros(count, np.int32)
    flags[np.asarray(members)] = 1
    return flags


def write_mesh(
    path: str | os.PathLike[str],
    mesh: UnstructuredMesh,
    *,
    point_fields: Mapping[str, ArrayLike] | None = None,
    element_fields: Mapping[str, ArrayLike] | None = None,
) -> None:
    """Write a mesh with its sets and fields, in mm, whole or not at all; the mesh itself is left as it is.

    Args:
      path: target ending in .vtu, .vtk or .inp; replaced if it exists. MSH is read but not written: what
        meshio writes as text cannot be read back under NumPy 2, nor can fields over two types of elements.
      mesh: the mesh.
      point_fields: fields of nodes, (nn,) or (nn, components), such as a displacement.
      element_fields: fields of elements beside those of the mesh.

    Raises:
      ValueError: another suffix, a field of another length, or fields in INP, which cannot hold any.
    """
    target = Path(path)
    suffix = suffix_of(target)
    if suffix not in (".vtu", ".vtk", ".inp"):
        raise ValueError(f"`path` must end in .vtu, .vtk or .inp; got {target.name!r}.")
    if suffix == ".inp":
        if point_fields or element_fields:
            raise ValueError("`point_fields` and `element_fields` do not fit into INP; write VTU.")
        return write_inp(target, mesh)
    whole = to_meshio(mesh, point_fields=point_fields, element_fields=element_fields)
    if suffix == ".vtu":
        return write_vtu(target, whole)
    with atomic_path(target) as partial, meshio_errors(target):
        meshio.write(partial, whole, file_format="vtk")
    return None
