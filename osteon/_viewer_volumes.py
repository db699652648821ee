"""maps/viewer.npz: the voxel fields of a run that its report shows, small and quick to read.

Every field is that of the bone voxels of a level in C order, in 16 bits: value = low + step * number, or ten
to that power. The kinds: `density` (mg/cm3, baseline), `difference` (mg/cm3, from baseline), `half_width`
(half of the 95 % interval of the parameters, % of baseline), `energy` (strain energy density, MPa).
"""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ._arm_draws import DrawsOf
from ._errors import UserError
from ._prepared import Prepared
from ._runfolder import RunFolder, write_atomic
from ._simulation import ArmResult

FORMAT = "osteon-viewer/1"
MOST_VALUES = 2_500_000
"""Voxel values in a report at most: about 5 MB before compression."""
_MOST_BYTES = 64 * MOST_VALUES
_TOP = 65535
_ZERO = 32768


@dataclass(frozen=True)
class Field:
    """One quantity of the bone voxels of a level."""

    level: int
    "position of the level"
    arm: int | None
    "position of the arm; None: before treatment, the same in every arm"
    month: int
    "months since the start"
    kind: str
    "density, difference, half_width or energy"
    values: np.ndarray
    "one number a bone voxel, C order, (nb,)"


@dataclass(frozen=True)
class Place:
    """Where the voxels of a level are."""

    name: str
    "name of the level"
    bone: np.ndarray
    "voxels of the body, boolean, (nx, ny, nz) in RAS order"
    held: np.ndarray
    "bone voxels held fixed, boolean, same shape"
    spacing: tuple[float, ...]
    "voxel edges, mm"
    origin: np.ndarray
    "centre of voxel [0, 0, 0], mm, (3,)"
    direction: np.ndarray
    "axes as columns, (3, 3)"


def write_volumes(folder: RunFolder, prepared: Prepared, results: list[ArmResult], draws: DrawsOf) -> Path:
    """Write maps/viewer.npz of a run."""
    arms = [arm.name for arm in prepared.arms]
    months = [int(month) for month in results[0].months]
    names = [level.name for level in prepared.levels]
    places, fields = [], []
    for level in prepared.levels:
        mine = {result.arm: result for result in results if result.level == level.name}
        held = np.zeros(level.bone.shape, bool)
        held[level.bone] = next(iter(mine.values())).held
        places.append(
            Place(
                name=level.name,
                bone=level.bone,
                held=held,
                spacing=tuple(float(edge) for edge in np.asarray(level.grid.spacing)),
                origin=np.asarray(level.grid.origin, float),
                direction=np.asarray(level.grid.direction, float),
            )
        )
        position = names.index(level.name)
        first = mine[arms[0]]
        fields.append(Field(position, None, 0, "density", 1000 * first.density[0]))
        fields.append(Field(position, None, 0, "energy", first.energy[0]))
        for arm, name in enumerate(arms):
            result, drawn = mine[name], draws[level.name, name]
            for index in range(1, len(months)):
                change = 1000 * (result.density[index] - result.density[0])
                width = 0.5 * (drawn.voxel_high - drawn.voxel_low)[index]
                fields.append(Field(position, arm, months[index], "difference", change))
                fields.append(Field(position, arm, months[index], "half_width", width))
                fields.append(Field(position, arm, months[index], "energy", result.energy[index]))
    content = encode(arms, months, *lighten(places, fields, MOST_VALUES))
    return write_atomic(folder.folder("maps") / "viewer.npz", content)


def lighten(places: list[Place], fields: list[Field], most: int) -> tuple[list[Place], list[Field], str]:
    """Fields of at most about `most` values in all: fewer months first, then means of blocks of voxels.

    Returns:
      places, fields, and what was left out, in words (empty: nothing).
    """
    said = ""
    if _size(fields) > most and len({field.month for field in fields}) > 2:
        last = max(field.month for field in fields)
        fields = [field for field in fields if field.month in (0, last)]
        said = f"Of the months after the start only month {last} is here, to keep the file small."
    edge = max(1, int(np.ceil((_size(fields) / most) ** (1 / 3))))
    if edge > 1:
        blocks = [_Blocks(place.bone, edge) for place in places]
        fields = [
            Field(f.level, f.arm, f.month, f.kind, blocks[f.level].mean(np.asarray(f.values))) for f in fields
        ]
        places = [block.place(place) for block, place in zip(blocks, places, strict=True)]
        said += f" Blocks of {edge} x {edge} x {edge} voxels are shown as the mean of the bone in them."
    return places, fields, said.strip()


def _size(fields: list[Field]) -> int:
    return sum(len(field.values) for field in fields)


