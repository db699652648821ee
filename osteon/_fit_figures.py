"""Pictures of a fit to trials: what the data told of every parameter, and observed against predicted."""

from typing import Any

import numpy as np

from ._figures import PALETTE, new_figure, png_bytes

_PRIOR, _POSTERIOR, _MISSED = PALETTE[0], PALETTE[1], PALETTE[2]
_FACTORS = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Ticks of the axis of factors."""
_MOST_ROWS = 48
"""Rows of a column of observations."""


def parameter_figure(rows: list[dict[str, Any]]) -> bytes:
    """Prior and posterior of every learned value as factors on the median of the prior, 95 % intervals."""
    figure, axes = new_figure(8.0, 0.27 * len(rows) + 1.3)
    panel = axes[0, 0]
    for place, row in enumerate(rows):
        reach = float(np.exp(1.96 * row["prior_log_sd"]))
        panel.plot([1.0 / reach, reach], [place, place], color=_PRIOR, linewidth=6, alpha=0.3)
        ends = [row["lower"] / row["prior_median"], row["upper"] / row["prior_median"]]
        panel.plot(ends, [place, place], color=_POSTERIOR, linewidth=2)
        panel.plot(row["value"] / row["prior_median"], place, "o", color=_POSTERIOR, markersize=5)
    panel.plot([], [], color=_PRIOR, linewidth=6, alpha=0.3, label="prior")
    panel.plot([], [], "o-", color=_POSTERIOR, linewidth=2, label="fitted")
    panel.axvline(1.0, color="0.7", linewidth=1, zorder=0)
    panel.set_xscale("log")
    panel.set_xticks(_FACTORS, [f"{factor:g}" for factor in _FACTORS])
    panel.minorticks_off()
    panel.set_xlabel("value over the median of its prior (95 % intervals)")
    _name_rows(panel, [row["name"].replace("_", " ") for row in rows])
    figure.legend(loc="outside upper center", ncols=3, frameon=False)
    return png_bytes(figure)


def observation_figure(rows: list[dict[str, Any]]) -> bytes:
    """Densities by trial group: seen, and predicted with 95 % predictive intervals; markers left out.

    Many rows stand in several columns of one scale.
    """
    shown = _density_changes(rows)
    mixed = len({row["used_in_fit"] for row in shown}) > 1
    columns = max(1, -(-len(shown) // _MOST_ROWS))
    parts = np.array_split(np.arange(len(shown)), columns)
    figure, axes = new_figure(10.0 * columns**0.75, 0.27 * len(parts[0]) + 1.5, columns=columns)
    ends = [end for row in shown for end in (row["lower"], row["upper"], row["observed"])] or [0.0, 1.0]
    for panel, part in zip(axes[0], parts, strict=True):
        for place, row in enumerate(shown[number] for number in part):
            color = _POSTERIOR if row["inside"] else _MISSED
            panel.plot([row["lower"], row["upper"]], [place, place], color=color, linewidth=3, alpha=0.5)
            panel.plot(row["predicted"], place, "o", color=color, markersize=5)
            half = 1.96 * row["standard_error"]
            panel.errorbar(
                row["observed"], place, xerr=half, fmt="D", color="black", markersize=4, linewidth=1
            )
        panel.axvline(0.0, color="0.7", linewidth=1, zorder=0)
        panel.set_xlim(min(ends) - 2.0, max(ends) + 2.0)
        panel.set_xlabel("change, % (rates: %/year;\ndifferences: % against the reference arm)")
        _name_rows(panel, [_label(shown[number], mixed) for number in part])
    first = axes[0, 0]
    first.plot([], [], "D", color="black", label="observed, 95 % interval")
    first.plot([], [], "o-", color=_POSTERIOR, label="fitted model, 95 % predictive interval")
    first.plot([], [], "o-", color=_MISSED, label="observed outside")
    figure.legend(loc="outside upper center", ncols=3, frameon=False)
    return png_bytes(figure)


def agreement_figure(rows: list[dict[str, Any]]) -> bytes:
    """Changes of density, predicted over observed, and what is left by class; rates over their years."""
    shown = [row for row in _density_changes(rows) if row["percent_observed"] is not None]
    figure, axes = new_figure(11.0, 5.2, columns=2)
    over, left = axes[0]
    seen = np.array([row["percent_observed"] for row in shown])
    said = np.array([row["percent_predicted"] for row in shown])
    inside = np.array([row["inside"] for row in shown], bool)
    areal = np.array([row["observable"] == "spine_areal_bmd" for row in shown], bool)
    classes = sorted({row["class"] for row in shown}, reverse=True)
    place = np.array([classes.index(row["class"]) for row in shown])
    for which, mark, name in ((areal, "o", "areal"), (~areal, "s", "by QCT")):
        for ok, color in ((inside, _POSTERIOR), (~inside, _MISSED)):
            here = which & ok
            over.plot(seen[here], said[here], mark, color=color, markersize=4.5, alpha=0.8)
            left.plot((seen - said)[here], place[here], mark, color=color, markersize=4.5, alpha=0.8)
        over.plot([], [], mark, color="0.4", label=name)
    over.plot([], [], "o", color=_MISSED, label="outside its 95 % interval")
    ends = [min(seen.min(), said.min()) - 2.0, max(seen.max(), said.max()) + 2.0] if shown else [0.0, 1.0]
    over.plot(ends, ends, color="0.7", linewidth=1, zorder=0)
    over.set(xlim=ends, ylim=ends, xlabel="observed change, %", ylabel="predicted change, %")
    over.set_aspect("equal")
    over.legend(frameon=False, loc="upper left")
    left.axvline(0.0, color="0.7", linewidth=1, zorder=0)
    left.set_xlabel("observed less predicted, %")
    left.set_yticks(range(len(classes)), classes)
    for panel in (over, left):
        panel.spines[["top", "right"]].set_visible(False)
    return png_bytes(figure)


def _density_changes(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of densities in % that are numbers."""
    shown = [row for row in rows if row["unit"].startswith("%") and "bmd" in row["observable"]]
    return [row for row in shown if row["observed"] is not None]


def _name_rows(panel: Any, labels: list[str]) -> None:
    """One line a row, the first on top."""
    panel.set_yticks(range(len(labels)), labels)
    panel.invert_yaxis()
    panel.margins(y=0.02)
    panel.spines[["top", "right"]].set_visible(False)


def _label(row: dict[str, Any], mixed: bool) -> str:
    """Arm, quantity and months of an observation, marked where the fit did not use it and used others."""
    quantity = row["observable"].removeprefix("spine_").replace("_", " ").replace("bmd", "BMD")
    months = f"{row['start_month']:g} to {row['end_month']:g} mo"
    unused = " (not used)" if mixed and not row["used_in_fit"] else ""
    return f"{row['arm']}, {quantity}, {months}{unused}"
