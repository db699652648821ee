"""Runs that are cut off: killed, interrupted, out of disk, locked, changed. They go on to the same bits."""

import errno
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from osteon import main
from osteon._checkpoints import DiskCheckpoints
from osteon._working_folder import partial_path
from tests.short_study import STUDY

ROOT = Path(__file__).resolve().parents[2]
OWN_TIMES = ("log.txt", "timing.json", "manifest.json")
"""Files that hold times, and the hashes of those."""


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    """A short study."""
    path = tmp_path_factory.mktemp("study") / "short.toml"
    path.write_text(STUDY)
    return path


@pytest.fixture(scope="module")
def finished(study, tmp_path_factory) -> Path:
    """Folder of the uninterrupted run, made by a process of its own like those that are killed."""
    out = tmp_path_factory.mktemp("whole") / "run"
    command = [sys.executable, "-m", "osteon", "run", str(study), "--out", str(out)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"}
    subprocess.run(command, env=environment, check=True, capture_output=True)
    return out


@pytest.fixture(scope="module")
def whole(finished) -> dict[str, bytes]:
    """Content of the uninterrupted run."""
    return content(finished)


@pytest.fixture(scope="module")
def environment(finished, tmp_path_factory) -> dict[str, str]:
    """Environment of the processes that are killed.

    They share compiled programs, which a kill may damage: a copy of those of the uninterrupted run.
    """
    cache = tmp_path_factory.mktemp("cache")
    shutil.copytree(os.environ["XDG_CACHE_HOME"], cache, dirs_exist_ok=True)
    return {**os.environ, "XDG_CACHE_HOME": str(cache), "PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"}


def content(folder: Path) -> dict[str, bytes]:
    """Every file of a run but those of `OWN_TIMES`."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in OWN_TIMES
    }


def same(one: dict[str, bytes], other: dict[str, bytes]) -> None:
    """The same files with the same bytes."""
    assert sorted(one) == sorted(other)
    assert [name for name in one if one[name] != other[name]] == []


def begin(arguments: list[str], environment: dict[str, str], written: int | None = None) -> subprocess.Popen:
    """A process of osteon; with `written` one that kills itself after so many complete checkpoints."""
    program = ["-m", "osteon"] if written is None else [str(ROOT / "tests/osteon/killed.py"), str(written)]
    return subprocess.Popen(
        [sys.executable, *program, *arguments],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_killed_while_a_checkpoint_is_written(study, environment, whole, tmp_path, capsys):
    """The half-written file is ignored, the whole ones are used, and no byte of the result differs."""
    out = tmp_path / "run"
    process = begin(["run", str(study), "--out", str(out)], environment, written=2)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    parts = partial_path(out) / "parts"
    assert sorted(path.name for path in parts.glob("[!.]*")) == [
        "level-0-arm-0-part-0000.npz",
        "level-0-arm-0-part-0001.npz",
    ]
    assert len(list(parts.glob(".partial-*"))) == 1
    assert main(["resume", str(out)]) == 0
    assert capsys.readouterr().out.strip() == str(out / "report.html")
    same(content(out), whole)
    assert "2 parts were computed before" in (out / "log.txt").read_text()
    assert list(tmp_path.iterdir()) == [out]
    assert main(["verify", str(out)]) == 0


@pytest.mark.slow
def test_killed_at_twenty_random_moments(study, environment, whole, tmp_path):
    """Killed again and again, at any moment from the start of the process to its last file; then resumed."""
    moments = random.Random(6)
    kills, out = 0, tmp_path / "run"
    process = begin(["run", str(study), "--out", str(tmp_path / "timed")], environment)
    start = time.perf_counter()
    process.communicate()
    longest = time.perf_counter() - start
    while kills < 20:
        written = moments.randrange(5) if kills % 4 == 3 else None
        process = begin(next_arguments(study, out), environment, written=written)
        try:
            told = process.communicate(timeout=moments.uniform(0, longest))[1]
        except subprocess.TimeoutExpired:
            process.kill()
            told = process.communicate()[1]
        assert process.returncode in (0, -signal.SIGKILL), told
        kills += process.returncode != 0
        if process.returncode == 0:
            same(content(out), whole)
            shutil.rmtree(out)
    process = begin(next_arguments(study, out), environment)
    told = process.communicate()[1]
    assert process.returncode == 0, told
    same(content(out), whole)
    assert not partial_path(out).exists()


def next_arguments(study: Path, out: Path) -> list[str]:
    """Go on with a run if it was begun, else begin it; a folder without a study was killed while made."""
    if (partial_path(out) / "study.toml").exists() or out.exists():
        return ["resume", str(out)]
    shutil.rmtree(partial_path(out), ignore_errors=True)
    return ["run", str(study), "--out", str(out)]


def interrupt(study: Path, out: Path) -> int:
    """Exit code of a run that is interrupted from the keyboard after its second checkpoint."""
    real, written = DiskCheckpoints.save, []

    def save(self, name, tree):
        real(self, name, tree)
        written.append(name)
        if len(written) == 2:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DiskCheckpoints, "save", save)
        return main(["run", str(study), "--out", str(out)])


@pytest.fixture(scope="module")
def interrupted(study, tmp_path_factory) -> Path:
    """Working folder of a run that was interrupted."""
    out = tmp_path_factory.mktemp("interrupted") / "run"
    assert interrupt(study, out) == 5
    return partial_path(out)


@pytest.fixture
def cut_off(interrupted, tmp_path) -> Path:
    """A run whose working folder is that of an interrupted one."""
    out = tmp_path / "run"
    shutil.copytree(interrupted, partial_path(out))
    return out


@pytest.fixture
def named(finished, tmp_path) -> Path:
    """A copy of the uninterrupted run."""
    return Path(shutil.copytree(finished, tmp_path / "run"))


def test_an_interrupted_run_says_how_to_go_on(study, tmp_path, capsys):
    """Exit code 5, one sentence with the command; nothing has the run's name."""
    out = tmp_path / "run"
    assert interrupt(study, out) == 5
    told = capsys.readouterr().err.strip()
    assert told.endswith(f"go on with `osteon resume {out}`")
    assert not out.exists()
    assert partial_path(out).is_dir()


def test_a_damaged_checkpoint_is_computed_again(cut_off, whole):
    """One cut short and one with flipped bits count as absent."""
    first, second = sorted((partial_path(cut_off) / "parts").glob("*.npz"))
    first.write_bytes(first.read_bytes()[:1000])
    damaged = bytearray(second.read_bytes())
    damaged[len(damaged) // 2] ^= 0xFF
    second.write_bytes(damaged)
    assert main(["resume", str(partial_path(cut_off))]) == 0
    assert "computed before" not in (cut_off / "log.txt").read_text()
    same(content(cut_off), whole)


@pytest.mark.parametrize("what", ["version", "image"])
def test_a_run_that_would_not_be_the_same_is_refused(cut_off, what, capsys):
    """Another version of jax, or another input file: exit code 2 and what has changed; nothing is lost."""
    path = partial_path(cut_off) / "fingerprint.json"
    stored = json.loads(path.read_text())
    stored |= {"jax": "0.0.1"} if what == "version" else {"inputs_sha256": {"image": "0" * 64}}
    path.write_text(json.dumps(stored))
    capsys.readouterr()
    assert main(["resume", str(cut_off)]) == 2
    told = capsys.readouterr().err
    assert (
        "jax was 0.0.1, is" in told
        if what == "version"
        else "inputs_sha256 was image 000000000000..." in told
    )
    assert len(list((partial_path(cut_off) / "parts").glob("*.npz"))) == 2


def test_two_processes_never_work_in_one_folder(cut_off, monkeypatch, capsys):
    """The second is refused with the number of the first, and the lock goes when the first is killed."""
    monkeypatch.setattr("osteon._run_outputs.write_figures", lambda *_: [])
    code = (
        "import fcntl, os, sys, time\n"
        "stream = open(sys.argv[1], 'a+'); fcntl.flock(stream, fcntl.LOCK_EX)\n"
        "stream.truncate(0); stream.write(f'process {os.getpid()}'); stream.flush()\n"
        "print('held', flush=True)\n"
        "time.sleep(600)\n"
    )
    command = [sys.executable, "-c", code, str(partial_path(cut_off) / "lock")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline().strip() == "held"
        capsys.readouterr()
        assert main(["resume", str(cut_off)]) == 2
        assert f"is being worked in by process {holder.pid}" in capsys.readouterr().err
        holder.kill()
    assert main(["resume", str(cut_off)]) == 0


def test_a_begun_run_is_not_begun_again(cut_off, study, capsys):
    """`osteon run` to the same place says how to go on."""
    capsys.readouterr()
    assert main(["run", str(study), "--out", str(cut_off)]) == 2
    assert f"go on with `osteon resume {cut_off}`" in capsys.readouterr().err


@pytest.mark.slow
def test_runs_without_a_name_get_different_ones(study, tmp_path, monkeypatch):
    """A number whose working folder exists is passed over."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "short-001.partial").mkdir(parents=True)
    assert main(["run", str(study)]) == 0
    assert (tmp_path / "runs" / "short-002" / "report.html").is_file()


@pytest.mark.parametrize("what", ["checkpoint", pytest.param("map", marks=pytest.mark.slow)])
def test_a_full_disk_loses_nothing(study, whole, what, tmp_path, monkeypatch, capsys):
    """No room for a checkpoint or a map: one sentence, exit code 5, and with room the run goes on."""
    out = tmp_path / "run"

    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    real, saved = DiskCheckpoints.save, []

    def second(self, name, tree):
        saved.append(name)
        if len(saved) > 1:
            full()
        real(self, name, tree)

    with monkeypatch.context() as patch:
        if what == "checkpoint":
            patch.setattr(DiskCheckpoints, "save", second)
        else:
            patch.setattr("osteon._run_outputs.write_maps", full)
        assert main(["run", str(study), "--out", str(out)]) == 5
    told = capsys.readouterr().err.strip()
    assert "No space left on device" in told
    assert told.endswith(f"make room and go on with `osteon resume {out}`")
    assert main(["resume", str(out)]) == 0
    same(content(out), whole)


def test_a_full_disk_at_the_start_leaves_nothing(study, tmp_path, monkeypatch, capsys):
    """Nothing was computed: exit code 2, and no folder stays."""

    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(DiskCheckpoints, "save", full)
    assert main(["run", str(study), "--out", str(tmp_path / "run")]) == 2
    assert "No space left on device" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_refused(study, capsys):
    """A folder of the system that takes no new folders: one sentence, before anything is read."""
    assert main(["run", str(study), "--out", "/proc/osteon/run"]) == 2
    assert "name a folder you may write to" in capsys.readouterr().err


def test_nothing_to_resume(tmp_path, study, capsys):
    """A run that was never begun, and a working folder without its study."""
    assert main(["resume", str(tmp_path / "run")]) == 2
    assert "was never begun or was removed" in capsys.readouterr().err
    (tmp_path / "run.partial").mkdir()
    assert main(["resume", str(tmp_path / "run")]) == 2
    assert "study.toml is missing" in capsys.readouterr().err


def test_killed_after_the_run_got_its_name(named, whole, capsys):
    """Only the working folder is left: resuming removes it and says where the report is."""
    partial_path(named).mkdir()
    assert main(["resume", str(named)]) == 0
    assert capsys.readouterr().out.strip() == str(named / "report.html")
    assert not partial_path(named).exists()
    same(content(named), whole)


def test_a_run_that_does_not_converge_is_marked(study, tmp_path, monkeypatch, capsys):
    """Exit code 3 with the residual; no run has the name, and what is left of the maps says INVALID."""
    import remodeling
    from remodeling import _mechanics

    real, solves = _mechanics.FiniteElementMechanics.update, []

    def update(self, reference, memory, state):
        memory, record = real(self, reference, memory, state)
        solves.append(1)
        return memory, record._replace(converged=np.False_)

    monkeypatch.setattr(remodeling.FiniteElementMechanics, "update", update)
    from remodeling import _simulate

    _simulate._jitted_period.clear_cache()
    out = tmp_path / "run"
    try:
        assert main(["run", str(study), "--out", str(out)]) == 3
    finally:
        _simulate._jitted_period.clear_cache()
    told = capsys.readouterr().err
    assert "finite element solves did not converge, first at day 91 with relative residual" in told
    assert not out.exists()
    (invalid,) = partial_path(out).glob("*.vti")
    assert invalid.name == "INVALID_l3_no-treatment_month0.vti"
    assert b'Name="INVALID_vbmd_mg_cm3"' in invalid.read_bytes()


def test_verify_names_every_difference(named, capsys):
    """A changed, a missing and a strange file; writing the report anew is no difference."""
    assert main(["report", str(named)]) == 0
    assert main(["verify", str(named)]) == 0
    (named / "timecourse.csv").write_text("arm,month\n")
    (named / "study.toml").unlink()
    (named / "notes.txt").write_text("mine")
    capsys.readouterr()
    assert main(["verify", str(named)]) == 2
    told = capsys.readouterr().err
    assert "study.toml is missing; timecourse.csv has changed; notes.txt is not in the manifest" in told
    (named / "manifest.json").write_text("[]")
    assert main(["verify", str(named)]) == 2
    assert "no readable manifest.json" in capsys.readouterr().err
