"""The page of the drugs says what the registry holds."""

import csv
from pathlib import Path

import pytest

from tests.drug_runs import drug_table

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "drugs.md"
EVIDENCE = ROOT.parent / "shared" / "evidence" / "pharmacokinetics.csv"


def test_the_page_holds_the_registry():
    """docs/drugs.md has the tables of `drug_table()`, word for word."""
    assert drug_table() in PAGE.read_text()


def test_every_row_of_the_evidence_is_tested_or_explained():
    """One line a row of the table of evidence: drug, parameter, value, what became of it."""
    if not EVIDENCE.is_file():
        pytest.skip("table of evidence not found beside the project")
    text = PAGE.read_text()
    with EVIDENCE.open() as file:
        missing = [
            row
            for row in csv.DictReader(file)
            if f"| {row['drug']} | {row['parameter']} | {row['value']} |" not in text
        ]
    assert not missing
