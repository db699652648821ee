"""Damaged files of every kind: read whole, or refused by a sentence. No crash, no hang, no nonsense.

Every target reads files made by damaging whole ones (`mutations`). What is read must be what its type says;
what is refused must be refused by the documented exceptions, in short lines. OSTEON_FUZZ is the number of
inputs of each target (default 150); the slow test runs 100,000 in all.
"""

import os
import resource
import shutil
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

import calibration
import meshes
import osteon
from osteon._manifest import differences
from tests.dicom_series import write_series
from tests.fuzz import seeds
from tests.fuzz.mutations import damage

# A reader may warn of what it sees; what it returns is checked.
pytestmark = pytest.mark.filterwarnings("ignore")

LONGEST_SECONDS = 20
"""A single file of a few kilobytes that takes longer hangs."""
MOST_MEMORY_MB = 1500
"""Growth of the largest resident memory of the process in one target."""
DOCUMENTED, USER = (ValueError, TypeError, FileNotFoundError), (osteon.UserError,)
"""How the libraries refuse, and the program."""
TOTAL = 100_000
IN_CI = 150


@dataclass(frozen=True)
class Target:
    """One kind of file and its reader."""

    name: str
    """suffix or kind"""
    file: str
    """name of the damaged file"""
    whole: Callable[[Path], list[bytes]]
    """files to damage, made in a folder"""
    read: Callable[[Path], Any]
    """the reader, of a path"""
    check: Callable[[Any], None]
    """what must hold of what was read"""
    refusals: tuple[type[Exception], ...] = DOCUMENTED
    """how it may refuse"""
    text: bool = False
    """whether people write it"""
    beside: Callable[[Path], None] | None = None
    """makes what must lie beside the file"""


def good_image(image: Any) -> None:
    """Finite values on a grid with a place, no larger than a damaged header of some kilobytes can hold."""
    values = np.asarray(image.values)
    assert values.ndim == 3
    assert 0 < values.size < 20_000_000
    assert np.isfinite(values).all()
    assert np.isfinite(meshes.affine_of(image)).all()
    assert (np.asarray(image.spacing) > 0).all()


def good_mesh(mesh: Any) -> None:
    """Finite nodes, and elements of nodes that exist."""
    nodes = np.asarray(mesh.points)
    assert np.isfinite(nodes).all()
    for cells in mesh.cells.values():
        assert cells.min() >= 0
        assert cells.max() < len(nodes)


def good_surface(read: Any) -> None:
    """Finite points, triangles of points that exist."""
    points, triangles = read
    assert np.isfinite(points).all()
    assert triangles.size == 0 or (triangles.min() >= 0 and triangles.max() < len(points))


def good_study(study: Any) -> None:
    """Limits of the schema hold."""
    assert study.time.months > 0
    assert 18 <= study.subject.age_years <= 100
    assert all(np.isfinite(dose.amount_mg) and dose.amount_mg >= 0 for arm in study.arm for dose in arm.dose)


def good_trials(trials: Any) -> None:
    """Every observation belongs to an arm that exists and is a number."""
    assert len(trials.observations) > 0
    assert all(row.value is None or np.isfinite(row.value) for row in trials.observations)


def good_posterior(read: Any) -> None:
    """Finite modes."""
    assert all(np.isfinite(value) for value in read[0].log_values.values())


def beside_study(folder: Path) -> None:
    """Nothing is read by a study but event tables."""
    (folder / "doses.csv").write_bytes(seeds.events(folder)[0])


def with_events(path: Path) -> Any:
    """The short study with the damaged table."""
    text = seeds.STUDY[: seeds.STUDY.index("[[arm.dose]]")] + 'events = "doses.csv"\n'
    (path.parent / "study.toml").write_text(text)
    return osteon.read_study(path.parent / "study.toml")


def trials_beside(path: Path) -> Any:
    """All tables, one of them damaged."""
    return calibration.read_trials(path.parent)


def other_tables(folder: Path) -> None:
    """The tables of the program."""
    for table in (Path(calibration.__file__).parent / "trials").glob("*.tsv"):
        shutil.copy(table, folder / table.name)


def image_target(name: str, whole: Callable[[Path], list[bytes]], read: Callable[[Path], Any]) -> Target:
    """A kind of image; the last word of the name is its suffix."""
    return Target(name, f"image{name.split()[-1]}", whole, read, good_image)


def of_suffix(make: Callable[[Path, str], list[bytes]], suffix: str) -> Callable[[Path], list[bytes]]:
    """Whole files of a suffix."""
    return lambda folder: make(folder, suffix)


