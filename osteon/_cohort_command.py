"""`osteon cohort`: a thousand virtual people under every arm of a study, and the power of a trial of them."""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ._checkpoints import Checkpoints, DiskCheckpoints
from ._cohort_model import BLOCK, block_name, month_of, settings_of
from ._cohort_names import ENDPOINTS
from ._errors import UserError
from ._machine import memory_plan_gb, prepare_jax, require_plan
from ._output import answer_folder
from ._overrides import to_toml
from ._prepared import Prepared, prepare
from ._progress import Progress, progress_bar
from ._report import RESEARCH_USE, embedded_pictures, template
from ._run_command import fingerprint, keep_asked, portable
from ._runfolder import RunFolder, csv_text, finite, numbered_paths, peak_memory_mb, require_fresh
from ._study import read_study
from ._study_tables import Study
from ._working_folder import WorkingFolder, filled, new_working_folder

PAGE, PART_PAGE = "cohort.html", "summary.json"
"""What a person opens first: of a cohort, of a part of one."""
KEPT = "cohort.json"
"""Name in the working folder of what `osteon resume` must know beside the study."""
_BLOCKS = "blocks"
_BLOCK_BYTES, _COURSE_BYTES = 4.5e3, 32.0
"""Bytes a month of a person under an arm: while the block is computed (XLA's plan: 4.4e3), and kept of the
course, four times over while tables are made."""


