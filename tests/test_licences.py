"""docs/licences.md lists what a user installs, and nothing of it is under the GPL alone."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def licences():
    """The script that writes the page."""
    spec = importlib.util.spec_from_file_location("licences", ROOT / "tools" / "licences.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def listed(licences):
    """Licence by package, as the page has it."""
    return dict(re.findall(r"^\| ([\w.-]+) \| (.+?) \| ", licences.PAGE.read_text(), re.MULTILINE))


def test_every_package_that_a_run_may_use_is_listed(licences, listed):
    """All dependencies of pyproject.toml, of the extras, and theirs; `make licences` writes the page anew."""
    packages = licences.runtime_packages()
    assert {"jax", "numpy", "contourpy", "pydicom"} <= set(packages)
    assert "pytest" not in packages
    assert set(packages) - set(listed) == set()


def test_nothing_is_under_the_gpl_alone(licences, listed):
    """Neither what every run needs nor an extra."""
    assert [name for name, licence in listed.items() if licences.is_copyleft_only(licence)] == []


@pytest.mark.parametrize(
    ("licence", "only"),
    [
        ("GPL-3.0-only", True),
        ("GNU General Public License v3 (GPLv3)", True),
        ("AGPL-3.0-or-later", True),
        ("MIT AND GPL-2.0-only", True),
        ("MIT OR GPL-2.0-or-later", False),
        ("GPL-3.0-or-later WITH GCC-exception-3.1", False),
        ("LGPL-2.1-only", False),
        ("GNU Lesser General Public License v3 (LGPLv3)", False),
        ("Apache-2.0", False),
    ],
)
def test_a_licence_is_told(licences, licence, only):
    """A second choice or an exception is another choice; the LGPL is not the GPL."""
    assert licences.is_copyleft_only(licence) == only
