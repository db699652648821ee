"""Pictures of maps: three orthogonal slices of density before, after and their difference, and of energy."""

from typing import Any

import numpy as np

from ._figures import new_figure

_PLANES = (("sagittal", 0), ("coronal", 1), ("axial", 2))
_AXES = "RAS"
MOST_ACTIVITIES = 5
"""Activities shown side by side at most."""
_WORDS = {"R": "right", "A": "anterior", "S": "superior"}


def density_figure(
    baseline: np.ndarray,
    follow_up: np.ndarray,
    bone: np.ndarray,
    spacing: tuple[float, ...],
    *,
    held: np.ndarray,
    title: str,
    month: int,
) -> Any:
    """Baseline, follow-up and % difference in three orthogonal slices through the middle of the bone.

    Args:
      baseline: vBMD, mg/cm3, (nx, ny, nz) in RAS order.
      follow_up: the same after treatment.
      bone: voxels that were simulated, same shape.
      spacing: voxel edges, mm.
      held: voxels held fixed, dark grey in the difference, same shape.
      title: level and arm.
      month: month of the follow-up.
    """
    change = np.full(baseline.shape, np.nan)
    moving = bone & ~held
    change[moving] = percent_change(baseline[moving], follow_up[moving])
    inside = change[moving] if moving.any() else np.zeros(1)
    reach = max(float(np.percentile(np.abs(inside), 98)), 0.1)
    reach = float(f"{reach:.2g}")
    high = float(np.percentile(baseline[bone], 99.5))
    crop, centre = _crop_and_centre(bone)
    figure, axes = new_figure(10.5, 8.8, 3, 3)
    figure.get_layout_engine().set(rect=(0.03, 0, 0.97, 1))
    shown = (
        ("baseline", baseline, "gray", 0.0, high),
        (f"month {month}", follow_up, "gray", 0.0, high),
        ("difference", change, "RdBu", -reach, reach),
    )
    images: list[Any] = []
    for row, (plane, axis) in enumerate(_PLANES):
        for column, (name, values, colours, low, top) in enumerate(shown):
            panel = axes[row, column]
            cut = _cut(np.where(bone, values, np.nan)[crop], axis, centre[axis])
            outline = _cut(bone[crop].astype(float), axis, centre[axis])
            image = draw_slice(
                panel,
                cut,
                outline,
                spacing,
                axis,
                cmap=colours,
                vmin=low,
                vmax=top,
                face="#000000" if column < 2 else "#dddddd",
            )
            if column == 2:
                _shade(panel, _cut(held[crop], axis, centre[axis]), spacing, axis)
            if row == 0:
                panel.set_title(name)
            if column == 0:
                note = panel.annotate(
                    plane,
                    (0.012, 0.5),
                    xycoords=("figure fraction", "axes fraction"),
                    rotation=90,
                    va="center",
                )
                note.set_in_layout(False)
            if row == 0:
                images.append(image)
    figure.colorbar(images[0], ax=axes[:, :2], location="bottom", shrink=0.6, label="vBMD (mg/cm3)")
    figure.colorbar(
        images[2],
        ax=axes[:, 2],
        location="bottom",
        shrink=0.9,
        extend="both",
        label=f"change (%), shown {-reach:g} to {reach:g}\n"
        f"in the body {inside.min():.1f} to {inside.max():.1f}",
    )
    figure.suptitle(title)
    return figure


def percent_change(baseline: np.ndarray, follow_up: np.ndarray) -> np.ndarray:
    """Change in per cent of the baseline; 0 where the baseline is below 1 mg/cm3 (no bone to change).

    Args:
      baseline: vBMD, mg/cm3.
      follow_up: the same later, same shape.
    """
    bone = baseline >= 1.0
    return np.where(bone, 100 * (follow_up - baseline) / np.where(bone, baseline, 1.0), 0.0)


def energy_figure(energy: np.ndarray, bone: np.ndarray, spacing: tuple[float, ...], *, title: str) -> Any:
    """Strain energy density on a logarithmic scale in three orthogonal slices.

    Args:
      energy: element mean of the strain energy density, MPa, (nx, ny, nz) in RAS order.
      bone: voxels where it is known.
      spacing: voxel edges, mm.
      title: level, load and month.
    """
    from matplotlib.colors import LogNorm

    positive = np.clip(energy, 1e-300, None)
    low, high = np.percentile(positive[bone], [2, 99.5])
    return _three_slices(
        np.where(bone, positive, np.nan),
        bone,
        spacing,
        title=title,
        label="strain energy density (MPa)",
        extend="both",
        face="#dddddd",
        cmap="cividis",
        norm=LogNorm(low, max(high, low * 1.01)),
    )


def width_figure(width: np.ndarray, bone: np.ndarray, spacing: tuple[float, ...], *, title: str) -> Any:
    """Half of the interval of the change of density in three orthogonal slices.

    Args:
      width: half of the interval, % of the density at baseline, (nx, ny, nz) in RAS order.
      bone: voxels where it is known.
      spacing: voxel edges, mm.
      title: level, arm and month.
    """
    high = float(np.percentile(width[bone], 99))
    return _three_slices(
        np.where(bone, width, np.nan),
        bone,
        spacing,
        title=title,
        label="half width (%)",
        extend="max",
        face="#dddddd",
        cmap="cividis",
        vmin=0.0,
        vmax=max(high, 0.1),
    )


