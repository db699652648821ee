"""A run folder with made-up numbers: two levels, three arms (one means harm), volumes, courses, a trial."""

import json
from pathlib import Path

import numpy as np

from osteon._figures import change_figure, png_bytes
from osteon._report import RESEARCH_USE
from osteon._runfolder import csv_text
from osteon._viewer_volumes import Field, Place, encode

HOSTILE = "</script><script>alert(1)</script>"
ARMS = ["no treatment", "weekly", HOSTILE]
LEVELS = ["L2", "L3"]
MONTHS = [0, 3, 6]
SHAPES = [(9, 7, 6), (8, 8, 7)]
SPACING = 2.0
QUANTITIES = ("trabecular_vbmd_mg_cm3", "strength_pistoia_n", "resorption_percent", "testosterone_ng_dl")


def body(level: int) -> np.ndarray:
    """Bone voxels: an ellipsoid that leaves a margin of one voxel."""
    shape = SHAPES[level]
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, size) for size in shape), indexing="ij")
    return (x / 0.85) ** 2 + (y / 0.85) ** 2 + (z / 0.85) ** 2 <= 1


def density(level: int) -> np.ndarray:
    """Density before treatment, mg/cm3, rising to the right and upwards."""
    i, j, k = np.nonzero(body(level))
    return 60.0 + 20.0 * i + 3.0 * j + 7.0 * k + 5 * level


def change_percent(level: int, arm: int, month: int) -> np.ndarray:
    """Change from baseline, %: loss on the left, gain on the right; nothing without treatment."""
    i, _, _ = np.nonzero(body(level))
    return arm * (month / 6) * (2.5 * i - 10.0)


def energy(level: int, arm: int, month: int) -> np.ndarray:
    """Strain energy density, MPa."""
    _, _, k = np.nonzero(body(level))
    return 1e-4 * 2.0**k * (1 + 0.05 * arm * month)


def volumes() -> tuple[list[Place], list[Field]]:
    """Places and fields of both levels; the highest bone voxel in C order is held fixed."""
    places, fields = [], []
    for level, name in enumerate(LEVELS):
        bone = body(level)
        held = np.zeros_like(bone)
        held[tuple(np.argwhere(bone)[-1])] = True
        places.append(
            Place(name, bone, held, (SPACING,) * 3, np.array([10.0, 20.0, 30.0 - 40 * level]), np.eye(3))
        )
        fields.append(Field(level, None, 0, "density", density(level)))
        fields.append(Field(level, None, 0, "energy", energy(level, 0, 0)))
        for arm in range(len(ARMS)):
            for month in MONTHS[1:]:
                change = change_percent(level, arm, month)
                difference = 0.01 * change * density(level)
                fields.append(Field(level, arm, month, "difference", difference))
                fields.append(Field(level, arm, month, "half_width", 0.1 * np.abs(change)))
                fields.append(Field(level, arm, month, "energy", energy(level, arm, month)))
    return places, fields


def course_rows() -> list[dict]:
    """Rows of timecourse.csv: strength in the reported months, all else in every month."""
    rows = []
    for arm, name in enumerate(ARMS):
        for place, level in enumerate(LEVELS):
            for quantity in QUANTITIES:
                start = 100.0 + 7 * place
                for month in MONTHS if quantity == "strength_pistoia_n" else range(7):
                    value = start * (1 + 0.0123 * arm * month)
                    ends = dict.fromkeys(
                        ("parameters_low", "parameters_high", "new_trial_low", "new_trial_high"), ""
                    )
                    if quantity.startswith("trabecular"):
                        wide = start * 0.002 * month
                        ends |= {"parameters_low": value - wide, "parameters_high": value + wide}
                        ends |= {"new_trial_low": value - 2 * wide, "new_trial_high": value + 2 * wide}
                    rows.append(
                        {
                            "arm": name,
                            "level": level,
                            "month": month,
                            "quantity": quantity,
                            "value": value,
                            "unit": "",
                            **ends,
                        }
                    )
    return rows


def summary() -> dict:
    """Content of summary.json."""
    trial = {
        "level": "L2",
        "arm": "weekly",
        "trial": "trial-1",
        "citation": "Doe 2020",
        "observable": "spine_trabecular_vbmd",
        "quantity": "trabecular_vbmd_mg_cm3",
        "unit": "%",
        "kind": "change",
        "start_month": 0.0,
        "month": 6.0,
        "observed": 7.0,
        "low": 5.0,
        "high": 9.0,
        "model": 7.4,
        "shown": 7.0,
        "shown_low": 5.0,
        "shown_high": 9.0,
        "reference": None,
        "defaults": "none",
        **{
            f"model_{name}": None
            for name in ("parameters_low", "parameters_high", "new_trial_low", "new_trial_high")
        },
    }
    rows = [
        {"level": level, "arm": arm, "month": month, "trabecular_vbmd_mg_cm3": 100.0 + month}
        for level in LEVELS
        for arm in ARMS
        for month in MONTHS
    ]
    return {
        "format": "osteon-run/1",
        "title": "A made-up run",
        "research_use_only": RESEARCH_USE,
        "in_one_sentence": "Nothing was simulated.",
        "warnings": ["The dose lies outside the data."],
        "subject": {"sex": "male"},
        "image": "made up",
        "calibration": {"sentence": "none"},
        "months": 6,
        "steps_per_month": 2,
        "arms": [{"name": name, "doses": []} for name in ARMS],
        "levels": [{"name": name, "sentence": "A few voxels."} for name in LEVELS],
        "load_case": {"name": "pmma-axial", "version": 1, "sentence": "Embedded and compressed."},
        "law": {"name": "none", "density_type": "ash", "citation": "none"},
        "solver": [],
        "assumptions": ["All of it."],
        "parameters": [],
        "results": rows,
        "trials": [trial],
    }


def write_folder(folder: Path, *, slices: bool = True) -> Path:
    """Write the run folder; without `slices` it is like one of the gallery."""
    (folder / "figures").mkdir(parents=True)
    (folder / "summary.json").write_text(json.dumps(summary()))
    (folder / "versions.json").write_text(json.dumps({"osteon": "0.1.0"}))
    rows = course_rows()
    (folder / "timecourse.csv").write_text(csv_text(rows))
    listed = []
    for level in LEVELS:
        names = [f"{level.lower()}_change.png", f"{level.lower()}_weekly_density.png"]
        picture = change_figure(
            [{**row, "parameters_low": None} for row in rows], level, ("trabecular_vbmd_mg_cm3",)
        )
        for name in names:
            (folder / "figures" / name).write_bytes(png_bytes(picture))
            listed.append({"file": name, "level": level, "caption": f"{level}: {name}"})
    (folder / "figures.json").write_text(json.dumps(listed))
    if slices:
        (folder / "maps").mkdir()
        (folder / "maps" / "viewer.npz").write_bytes(encode(ARMS, MONTHS, *volumes(), ""))
    return folder