def mesh_of(path: Path) -> Any:
    """In mm."""
    return meshes.read_mesh(path, scale_mm=1.0)


def surface_of(path: Path) -> Any:
    """In mm."""
    return meshes.read_surface(path, scale_mm=1.0)


def array_of(path: Path) -> Any:
    """With a voxel size, which .npy does not state."""
    return meshes.read_image(path, spacing_mm=1.0)


def other_slices(folder: Path) -> None:
    """The other slices of the series; the damaged one stands for the first."""
    write_series(folder / "series", seeds.voxels())
    first = min((folder / "series").iterdir())
    first.unlink()


def series_of(path: Path) -> Any:
    """The folder of a slice."""
    return meshes.read_image(path.parent)


def differences_of(path: Path) -> Any:
    """The folder of a manifest against it."""
    return differences(path.parent)


TABLES = ("groups.tsv", "arms.tsv", "observations.tsv")
TARGETS = [
    image_target(".nii", of_suffix(seeds.nifti, ".nii"), meshes.read_image),
    image_target(".nii.gz", of_suffix(seeds.nifti, ".nii.gz"), meshes.read_image),
    image_target(".npy", seeds.numpy_array, array_of),
    image_target(".npz", seeds.numpy_archive, meshes.read_image),
    image_target("mask .npz", seeds.numpy_masks, meshes.read_mask),
    image_target(".mha", of_suffix(seeds.sitk_image, ".mha"), meshes.read_image),
    image_target(".nrrd", of_suffix(seeds.sitk_image, ".nrrd"), meshes.read_image),
    image_target(".tif", seeds.tiff, array_of),
    Target(".dcm", "series/image.dcm", seeds.dicom, series_of, good_image, beside=other_slices),
    *(
        Target(suffix, f"mesh{suffix}", of_suffix(seeds.mesh, suffix), mesh_of, good_mesh)
        for suffix in (".inp", ".vtu", ".vtk", ".msh")
    ),
    *(
        Target(suffix, f"surface{suffix}", of_suffix(seeds.surface, suffix), surface_of, good_surface)
        for suffix in (".stl", ".ply", ".obj")
    ),
    Target("study", "study.toml", seeds.study, osteon.read_study, good_study, USER, True, beside_study),
    Target("events", "doses.csv", seeds.events, with_events, good_study, USER, True),
    *(
        Target(
            name, name, seeds.trial_table(name), trials_beside, good_trials, DOCUMENTED, True, other_tables
        )
        for name in TABLES
    ),
    Target("posterior", "posterior.json", seeds.posterior, calibration.read_posterior, good_posterior),
    Target("manifest", "manifest.json", seeds.manifest, differences_of, lambda found: None, USER, True),
]


def hang(*_: Any) -> None:
    """What an alarm does."""
    raise TimeoutError(f"a file of some kilobytes takes more than {LONGEST_SECONDS} s")


def fuzz(target: Target, folder: Path, count: int, *, derandomize: bool) -> None:
    """Read `count` damaged files."""
    (folder / "whole").mkdir()
    whole = target.whole(folder / "whole")
    work = folder / "work"
    work.mkdir()
    if target.beside is not None:
        target.beside(work)
    path = work / target.file
    for content in whole[: 1 if target.name == ".dcm" else None]:
        path.write_bytes(content)
        target.check(target.read(path))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        derandomize=derandomize,
        suppress_health_check=list(HealthCheck),
    )
    @given(content=damage(whole, text=target.text))
    def one(content: bytes) -> None:
        path.write_bytes(content)
        signal.alarm(LONGEST_SECONDS)
        try:
            read = target.read(path)
        except target.refusals as error:
            told = str(error)
            # a study may have many problems, each on a line of its own
            assert told.strip()
            assert all(len(line) < 1500 for line in told.splitlines())
            assert "Traceback" not in told
            return
        finally:
            signal.alarm(0)
        target.check(read)

    old = signal.signal(signal.SIGALRM, hang)
    try:
        one()
    finally:
        signal.signal(signal.SIGALRM, old)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown < MOST_MEMORY_MB


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_damaged_files_are_read_or_refused(target, tmp_path):
    """A chosen number of inputs, the same in every run."""
    fuzz(target, tmp_path, int(os.environ.get("OSTEON_FUZZ", IN_CI)), derandomize=True)


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_a_hundred_thousand_damaged_files(target, tmp_path):
    """New inputs in every run, 100,000 in all; a failure prints the smallest damage that shows it."""
    fuzz(target, tmp_path, -(-TOTAL // len(TARGETS)), derandomize=False)
