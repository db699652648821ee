"""Pictures of a gallery: every study's courses, all arms at a glance, model against trial."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._figures import PALETTE, add_legend, arm_style, draw_change, finish_panel, new_figure, png_bytes
from ._quantities import BY_NAME, QUANTITIES, select, unique
from ._trial_points import GROUPS, is_met, years_of

CHANGES = ("trabecular_qct_percent", "spine_dxa_percent", "resorption_percent", "formation_percent")
"""Quantities that the gallery gives as % change from baseline."""
_MONTHS = ((12, "o", PALETTE[6]), (24, "s", PALETTE[1]), (36, "^", PALETTE[7]))
_SMALLEST_MOVE = 0.02
"""Least share by which a hormone must move to be shown."""


def study_figure(rows: list[dict[str, Any]], summary: dict[str, Any]) -> bytes:
    """Two hormones that move most, densities and turnover of the first level over time, with trial results.

    Args:
      rows: tidy time courses of the run.
      summary: summary.json of the run.
    """
    level = summary["levels"][0]["name"]
    hormones = moving_hormones(rows, level)
    figure, axes = new_figure(13.0, 6.2, 2, 3)
    panels = list(axes.flat)
    for panel, name in zip(panels, hormones, strict=False):
        for position, arm in enumerate(unique(rows, "arm")):
            course = select(rows, level=level, quantity=name, arm=arm)
            months = [row["month"] for row in course]
            panel.plot(months, [row["value"] for row in course], label=arm, **arm_style(position))
        finish_panel(panel, f"{BY_NAME[name].label} (month's mean)", BY_NAME[name].unit, months)
        if BY_NAME[name].unit != "-":
            panel.set_ylim(bottom=0)
    rest = panels[len(hormones) :]
    for panel, name in zip(rest, CHANGES, strict=False):
        draw_change(panel, rows, level, name, summary["trials"])
    for panel in rest[len(CHANGES) :]:
        panel.set_axis_off()
    points = [point for point in summary["trials"] if point["level"] == level]
    add_legend(figure, rest[0], points)
    figure.suptitle(summary["title"])
    return png_bytes(figure, dpi=100)


def moving_hormones(rows: list[dict[str, Any]], level: str, most: int = 2) -> list[str]:
    """Names of the hormones that move most over time or between arms, by share of their largest value."""
    moves = {}
    for quantity in QUANTITIES:
        if quantity.group == "hormone" and quantity.name != "free_testosterone_ng_dl":
            values = np.array([row["value"] for row in select(rows, level=level, quantity=quantity.name)])
            moves[quantity.name] = float(np.ptp(values)) / max(float(np.abs(values).max()), 1e-12)
    ranked = sorted(moves, key=lambda name: -moves[name])
    return [name for name in ranked if moves[name] > _SMALLEST_MOVE][:most]


def overview_figure(shown: list[dict[str, Any]]) -> bytes:
    """% change of every arm of every study at 12, 24 and 36 months, one line an arm.

    Args:
      shown: dicts with summary (of summary.json), in order.
    """
    lines: list[tuple[str, list[dict[str, Any]] | None]] = []
    for one in shown:
        results = one["summary"]["results"]
        lines.append((one["summary"]["title"], None))
        for arm in unique(results, "arm"):
            level = results[0]["level"]
            lines.append((f"{arm}", select(results, arm=arm, level=level)))
    figure, axes = new_figure(15.0, 0.19 * len(lines) + 1.6, 1, len(CHANGES))
    for panel, name in zip(axes.flat, CHANGES, strict=True):
        panel.axvline(0, color="black", linewidth=0.8)
        for height, (_, rows) in enumerate(lines):
            if rows is None:
                panel.axhspan(height - 0.5, height + 0.5, color="#eef2f5", linewidth=0)
                continue
            for month, marker, color in _MONTHS:
                at = [row for row in rows if row["month"] == month]
                if at:
                    change = 100 * (at[0][name] / rows[0][name] - 1)
                    panel.plot(change, height, marker, color=color, markersize=4.5, clip_on=False)
        panel.set_ylim(len(lines) - 0.5, -0.5)
        panel.set_yticks(range(len(lines)), [""] * len(lines))
        panel.tick_params(axis="y", length=0)
        panel.grid(axis="x", alpha=0.25)
        panel.set_title(BY_NAME[name].label, fontsize=10)
        panel.set_xlabel("change from baseline (%)")
        panel.spines[["top", "right", "left"]].set_visible(False)
    first = axes.flat[0]
    labels = first.set_yticks(range(len(lines)), [label for label, _ in lines], fontsize=8)
    for tick, (_, rows) in zip(labels, lines, strict=True):
        tick.label1.set_fontweight("bold" if rows is None else "normal")
    handles = [
        first.plot([], [], marker, linestyle="", color=color, label=f"{month} months")[0]
        for month, marker, color in _MONTHS
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False)
    return png_bytes(figure, dpi=100)


def agreement_figure(points: list[dict[str, Any]]) -> bytes:
    """Model against trial, change over the time of the observation; far points carry their number.

    Args:
      points: of `trial_points`, numbered.
    """
    figure, axes = new_figure(15.0, 5.8, 1, len(GROUPS))
    for panel, (title, names) in zip(axes.flat, GROUPS.items(), strict=True):
        mine = [point for point in points if point["quantity"] in names]
        spread = [0.0]
        for point in mine:
            spread += _draw_agreement(panel, point)
        low, high = min(spread), max(spread)
        pad = 0.06 * (high - low) + 0.5
        panel.plot([low - pad, high + pad], [low - pad, high + pad], color="#666666", linewidth=0.8, zorder=0)
        panel.set_xlim(low - pad, high + pad)
        panel.set_ylim(low - pad, high + pad)
        panel.set_aspect("equal")
        panel.set_title(f"{title}, {len(mine)} results", fontsize=10)
        panel.set_xlabel("trial: change (%), 95 % interval")
        panel.set_ylabel("model: change (%)")
        panel.grid(alpha=0.25)
        panel.spines[["top", "right"]].set_visible(False)
    handles = [
        axes.flat[0].plot([], [], "D", color="black", markerfacecolor=face, label=text)[0]
        for face, text in (("white", "used for the default parameters"), ("black", "not used"))
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False)
    return png_bytes(figure, dpi=100)


def _draw_agreement(panel: Any, point: dict[str, Any]) -> list[float]:
    """One result; returns the coordinates that must lie inside the panel."""
    years = years_of(point["unit"], point["start_month"], point["month"])
    model = point["model"] * years
    low, high, seen = (
        None if v is None else v * years for v in (point["low"], point["high"], point["observed"])
    )
    color = PALETTE[1] if point["quantity"] != "formation_percent" else PALETTE[2]
    if low is not None and high is not None:
        panel.plot([low, high], [model, model], color=color, linewidth=1.0)
    at = seen if seen is not None else low if low is not None else high
    if at is None:
        return []
    if seen is not None:
        face = color if point["defaults"] == "none" else "white"
        panel.plot(seen, model, "D", color=color, markerfacecolor=face, markersize=5)
    if not is_met(point) and abs(model - at) > 1.5:
        panel.annotate(
            str(point["number"]), (at, model), fontsize=8, xytext=(5, 3), textcoords="offset points"
        )
    return [model, at, *(v for v in (low, high) if v is not None)]
