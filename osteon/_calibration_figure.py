"""Picture of a fitted calibration: the line through its rods or tissues, and what it leaves over."""

from typing import Any

from ._figures import PALETTE, new_figure


def calibration_figure(record: dict[str, Any]) -> Any:
    """Density over CT number with the fitted line, and the residual of every rod or tissue.

    Args:
      record: calibration of summary.json that was fitted (has "residuals_mg_cm3").
    """
    hu = record.get("rods_hu") or record["tissues_hu"]
    stated, residuals = record["reference_mg_cm3"], record["residuals_mg_cm3"]
    kind = {"ha": "HA", "k2hpo4": "K2HPO4"}.get(record["density_type"], record["density_type"])
    unit = f"{kind}-equivalent density, mg/cm3"
    figure, axes = new_figure(8.6, 3.3, 1, 2)
    line, rest = axes.flat
    ends = [min(hu.values()), max(hu.values())]
    slope, intercept = record["slope_mg_cm3_per_hu"], record["intercept_mg_cm3"]
    line.plot(ends, [slope * end + intercept for end in ends], color=PALETTE[1])
    line.plot(list(hu.values()), list(stated.values()), "D", color=PALETTE[2], markersize=5)
    line.set_xlabel("CT number, HU")
    line.set_ylabel(unit)
    line.set_title(f"{slope:.4g} mg/cm3 per HU, {intercept:.3g} at 0 HU, r2 {record['r2']:.5f}", fontsize=9)
    names = list(residuals)
    rest.axhline(0.0, color=PALETTE[0], linewidth=1)
    rest.vlines(range(len(names)), 0.0, list(residuals.values()), color=PALETTE[1])
    rest.plot(range(len(names)), list(residuals.values()), "D", color=PALETTE[2], markersize=5)
    rest.set_xticks(range(len(names)), names, rotation=30 if len(names) > 4 else 0)
    rest.set_xlim(-0.5, len(names) - 0.5)
    largest = max(1.0, 1.25 * max(abs(value) for value in residuals.values()))
    rest.set_ylim(-largest, largest)
    rest.set_ylabel("stated less fitted, mg/cm3")
    rest.set_title("Residuals", fontsize=9)
    return figure
