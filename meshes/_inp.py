"""Abaqus and CalculiX INP files of solid elements with their sets and surfaces, read and written here.

meshio's reader leaves out named sets inside sets and mixes up element sets where only some elements are
declared with one; its writer turns hexahedra into C3D8RH and drops sets and fields.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ._elements import ELEMENTS
from ._files import atomic_path, existing_file
from ._mesh import UnstructuredMesh, make_mesh

_TYPES = {"4": "tet4", "10": "tet10", "8": "hex8", "20": "hex20"}
_SOLID = re.compile(r"C3D(\d+)[A-Z]*")
# corners of the faces S1, S2, ... in Abaqus' numbering
_FACES = {
    "tetrahedron": ((0, 1, 2), (0, 3, 1), (1, 3, 2), (2, 3, 0)),
    "hexahedron": ((0, 1, 2, 3), (4, 7, 6, 5), (0, 4, 5, 1), (1, 5, 6, 2), (2, 6, 7, 3), (3, 7, 4, 0)),
}


_WIDEST_RANGE = 20_000_000


def read_inp(path, *, scale_mm: float) -> UnstructuredMesh:
    """Mesh of the solid elements of an INP file of one part.

    Args:
      path: text file; the keywords NODE, ELEMENT, NSET, ELSET and SURFACE (TYPE=ELEMENT) are read, elements
        that are no solids (shells, springs, beams) are left out.
      scale_mm: mm per unit of length of the file.

    Returns:
      Mesh; nodes and elements are numbered anew, sets keep their names in upper case.

    Raises:
      FileNotFoundError: no such file.
      ValueError: solids of another kind, several parts, INCLUDE, a node, set or number that is not there.
    """
    place = existing_file(path)
    reader = _Reader(place)
    for keyword, options, lines in _keywords(place.read_text(encoding="latin-1")):
        try:
            reader.take(keyword, options, lines)
        except (ValueError, KeyError, IndexError) as error:
            raise ValueError(f"{str(place)!r}: *{keyword} cannot be read: {error}") from error
    return reader.mesh(scale_mm)


def _keywords(text: str) -> Iterator[tuple[str, dict[str, str], list[list[str]]]]:
    """Keyword, options and data of each block; a line that ends with a comma goes on with the next."""
    keyword, options, lines, open_line = "", {}, [], False
    for raw in text.splitlines():
        line = raw.strip()
        if not line or line.startswith("**"):
            continue
        if line.startswith("*"):
            if keyword:
                yield keyword, options, lines
            head, *rest = (part.strip() for part in line[1:].split(","))
            pairs = (part.partition("=") for part in rest if part)
            keyword, lines, open_line = head.upper(), [], False
            options = {name.strip().upper(): value.strip().strip('"') for name, _, value in pairs}
            continue
        values = [part.strip() for part in line.rstrip(",").split(",")]
        if open_line:
            lines[-1] += values
        else:
            lines.append(values)
        open_line = line.endswith(",") and keyword == "ELEMENT"
    if keyword:
        yield keyword, options, lines


class _Reader:
    """What has been read so far, by the numbers and names of the file."""

    def __init__(self, place: Path):
        self.place = place
        self.points: dict[int, list[float]] = {}
        self.elements: dict[str, dict[int, list[int]]] = {name: {} for name in ELEMENTS}
        self.node_sets: dict[str, set[int]] = {}
        self.element_sets: dict[str, set[int]] = {}
        self.surfaces: dict[str, list[tuple[str, str]]] = {}
        self.parts = 0

    def take(self, keyword, options, lines):
        """One keyword with its data."""
        if keyword == "NODE":
            for number, *position in lines:
                self.points[int(number)] = [float(x) for x in position[:3]]
            self._declare(self.node_sets, options.get("NSET"), lines)
        elif keyword == "ELEMENT":
            self._elements(options, lines)
        elif keyword == "NSET":
            self._set(self.node_sets, options["NSET"], "GENERATE" in options, lines)
        elif keyword == "ELSET":
            self._set(self.element_sets, options["ELSET"], "GENERATE" in options, lines)
        elif keyword == "SURFACE" and options.get("TYPE", "ELEMENT").upper() == "ELEMENT":
            pairs = self.surfaces.setdefault(options["NAME"].upper(), [])
            pairs += [(line[0].upper(), line[1].upper()) for line in lines]
        elif keyword == "INCLUDE":
            raise ValueError("put the included file into this one")
        elif keyword == "PART":
            self.parts += 1
            if self.parts > 1:
                raise ValueError("more than one part; write each part to a file of its own")

    def _elements(self, options, lines):
        kind = options["TYPE"].upper()
        solid = _SOLID.fullmatch(kind)
        if solid is None:
            return
        if solid[1] not in _TYPES:
            raise ValueError(f"solid elements of type {kind} are not supported; use C3D4, C3D10, C3D8, C3D20")
        name = _TYPES[solid[1]]
        for number, *nodes in lines:
            if len(nodes) != len(ELEMENTS[name].nodes):
                raise ValueError(f"element {number} of type {kind} has {len(nodes)} nodes")
            self.elements[name][int(number)] = [int(node) for node in nodes]
        self._declare(self.element_sets, options.get("ELSET"), lines)

    @staticmethod
    def _declare(sets, name, lines):
        if name:
            sets.setdefault(name.upper(), set()).update(int(line[0]) for line in lines)

    @staticmethod
    def _set(sets, name, generate, lines):
        members = sets.setdefault(name.upper(), set())
        for line in lines:
            if generate:
                first, last, *step = (int(value) for value in line)
                if last - first > _WIDEST_RANGE:
                    raise ValueError(f"GENERATE from {first} to {last} is wider than {_WIDEST_RANGE}")
                members.update(range(first, last + 1, *step))
                continue
            for value in line:
                # a name stands for the members of an earlier set
                members.update({int(value)} if value.lstrip("-").isdigit() else sets[value.upper()])

    def mesh(self, scale_mm) -> UnstructuredMesh:
        """Nodes that solids use and the solids, numbered from zero."""
        cells = {name: members for name, members in sorted(self.elements.items()) if members}
        used = sorted({node for members in cells.values() for nodes in members.values() for node in nodes})
        missing = [node for node in used if node not in self.points]
        if not used or missing:
            raise ValueError(
                f"{str(self.place)!r}: "
                + (
                    f"elements use {len(missing)} nodes without a position, the first is {missing[0]}."
                    if missing
                    else "a mesh needs at least one solid element (C3D4, C3D10, C3D8, C3D20); found none."
                )
            )
        node_of = {number: index for index, number in enumerate(used)}
        element_of = {
            number: index
            for index, number in enumerate(number for members in cells.values() for number in members)
        }
        return make_mesh(
            scale_mm * np.array([self.points[number] for number in used]),
            {name: [[node_of[n] for n in nodes] for nodes in part.values()] for name, part in cells.items()},
            node_sets=_known(self.node_sets, node_of),
            element_sets=_known(self.element_sets, element_of),
            face_sets={name: self._faces(pairs, cells, node_of) for name, pairs in self.surfaces.items()},
        )

    def _faces(self, pairs, cells, node_of):
        faces: dict[str, list[list[int]]] = {}
        for who, side in pairs:
            if not who.isdigit() and who not in self.element_sets:
                raise ValueError(
                    f"{str(self.place)!r}: a surface names the element set {who}, which is not there."
                )
            members = {int(who)} if who.isdigit() else self.element_sets[who]
            for name, part in cells.items():
                element = ELEMENTS[name]
                sides = {f"S{place}": face for place, face in enumerate(_FACES[element.shape], 1)}
                if side not in sides:
                    if members & set(part):
                        raise ValueError(
                            f"{str(self.place)!r}: a surface names side {side} of {who}; {name} has "
                            f"{', '.join(sides)}."
                        )
                    continue
                corners = set(sides[side])
                local = next(f for f in element.faces if set(f[: len(corners)]) == corners)
                for number in sorted(members & set(part)):
                    faces.setdefault(element.face, []).append([node_of[part[number][k]] for k in local])
        return faces


def _known(sets, index_of):
    """Sets of the numbers that are in the mesh; the others belong to what was left out."""
    return {
        name: [index_of[number] for number in sorted(members) if number in index_of]
        for name, members in sets.items()
    }


def write_inp(path, mesh: UnstructuredMesh) -> None:
    """Write nodes, elements (C3D4, C3D8, C3D10, C3D20), sets and surfaces, whole or not at all; unit mm.

    Raises:
      ValueError: the mesh has fields, which the format cannot hold, or a face that no element has.
    """
    if mesh.fields:
        raise ValueError(
            f"`mesh` has the fields {', '.join(mesh.fields)}, which INP cannot hold; write VTU, or take them "
            "out with dataclasses.replace(mesh, fields={})."
        )
    out = ["*HEADING", "osteon mesh, mm", "*NODE"]
    out += [f"{k}, {x!r}, {y!r}, {z!r}" for k, (x, y, z) in enumerate(np.asarray(mesh.points).tolist(), 1)]
    number = 1
    for name, nodes in mesh.cells.items():
        out.append(f"*ELEMENT, TYPE=C3D{len(ELEMENTS[name].nodes)}")
        for row in (np.asarray(nodes) + 1).tolist():
            out += _wrapped([number, *row])
            number += 1
    for keyword, sets in (("NSET", mesh.node_sets), ("ELSET", mesh.element_sets)):
        for name, members in sets.items():
            if len(members):
                out += [f"*{keyword}, {keyword}={name}", *_wrapped((np.asarray(members) + 1).tolist(), "")]
    sides = _sides(mesh) if mesh.face_sets else {}
    for name, parts in mesh.face_sets.items():
        keys = [frozenset(face) for faces in parts.values() for face in np.asarray(faces).tolist()]
        if any(key not in sides for key in keys):
            raise ValueError(f"`mesh.face_sets[{name!r}]` holds a face that no element has.")
        if keys:
            out += [f"*SURFACE, TYPE=ELEMENT, NAME={name}", *(sides[key] for key in keys)]
    with atomic_path(path) as partial:
        partial.write_text("\n".join(out) + "\n")


def _wrapped(values, carry=","):
    """At most 16 numbers a line; an element that goes on ends its line with a comma."""
    lines = [", ".join(map(str, values[k : k + 16])) for k in range(0, len(values), 16)]
    return [line + carry for line in lines[:-1]] + lines[-1:]


def _sides(mesh):
    """Element number and side of every face, by the set of its nodes."""
    sides, number = {}, 1
    for name, nodes in mesh.cells.items():
        element = ELEMENTS[name]
        local = []
        for corners in _FACES[element.shape]:
            local.append(next(f for f in element.faces if set(f[: len(corners)]) == set(corners)))
        for row in np.asarray(nodes).tolist():
            for side, face in enumerate(local, 1):
                sides[frozenset(row[k] for k in face)] = f"{number}, S{side}"
            number += 1
    return sides
