"""`osteon doctor`: memory under the limits of a container, optional packages, sentences about problems."""

import json
import tomllib
from pathlib import Path

import pytest

from osteon import main
from osteon._doctor import OPTIONAL, doctor_text, folder_mb, problems
from osteon._machine import memory_of_machine_gb
from osteon._memory import memory_available_gb, memory_limit_gb, physical_memory_gb

ROOT = Path(__file__).resolve().parents[2]
GB = 2**30
FOR_DEVELOPERS = {"dev", "docs", "release", "bench", "oracles", "cuda12", "cuda13"}
"""Extras that doctor does not list: of developers, and JAX itself."""


def groups(folder: Path, lines: str, files: dict[str, str]) -> tuple[Path, Path]:
    """Control groups as the kernel shows them: their root and the file that names those of a process."""
    root = folder / "cgroup"
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    named = folder / "self"
    named.write_text(lines)
    return root, named


def test_the_least_limit_of_nested_groups_counts(tmp_path):
    """version 2: a limit may be set on any group around the process; "max" is none"""
    root, named = groups(
        tmp_path,
        "0::/batch/job7/step0\n",
        {
            "batch/job7/step0/memory.max": "max",
            "batch/job7/memory.max": str(4 * GB),
            "batch/memory.max": str(64 * GB),
        },
    )
    assert memory_limit_gb(root, named) == 4


def test_a_container_sees_its_own_group_as_the_root(tmp_path):
    """the path named is that of the host and is not mounted: the root holds the limit"""
    root, named = groups(tmp_path, "0::/docker/abc\n", {"memory.max": str(2 * GB)})
    assert memory_limit_gb(root, named) == 2


def test_version_1_limits_are_read(tmp_path):
    """memory.limit_in_bytes; without a limit it is a number near 2^63"""
    lines = "5:cpu,cpuacct:/x\n4:memory:/slurm/job\n"
    root, named = groups(tmp_path, lines, {"memory/slurm/job/memory.limit_in_bytes": str(3 * GB)})
    assert memory_limit_gb(root, named) == 3
    root, named = groups(tmp_path / "b", lines, {"memory/memory.limit_in_bytes": "9223372036854771712"})
    assert memory_limit_gb(root, named) is None


def test_without_control_groups_there_is_no_limit(tmp_path):
    """another system, or none mounted"""
    assert memory_limit_gb(tmp_path, tmp_path / "none") is None


def test_available_memory_is_under_every_limit(tmp_path):
    """the smaller of what the machine has and what the group leaves; file cache counts as free"""
    meminfo = tmp_path / "meminfo"
    meminfo.write_text(f"MemTotal: 100 kB\nMemAvailable: {16 * GB // 1024} kB\n")
    root, named = groups(
        tmp_path,
        "0::/job\n",
        {
            "job/memory.max": str(8 * GB),
            "job/memory.current": str(5 * GB),
            "job/memory.stat": f"anon 1\ninactive_file {2 * GB}",
        },
    )
    assert memory_available_gb(root, named, meminfo) == 5
    assert memory_available_gb(tmp_path / "none", tmp_path / "none", meminfo) == 16
    assert memory_available_gb(tmp_path / "none", tmp_path / "none", tmp_path / "none") is None


def test_the_memory_plan_goes_by_the_limit(monkeypatch):
    """memory_of_machine_gb is the limit where that is less than the machine has"""
    monkeypatch.setattr("osteon._machine.memory_limit_gb", lambda: 0.25)
    assert memory_of_machine_gb() == 0.25
    monkeypatch.setattr("osteon._machine.memory_limit_gb", lambda: None)
    assert memory_of_machine_gb() == physical_memory_gb()


def test_every_extra_of_the_project_is_listed():
    """what pip is asked for is what pyproject.toml says"""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    wanted = {item for name, items in extras.items() if name not in FOR_DEVELOPERS for item in items}
    assert {item.requirement for item in OPTIONAL} == wanted


def test_a_missing_package_comes_with_its_command(monkeypatch, capsys):
    """purpose and the exact pip command; exit code 0"""
    monkeypatch.setattr("osteon._doctor.importlib.util.find_spec", lambda name: None)
    assert main(["doctor"]) == 0
    text = capsys.readouterr().out
    for item in OPTIONAL:
        assert f'python -m pip install "{item.requirement}"' in text
        assert item.purpose in text


def test_doctor_for_machines(capsys):
    """one object with memory, cache, packages and problems"""
    assert main(["doctor", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["command"] == "doctor"
    assert report["exit_code"] == 0
    assert report["double_precision_works"] is True
    assert report["jax_backend"]
    assert 0 < report["memory_available_gb"] <= report["physical_memory_gb"]
    assert report["compilation_cache_mb"] >= 0
    assert {item["package"] for item in report["optional"]} == {item.module for item in OPTIONAL}
    assert isinstance(report["problems"], list)


GOOD = {
    "double_precision_works": True,
    "jax_backend": "cpu",
    "compiled_solver": "x.so",
    "memory_available_gb": 8.0,
    "free_disk_gb": 50.0,
}


@pytest.mark.parametrize(
    ("change", "gpu", "words"),
    [
        ({"double_precision_works": False}, False, "JAX_PLATFORMS=cpu"),
        ({"compiled_solver": None}, False, "install a C++ compiler"),
        ({}, True, "JAX does not use it"),
        ({"memory_available_gb": 0.5}, False, "0.5 GB of memory are available"),
        ({"free_disk_gb": 0.2}, False, "0.2 GB of disk are free"),
    ],
)
def test_each_problem_is_one_sentence(change, gpu, words):
    """a good machine has none"""
    assert problems(GOOD, gpu_driver=False) == []
    (text,) = problems(GOOD | change, gpu_driver=gpu)
    assert words in text


def test_problems_are_told_at_the_end():
    """after the numbers and the packages"""
    text = doctor_text({"memory_gb": 1.0, "optional": [], "problems": ["something is wrong"]})
    assert text.endswith("problems:\n  something is wrong")


def test_the_size_of_a_folder(tmp_path):
    """files in all folders inside; 0 where there is none"""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_bytes(bytes(2**19))
    (tmp_path / "c").write_bytes(bytes(2**19))
    assert folder_mb(tmp_path) == 1.0
    assert folder_mb(tmp_path / "none") == 0.0
