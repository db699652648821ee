"""One image and one load from Python: `osteon.solve`."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import dataclass
from math import degrees
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._errors import UserError
from ._table import Table, make_table

if TYPE_CHECKING:
    import numpy as np

    from ._solve_body import Body


@dataclass(frozen=True, repr=False)
class SolveResult:
    """One solved body; everything in it is a NumPy array or plain Python."""

    summary: dict[str, Any]
    "what summary.json of `osteon solve` holds"
    maps: dict[str, np.ndarray]
    "sed_mean_mpa, sed_centroid_mpa, effective_strain on `grid`, NaN outside the bone; none for a stiffness"
    grid: Any
    "the image that the maps lie on, in RAS order or turned upright, `meshes.Image`"
    bone: np.ndarray
    "bone voxels on `grid`, boolean"

    @property
    def table(self) -> Table:
        """One row with the numbers of the solve."""
        from ._cases import SOLVE_COLUMNS

        numbers = {name: self.summary.get(name) for name in SOLVE_COLUMNS}
        return make_table([{key: value for key, value in numbers.items() if isinstance(value, (int, float))}])

    @property
    def affine(self) -> np.ndarray:
        """Voxel index to RAS millimetres of `grid`, (4, 4)."""
        import meshes

        return meshes.affine_of(self.grid)

    def image(self, name: str) -> Any:
        """A map as `meshes.Image` on `grid`, NaN outside the bone.

        Raises:
          UserError: a name that is not there.
        """
        import meshes

        if name not in self.maps:
            raise UserError(f"there is no map {name!r}; there is {', '.join(self.maps) or 'none'}")
        grid = self.grid
        return meshes.make_image(
            self.maps[name], grid.spacing, origin=grid.origin, direction=grid.direction, quantity="field"
        )

    def figure(self, name: str = "energy") -> Any:
        """A picture as `matplotlib.figure.Figure`.

        Args:
          name: "energy" (strain energy density in three slices) or "strength" (the curve beyond yield).

        Raises:
          UserError: another name, or a result without that figure.
        """
        if name == "strength" and "nonlinear" in self.summary:
            from ._solve_strength import curve_figure

            return curve_figure(self.summary["nonlinear"], self.summary["strength_pistoia_n"])
        if name != "energy" or not self.maps:
            raise UserError(
                f'there is no figure {name!r}; "energy" shows the map of one load case and "strength" the '
                'curve of strength="nonlinear"'
            )
        from ._map_figures import energy_figure

        spacing = tuple(float(edge) for edge in self.grid.spacing)
        title = f"strain energy density, load {self.summary['load_case']['name']}"
        return energy_figure(self.maps["sed_mean_mpa"], self.bone, spacing, title=title)

    def __repr__(self) -> str:
        return f"SolveResult({', '.join(f'{k} {v}' for k, v in self.table.rows()[0].items())})"

    def _repr_html_(self) -> str:
        return self.table._repr_html_()


def solve(
    image: Any,
    *,
    voxel_mm: float | None = None,
    modulus_mpa: float | None = None,
    mask: Any = None,
    label: int | None = None,
    law: str | None = None,
    density_type: str | None = None,
    load: str = "axial",
    strain: float | None = None,
    displacement_mm: float | None = None,
    angle_rad: float | None = None,
    force_n: tuple[float, float, float] | None = None,
    pressure_mpa: float | None = None,
    strain_tensor: tuple[float, ...] | None = None,
    poisson: float = 0.3,
    cap_thickness_mm: float = 3.0,
    rtol: float = 1e-6,
    max_iterations: int = 1000,
    strength: str = "linear",
    strength_strain: float = 0.025,
    strength_steps: int = 20,
    memory_gb: float | None = None,
    assume_units: str | None = None,
    resample_mask: bool = False,
    axis: str | None = None,
) -> SolveResult:
    """Solve one body under one load, as `osteon solve` does, in double precision for this call alone.

    Args:
      image: a binary mask, or with `mask` a density: a path, an array [x, y, z] (density in mg/cm3) with
        `voxel_mm`, or a `meshes.Image` (density in g/cm3).
      voxel_mm: voxel edge, mm; read from a file that says it.
      modulus_mpa: of bone tissue in a binary mask, MPa; 10000 if left out.
      mask: label image on the grid of the density: path, array or `meshes.Image`.
      label: of the bone in `mask`; 1 if left out.
      law: density-modulus law, a name of `fem.DENSITY_LAWS`.
      density_type: "ha", "k2hpo4", "ash" or "apparent"; a `meshes.Image` brings its own.
      load: load case (docs/loads.md), or "stiffness-kubc" or "stiffness-periodic".
      strain, displacement_mm, angle_rad, force_n, pressure_mpa, strain_tensor: size of the load, of the kind
        that the load case takes; compression is negative.
      poisson: Poisson ratio.
      cap_thickness_mm: least thickness of the caps of a load case that has them, mm.
      rtol: relative true residual to reach.
      max_iterations: give up after so many.
      strength: "linear", or "nonlinear" to push the body beyond yield as well.
      strength_strain, strength_steps: end and increments of that curve.
      memory_gb: refuse above this memory plan; 90 % of the machine's if left out.
      assume_units: "mm": unit of files that state none, which are refused otherwise.
      resample_mask: bring a mask on another grid onto that of the image.
      axis: "endplates" to load a vertebral body from endplate to endplate (with `mask`; left out, so are the
        pmma loads), "image" to load along z of the image.

    Raises:
      UserError: bad input.
      NotConvergedError: the solve did not reach `rtol`.
      MemoryRefused: the memory plan is above the limit.

    A bar of 4 x 4 x 8 voxels of 10,000 MPa between frictionless platens: E A / L is 10000 * 16 / 8 N/mm.

    >>> import numpy as np
    >>> result = solve(np.ones((4, 4, 8)), voxel_mm=1.0, load="uniaxial")
    >>> round(result.summary["stiffness_n_per_mm"], 3)
    20000.0
    """
    from ._api import double_precision
    from ._cli import build_parser

    # The command line's own defaults and names, so that both ways in are one program.
    arguments = build_parser().parse_args(["solve", "image"])
    given: dict[str, Any] = {
        "voxel_mm": voxel_mm, "modulus_mpa": modulus_mpa, "label": label, "law": law, "load": load,
        "strain": strain, "displacement_mm": displacement_mm, "pressure_mpa": pressure_mpa,
        "angle_deg": None if angle_rad is None else degrees(angle_rad), "force_n": force_n,
        "strain_tensor": strain_tensor, "poisson": poisson, "cap_thickness_mm": cap_thickness_mm,
        "rtol": rtol, "max_iterations": max_iterations, "strength": strength,
        "strength_strain": strength_strain, "strength_steps": strength_steps, "memory_gb": memory_gb,
        "assume_units": assume_units, "resample_mask": resample_mask, "axis": axis,
    }  # fmt: skip
    vars(arguments).update(given)
    with double_precision():
        quantity = "mask" if mask is None else "density"
        arguments.image = _image(image, quantity, voxel_mm, density_type, "image")
        arguments.mask = None if mask is None else _image(mask, "label", voxel_mm, None, "mask")
        arguments.density_type = getattr(arguments.image, "density_type", None) or density_type
        return _solved(arguments)


def _image(given: Any, quantity: str, voxel_mm: float | None, density_type: str | None, name: str) -> Any:
    """A path as it is, an image checked, an array as an image."""
    import numpy as np

    import meshes

    from ._errors import input_errors

    if isinstance(given, (str, Path)):
        return Path(given)
    if isinstance(given, meshes.Image):
        if given.quantity != quantity:
            raise UserError(f"`{name}` is an image of quantity {given.quantity!r}; it must be {quantity!r}")
        return given
    if voxel_mm is None:
        raise UserError(f"`{name}` is an array and `voxel_mm` is missing; give the edge of a voxel in mm")
    values = np.asarray(given)
    with input_errors(f"`{name}`"):
        if quantity == "density":
            values = 1e-3 * values
        return meshes.make_image(values, voxel_mm, quantity=quantity, density_type=density_type)


def _solved(arguments: Namespace) -> SolveResult:

    from ._machine import require_memory
    from ._runfolder import finite
    from ._solve_command import read_task, solve_body
    from ._solve_loads import chosen_load
    from ._solve_stiffness import solve_stiffness
    from ._solve_strength import nonlinear_strength

    load, whole = chosen_load(arguments)
    body, extra, task = read_task(arguments, load, whole)
    require_memory(len(body.modulus), arguments.memory_gb, task=task)
    settings = {name: getattr(arguments, name) for name in ("poisson", "rtol", "max_iterations")}
    maps: dict[str, np.ndarray] = {}
    if whole:
        summary = {"format": "osteon-stiffness/1", **solve_stiffness(body, load, **settings)}
    else:
        summary, fields, _ = solve_body(body, load, **settings)
        summary = {"format": "osteon-solve/1", **summary}
        maps = _maps(body, fields)
        if task == "push":
            summary["nonlinear"] = nonlinear_strength(
                body, load, summary, strain=arguments.strength_strain, steps=arguments.strength_steps
            )
    summary = finite({**extra, **summary, "notes": list(body.notes)})
    return SolveResult(summary, maps, body.image, body.image_mask)


def _maps(body: Body, fields: Any) -> dict[str, np.ndarray]:
    import numpy as np

    maps = {}
    for file_name, name in (
        ("sed_mean_mpa", "sed_mean"),
        ("sed_centroid_mpa", "sed_centroid"),
        ("effective_strain", "effective_strain"),
    ):
        grid = np.full(body.image_mask.shape, np.nan)
        grid[body.image_mask] = np.asarray(getattr(fields, name))[body.bone]
        maps[file_name] = grid
    return maps
