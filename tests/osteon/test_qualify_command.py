"""`osteon qualify`: coverage, errors and naive predictions, of a posterior that is read and checked."""

import json

import numpy as np
import pytest

from osteon._cli import main
from osteon._fit_figures import agreement_figure, observation_figure
from osteon._qualification import least_median_error, qualification_text, summaries, trabecular_over_areal


def row(group, observed, predicted, *, used=False, inside=True, months=12.0, others=None, **changes):
    """A change of areal density of the spine."""
    return {
        "group": group, "class": "estrogen", "arm": f"{group}-arm", "observable": "spine_areal_bmd",
        "kind": "change", "unit": "%", "start_month": 0.0, "end_month": months,
        "role": "calibration" if used else "validation",
        "seen_by_defaults": "none", "used_in_fit": used, "observed": observed, "observed_low": None,
        "observed_high": None, "standard_error": 1.0, "predicted": predicted, "lower": predicted - 2.0,
        "upper": predicted + 2.0, "inside": inside, "percent_observed": observed,
        "percent_predicted": predicted, "percent_class_mean": others, "percent_exponential": others,
        "percent_standard_error": 1.0, "percent_spread": 2.0,
    } | changes  # fmt: skip


ROWS = [
    row("a", 3.0, 2.0, used=True),
    row("b", 4.0, 1.0, inside=False, others=4.5),
    row("c", 1.0, 1.5, months=48.0),
    row("d", 2.0, 2.5),
]


def test_medians_and_coverage_are_those_of_the_rows():
    """By hand: validation has three rows of which two are inside; two of them last 12 to 24 months."""
    found = summaries(ROWS, [])
    assert set(found) == {
        "used in the fit", "validation groups", "validation groups that no default saw",
        "validation groups that no default saw, without drugs that act on bone",
    }  # fmt: skip
    one = found["validation groups"]
    assert (one["densities"], one["densities_inside"], one["markers"]) == (3, 2, 0)
    spine = one["spine_12_to_24_months"]
    assert spine["changes"] == 2
    assert spine["model"] == pytest.approx(np.median([3.0, 0.5]))
    assert spine["no_change"] == pytest.approx(3.0)
    assert (spine["with_other_trials"], spine["class_mean"], spine["model_there"]) == (1, 0.5, 3.0)


def test_the_least_error_is_the_median_of_right_predictions(rng):
    """0.674 standard errors of equal ones; of unequal ones, and of Student's t, the median of many draws."""
    assert least_median_error([0.7, 0.7]) == pytest.approx(0.7 * 0.6744898, rel=1e-6)
    scales = np.array([0.2, 0.5, 3.0])
    for freedom, drawn in ((None, rng.normal(size=(200_000, 3))), (4.0, rng.standard_t(4.0, (200_000, 3)))):
        expected = np.median(np.abs(drawn * scales))
        assert least_median_error(scales, freedom) == pytest.approx(expected, rel=0.01)
    spine = summaries(ROWS, [])["validation groups"]["spine_12_to_24_months"]
    assert spine["standard_errors"] == pytest.approx(0.6744898)
    assert spine["with_deviation"] == pytest.approx(2.0 * 0.7406971)


def test_the_text_says_what_lies_outside():
    """Fitted groups by name, and the row that is outside with its interval."""
    provenance = {"fitted_to": ["a"], "learned": ["x"], "observations": 1}
    text = qualification_text(summaries(ROWS, []), ROWS, [], provenance)
    assert "Fitted to 1 observations of 1 trial groups: a." in text
    assert "| b-arm | spine_areal_bmd (%) | 0 to 12 | 4 | 1.00 (-1.00 to 3.00) |" in text
    assert "d-arm" not in text


def test_trabecular_over_areal_is_of_one_arm_kind_and_time():
    """By hand: 14 over 5 seen, 12 over 4 predicted; other months and a difference find no partner."""
    trabecular = {"observable": "spine_trabecular_vbmd"}
    rows = [
        row("a", 5.0, 4.0, used=True),
        row("a", 14.0, 12.0, **trabecular),
        row("a", 14.0, 12.0, months=24.0, **trabecular),
        row("a", 9.0, 8.0, kind="difference", **trabecular),
    ]
    (found,) = trabecular_over_areal(rows)
    assert (found["observed"], found["predicted"], found["used_in_fit"]) == (14.0 / 5.0, 3.0, True)
    text = qualification_text(
        summaries(rows, []), rows, [], {"fitted_to": ["a"], "learned": [], "observations": 1}
    )
    assert "| a-arm | estrogen | 0 to 12 | yes | 2.80 | 3.00 | 12.00 and 4.00 % |" in text


def test_drugs_that_act_on_bone_are_told_apart():
    """One set of what was left out and one of what no default saw are without them."""
    rows = [*ROWS, row("e", 9.0, 20.0, inside=False, **{"class": "anabolic"})]
    found, without = summaries(rows, rows), summaries(ROWS, ROWS)
    for name in ("left out, one group at a time", "validation groups that no default saw"):
        assert found[name]["densities"] == without[name]["densities"] + 1
        assert found[f"{name}, without drugs that act on bone"] == without[name]


def test_many_rows_stand_in_columns():
    """Fifty observations make a picture that is wider and not taller than that of forty-eight."""
    sizes = []
    for count in (48, 50):
        picture = observation_figure([row(f"g{k}", 1.0, 2.0) for k in range(count)])
        sizes.append(tuple(int.from_bytes(picture[at : at + 4], "big") for at in (16, 20)))
    (narrow, tall), (wide, low) = sizes
    assert wide > narrow
    assert low < tall
    assert agreement_figure(ROWS).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("content", "text"),
    [("{}", "posterior file"), (None, "other trial tables")],
)
def test_a_posterior_that_cannot_be_used_is_refused(content, text, tmp_path, capsys):
    """Exit code 2 and one sentence; no folder appears."""
    path = tmp_path / "posterior.json"
    names = ["between_trials_density", "between_trials_marker", "between_trials_share"]
    data = {
        "format": "osteon-posterior/1", "names": names, "values": [1.0, 15.0, 0.1],
        "log_covariance": np.eye(3).tolist(), "provenance": {"trial_tables_sha256": "0"},
    }  # fmt: skip
    path.write_text(json.dumps(data) if content is None else content)
    assert main(["qualify", str(path), "--out", str(tmp_path / "out"), "--quiet"]) == 2
    assert text in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
