"""Pictures of a run: time courses and hormone levels. Figures, colour-blind-safe, units on every axis."""

import functools
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ._arm_draws import COLUMNS
from ._quantities import BY_NAME, select, unique
from ._runfolder import write_atomic

# Okabe and Ito 2008, Color Universal Design: distinguishable with every common colour vision deficiency.
PALETTE = ("#666666", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_STYLES = ("--", "-", "-.", ":")


def new_figure(width: float, height: float, rows: int = 1, columns: int = 1) -> tuple[Any, Any]:
    """A figure that needs no display, and its axes as a 2-D array."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure = _figure_class()(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, squeeze=False)


@functools.cache
def _figure_class() -> Any:
    from matplotlib.figure import Figure

    class NotebookFigure(Figure):
        """A figure that a notebook shows although pyplot does not know it."""

        def _repr_png_(self) -> bytes:
            return png_bytes(self, dpi=90)

    return NotebookFigure


def png_bytes(figure: Any, dpi: int = 130) -> bytes:
    """PNG file content without any text about program, user or path."""
    _settle(figure)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=dpi, metadata={"Software": None})
    return stream.getvalue()


def svg_bytes(figure: Any) -> bytes:
    """SVG file content, the same for the same figure; words stay words, for editors and search.

    Without any text about program, user, path or time.
    """
    from matplotlib import rc_context

    _settle(figure)
    stream = io.BytesIO()
    with rc_context({"svg.hashsalt": "osteon", "svg.fonttype": "none"}):
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    return stream.getvalue()


def _settle(figure: Any) -> None:
    """Lay a figure out once and round the places of its parts, to a millionth of its size.

    The solver of matplotlib's constrained layout orders by memory address, so that its last digits vary from
    run to run, and with them the files.
    """
    import numpy as np
    from matplotlib import rc_context
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    engine = figure.get_layout_engine()
    if not isinstance(engine, ConstrainedLayoutEngine):
        return
    engine.execute(figure)
    # No engine at all: with one, even "none", every file is drawn twice.
    with rc_context({"figure.autolayout": False, "figure.constrained_layout.use": False}):
        figure.set_layout_engine(None)
    for panel in figure.axes:
        panel.set_position(np.round(panel.get_position(original=True).bounds, 6))
    for text in figure.texts:
        text.set_position(np.round(text.get_position(), 6))


def write_figure(path: Path, figure: Any) -> None:
    """Write a figure as PNG and as SVG beside it.

    Args:
      path: without suffix.
      figure: `matplotlib.figure.Figure`.
    """
    write_atomic(path.with_name(f"{path.name}.png"), png_bytes(figure))
    write_atomic(path.with_name(f"{path.name}.svg"), svg_bytes(figure))


def arm_style(position: int) -> dict[str, Any]:
    """Colour and line of an arm: the first (untreated) is grey and dashed."""
    return {
        "color": PALETTE[position % len(PALETTE)],
        "linestyle": _STYLES[0] if position == 0 else _STYLES[1 + (position - 1) % 3],
        "linewidth": 2.0,
    }


def change_figure(
    rows: list[dict[str, Any]],
    level: str,
    names: tuple[str, ...],
    points: Sequence[dict[str, Any]] = (),
) -> Any:
    """Time courses of one level, % change from baseline, one panel a quantity and one line an arm.

    Args:
      rows: tidy rows with arm, level, month, quantity, value.
      level: which level.
      names: quantities, at most six.
      points: results of trials, of `trial_points`, drawn in the color of their arm.
    """
    shown = [name for name in names if select(rows, level=level, quantity=name)]
    columns = min(3, len(shown))
    lines = -(-len(shown) // columns)
    figure, axes = new_figure(3.9 * columns, 2.9 * lines + 0.5, lines, columns)
    for panel, name in zip(axes.flat, shown, strict=False):
        draw_change(panel, rows, level, name, points)
    for panel in axes.flat[len(shown) :]:
        panel.set_axis_off()
    add_legend(figure, axes.flat[0], points)
    figure.suptitle(f"{level}: change from baseline")
    return figure


def draw_change(
    panel: Any, rows: list[dict[str, Any]], level: str, name: str, points: Sequence[dict[str, Any]] = ()
) -> None:
    """% change of one quantity from baseline, one line an arm, trial results as points with 95 % intervals.

    Where rows carry intervals: a band, 95 % of what the parameters leave open, and right of the last month a
    bar, 95 % of a new trial.
    Open diamonds are trials that the default parameters were fitted to or set on; filled ones were not used.
    """
    months: list[float] = []
    arms = unique(rows, "arm")
    for position, arm in enumerate(arms):
        course = select(rows, level=level, quantity=name, arm=arm)
        base = course[0]["value"]
        months = [row["month"] for row in course]
        change = [100 * (row["value"] / base - 1) for row in course]
        # Points where values are few, so that the straight lines between them are seen as such.
        marker = "o" if len(months) <= 10 else None
        style = arm_style(position)
        panel.plot(months, change, label=arm, marker=marker, markersize=4, **style)
        if course[0].get("parameters_low") is not None:
            _draw_intervals(panel, course, base, position, len(arms))
        for point in points:
            if (point["level"], point["arm"], point["quantity"]) == (level, arm, name):
                _draw_point(panel, point, style["color"])
    finish_panel(panel, BY_NAME[name].label, "change from baseline (%)", months)
    # A flat line must look flat: round-off is not blown up to the height of the panel.
    low, high = panel.get_ylim()
    if high - low < 0.5:
        panel.set_ylim(min(low, -0.25), max(high, 0.25))


def _draw_intervals(panel: Any, course: list[dict[str, Any]], base: float, position: int, arms: int) -> None:
    """What the parameters leave open as a band, and a new trial as a bar right of the last month."""
    months = [row["month"] for row in course]
    ends = {name: [100 * (row[name] / base - 1) for row in course] for name in COLUMNS}
    color = arm_style(position)["color"]
    # where many arms overlap their bands are pale, and thin edges tell them apart
    shade = min(0.25, 0.4 / arms)
    panel.fill_between(
        months, ends["parameters_low"], ends["parameters_high"], color=color, alpha=shade, linewidth=0
    )
    for end in ("parameters_low", "parameters_high"):
        panel.plot(months, ends[end], color=color, linewidth=0.5, alpha=0.7)
    panel.errorbar(
        months[-1] * (1.02 + 0.025 * position),
        0.5 * (ends["new_trial_low"][-1] + ends["new_trial_high"][-1]),
        yerr=0.5 * (ends["new_trial_high"][-1] - ends["new_trial_low"][-1]),
        color=color,
        linewidth=1.4,
        capsize=2.5,
        clip_on=False,
    )


def _draw_point(panel: Any, point: dict[str, Any], color: str) -> None:
    low, high, month = point["shown_low"], point["shown_high"], point["month"]
    if low is not None and high is not None:
        panel.plot([month, month], [low, high], color=color, linewidth=1.2, clip_on=False)
    if point["shown"] is not None:
        face = color if point["defaults"] == "none" else "white"
        panel.plot(
            month,
            point["shown"],
            "D",
            color=color,
            markerfacecolor=face,
            markersize=6,
            zorder=5,
            clip_on=False,
        )


def add_legend(figure: Any, panel: Any, points: Sequence[dict[str, Any]] = ()) -> None:
    """Arms of a panel, and what the points are, below the figure."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles, labels = panel.get_legend_handles_labels()
    if panel.collections:
        handles += [
            Patch(color=PALETTE[0], alpha=0.25, linewidth=0),
            Line2D([], [], marker="|", markersize=12, linestyle="", color=PALETTE[0]),
        ]
        labels += ["95 % interval: parameters", "95 % interval: new trial"]
    kinds = {point["defaults"] == "none" for point in points}
    for unused, text in ((False, "trial, used for the default parameters"), (True, "trial, not used")):
        if unused in kinds:
            face = "black" if unused else "white"
            handles.append(Line2D([], [], marker="D", linestyle="", color="black", markerfacecolor=face))
            labels.append(text)
    figure.legend(handles, labels, loc="outside lower center", ncols=min(4, len(labels)), frameon=False)


def level_figure(rows: list[dict[str, Any]], name: str) -> Any:
    """One quantity of every level, % change from baseline, one panel an arm and one line a level."""
    arms, levels = unique(rows, "arm"), unique(rows, "level")
    figure, axes = new_figure(4.2 * len(arms), 3.6, 1, len(arms))
    for panel, arm in zip(axes.flat, arms, strict=True):
        for position, level in enumerate(levels):
            course = select(rows, level=level, quantity=name, arm=arm)
            months = [row["month"] for row in course]
            change = [100 * (row["value"] / course[0]["value"] - 1) for row in course]
            panel.plot(months, change, label=level, **arm_style(position + 1))
        finish_panel(panel, f"{BY_NAME[name].label}, {arm}", "change from baseline (%)", months)
    limits = [panel.get_ylim() for panel in axes.flat]
    for panel in axes.flat:
        panel.set_ylim(min(low for low, _ in limits), max(high for _, high in limits))
    axes.flat[-1].legend(frameon=False, title="level")
    return figure


def hormone_figure(courses: dict[str, dict[str, list[float]]], days: list[float]) -> Any:
    """Hormone levels, mean of each step, one panel a hormone and one line an arm.

    Args:
      courses: by arm and then by quantity name, one value a step.
      days: end of each step, days.
    """
    names = list(next(iter(courses.values())))
    columns = 2 if len(names) <= 4 else 3
    lines = -(-len(names) // columns)
    figure, axes = new_figure(4.6 * columns, 2.8 * lines + 0.5, lines, columns)
    months = [day / (365.25 / 12) for day in days]
    for panel, name in zip(axes.flat, names, strict=False):
        for position, (arm, levels) in enumerate(courses.items()):
            # Steps, since each value is the mean over its step.
            edges = [0.0, *months]
            panel.stairs(levels[name], edges, baseline=None, label=arm, **arm_style(position))
        quantity = BY_NAME[name]
        finish_panel(panel, quantity.label, quantity.unit, months)
        if quantity.unit != "-":
            panel.set_ylim(bottom=0)
    for panel in axes.flat[len(names) :]:
        panel.set_axis_off()
    add_legend(figure, axes.flat[0])
    figure.suptitle("Hormone levels (mean of each step)")
    return figure


def finish_panel(panel: Any, title: str, y_label: str, months: list[float]) -> None:
    from matplotlib.ticker import MaxNLocator

    panel.set_title(title, fontsize=10)
    panel.set_xlabel("time (months)")
    panel.set_ylabel(y_label)
    panel.set_xlim(0, max(months))
    panel.xaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 3, 6, 10], integer=True))
    panel.grid(alpha=0.25)
    panel.spines[["top", "right"]].set_visible(False)
