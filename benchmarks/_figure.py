"""Picture of a result file: cost of a solve over the size of the body, and the product against a copy."""

from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt

# Okabe and Ito's colours, told apart by colour-blind readers.
_STYLES = {
    ("osteon", "cube"): ("#0072B2", "o", "osteon, solid cube"),
    ("osteon", "lhdl"): ("#D55E00", "s", "osteon, trabecular bone"),
    ("parosol-py", "cube"): ("#999999", "^", "ParOSol, solid cube"),
    ("parosol-py", "lhdl"): ("#000000", "v", "ParOSol, trabecular bone"),
}
_PRECISIONS = {"float32": ("#56B4E9", "single precision"), "float64": ("#0072B2", "double precision")}


def draw(report: dict[str, Any], path: Path) -> None:
    """Write the PNG: CPU seconds of a solve and peak memory over degrees of freedom (one rank); operator."""
    rows = [row for row in report["results"] if row.get("ranks", 1) == 1 and "error" not in row]
    products = [row for row in rows if row["program"] == "osteon operator"]
    figure, axes = plt.subplots(
        1, 3 if products else 2, figsize=(12 if products else 9, 3.6), layout="constrained"
    )
    time_axis, memory_axis = axes[:2]
    for (program, body), (colour, marker, label) in _STYLES.items():
        mine = [row for row in rows if row["program"] == program and row["case"].startswith(body)]
        mine.sort(key=lambda row: row["dofs"])
        if not mine:
            continue
        style = {"color": colour, "marker": marker, "label": label, "linewidth": 1.2, "markersize": 5}
        sizes = [row["dofs"] for row in mine]
        memory = [row.get("peak_memory_solve_mb", row.get("peak_memory_mb")) for row in mine]
        time_axis.loglog(sizes, [row["solve"]["cpu_s"] for row in mine], **style)
        memory_axis.loglog(sizes, memory, **style)
    time_axis.set(xlabel="degrees of freedom", ylabel="CPU time of one solve (s, all threads)")
    memory_axis.set(xlabel="degrees of freedom", ylabel="peak memory (MiB)")
    for axis in (time_axis, memory_axis):
        axis.grid(True, which="both", linewidth=0.3, alpha=0.6)
    memory_axis.legend(frameon=False, fontsize=8, loc="lower right")
    if products:
        _draw_products(axes[2], products)
    figure.suptitle(
        f"axial compression, residual {report['rtol']:.0e}, {report['machine']['processor']}", fontsize=9
    )
    figure.savefig(path, dpi=150)
    plt.close(figure)


def _draw_products(axis: Any, rows: list[dict[str, Any]]) -> None:
    """Wall time of a stiffness product over that of copying what it must move: 1 is the roof."""
    width = 0.38
    for number, (precision, (colour, label)) in enumerate(_PRECISIONS.items()):
        ratios = [row[precision]["ms"] / row[precision]["bound_ms"] for row in rows]
        places = [place + (number - 0.5) * width for place in range(len(rows))]
        bars = axis.bar(places, ratios, width, color=colour, label=label)
        axis.bar_label(bars, fmt="%.1f", fontsize=8)
    axis.axhline(1.0, color="black", linewidth=1)
    axis.axhline(2.0, color="black", linewidth=0.8, linestyle="--", label="twice the copy")
    axis.set_xticks(range(len(rows)), [row["case"] for row in rows])
    axis.set_ylabel("time of a product / time of a copy")
    axis.margins(y=0.15)
    axis.legend(frameon=False, fontsize=8)
