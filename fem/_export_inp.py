"""Voxel models as input of Abaqus and CalculiX (INP)."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

import numpy as np

from meshes import atomic_path

from ._export_bins import Binning, bin_moduli
from ._export_model import VoxelModel

# Corners of C3D8: lower face counter-clockwise, then the upper one, as positions in this package's order.
_C3D8 = np.array([0, 4, 6, 2, 1, 5, 7, 3])
_CHUNK = 100_000
"""Lines that are made at a time."""
_FACES = {
    f"{axis}{end}": (number, end == "MAX") for number, axis in enumerate("XYZ") for end in ("MIN", "MAX")
}


def write_inp(path: str | os.PathLike[str], model: VoxelModel, *, bins: int = 256) -> Binning:
    """Write a model as an input deck with one linear static step, whole or not at all.

    Elements are C3D8, numbered from 1 in the order of `np.argwhere(mask)`; nodes are numbered from 1 in C
    order of the grid, the corner of the box at the origin, mm. Sets: ALL and MODULUS-001, -002, ... of
    elements; XMIN to ZMAX (nodes on the faces of the box), HELD and PINS of nodes. Holds at zero stand before
    the step, other prescribed displacements and the forces in it. The step asks for displacements, nodal
    forces, stresses, strains and energy densities, and prints the nodal forces of the faces that are held.

    Args:
      path: target ending in .inp; replaced if it exists.
      model: the model of `export_model`.
      bins: largest number of materials; see `bin_moduli` for the classes and what they cost.

    Returns:
      The classes of the moduli, with the error they make. The head of the file states it too.

    Raises:
      ValueError: another suffix, or `bins` below 1.
      FileNotFoundError: the folder does not exist.

    Limits: CalculiX integrates C3D8 in full, as this package does, and gives the same force; Abaqus takes
      the mean dilatation of an element (selectively reduced integration), a somewhat softer element. CalculiX
      must solve directly (SPOOLES or PARDISO, its default): its iterative solver stops too early.

    Reference: Dhondt, CalculiX CrunchiX user's manual 2.20, "Input deck format".
    """
    target = Path(path)
    if target.suffix.lower() != ".inp":
        raise ValueError(f"`path` must end in .inp, got {target.name!r}")
    classes = bin_moduli(model.modulus, bins)
    with atomic_path(target) as partial, partial.open("w", encoding="ascii", newline="\n") as file:
        _write_head(file, model, classes)
        _write_mesh(file, model, classes)
        _write_materials(file, model, classes)
        _write_step(file, model)
    return classes


def _write_head(file: TextIO, model: VoxelModel, classes: Binning) -> None:
    name = model.title.encode("ascii", "replace").decode()
    file.write(
        f"*HEADING\nvoxel model, mm N MPa: {name}\n"
        f"** {len(model.elements)} elements of {model.voxel_mm:.12g} mm, {len(model.nodes)} nodes, box "
        f"{' x '.join(map(str, model.shape))}\n"
        f"** {len(classes.modulus)} materials, classes of width {classes.width:.6g} (ratio)\n"
        f"** modulus of a class against its elements: largest error {classes.largest_error:.3e}, which "
        f"bounds that of the force; root mean square {classes.rms_error:.3e}\n"
    )


def _write_mesh(file: TextIO, model: VoxelModel, classes: Binning) -> None:
    number = np.arange(1, len(model.nodes) + 1)
    file.write("*NODE, NSET=NODES\n")
    # CalculiX reads twenty characters of a number and drops the rest, the exponent too
    _write_rows(file, "%d, %.12e, %.12e, %.12e", [number, *(model.nodes * model.voxel_mm).T])
    file.write("*ELEMENT, TYPE=C3D8, ELSET=ALL\n")
    number = np.arange(1, len(model.elements) + 1)
    _write_rows(file, "%d" + 8 * ", %d", [number, *(model.connectivity[:, _C3D8].T + 1)])
    order = np.argsort(classes.index, kind="stable")
    ends = np.cumsum(np.bincount(classes.index, minlength=len(classes.modulus)))
    for name, members in zip(_names(classes), np.split(order, ends[:-1]), strict=True):
        _write_set(file, f"*ELSET, ELSET={name}", members)
    for face, where in face_nodes(model).items():
        _write_set(file, f"*NSET, NSET={face}", np.flatnonzero(where))
    _write_set(file, "*NSET, NSET=HELD", np.flatnonzero(model.held.any(axis=1)))
    if model.pins.any():
        _write_set(file, "*NSET, NSET=PINS", np.flatnonzero(model.pins.any(axis=1)))


def _write_materials(file: TextIO, model: VoxelModel, classes: Binning) -> None:
    material = model.material
    if not model.isotropic:
        file.write("*ORIENTATION, NAME=GRID, SYSTEM=RECTANGULAR\n1., 0., 0., 0., 1., 0.\n")
    for name, modulus in zip(_names(classes), classes.modulus, strict=True):
        file.write(f"*MATERIAL, NAME={name}\n")
        if model.isotropic:
            file.write(f"*ELASTIC\n{modulus:.12e}, {material.poisson:.12e}\n")
            file.write(f"*SOLID SECTION, ELSET={name}, MATERIAL={name}\n")
            continue
        constants = modulus * np.array(
            [
                material.transverse,
                material.transverse,
                1.0,
                material.poisson_transverse / modulus,
                # nu_xz / E_x = nu_zx / E_z
                material.poisson * material.transverse / modulus,
                material.poisson * material.transverse / modulus,
                material.shear_transverse,
                material.shear_axial,
                material.shear_axial,
            ]
        )
        file.write("*ELASTIC, TYPE=ENGINEERING CONSTANTS\n")
        file.write(", ".join(f"{constant:.12e}" for constant in constants[:8]))
        file.write(f"\n{constants[8]:.12e}\n")
        file.write(f"*SOLID SECTION, ELSET={name}, MATERIAL={name}, ORIENTATION=GRID\n")


def _write_step(file: TextIO, model: VoxelModel) -> None:
    moved = model.held & (model.value != 0)
    _write_components(file, "*BOUNDARY", (model.held | model.pins) & ~moved)
    file.write("*STEP\n*STATIC\n")
    _write_components(file, "*BOUNDARY", moved, model.value)
    _write_components(file, "*CLOAD", model.force != 0, model.force)
    file.write("*NODE FILE\nU, RF\n*EL FILE\nS, E, ENER\n")
    for face, where in face_nodes(model).items():
        if model.held[where].all(axis=0).any():
            file.write(f"*NODE PRINT, NSET={face}, TOTALS=YES\nRF\n")
    file.write("*END STEP\n")


def _write_components(
    file: TextIO, keyword: str, where: np.ndarray, values: np.ndarray | None = None
) -> None:
    """One line per nodal component: node, first and last direction, value; forces have one direction."""
    node, component = np.nonzero(where)
    if len(node) == 0:
        return
    file.write(keyword + "\n")
    columns = [node + 1, component + 1]
    if keyword == "*BOUNDARY":
        columns.append(component + 1)
    form = ", ".join(["%d"] * len(columns))
    if values is not None:
        columns.append(values[node, component])
        form += ", %.12e"
    _write_rows(file, form, columns)


def face_nodes(model: VoxelModel) -> dict[str, np.ndarray]:
    """Nodes on each face of the box by the name of its set, boolean, (nn,); empty faces are left out."""
    found = {
        name: model.nodes[:, axis] == (model.shape[axis] if last else 0)
        for name, (axis, last) in _FACES.items()
    }
    return {name: where for name, where in found.items() if where.any()}


def _names(classes: Binning) -> list[str]:
    digits = max(3, len(str(len(classes.modulus))))
    return [f"MODULUS-{number:0{digits}d}" for number in range(1, len(classes.modulus) + 1)]


def _write_set(file: TextIO, head: str, members: np.ndarray) -> None:
    """A set, sixteen numbers a line as the formats allow."""
    numbers = (members + 1).tolist()
    file.write(head + "\n")
    file.writelines(
        ", ".join(map(str, numbers[first : first + 16])) + "\n" for first in range(0, len(numbers), 16)
    )


def _write_rows(file: TextIO, form: str, columns: Iterable[np.ndarray]) -> None:
    """Rows of columns of numbers in a printf form."""
    columns = list(columns)
    for first in range(0, len(columns[0]), _CHUNK):
        part = [column[first : first + _CHUNK].tolist() for column in columns]
        file.write("".join(form % row + "\n" for row in zip(*part, strict=True)))
