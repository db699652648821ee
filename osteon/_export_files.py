"""Files of a solved model for other programs: `osteon solve --export`."""

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ._errors import UserError, input_errors
from ._runfolder import RunFolder


def require_export(formats: Sequence[str], out: Path | None) -> None:
    """Complain before anything is solved: no folder to write to, or a format whose package is absent.

    Raises:
      UserError: `--out` is missing, or h5py is.
    """
    if formats and out is None:
        raise UserError("--export writes files and --out is missing; name a new folder with --out DIR")
    if "parosol" in formats and importlib.util.find_spec("h5py") is None:
        raise UserError("--export parosol needs the package h5py; pip install 'osteon[export]'")


def write_exports(
    folder: RunFolder, formats: Sequence[str], modulus: Any, plan: Any, *, bins: int
) -> dict[str, Any]:
    """Write `export/model.inp` and `export/model.h5`.

    Returns:
      What summary.json says about the files, by format.

    Raises:
      UserError: the format cannot hold the model.
    """
    import fem

    if not formats:
        return {}
    place = folder.folder("export")
    with input_errors("--export"):
        model = fem.export_model(modulus, plan)
        written: dict[str, Any] = {"pinned_components": int(model.pins.sum())}
        if "inp" in formats:
            classes = fem.write_inp(place / "model.inp", model, bins=bins)
            written["inp"] = {
                "file": "export/model.inp",
                "materials": len(classes.modulus),
                "largest_modulus_error": classes.largest_error,
                "rms_modulus_error": classes.rms_error,
            }
        if "parosol" in formats:
            fem.write_parosol(place / "model.h5", model)
            written["parosol"] = {"file": "export/model.h5", "modulus_unit": "GPa"}
    return written
