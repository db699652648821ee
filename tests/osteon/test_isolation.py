"""No pickle, no evaluation of text, no network: in the sources, and while a study is run."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.short_study import STUDY

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(
    path
    for package in ("meshes", "fem", "remodeling", "calibration", "osteon")
    for path in (ROOT / package).rglob("*.py")
)
FORBIDDEN_IMPORTS = {
    "pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "yaml", "socket", "ssl",
    "urllib", "urllib3", "http", "ftplib", "smtplib", "requests", "httpx", "aiohttp", "webbrowser", "xmlrpc",
}  # fmt: skip
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__"}

_WATCHED = """
import sys
names = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "urllib.Request")
names += ("pickle.find_class",)
def watch(event, arguments):
    if event in names:
        print("FORBIDDEN", event, arguments, file=sys.stderr, flush=True)
sys.addaudithook(watch)
from osteon import main
sys.exit(main(sys.argv[1:]))
"""


def imported(tree: ast.AST) -> set[str]:
    """First names of everything a module imports, wherever it does."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.partition(".")[0])
    return names


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_source_unpickles_evaluates_or_connects(path):
    """No such import, no eval or exec, no array read with allow_pickle."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert imported(tree) & FORBIDDEN_IMPORTS == set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name):
                assert node.func.id not in FORBIDDEN_CALLS
            for keyword in node.keywords:
                if keyword.arg == "allow_pickle":
                    assert isinstance(keyword.value, ast.Constant)
                    assert keyword.value.value is False


def test_a_run_connects_to_nothing(tmp_path):
    """Python tells of every connection, look-up and unpickled class, also in libraries; there is none."""
    (tmp_path / "short.toml").write_text(STUDY)
    done = subprocess.run(
        [sys.executable, "-c", _WATCHED, "run", str(tmp_path / "short.toml"), "--out", str(tmp_path / "run")],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "FORBIDDEN" not in done.stderr
