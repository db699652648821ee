"""Licences of what osteon installs: docs/licences.md from the metadata of the installed packages.

    python tools/licences.py            # print the page
    python tools/licences.py --write    # write docs/licences.md

Walks the dependencies of pyproject.toml and of the extras that people install to use the program; the tools
of developers are left out. Licence expressions come from pip-licenses, which reads SPDX fields and
classifiers.
"""

import argparse
import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "licences.md"
NOT_RUNTIME = {"dev", "docs", "release", "bench", "oracles", "cuda12", "cuda13"}
"""Extras for development, comparison, or of libraries under NVIDIA's own terms, which the page names."""

ELSEWHERE = {"blackjax": "Apache-2.0", "wildmeshing": "MPL-2.0"}
"""Of extras that not every machine can install, from their pages on PyPI."""

_HEAD = """# Licences

osteon is under the Apache License 2.0 ([LICENSE](../LICENSE)). It copies no code under the GPL
or LGPL. What it installs, with the licence that each package states of itself; written by `make licences`,
versions are in `requirements.txt`.

| package | licence | installed with |
|---|---|---|
"""
_TAIL = """
The extras `cuda12` and `cuda13` install NVIDIA's CUDA libraries with jax, under NVIDIA's own licence
agreement. `bench` (parosol-py) and `oracles` (bone-models) are programs that tests and benchmarks compare
with; they are no part of a run. Scripts for browsers that the HTML report carries inside have their licence
beside them in `osteon/viewer/`.
"""


def requirements(name: str, extras: frozenset[str]) -> list[Requirement]:
    """What an installed package asks for on this machine; nothing of one that is not installed."""
    try:
        given = distribution(name).requires or []
    except PackageNotFoundError:
        return []
    parsed = [Requirement(text) for text in given]
    environments = [{"extra": extra} for extra in (extras or {""})]
    return [item for item in parsed if item.marker is None or any(map(item.marker.evaluate, environments))]


def closure(items: list[Requirement]) -> list[str]:
    """Names of everything that the requirements bring, themselves included."""
    found: dict[str, frozenset[str]] = {}
    open_items = list(items)
    while open_items:
        item = open_items.pop()
        name, extras = canonicalize_name(item.name), frozenset(item.extras)
        if name == "osteon" or (name in found and extras <= found[name]):
            continue
        found[name] = found.get(name, frozenset()) | extras
        open_items += requirements(name, found[name])
    return sorted(found)


def runtime_packages() -> dict[str, str]:
    """Name of every package that a user installs, and with what: "osteon", or an extra."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = {"osteon": project["dependencies"]} | {
        name: items for name, items in project["optional-dependencies"].items() if name not in NOT_RUNTIME
    }
    packages: dict[str, str] = {}
    for group, items in groups.items():
        for name in closure([Requirement(item) for item in items]):
            packages.setdefault(name, group if group == "osteon" else f"extra `{group}`")
    return packages


def stated_licences() -> dict[str, str]:
    """Licence of every installed package by its canonical name."""
    done = subprocess.run(
        [sys.executable, "-m", "piplicenses", "--format=json", "--from=mixed", "--with-system"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    # Some packages put the whole text into the field; its first line names the licence.
    found = {canonicalize_name(row["Name"]): row["License"] for row in json.loads(done.stdout)}
    return ELSEWHERE | {name: text.strip().splitlines()[0] for name, text in found.items()}


def is_copyleft_only(licence: str) -> bool:
    """Whether the GPL or AGPL is the only choice; a second licence or an exception is another."""
    return all(
        re.search(r"\bA?GPL|(?<!Lesser )General Public License", choice) and " WITH " not in choice
        for choice in re.split(r"\s+OR\s+", licence)
    )


def page() -> str:
    """The whole page."""
    licences = stated_licences()
    packages = runtime_packages()
    rows = [f"| {name} | {licences[name]} | {group} |" for name, group in sorted(packages.items())]
    return _HEAD + "\n".join(rows) + "\n" + _TAIL


def main() -> int:
    """Print or write the page; an error where a package that a user must install is under the GPL alone."""
    parser = argparse.ArgumentParser(description="licences of what osteon installs")
    parser.add_argument("--write", action="store_true", help="write docs/licences.md")
    text = page()
    if parser.parse_args().write:
        PAGE.write_text(text)
    else:
        print(text)
    licences = stated_licences()
    bad = [name for name in runtime_packages() if is_copyleft_only(licences.get(name, ""))]
    if bad:
        print(f"under the GPL alone: {', '.join(bad)}; take another package", file=sys.stderr)
    return 1 if bad else 0


if __name__ == "__main__":
    raise SystemExit(main())
