"""Nonlinear strength asked for by a study: before treatment and at the end of every arm."""

import json

import numpy as np
import pytest

from osteon import main
from tests.short_study import STUDY

NONLINEAR = "strength = 'nonlinear'\nstrength_steps = 6\nstrength_strain = 0.03\n"


def written(folder, mechanics: str):
    """Path of the study with lines added to [mechanics]."""
    path = folder / "study.toml"
    path.write_text(STUDY.replace("[mechanics]\n", f"[mechanics]\n{mechanics}"))
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A finished run with nonlinear strength."""
    path = tmp_path_factory.mktemp("strength")
    assert main(["run", str(written(path, NONLINEAR)), "--out", str(path / "run")]) == 0
    return path / "run"


@pytest.fixture(scope="module")
def summary(folder) -> dict:
    return json.loads((folder / "summary.json").read_text())


@pytest.mark.slow
def test_nonlinear_strength_is_told_before_treatment_and_at_the_end_of_every_arm(summary):
    """rows (arm, month); untreated unchanged; treated bone carries more; stiffness is the linear one"""
    rows = {(row["arm"], row["month"]): row for row in summary["nonlinear_strength"]}
    assert list(rows) == [("no treatment", 0), ("no treatment", 6), ("weekly", 0), ("weekly", 6)]
    force = {place: row["yield_force_n"] for place, row in rows.items()}
    assert force["no treatment", 6] == pytest.approx(force["no treatment", 0], rel=1e-6)
    assert force["weekly", 6] > 1.01 * force["weekly", 0]
    assert rows["weekly", 6]["change_percent"] == pytest.approx(
        100 * (force["weekly", 6] / force["weekly", 0] - 1)
    )
    for month, result in ((0, summary["results"][-3]), (6, summary["results"][-1])):
        assert rows["weekly", month]["stiffness_n_per_mm"] == pytest.approx(
            result["stiffness_n_per_mm"], rel=1e-4
        )
        assert (np.diff(rows["weekly", month]["curve"]["force_n"]) > 0).all()


@pytest.mark.slow
def test_the_report_shows_the_curves_and_says_what_is_assumed(folder, summary):
    """a table, a picture, and how the yield stress changes"""
    html = (folder / "report.html").read_text()
    assert "Nonlinear strength" in html
    assert f"{summary['nonlinear_strength'][-1]['change_percent']:+.2f} %" in html
    assert any("every voxel keeps its yield strain" in text for text in summary["assumptions"])
    assert (folder / "figures" / "l3_strength.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("mechanics", "words"),
    [
        ("strength = 'nonlinear'\nlaw = 'morgan-2003'\n", "needs a law with a yield stress"),
        ("strength = 'plastic'\n", "allowed: 'linear', 'nonlinear'"),
        ("strength_steps = 2\n", "it must be between 5 and 1000"),
        ("strength_strain = 2.5\n", "it must be between 0.004 and 0.2"),
    ],
)
def test_a_strength_that_cannot_be_is_one_sentence(mechanics, words, tmp_path, capsys):
    """exit code 2 before anything is solved"""
    out = tmp_path / "run"
    assert main(["run", str(written(tmp_path, mechanics)), "--out", str(out)]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
    assert not out.exists()
