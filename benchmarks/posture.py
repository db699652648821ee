"""Stiffness of one vertebra as it lies askew on its image, loaded along the image and between its endplates.

python -m benchmarks.posture      # 7 minutes on two cores, into benchmarks/results/posture.json
"""

import argparse
import json
from pathlib import Path

import numpy as np

import meshes
import osteon
from benchmarks._tilted import tilted

FILE = Path(__file__).resolve().parent / "results" / "posture.json"
TILTS = (0, 3, 5, 8, 12, 20, 30)
ABOUT = {"sagittal": (1.0, 0.0, 0.0), "oblique": (0.8, 0.6, 0.0)}
LAW = "kopperdahl-2002"


def stiffness(density: meshes.Image, body: meshes.Image, axis: str) -> float:
    """Of the body between cement caps, N/mm."""
    label = meshes.make_image(np.asarray(body.values, np.int32), body.spacing, quantity="label")
    solved = osteon.solve(density, mask=label, law=LAW, load="pmma-axial", displacement_mm=-0.1, axis=axis)
    return float(solved.summary["stiffness_n_per_mm"])


def measure(spacing_mm: float) -> list[dict[str, float | str]]:
    """One row a tilt and direction: both stiffnesses, N/mm, and how well the axis was found."""
    rows: list[dict[str, float | str]] = []
    for degrees in TILTS:
        for name, about in ABOUT.items():
            if degrees == 0 and name != "sagittal":
                continue
            density, body, axis = tilted(spacing_mm, degrees, about)
            found = meshes.find_endplates(body)
            off = np.degrees(np.arccos(min(1.0, float(found.axis @ axis))))
            rows.append(
                {
                    "voxel_mm": spacing_mm,
                    "tilt_degrees": degrees,
                    "direction": name,
                    "axis_error_degrees": float(off),
                    "along_image_n_per_mm": stiffness(density, body, "image"),
                    "between_endplates_n_per_mm": stiffness(density, body, "endplates"),
                }
            )
            print(json.dumps(rows[-1]), flush=True)
    return rows


def main(arguments: list[str] | None = None) -> None:
    """Measure all and write the file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=FILE, help="file to write")
    parser.add_argument("--voxels-mm", type=float, nargs="+", default=[1.5, 3.0], help="voxel edges, mm")
    options = parser.parse_args(arguments)
    rows = [row for edge in options.voxels_mm for row in measure(edge)]
    text = json.dumps(
        {"law": LAW, "load": "pmma-axial", "vertebra": "built-in, no noise", "rows": rows}, indent=1
    )
    options.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
