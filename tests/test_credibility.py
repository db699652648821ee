"""docs/credibility.md names tests that exist, and says of each whether it is slow."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "credibility.md").read_text()
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`( \(slow)?", PAGE)


def is_slow(file: str, name: str) -> bool:
    """Whether a test carries the mark, by itself or by its file; KeyError where there is no such test."""
    tree = ast.parse((ROOT / file).read_text())
    found = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    marks = [ast.unparse(item) for item in found[name].decorator_list]
    marks += [
        ast.unparse(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark"
    ]
    # a parametrised test of which only some cases are slow runs in the ordinary suite too
    return any(mark.startswith("pytest.mark.slow") for mark in marks)


def test_the_page_names_tests():
    """The pattern finds what is written there, and nothing that looks like a test escapes it."""
    assert len(NAMED) > 50
    assert PAGE.count("tests/") == len(NAMED)


@pytest.mark.parametrize(("file", "name", "slow"), sorted(set(NAMED)))
def test_every_named_test_exists(file, name, slow):
    """And is marked slow exactly where the page says so."""
    assert is_slow(file, name) == bool(slow)


def test_claims_carry_the_numbers_of_the_qualification():
    """Coverage as docs/qualification.md, which `osteon qualify` wrote, has it."""
    table = (ROOT / "docs" / "qualification.md").read_text()
    for row, claims in (
        ("validation groups that no default saw | 53", ("106 of 118", "23 of 26")),
        ("no default saw, without drugs that act on bone | 48", ("82 of 91", "22 of 22")),
        ("left out, one group at a time | 50", ("102 of 114", "19 of 21")),
        ("at a time, without drugs that act on bone | 45", ("93 of 99", "16 of 17")),
        ("validation groups that no default saw | 58", ("1.35", "0.86", "1.36")),
        ("left out, one group at a time | 52", ("1.13", "1.91")),
        ("at a time, without drugs that act on bone | 46", ("0.97", "1.89")),
    ):
        line = next(line for line in table.splitlines() if row in line)
        for claim in claims:
            assert claim in line
            assert claim in PAGE
