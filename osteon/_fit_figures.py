"""Pictures of a fit to trials: what the data told of every parameter, and observed against predicted."""

from typing import Any

import numpy as np

from ._figures import PALETTE, new_figure, png_bytes

_PRIOR, _POSTERIOR, _MISSED = PALETTE[0], PALETTE[1], PALETTE[2]
_FACTORS = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Ticks of the axis of factors."""


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
    return _finished(figure, panel, [row["name"].replace("_", " ") for row in rows])


def observation_figure(rows: list[dict[str, Any]]) -> bytes:
    """Densities by trial group: seen, and predicted with 95 % predictive intervals; markers left out."""
    shown = [row for row in rows if row["unit"].startswith("%") and "bmd" in row["observable"]]
    shown = [row for row in shown if row["observed"] is not None]
    figure, axes = new_figure(10.0, 0.27 * len(shown) + 1.5)
    panel = axes[0, 0]
    for place, row in enumerate(shown):
        color = _POSTERIOR if row["inside"] else _MISSED
        panel.plot([row["lower"], row["upper"]], [place, place], color=color, linewidth=3, alpha=0.5)
        panel.plot(row["predicted"], place, "o", color=color, markersize=5)
        half = 1.96 * row["standard_error"]
        panel.errorbar(row["observed"], place, xerr=half, fmt="D", color="black", markersize=4, linewidth=1)
    panel.plot([], [], "D", color="black", label="observed, 95 % interval")
    panel.plot([], [], "o-", color=_POSTERIOR, label="fitted model, 95 % predictive interval")
    panel.plot([], [], "o-", color=_MISSED, label="observed outside")
    panel.axvline(0.0, color="0.7", linewidth=1, zorder=0)
    panel.set_xlabel("change, % (rates: %/year; differences: % against the reference arm)")
    return _finished(figure, panel, [_label(row) for row in shown])


def _finished(figure: Any, panel: Any, labels: list[str]) -> bytes:
    """PNG of a panel with one line a row, the first on top, its legend above."""
    panel.set_yticks(range(len(labels)), labels)
    panel.invert_yaxis()
    panel.margins(y=0.02)
    panel.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside upper center", ncols=3, frameon=False)
    return png_bytes(figure)


def _label(row: dict[str, Any]) -> str:
    """Arm, quantity and months of an observation, marked where the fit did not use it."""
    quantity = row["observable"].removeprefix("spine_").replace("_", " ").replace("bmd", "BMD")
    months = f"{row['start_month']:g} to {row['end_month']:g} mo"
    unused = "" if row["used_in_fit"] else " (not used)"
    return f"{row['arm']}, {quantity}, {months}{unused}"
