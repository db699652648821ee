"""`osteon resume`: a run that was cut off, from its last checkpoint to its report."""

import argparse
import json

from ._cohort_command import KEPT, PAGE, PART_PAGE, resume_cohort
from ._machine import prepare_jax
from ._manifest import NAME
from ._output import answer_folder
from ._progress import progress_bar
from ._run_command import fill_run
from ._study import read_study
from ._working_folder import discard, finished_path, old_working_folder


def resume_command(arguments: argparse.Namespace) -> None:
    """Go on with a run and print the path of its report.

    Raises:
      UserError: nothing to resume, or the program, the machine or the input files have changed.
    """
    out, page = finished_path(arguments.folder), "report.html"
    with old_working_folder(arguments.folder) as working:
        if (out / NAME).is_file() and not working.files.exists():
            # Cut off after the run had got its name and before its working folder was gone.
            discard(working)
            page = next(name for name in (page, PAGE, PART_PAGE) if (out / name).is_file())
        else:
            working.kept("study.toml")
            study = read_study(working.path / "study.toml")
            limit = arguments.memory_gb
            if limit is None:
                limit = json.loads(working.kept("memory_gb.json"))
            prepare_jax(cache=not arguments.no_cache)
            with progress_bar("reading", forced=arguments.progress, quiet=arguments.quiet) as progress:
                if (working.path / KEPT).exists():
                    page = resume_cohort(study, working, progress, memory_gb=limit)
                else:
                    fill_run(study, working, progress, memory_gb=limit)
    answer_folder(arguments, out, page)