class _Blocks:
    """Means over cubes of `edge` voxels of the bone inside them."""

    def __init__(self, bone: np.ndarray, edge: int):
        self.bone, self.edge = bone, edge
        self.count = self._sums(bone)
        self.kept = self.count > 0

    def _sums(self, grid: np.ndarray) -> np.ndarray:
        padded = np.pad(grid.astype(float), [(0, -size % self.edge) for size in grid.shape])
        shape = [part for size in padded.shape for part in (size // self.edge, self.edge)]
        return padded.reshape(shape).sum(axis=(1, 3, 5))

    def mean(self, values: np.ndarray) -> np.ndarray:
        grid = np.zeros(self.bone.shape)
        grid[self.bone] = values
        return self._sums(grid)[self.kept] / self.count[self.kept]

    def place(self, place: Place) -> Place:
        spacing = np.asarray(place.spacing)
        return Place(
            name=place.name,
            bone=self.kept,
            held=self._sums(place.held) > 0.5 * np.maximum(self.count, 1),
            spacing=tuple(float(self.edge * size) for size in spacing),
            origin=place.origin + place.direction @ (0.5 * (self.edge - 1) * spacing),
            direction=place.direction,
        )


def encode(arms: list[str], months: list[int], places: list[Place], fields: list[Field], said: str) -> bytes:
    """Content of viewer.npz."""
    arrays: dict[str, np.ndarray] = {}
    levels, listed = [], []
    for number, place in enumerate(places):
        arrays[f"bone_{number}"] = np.packbits(place.bone.ravel())
        arrays[f"held_{number}"] = np.packbits(place.held[place.bone])
        levels.append(
            {
                "name": place.name,
                "shape": list(place.bone.shape),
                "voxels": int(place.bone.sum()),
                "spacing": list(place.spacing),
                "origin": place.origin.tolist(),
                "direction": place.direction.tolist(),
            }
        )
    for number, field in enumerate(fields):
        arrays[f"field_{number}"], scale = quantise(np.asarray(field.values, float), field.kind)
        listed.append(
            {"level": field.level, "arm": field.arm, "month": field.month, "kind": field.kind, **scale}
        )
    kept = sorted({field.month for field in fields} & set(months))
    index = {"format": FORMAT, "arms": arms, "months": kept, "levels": levels, "fields": listed, "said": said}
    arrays["index"] = np.frombuffer(json.dumps(index).encode("utf-8"), np.uint8)
    stream = io.BytesIO()
    np.savez_compressed(stream, allow_pickle=False, **arrays)
    return stream.getvalue()


def quantise(values: np.ndarray, kind: str) -> tuple[np.ndarray, dict[str, Any]]:
    """Values as 16-bit numbers, and the scale that brings them back; what is not a number becomes zero.

    A difference keeps its zero exactly; an energy goes by its logarithm, eight decades below the largest.
    """
    values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    if kind == "energy":
        top = np.log10(max(float(values.max(initial=0.0)), 1e-30))
        low, step = top - 8.0, 8.0 / _TOP
        numbers = (np.log10(np.clip(values, 10**low, None)) - low) / step
    elif kind == "difference":
        step = max(float(np.abs(values).max(initial=0.0)), 1e-6) / (_ZERO - 1)
        low = -_ZERO * step
        numbers = values / step + _ZERO
    else:
        low, step = 0.0, max(float(values.max(initial=0.0)), 1e-6) / _TOP
        numbers = values / step
    scale = {"low": float(low), "step": float(step), "power": kind == "energy"}
    return np.clip(np.rint(numbers), 0, _TOP).astype("<u2"), scale


def read_volumes(path: Path) -> tuple[dict[str, Any], list[bytes]]:
    """Index of viewer.npz with, for every mask and field, where its bytes begin; and those bytes.

    Raises:
      UserError: the file is damaged or is not one of osteon.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > _MOST_BYTES:
                raise ValueError("it unpacks to more than a report can hold")
        with np.load(path, allow_pickle=False) as file:
            index = json.loads(file["index"].tobytes().decode("utf-8"))
            if index["format"] != FORMAT:
                raise ValueError(f"format {index['format']!r} where {FORMAT!r} was expected")
            return _checked(index, file)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(
            f"'maps/{path.name}' of the run is damaged ({error}); run the study again, or remove the file "
            "for a report without slices"
        ) from error


def _checked(index: dict[str, Any], file: Any) -> tuple[dict[str, Any], list[bytes]]:
    parts: list[bytes] = []
    begin = 0

    def take(name: str, kind: str, size: int) -> int:
        nonlocal begin
        array = file[name]
        if array.dtype.str[1:] != kind or array.shape != (size,):
            raise ValueError(f"{name} has {array.dtype} {array.shape} where {kind} ({size},) was expected")
        # High bytes of neighbours are alike: apart from the low ones they compress better.
        planes = array.astype("<u2").view(np.uint8).reshape(-1, 2).T if kind == "u2" else array
        parts.append(planes.tobytes())
        begin += len(parts[-1])
        return begin - len(parts[-1])

    for number, level in enumerate(index["levels"]):
        cells = int(np.prod([int(size) for size in level["shape"]]))
        level["bone"] = take(f"bone_{number}", "u1", -(-cells // 8))
        level["held"] = take(f"held_{number}", "u1", -(-int(level["voxels"]) // 8))
        inside = int(np.unpackbits(file[f"bone_{number}"], count=cells).sum())
        if inside != level["voxels"]:
            raise ValueError(f"bone_{number} has {inside} voxels where {level['voxels']} were expected")
    for number, field in enumerate(index["fields"]):
        field["begin"] = take(f"field_{number}", "u2", int(index["levels"][field["level"]]["voxels"]))
    return index, parts
