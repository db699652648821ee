"""Compiled programs kept between runs: one that a kill or a full disk cut off is told of once, and mended."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from osteon._program_cache import cache_folder, cache_mended

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
from osteon._machine import prepare_jax
from osteon._program_cache import cache_mended
prepare_jax()
import jax
with cache_mended():
    for factor in (2.0, 3.0):
        print(float(jax.jit(lambda x: factor * x)(21.0)))
"""
LIMITED = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (200, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
"""


def run(cache: Path, script: str = SCRIPT) -> subprocess.CompletedProcess[str]:
    """A process of its own, with its cache there."""
    environment = os.environ | {"XDG_CACHE_HOME": str(cache), "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-c", script], env=environment, check=True, capture_output=True, text=True
    )


def test_a_damaged_program_is_compiled_again_and_found_whole_by_the_next_run(tmp_path):
    """One sentence, the same numbers, and nothing to tell the third time."""
    assert run(tmp_path).stderr == ""
    folder = tmp_path / "osteon" / "jax"
    whole = {path.name: path.stat().st_size for path in folder.glob("*-cache")}
    assert len(whole) >= 2
    for path in folder.glob("*-cache"):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    second = run(tmp_path)
    assert second.stdout == "42.0\n63.0\n"
    assert second.stderr == (
        "osteon: a kept compiled program was damaged and is compiled again; the cache was emptied\n"
    )
    third = run(tmp_path)
    assert (third.stdout, third.stderr) == (second.stdout, "")


def test_a_program_that_cannot_be_written_changes_no_number_and_stays_nowhere(tmp_path):
    """Files end after 200 bytes, as on a disk that is full; then there is room again."""
    found = run(tmp_path, LIMITED + SCRIPT)
    assert found.stdout == "42.0\n63.0\n"
    assert found.stderr == (
        "osteon: a compiled program could not be kept for later runs (OSError: [Errno 27] File too large); "
        "this run is not affected\n"
    )
    assert list((tmp_path / "osteon" / "jax").glob("*-cache")) == []
    assert run(tmp_path).stderr == ""
    assert run(tmp_path).stderr == ""


def test_nothing_is_kept_that_is_not_to_be_kept(tmp_path):
    """--no-cache"""
    assert run(tmp_path, SCRIPT.replace("prepare_jax()", "prepare_jax(cache=False)")).stdout == "42.0\n63.0\n"
    assert list(tmp_path.iterdir()) == []


def test_other_warnings_are_left_as_they_are(monkeypatch, tmp_path):
    """They go where they went before, and the cache stays."""
    import warnings

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    cache_folder().mkdir(parents=True)
    (cache_folder() / "x-cache").write_bytes(b"")
    with pytest.warns(UserWarning, match="something else"), cache_mended():
        warnings.warn("something else", UserWarning, stacklevel=1)
    assert (cache_folder() / "x-cache").exists()
