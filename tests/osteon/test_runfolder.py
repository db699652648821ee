"""The run folder: complete or absent, never overwritten, finite JSON, no leftovers."""

import json

import numpy as np
import pytest

from osteon import UserError, run_folder
from osteon._runfolder import fresh_path, sha256, versions, write_atomic


def test_a_folder_appears_only_when_complete(tmp_path):
    """Inside the block the final name does not exist; afterwards everything is there."""
    out = tmp_path / "run"
    with run_folder(out) as folder:
        folder.write_json("a.json", {"x": np.float64(2.5)})
        folder.log("something happened")
        assert not out.exists()
    assert json.loads((out / "a.json").read_text()) == {"x": 2.5}
    assert "something happened" in (out / "log.txt").read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_failure_leaves_nothing_behind(tmp_path):
    """Neither the folder nor its hidden sibling survives an exception."""

    def crash():
        with run_folder(tmp_path / "run") as folder:
            folder.write_text("a.txt", "half")
            raise RuntimeError("crash")

    with pytest.raises(RuntimeError, match="crash"):
        crash()
    assert list(tmp_path.iterdir()) == []


def test_an_existing_run_is_never_overwritten(tmp_path):
    """A folder with content is refused and keeps its content; an empty one is taken."""
    out = tmp_path / "run"
    out.mkdir()
    with run_folder(out) as folder:
        folder.write_text("a.txt", "first")
    with pytest.raises(UserError, match="never overwrites"), run_folder(out):
        pass
    assert (out / "a.txt").read_text() == "first"


def test_fresh_path_counts_up(tmp_path):
    """study-001, then study-002."""
    assert fresh_path(tmp_path, "study").name == "study-001"
    (tmp_path / "study-001").mkdir()
    assert fresh_path(tmp_path, "study").name == "study-002"


def test_json_holds_no_nan(tmp_path):
    """NaN and infinity become null, arrays become lists."""
    with run_folder(tmp_path / "run") as folder:
        folder.write_json("a.json", {"x": [np.nan, np.inf, 1.0], "y": np.arange(2)})
    assert json.loads((tmp_path / "run" / "a.json").read_text()) == {"x": [None, None, 1.0], "y": [0, 1]}


def test_a_failed_atomic_write_keeps_the_old_file(tmp_path):
    """The old content stays and no temporary file remains when the new content cannot be written."""
    path = tmp_path / "a.txt"
    write_atomic(path, b"old")
    with pytest.raises(TypeError):
        write_atomic(path, "not bytes")  # pyright: ignore[reportArgumentType]
    assert path.read_bytes() == b"old"
    assert [item.name for item in tmp_path.iterdir()] == ["a.txt"]


def test_hash_is_that_of_the_bytes(tmp_path):
    """SHA-256 of "abc" (FIPS 180-4, example B.1)."""
    path = write_atomic(tmp_path / "a", b"abc")
    assert sha256(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_versions_name_no_host_and_no_user():
    """Only packages, interpreter and device kind."""
    import getpass
    import platform

    text = json.dumps(versions())
    assert "jax" in text
    assert platform.node() not in text or len(platform.node()) < 4
    assert f'"{getpass.getuser()}"' not in text
