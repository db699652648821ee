"""`osteon check`: a study and its images, looked at but not solved."""

import argparse

import numpy as np

from ._activities import sentence_of
from ._levels import LevelBone
from ._machine import memory_of_machine_gb, prepare_jax
from ._prepared import prepare
from ._run_memory import require_run_memory
from ._runfolder import require_fresh, run_folder, slug
from ._simulation import make_level_model
from ._study import read_study


def check_command(arguments: argparse.Namespace) -> None:
    """Print what would be modelled and the memory plan; with `--out`, a picture per level."""
    study = read_study(arguments.study, overrides=arguments.overrides, data_dir=arguments.data_dir)
    if arguments.out is not None:
        require_fresh(arguments.out)
    prepare_jax(cache=False)
    prepared = prepare(study)
    print(f"{study.title}\n  {prepared.image.sentence}.\n  {prepared.image.calibration['sentence']}")
    for level in prepared.levels:
        model = make_level_model(level, study.mechanics, prepared.day)
        plan = require_run_memory(model, study, arguments.memory_gb)
        print(f"  {level.name}: {level.sentence}")
        for note in level.notes:
            print(f"    {note}")
        print(
            f"    {model.elements} elements, memory plan {plan:.1f} of {memory_of_machine_gb():.1f} GB, "
            f"mean density {1000 * level.density_ha.mean():.1f} mg/cm3"
        )
    if prepared.day is not None:
        print(f"  loaded by {len(prepared.day.activities)} activities from {len(prepared.day.loads)} solves:")
        for activity in prepared.day.activities:
            print(f"    {sentence_of(activity)}")
    for arm in prepared.arms:
        testosterone = np.asarray(prepared.courses[arm.name].testosterone_ng_dl)
        print(f"  arm '{arm.name}': mean testosterone {testosterone.mean():.0f} ng/dL")
    if arguments.out is not None:
        with run_folder(arguments.out) as folder:
            for level in prepared.levels:
                folder.write_bytes(f"{slug(level.name)}.png", level_picture(level))
        print(arguments.out)


def level_picture(level: LevelBone) -> bytes:
    """PNG of three slices of the density around a level with the outline of what would be modelled."""
    from ._figures import png_bytes
    from ._map_figures import overlay_figure

    spacing = tuple(float(edge) for edge in np.asarray(level.grid.spacing))
    title = f"{level.name}: density around the body, outline of the {int(level.bone.sum())} voxels modelled"
    values = 1000 * np.asarray(level.grid.values)
    return png_bytes(overlay_figure(values, level.bone, spacing, title=title))
