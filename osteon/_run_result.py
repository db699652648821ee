"""What `osteon.run` returns: numbers, maps and figures of a study, in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._errors import UserError
from ._progress import progress_bar
from ._study_tables import Study
from ._table import Table

if TYPE_CHECKING:
    import numpy as np

FIGURES = ("change", "density", "energy", "interval", "hormones", "levels", "activities", "strength")
"""Names that `RunResult.figure` takes."""


@dataclass(frozen=True, repr=False)
class LevelMaps:
    """Maps of one level in one arm, on the grid of the model (RAS order) or of the image.

    `maps["change_percent"]` is the map at the last month, NaN outside the bone.
    """

    level: Any
    "the body, with its grid and the image it came from"
    months: tuple[int, ...]
    "months that have maps, 0 first"
    fields: tuple[dict[str, np.ndarray], ...]
    "values of the bone voxels by name, (nb,), one dict a month"

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the maps, each ending in its unit; strain has none."""
        return tuple(self.fields[0])

    @property
    def bone(self) -> np.ndarray:
        """Voxels of the body, boolean, (nx, ny, nz)."""
        return self.level.bone

    @property
    def affine(self) -> np.ndarray:
        """Voxel index to RAS millimetres of the grid of the model, (4, 4)."""
        import meshes

        return meshes.affine_of(self.level.grid)

    @property
    def spacing_mm(self) -> tuple[float, ...]:
        """Voxel edges of the grid of the model, mm."""
        return tuple(float(edge) for edge in self.level.grid.spacing)

    def __getitem__(self, name: str) -> np.ndarray:
        return self.array(name)

    def values(self, name: str, *, month: int | None = None) -> np.ndarray:
        """Values of the bone voxels, (nb,), in the order of `np.argwhere(maps.bone)`.

        Args:
          name: one of `names`.
          month: one of `months`; the last if left out.

        Raises:
          UserError: a name or month that is not there.
        """
        month = self.months[-1] if month is None else month
        if month not in self.months:
            raise UserError(
                f"month {month} has no map; those with one are {', '.join(map(str, self.months))}"
            )
        if name not in self.names:
            raise UserError(f"there is no map {name!r}; there are {', '.join(self.names)}")
        return self.fields[self.months.index(month)][name]

    def array(self, name: str, *, month: int | None = None) -> np.ndarray:
        """Map on the grid of the model, (nx, ny, nz), NaN outside the bone; arguments as of `values`."""
        import numpy as np

        grid = np.full(self.bone.shape, np.nan)
        grid[self.bone] = self.values(name, month=month)
        return grid

    def image(self, name: str, *, month: int | None = None, on_source: bool = False) -> Any:
        """Map as `meshes.Image`, NaN outside the bone.

        Args:
          name, month: as of `values`.
          on_source: on the grid of the file that was read, not of the model.
        """
        import numpy as np

        import meshes

        from ._levels import to_source

        if on_source:
            grid = self.level.source
            there = to_source(self.level, self.values(name, month=month))
            values = np.where(self.level.source_bone, there, np.nan)
        else:
            grid, values = self.level.grid, self.array(name, month=month)
        return meshes.make_image(
            values, grid.spacing, origin=grid.origin, direction=grid.direction, quantity="field"
        )

    def __repr__(self) -> str:
        return f"LevelMaps({', '.join(self.names)}; months {', '.join(map(str, self.months))})"


class RunMaps(Mapping[tuple[str, str], LevelMaps]):
    """Maps by (level, arm), e.g. `result.maps["L3", "weekly"]`."""

    def __init__(self, maps: dict[tuple[str, str], LevelMaps]):
        self._maps = maps

    def __getitem__(self, key: tuple[str, str]) -> LevelMaps:
        if key not in self._maps:
            there = ", ".join(map(repr, self._maps))
            raise UserError(f"there are no maps of {key!r}; (level, arm) is one of {there}")
        return self._maps[key]

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._maps)

    def __len__(self) -> int:
        return len(self._maps)

    def __repr__(self) -> str:
        return f"RunMaps({', '.join(map(repr, self._maps))})"


@dataclass(frozen=True, repr=False)
class RunResult:
    """A study that was run; everything in it is a NumPy array or plain Python."""

    study: Study
    "the study"
    summary: dict[str, Any]
    "what summary.json of a run folder holds"
    table: Table
    "one row per level, arm and reported month, one column a quantity with its unit in the name"
    courses: Table
    "tidy time courses as in timecourse.csv: arm, level, month, quantity, value, unit, ends of both intervals"
    changes: Table
    "change of the densities from the start with both 95 % intervals, %"
    maps: RunMaps
    "maps by (level, arm)"
    log: tuple[str, ...]
    "what was done, one line each"
    inside: Any
    "what figures and folders are made from; not for use"

    @property
    def levels(self) -> tuple[str, ...]:
        """Names of the levels."""
        return tuple(dict.fromkeys(level for level, _ in self.maps))

    @property
    def arms(self) -> tuple[str, ...]:
        """Names of the arms, the untreated one first."""
        return tuple(dict.fromkeys(arm for _, arm in self.maps))

    def figure(self, name: str = "change", *, level: str | None = None, arm: str | None = None) -> Any:
        """A picture of the report as `matplotlib.figure.Figure`.

        Args:
          name: "change" (time courses), "density", "energy", "interval" (half width of the 95 % interval),
            "hormones", "levels" (with several levels), "activities" (with daily loading) or "strength"
            (with nonlinear strength).
          level: the first if left out.
          arm: of a map; the first treated one if left out.

        Raises:
          UserError: a name, level or arm that is not there, or a figure that the study does not have.
        """
        from ._run_outputs import draw_run_figure

        level = self.levels[0] if level is None else level
        arm = (*self.arms, self.arms[0])[1] if arm is None else arm
        for kind, given, known in (
            ("figure", name, FIGURES),
            ("level", level, self.levels),
            ("arm", arm, self.arms),
        ):
            if given not in known:
                raise UserError(f"there is no {kind} {given!r}; there is {', '.join(map(repr, known))}")
        return draw_run_figure(name, level, arm, self.inside)

    def write(self, out: str | Path, *, maps: bool = True) -> Path:
        """Write the run folder that `osteon run` would write, with its report.

        Args:
          out: new folder.
          maps: also the maps and the pictures of slices.

        Returns:
          path of report.html.

        Raises:
          UserError: the folder exists and is not empty, or cannot be made.
        """
        from ._api import double_precision
        from ._manifest import write_manifest
        from ._run_command import write_run
        from ._runfolder import run_folder

        inside = self.inside
        with run_folder(Path(out)) as folder, double_precision(), progress_bar("", quiet=True) as silent:
            for line in self.log:
                folder.log(line)
            write_run(
                folder,
                inside.prepared,
                inside.results,
                inside.answers,
                silent,
                maps=maps,
                begin=inside.begin,
                seconds=inside.seconds,
            )
            folder.write_log()
            write_manifest(folder.path)
        return Path(out) / "report.html"

    def __repr__(self) -> str:
        return f"RunResult({self.summary['in_one_sentence']})"

    def _repr_html_(self) -> str:
        import html

        sentence = html.escape(self.summary["in_one_sentence"])
        warnings = "".join(f"<li>{html.escape(text)}</li>" for text in self.summary["warnings"])
        note = html.escape(self.summary["research_use_only"])
        return f"<p>{sentence}</p>{self.changes._repr_html_()}<ul>{warnings}</ul><p><em>{note}</em></p>"
