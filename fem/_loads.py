"""Load cases with their size, checked and described. Compression is negative."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from ._load_definitions import LOAD_CASES, LoadCaseDefinition

_COMPONENTS = ("xx", "yy", "zz", "yz", "xz", "xy")
_SIZES = {
    "strain": ("strain", "1"),
    "displacement_mm": ("displacement", "mm"),
    "angle_rad": ("angle", "rad"),
    "force_n": ("force", "N"),
    "pressure_mpa": ("pressure", "MPa"),
}


@dataclass(frozen=True)
class LoadCase:
    """A load case with its size, made by `load_case`. A pytree: the size is data, the rest is static, so that
    a new size needs no new program; hashable while its size holds numbers."""

    name: str
    "name of the definition in LOAD_CASES"
    version: int
    "version of the definition"
    quantity: str
    "what the size is: strain, displacement_mm, angle_rad, force_n or pressure_mpa"
    size: tuple[float, ...]
    "one number; six strains (kinematic-uniform, periodic) or three forces (force)"

    @property
    def definition(self) -> LoadCaseDefinition:
        """The row of LOAD_CASES."""
        return LOAD_CASES[self.name]

    @property
    def strain(self) -> float | tuple[float, ...] | None:
        """Strain, - (six of them for a macroscopic strain); None where the size is something else."""
        if self.quantity != "strain":
            return None
        return self.size[0] if len(self.size) == 1 else self.size

    @property
    def displacement_mm(self) -> float | None:
        """Displacement of the top, mm; None where the size is something else."""
        return self.size[0] if self.quantity == "displacement_mm" else None


jax.tree_util.register_dataclass(LoadCase, data_fields=["size"], meta_fields=["name", "version", "quantity"])


def load_case(
    name: str,
    *,
    strain: float | Sequence[float] | np.ndarray | None = None,
    displacement_mm: float | None = None,
    angle_rad: float | None = None,
    force_n: Sequence[float] | np.ndarray | None = None,
    pressure_mpa: float | None = None,
) -> LoadCase:
    """Load case by name, checked. Give exactly one size, of a kind that the case takes.

    Args:
      name: a key of LOAD_CASES.
      strain: displacement of the top over the height of the whole box of elements (caps included), -; the
        engineering shear strain for shear; six macroscopic strains xx yy zz yz xz xy (engineering shear) for
        kinematic-uniform and periodic. Compression is negative.
      displacement_mm: displacement of the top, mm; compression is negative.
      angle_rad: angle between the platens (bending, torsion), rad, by the right-hand rule for the upper one.
      force_n: total force on the top face along x, y, z, N; compression has a negative z.
      pressure_mpa: pressure on the top face, MPa, positive where it presses.

    Raises:
      ValueError: unknown name, none or several sizes given, one that the case does not take, or a size that
        is zero, not finite, of the wrong length, or a strain or angle of 1 or more.
    """
    if name not in LOAD_CASES:
        raise ValueError(f"`name` must be a load case, one of {', '.join(LOAD_CASES)}; got {name!r}")
    allowed = LOAD_CASES[name].sizes
    choices = f"`{allowed[0]}`" if len(allowed) == 1 else " and ".join(f"`{size}`" for size in allowed)
    sizes = {
        "strain": strain,
        "displacement_mm": displacement_mm,
        "angle_rad": angle_rad,
        "force_n": force_n,
        "pressure_mpa": pressure_mpa,
    }
    given = [key for key, size in sizes.items() if size is not None]
    if len(given) != 1:
        count = "neither" if not given else "both" if len(given) == 2 else f"{len(given)}"
        raise ValueError(
            f"exactly one of {choices} must be given for the load case {name!r}, got {count}; "
            f"for example {_EXAMPLES[allowed[0]]}"
        )
    quantity = given[0]
    if quantity not in allowed:
        raise ValueError(f"the load case {name!r} is sized by {choices}, got `{quantity}`")
    values = tuple(float(value) for value in np.ravel(np.asarray(sizes[quantity], dtype=np.float64)))
    wanted = _length(LOAD_CASES[name], quantity)
    if len(values) != wanted:
        words = {1: "one number", 3: "three components x y z", 6: f"six components {' '.join(_COMPONENTS)}"}
        raise ValueError(
            f"`{quantity}` of the load case {name!r} must be {words[wanted]}, got {len(values)} numbers"
        )
    if not np.isfinite(values).all() or not any(values):
        shown = values[0] if wanted == 1 else list(values)
        raise ValueError(f"`{quantity}` must be finite and not zero, got {shown}; compression is negative")
    if quantity == "strain" and max(map(abs, values)) >= 1.0:
        raise ValueError(
            f"`strain` is a fraction and must be below 1 in size, got {max(values, key=abs)}; write one "
            "percent as 0.01"
        )
    if quantity == "angle_rad" and abs(values[0]) >= 1.0:
        raise ValueError(
            f"`angle_rad` must be below 1 rad in size (the theory is linear), got {values[0]}; one degree is "
            "0.01745"
        )
    return LoadCase(name, LOAD_CASES[name].version, quantity, values)


_EXAMPLES = {
    "strain": "strain=-0.01 for one percent of compression (six numbers for a macroscopic strain)",
    "angle_rad": "angle_rad=0.01",
    "force_n": "force_n=(0, 0, -500)",
    "pressure_mpa": "pressure_mpa=0.5",
}


def _length(definition: LoadCaseDefinition, quantity: str) -> int:
    if definition.motion in ("affine", "periodic"):
        return 6
    return 3 if quantity == "force_n" else 1


def describe_load(load: LoadCase) -> dict[str, Any]:
    """Machine-readable description of a load case (plain JSON types).

    Keys: name, version, sentence, size (quantity, value, unit; components where there are several),
    generalised_force (quantity, unit), caps, free (rigid motions without energy), in_plane_free and held: a
    list of (face, component, value_mm) entries, where the value is a number or words: "displacement" is the
    displacement of the top, which is strain x height if a strain was given; other words are formulas of the
    position x, y, z (mm, from the centre) and the size. Faces are x-min, x-max, ..., z-max. Loads by force
    carry `applied`, what acts on the top face.
    """
    definition = load.definition
    quantity, unit = _SIZES[load.quantity]
    several = len(load.size) > 1
    size: dict[str, Any] = {
        "quantity": quantity,
        "value": [float(value) for value in load.size] if several else float(load.size[0]),
        "unit": unit,
    }
    if several:
        size["components"] = list(_COMPONENTS if len(load.size) == 6 else "xyz")
    described: dict[str, Any] = {
        "name": load.name,
        "version": load.version,
        "sentence": definition.sentence,
        "size": size,
        "generalised_force": dict(zip(("quantity", "unit"), definition.conjugate, strict=True)),
        "caps": definition.caps,
        "free": definition.free,
        "in_plane_free": definition.free == "in-plane",
        "held": [
            {"face": face, "component": component, "value_mm": _described_value(load, face, component)}
            for face, components in definition.held
            for component in components
        ],
    }
    if definition.motion in ("force", "pressure"):
        described["applied"] = {"face": "z-max", **size}
    if definition.motion == "periodic":
        described["tied"] = ["x-min = x-max", "y-min = y-max", "z-min = z-max"]
    return described


def _described_value(load: LoadCase, face: str, component: str) -> float | str:
    motion = load.definition.motion
    at_top = face == "z-max"
    if motion in ("x", "y", "z"):
        moved: float | str = "displacement" if load.displacement_mm is None else float(load.displacement_mm)
        return moved if at_top and component == motion else 0.0
    if motion == "twist":
        return {"x": "-angle y", "y": "angle x"}.get(component, 0.0) if at_top else 0.0
    if motion in ("turn-x", "turn-y") and component == "z":
        rising = (motion == "turn-x") == at_top
        return f"{'' if rising else '-'}angle {'y' if motion == 'turn-x' else 'x'} / 2"
    if motion.startswith("shear-") and face[0] != component:
        return f"strain {face[0]} / 2"
    if motion == "affine":
        first, second, third = (
            ("xx", "xy / 2", "xz / 2") if component == "x" else
            ("xy / 2", "yy", "yz / 2") if component == "y" else
            ("xz / 2", "yz / 2", "zz")
        )  # fmt: skip
        return f"{first} x + {second} y + {third} z"
    return 0.0


def prescribed_displacement_mm(load: LoadCase, shape: tuple[int, int, int], voxel_mm: float) -> float:
    """Displacement of the top in mm, along its direction, for a box of `shape` elements.

    Raises:
      ValueError: a load case whose top is not moved along an axis.
    """
    if load.definition.motion not in ("x", "y", "z"):
        raise ValueError(
            f"`load` must move the top face along an axis to have a displacement, got {load.name!r}; "
            f"its size is {load.quantity}"
        )
    return load.size[0] * (shape[2] * float(voxel_mm) if load.quantity == "strain" else 1.0)
