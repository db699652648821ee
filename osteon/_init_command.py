"""`osteon init`: a study file whose comments teach, or the JSON Schema of study files."""

import argparse
import difflib
import json
from pathlib import Path
from typing import Any

from ._errors import UserError, input_errors
from ._init_templates import template_data
from ._init_text import study_text
from ._output import answer
from ._runfolder import write_atomic

SCHEMA_NAME = "study.schema.json"
"""Name that the first line of a study file refers to."""

_VERSE = {19: "T12"} | {number: f"L{number - 19}" for number in range(20, 26)}


def init_command(arguments: argparse.Namespace) -> None:
    """Write a study file (or with `--schema` its schema) and print its path; never over another file."""
    to_screen = arguments.file is not None and str(arguments.file) == "-"
    path = arguments.file or Path(SCHEMA_NAME if arguments.schema else "study.toml")
    if path.exists() and not to_screen:
        raise UserError(f"'{path}' already exists and init never overwrites; name another file or remove it")
    if arguments.schema:
        from ._json_schema import study_schema

        text = json.dumps(study_schema(), indent=2, ensure_ascii=False) + "\n"
        following = f"first line of a study beside it: #:schema ./{path.name}"
    else:
        beside = (path.parent / SCHEMA_NAME).exists() and not to_screen
        text = study_text(chosen_data(arguments, path.parent), short=arguments.short, schema=beside)
        following = f"next: osteon check {path}"
    if to_screen:
        answer(arguments, text.rstrip("\n"), {"file": None, "text": text})
        return
    with input_errors(f"FILE '{path}'"):
        write_atomic(path, text.encode("utf-8"))
    answer(arguments, f"{path}\n{following}", {"file": str(path), "text": text})


def chosen_data(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Keys in use: those of the template, with the person's own image and drug in place of its own.

    Args:
      arguments: of the command.
      folder: where the study file will lie; images are named relative to it.

    Raises:
      UserError: options that do not go together, or a drug that does not exist.
    """
    data = template_data(arguments.template)
    if arguments.ct is not None:
        data |= _own_image(arguments, folder)
    elif arguments.mask is not None or arguments.label is not None:
        raise UserError("--mask and --label belong to an image and --ct is missing; add --ct CT.nii.gz")
    if arguments.drug is not None:
        data |= _one_drug(arguments)
    elif arguments.amount_mg is not None or arguments.every_days is not None:
        raise UserError(
            "--amount-mg and --every-days belong to a drug and --drug is missing; add --drug NAME"
        )
    return data


def _own_image(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    if arguments.mask is None:
        raise UserError("--ct needs --mask, the label image of the vertebrae on the grid of the CT")
    if arguments.label is None:
        raise UserError(
            f"--label is missing; {_labels_there(arguments.mask)}write for example --label 22 (VerSe numbers "
            "L1 to L5 as 20 to 24)"
        )
    names = [_VERSE.get(label, f"label {label}") for label in arguments.label]
    return {
        "image": {
            "path": _relative(arguments.ct, folder),
            "mask": _relative(arguments.mask, folder),
            # nothing is assumed of the scanner: fat, muscle and air of the image itself say what HU mean
            "calibration": {"method": "phantomless"},
        },
        "levels": [
            {"name": name, "label": label} for name, label in zip(names, arguments.label, strict=True)
        ],
    }


def _labels_there(mask: Path) -> str:
    """The labels of a mask in words; empty where it cannot be read, as `osteon check` will say."""
    import numpy as np

    import meshes

    try:
        values = np.unique(np.asarray(meshes.read_labels(mask).values))
    except (ValueError, TypeError, OSError):
        return ""
    there = [str(int(value)) for value in values if value != 0]
    return f"'{mask}' holds {', '.join(there)}; " if there else ""


def _relative(path: Path, folder: Path) -> str:
    """A path as the study file names it: relative to itself where it lies below, else in full."""
    full = path.absolute()
    return (
        full.relative_to(folder.absolute()).as_posix()
        if full.is_relative_to(folder.absolute())
        else str(full)
    )


def _one_drug(arguments: argparse.Namespace) -> dict[str, Any]:
    import remodeling

    name, amount, every = arguments.drug, arguments.amount_mg, arguments.every_days
    if name not in remodeling.DRUGS:
        close = difflib.get_close_matches(name, remodeling.DRUGS, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(remodeling.DRUGS)}"
        raise UserError(f"--drug got {name!r}, which is no drug of docs/drugs.md; {hint}")
    drug = remodeling.DRUGS[name]
    low, high = drug.dose_range_mg
    if amount is None or not low <= amount <= high:
        seen = "is missing" if amount is None else f"is {amount:g}"
        raise UserError(f"--amount-mg {seen}; one dose of {name} is {low:g} to {high:g} {drug.dose_unit}")
    rhythm = "once" if every is None else f"every {every:g} days"
    dose = {"drug": name, "amount_mg": amount, "every_days": every}
    return {
        "title": f"{name} {amount:g} {drug.dose_unit} {rhythm}",
        "arm": [{"name": f"{name} {amount:g} {drug.dose_unit} {rhythm}", "dose": [dose]}],
    }