@dataclasses.dataclass(frozen=True)
class Part:
    """One of equal parts of a cohort, for another process or machine."""

    number: int
    "which, from 1"
    parts: int
    "how many there are"

    def blocks(self, people: int) -> range:
        """The blocks of this part.

        Raises:
          UserError: more parts than blocks.
        """
        whole = -(-people // BLOCK)
        if self.parts > whole:
            raise UserError(
                f"--part {self.number}/{self.parts}: {people} people are {whole} blocks of {BLOCK}, so there "
                f"can be at most {whole} parts; take fewer"
            )
        return range(whole * (self.number - 1) // self.parts, whole * self.number // self.parts)


WHOLE = Part(1, 1)
"""The whole cohort."""


def parse_part(text: str) -> Part:
    """A part from "K/N".

    Raises:
      UserError: anything else.
    """
    number, slash, parts = text.partition("/")
    if slash and number.isdecimal() and parts.isdecimal() and 1 <= int(number) <= int(parts):
        return Part(int(number), int(parts))
    raise UserError(f"--part must be K/N with K from 1 to N, such as 3/8, got {text!r}")


def cohort_command(arguments: argparse.Namespace) -> None:
    """Follow a cohort, or a part of it, or join parts, and print the path of what to open."""
    part = None if arguments.part is None else parse_part(arguments.part)
    if part is not None and arguments.join:
        raise UserError("--part and --join exclude each other; join when every part is done")
    study = read_study(arguments.study, overrides=arguments.overrides, data_dir=arguments.data_dir)
    require_arms(study)
    if part is not None:
        part.blocks(settings_of(study).people)
    if arguments.out is not None:
        require_fresh(arguments.out)
    prepare_jax(cache=not arguments.no_cache)
    stem = f"{arguments.study.stem}-cohort"
    candidates = [arguments.out] if arguments.out else numbered_paths(Path("runs"), stem)
    with (
        progress_bar("reading", forced=arguments.progress, quiet=arguments.quiet) as progress,
        new_working_folder(candidates) as working,
    ):
        page = fill_cohort(
            study, working, progress, part=part, join=arguments.join, memory_gb=arguments.memory_gb
        )
    answer_folder(arguments, working.out, page)


def require_arms(study: Study) -> None:
    """Refuse a study that has nothing to compare.

    Raises:
      UserError: no arm beside the untreated one.
    """
    if not study.arm:
        raise UserError(
            "the study has no arm to compare with 'no treatment'; add an [[arm]] with a dose to it"
        )


def fill_cohort(
    study: Study,
    working: WorkingFolder,
    progress: Progress,
    *,
    part: Part | None,
    join: Sequence[Path] = (),
    memory_gb: float | None,
) -> str:
    """Follow the people in a working folder, or go on there, and give the folder its name.

    Args:
      study: with arms.
      working: locked.
      progress: what is told meanwhile.
      part: which part is asked for; None: the cohort and its answers.
      join: folders of parts whose people are taken from there.
      memory_gb: limit of the memory plan.

    Returns:
      the name of the file to open first.

    Raises:
      InterruptedRun: cut off with something kept.
      UserError: a part that is missing or of another cohort; a study that cannot be used.
      MemoryRefused: the tables would not fit.
    """
    with filled(working) as folder:
        keep_asked(working, study, memory_gb)
        working.keep(KEPT, json.dumps(None if part is None else [part.number, part.parts]))
        prepared = prepare(study)
        origin = origin_of(prepared)
        working.require_same(origin)
        require_cohort_memory(study, memory_gb)
        if part is not None:
            write_part(prepared, folder, progress, part, working.checkpoints(), origin)
            return PART_PAGE
        kept = JoinedParts(join, study, origin) if join else working.checkpoints()
        write_cohort(prepared, folder, progress, kept, origin)
        return PAGE


def resume_cohort(
    study: Study, working: WorkingFolder, progress: Progress, *, memory_gb: float | None
) -> str:
    """Go on with a cohort or a part of one; see `fill_cohort`."""
    kept = json.loads(working.kept(KEPT))
    part = None if kept is None else Part(*kept)
    return fill_cohort(study, working, progress, part=part, memory_gb=memory_gb)


def origin_of(prepared: Prepared) -> dict[str, Any]:
    """What the parts of a cohort share: program, kind of machine, input files, study."""
    found = fingerprint(prepared)
    # a block is computed by one device, however many there are
    found["jax_devices"] = sorted(set(found.get("jax_devices", ())))
    text = json.dumps(finite(portable(prepared.study)), sort_keys=True)
    return finite({**found, "study_sha256": hashlib.sha256(text.encode()).hexdigest()})


def cohort_memory_gb(study: Study) -> float:
    """Estimate of the memory of a cohort, GB: an upper one (benchmarks/results/cohort.json)."""
    arms, months = len(study.arm) + 1, month_of(study)
    rows = settings_of(study).people * arms
    monthly = months * (_BLOCK_BYTES * BLOCK * arms + _COURSE_BYTES * rows)
    return memory_plan_gb(rows, task="cohort") + monthly / 2**30


def require_cohort_memory(study: Study, limit_gb: float | None) -> float:
    """The memory plan of a cohort, GB, or a refusal.

    Raises:
      MemoryRefused: the plan is above the limit.
    """
    return require_plan(
        cohort_memory_gb(study),
        settings_of(study).people * (len(study.arm) + 1),
        limit_gb,
        things="persons and arms",
        advice="follow fewer people (cohort.people), arms or months",
    )


def write_part(
    prepared: Prepared,
    folder: RunFolder,
    progress: Progress,
    part: Part,
    checkpoints: Checkpoints,
    origin: dict[str, Any],
) -> None:
    """Fill the folder of one part: its blocks, and what they are of."""
    from ._cohort_model import follow_blocks, make_cohort

    people = settings_of(prepared.study).people
    blocks = part.blocks(people)
    model = make_cohort(prepared)
    kept = KeptTwice(checkpoints, DiskCheckpoints(folder.folder(_BLOCKS)))
    follow_blocks(model, blocks, kept, _told(progress, len(blocks)))
    folder.write_json("origin.json", origin)
    folder.write_json(
        "summary.json",
        {
            "format": "osteon-cohort-part/1",
            "title": prepared.study.title,
            "part": part.number,
            "parts": part.parts,
            "people": people,
            "blocks": list(blocks),
        },
    )


def write_cohort(
    prepared: Prepared,
    folder: RunFolder,
    progress: Progress,
    checkpoints: Checkpoints,
    origin: dict[str, Any],
) -> dict[str, Any]:
    """Fill the folder of a cohort: tables, figures, cohort.html.

    Returns:
      content of summary.json.
    """
    from ._cohort_figures import power_figure, response_figure
    from ._figures import write_figure

    begin = time.perf_counter()
    model, outcomes, answers = cohort_of(prepared, progress, checkpoints)
    folder.log(f"{len(outcomes.numbers)} people, {len(model.arms)} arms, {model.cohort.months} months")
    progress.stage("drawing", 0.05)
    figures = {
        "response": response_figure(model, outcomes, answers),
        "power": power_figure(model, answers),
    }
    for name, figure in figures.items():
        write_figure(folder.path / "figures" / name, figure)
    for name in ("people", "outcomes", "arms", "courses", "power"):
        folder.write_text(f"{name}.csv", csv_text(getattr(answers, name)))
    folder.write_text("study.toml", to_toml(portable(prepared.study)))
    folder.write_json("versions.json", origin)
    summary = finite(answers.summary)
    folder.write_json("summary.json", summary)
    page = template("cohort.html.j2").render(
        summary=summary,
        arms=answers.arms,
        power=answers.power,
        label=ENDPOINTS[model.settings.endpoint].label,
        labels={name: endpoint.label for name, endpoint in ENDPOINTS.items()},
        pictures=embedded_pictures(folder.path),
        versions=origin,
        research_use_only=RESEARCH_USE,
    )
    folder.write_text(PAGE, page)
    folder.write_json(
        "timing.json", {"run_seconds": time.perf_counter() - begin, "peak_memory_mb": peak_memory_mb()}
    )
    return summary


def cohort_of(
    prepared: Prepared, progress: Progress, checkpoints: Checkpoints | None = None
) -> tuple[Any, Any, Any]:
    """Follow everybody and read the answers off; nothing is written.

    Returns:
      `CohortModel`, `Outcomes`, `CohortAnswers`.
    """
    import calibration

    from ._cohort_answers import cohort_answers
    from ._cohort_model import follow_blocks, make_cohort, posterior_changes

    study = prepared.study
    model = make_cohort(prepared)
    blocks = WHOLE.blocks(model.settings.people)
    outcomes = follow_blocks(model, blocks, checkpoints or Checkpoints(), _told(progress, len(blocks)))
    progress.stage("intervals", 0.05)
    posterior, _ = calibration.shipped_posterior()
    drawn = posterior_changes(model, tuple(sorted(study.biology or {})))
    progress.stage("trials", 0.05)
    answers = cohort_answers(
        model,
        outcomes,
        drawn,
        title=study.title,
        between_trials=np.asarray(posterior.between_trials),
    )
    return model, outcomes, answers


def _told(progress: Progress, blocks: int) -> Any:
    progress.stage("compiling", 0.02)

    def done(count: int) -> None:
        progress.stage("following people", 0.8 * count / max(blocks, 1))

    return done


class KeptTwice(Checkpoints):
    """Blocks of a part: kept for `osteon resume`, and in the folder that the part becomes."""

    def __init__(self, first: Checkpoints, second: Checkpoints):
        self.first, self.second = first, second

    def load(self, name: str, like: Any) -> Any | None:
        """See `Checkpoints.load`."""
        found = self.first.load(name, like)
        if found is not None:
            self.second.save(name, found)
        return found

    def save(self, name: str, tree: Any) -> None:
        """See `Checkpoints.save`."""
        self.first.save(name, tree)
        self.second.save(name, tree)


class JoinedParts(Checkpoints):
    """Blocks of finished parts.

    Raises:
      UserError: a folder that is no part, is of another cohort, or parts that are missing.
    """

    def __init__(self, folders: Sequence[Path], study: Study, origin: dict[str, Any]):
        self._place: dict[str, DiskCheckpoints] = {}
        for folder in folders:
            blocks = _blocks_of_part(folder, origin)
            place = DiskCheckpoints(folder / _BLOCKS)
            self._place |= {block_name(block): place for block in blocks}
        wanted = WHOLE.blocks(settings_of(study).people)
        missing = [block for block in wanted if block_name(block) not in self._place]
        if missing:
            raise UserError(
                f"--join: {len(missing)} of {len(wanted)} blocks are in none of the {len(folders)} parts, "
                f"first that of person {missing[0] * BLOCK + 1}; give the folder of every part"
            )

    def load(self, name: str, like: Any) -> Any | None:
        """See `Checkpoints.load`.

        Raises:
          UserError: the block is damaged.
        """
        place = self._place[name]
        found = place.load(name, like)
        if found is None:
            raise UserError(f"--join: '{place.folder / name}.npz' is damaged; run its part again")
        return found


def _blocks_of_part(folder: Path, origin: dict[str, Any]) -> list[int]:
    try:
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
        theirs = json.loads((folder / "origin.json").read_text(encoding="utf-8"))
        if summary["format"] != "osteon-cohort-part/1":
            raise ValueError(summary["format"])
        blocks = [int(block) for block in summary["blocks"]]
        differing = [name for name in origin if theirs.get(name) != origin[name]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"--join '{folder}' is no finished part; give folders that `osteon cohort --part` wrote"
        ) from error
    if differing:
        words = ", ".join(name.replace("_sha256", "") for name in differing)
        raise UserError(
            f"--join '{folder}' is a part of another cohort or program: {words} differ; run it again with "
            "this study and this program"
        )
    return blocks