def activities_figure(
    energies: dict[str, np.ndarray], bone: np.ndarray, spacing: tuple[float, ...], *, title: str
) -> Any:
    """Strain energy density of several activities on one logarithmic scale, sagittal above coronal slices.

    Args:
      energies: by name, element mean, MPa, (nx, ny, nz) in RAS order.
      bone: voxels where it is known.
      spacing: voxel edges, mm.
      title: level and month.
    """
    from matplotlib.colors import LogNorm

    inside = np.concatenate([np.clip(energy[bone], 1e-300, None) for energy in energies.values()])
    low, high = np.percentile(inside, [5, 99.5])
    norm = LogNorm(low, max(high, low * 1.01))
    crop, centre = _crop_and_centre(bone)
    figure, axes = new_figure(2.2 + 2.6 * len(energies), 5.6, 2, len(energies))
    image = None
    for column, (name, energy) in enumerate(energies.items()):
        field = np.where(bone, np.clip(energy, 1e-300, None), np.nan)[crop]
        for row, (_, axis) in enumerate(_PLANES[:2]):
            panel = axes[row, column]
            outline = _cut(bone[crop].astype(float), axis, centre[axis])
            cut = _cut(field, axis, centre[axis])
            image = draw_slice(panel, cut, outline, spacing, axis, face="#dddddd", cmap="cividis", norm=norm)
        axes[0, column].set_title(name)
    label = "strain energy density (MPa)"
    figure.colorbar(image, ax=axes, location="right", shrink=0.8, extend="both", label=label)
    figure.suptitle(title)
    return figure


def overlay_figure(values: np.ndarray, bone: np.ndarray, spacing: tuple[float, ...], *, title: str) -> Any:
    """Density in and around a bone in three orthogonal slices, with its outline.

    Args:
      values: density, mg/cm3, (nx, ny, nz) in RAS order.
      bone: voxels of the bone.
      spacing: voxel edges, mm.
      title: what is shown.
    """
    return _three_slices(
        values,
        bone,
        spacing,
        title=title,
        label="density (mg/cm3)",
        extend="neither",
        face="#000000",
        cmap="gray",
        vmin=-100,
        vmax=float(np.percentile(values[bone], 99)),
    )


def _three_slices(
    values: np.ndarray,
    bone: np.ndarray,
    spacing: tuple[float, ...],
    *,
    title: str,
    label: str,
    extend: str,
    **style: Any,
) -> Any:
    """One field in three orthogonal slices through the middle of the bone, with its outline and scale."""
    crop, centre = _crop_and_centre(bone)
    figure, axes = new_figure(10.5, 3.9, 1, 3)
    image = None
    for panel, (plane, axis) in zip(axes[0], _PLANES, strict=True):
        cut = _cut(values[crop], axis, centre[axis])
        outline = _cut(bone[crop].astype(float), axis, centre[axis])
        image = draw_slice(panel, cut, outline, spacing, axis, **style)
        panel.set_title(plane)
    figure.colorbar(image, ax=axes[0], location="right", shrink=0.8, extend=extend, label=label)
    figure.suptitle(title)
    return figure


def draw_slice(
    panel: Any,
    cut: np.ndarray,
    outline: np.ndarray,
    spacing: tuple[float, ...],
    axis: int,
    *,
    face: str,
    **style: Any,
) -> Any:
    """One slice with the bone's outline, axes in mm, superior (or anterior) up."""
    first, second = (item for item in range(3) if item != axis)
    width, height = cut.shape[0] * spacing[first], cut.shape[1] * spacing[second]
    panel.set_facecolor(face)
    image = panel.imshow(
        cut.T, origin="lower", extent=(0, width, 0, height), interpolation="nearest", **style
    )
    x = (np.arange(outline.shape[0]) + 0.5) * spacing[first]
    y = (np.arange(outline.shape[1]) + 0.5) * spacing[second]
    if outline.any() and not outline.all():
        panel.contour(x, y, outline.T, levels=[0.5], colors="#E69F00", linewidths=0.9)
    panel.set_xlabel(f"to {_WORDS[_AXES[first]]} (mm)", fontsize=8)
    panel.set_ylabel(f"to {_WORDS[_AXES[second]]} (mm)", fontsize=8)
    panel.tick_params(labelsize=7)
    return image


def _shade(panel: Any, cut: np.ndarray, spacing: tuple[float, ...], axis: int) -> None:
    from matplotlib.colors import ListedColormap

    first, second = (item for item in range(3) if item != axis)
    panel.imshow(
        np.where(cut, 1.0, np.nan).T,
        origin="lower",
        extent=(0, cut.shape[0] * spacing[first], 0, cut.shape[1] * spacing[second]),
        interpolation="nearest",
        cmap=ListedColormap(["#8c8c8c"]),
    )


def _cut(values: np.ndarray, axis: int, position: int) -> np.ndarray:
    return np.take(values, position, axis=axis)


def _crop_and_centre(bone: np.ndarray) -> tuple[tuple[slice, ...], tuple[int, ...]]:
    """Box around the bone with two voxels to spare, and the bone's centre of mass inside it."""
    where = np.argwhere(bone)
    low = np.maximum(where.min(axis=0) - 2, 0)
    high = np.minimum(where.max(axis=0) + 3, bone.shape)
    centre = np.rint(where.mean(axis=0)).astype(int) - low
    return tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True)), tuple(int(c) for c in centre)
