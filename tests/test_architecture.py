"""Properties of the source tree as a whole: what imports what, what an import does, what is documented."""

import ast
import importlib
import inspect
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("meshes", "fem", "remodeling", "calibration", "osteon")
LIBRARIES = PACKAGES[:-1]
LONGEST_FILE = 500

SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
LIBRARY_SOURCES = [path for path in SOURCES if path.relative_to(ROOT).parts[0] in LIBRARIES]

# Run in a new interpreter: jax's settings, the environment and the backends, before and after one import.
_PROBE = """
import json, os, sys
import jax
from jax._src import xla_bridge
before = dict(jax.config.values)
environment = dict(os.environ)
__import__(sys.argv[1])
changed = sorted(key for key, value in jax.config.values.items() if before.get(key, value) != value)
print(json.dumps({
    "changed": changed,
    "environment": sorted(set(os.environ.items()) ^ set(environment.items())),
    "backends": sorted(xla_bridge._backends),
}))
"""


def relative(path: Path) -> str:
    """Path below the project, for test names and messages."""
    return str(path.relative_to(ROOT))


def in_fresh_process(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A new interpreter at the top of the project."""
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )


def imported_modules(tree: ast.AST) -> list[str]:
    """First parts of all absolute imports, wherever in the file they stand."""
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name.partition(".")[0] for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.append((node.module or "").partition(".")[0])
    return names


@pytest.mark.parametrize("package", PACKAGES)
def test_importing_a_package_changes_nothing(package):
    """No output, no warning, no jax setting, no environment variable, no backend started."""
    done = in_fresh_process("-W", "error", "-c", _PROBE, package)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert len(lines) == 1, f"importing {package} printed {lines[:-1]}"
    assert json.loads(lines[0]) == {"changed": [], "environment": [], "backends": []}


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_imports_point_one_way(path):
    """meshes <- fem <- remodeling <- calibration <- osteon: no package knows one to its right."""
    package = path.relative_to(ROOT).parts[0]
    forbidden = set(PACKAGES[PACKAGES.index(package) + 1 :]) | {"tests", "benchmarks", "examples"}
    found = forbidden & set(imported_modules(ast.parse(path.read_text())))
    assert not found, f"{package} imports {sorted(found)}"


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_packages_are_used_through_their_public_names(path):
    """Relative imports inside a package; across packages no private module or name."""
    package = path.relative_to(ROOT).parts[0]
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.ImportFrom | ast.Import):
            continue
        modules = [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module or ""]
        names = [] if isinstance(node, ast.Import) else [a.name for a in node.names]
        if isinstance(node, ast.ImportFrom) and node.level > 0:
            continue
        for module in modules:
            top, *inner = module.split(".")
            if top in PACKAGES and top != package:
                private = [part for part in (*inner, *names) if part.startswith("_")]
                assert not private, f"line {node.lineno} reaches into {top}: {private}"
            assert top != package, f"line {node.lineno}: import from the own package relatively"


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_files_stay_short_or_say_why(path):
    """At most 500 lines, unless the docstring on top gives the reason ("long because")."""
    source = path.read_text()
    lines = source.count("\n")
    reason = ast.get_docstring(ast.parse(source)) or ""
    assert lines <= LONGEST_FILE or "long because" in reason.lower(), f"{lines} lines"


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_every_file_says_what_it_is_about(path):
    """A module docstring each."""
    assert ast.get_docstring(ast.parse(path.read_text()))


@pytest.mark.parametrize("path", LIBRARY_SOURCES, ids=relative)
def test_libraries_neither_print_nor_configure(path):
    """print, jax.config, os.environ and debug callbacks belong to the program, not to a library."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"print", "breakpoint"}, f"{node.func.id} in line {node.lineno}"
        if isinstance(node, ast.Attribute):
            text = ast.unparse(node)
            for banned in ("jax.config", "os.environ", "jax.debug", "pure_callback", "io_callback"):
                assert banned not in text, f"{text} in line {node.lineno}"


@pytest.mark.parametrize("package", LIBRARIES)
def test_every_public_name_is_documented(package):
    """Functions and classes have a docstring; every field of a public dataclass has a string under it."""
    module = importlib.import_module(package)
    public = {name: value for name, value in vars(module).items() if not name.startswith("_")}
    described = {
        name: value for name, value in public.items() if inspect.isfunction(value) or inspect.isclass(value)
    }
    assert described, f"{package} offers nothing"
    # A dataclass without a docstring is given its signature as one: that does not count.
    missing = [
        name
        for name, value in described.items()
        if not (value.__doc__ or "").strip() or value.__doc__.startswith(f"{name}(")
    ]
    assert not missing, f"{package}: no docstring on {missing}"


def dataclass_fields_without_words(path: Path) -> list[str]:
    """Fields of the public dataclasses of a file that have no string literal under them."""
    bare = []
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.ClassDef) or node.name.startswith("_"):
            continue
        if not any("dataclass" in ast.unparse(decorator) for decorator in node.decorator_list):
            continue
        for field, following in zip(node.body, [*node.body[1:], None], strict=True):
            if not isinstance(field, ast.AnnAssign):
                continue
            words = (
                isinstance(following, ast.Expr)
                and isinstance(following.value, ast.Constant)
                and isinstance(following.value.value, str)
            )
            if not words:
                bare.append(f"{node.name}.{ast.unparse(field.target)}")
    return bare


@pytest.mark.parametrize("path", LIBRARY_SOURCES, ids=relative)
def test_every_field_of_a_dataclass_has_its_meaning_under_it(path):
    """A string literal under each field: meaning, unit, shape."""
    assert dataclass_fields_without_words(path) == []


@pytest.mark.parametrize("arguments", [["-m", "osteon", "--help"], ["-m", "osteon", "run", "--help"]])
def test_help_does_not_import_jax(arguments):
    """Help is at once: of the modules loaded, none is jax, numpy or matplotlib."""
    done = in_fresh_process("-X", "importtime", *arguments)
    assert done.returncode == 0, done.stderr
    assert "usage:" in done.stdout.lower()
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "argparse" in loaded
    assert not loaded & {"jax", "jaxlib", "numpy", "matplotlib", "nibabel", "scipy"}


def test_the_lock_names_no_index_and_hashes_everything():
    """requirements.txt serves any mirror of the public registry: no host, no path, a hash for each entry."""
    lock = (ROOT / "requirements.txt").read_text()
    entries = [line for line in lock.splitlines() if line and line[0] not in "# "]
    assert entries
    assert all("==" in entry and entry.endswith("\\") for entry in entries)
    assert not any(text in lock for text in ("://", "file:", "--index-url", "--find-links", " @ "))


def test_the_lock_holds_every_dependency_of_the_project():
    """Each name under dependencies and under the extras readers and dev is pinned."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["readers"]]
    wanted += project["optional-dependencies"]["dev"]
    names = {item.split(">")[0].split("=")[0].split("[")[0].strip().lower() for item in wanted} - {"osteon"}
    locked = {
        line.split("==")[0] for line in (ROOT / "requirements.txt").read_text().splitlines() if "==" in line
    }
    assert names <= locked
