"""`osteon fit`: a folder with the posterior, its tables and pictures; a fit that was cut off goes on."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

import calibration
from osteon._cli import main

LEARNED = ("estradiol_resorption", "estradiol_balance")
GROUPS = ("tts-1989", "smith-2001", "mittan-2002")


def few_trials(folder: Path) -> Path:
    """The tables with three groups alone, two of them for the fit."""
    folder.mkdir()
    for name, column in (("groups", 0), ("arms", 1), ("observations", None)):
        lines = (calibration._trial_tables.TRIALS / f"{name}.tsv").read_text().splitlines()
        kept = [
            line
            for line in lines[1:]
            if (line.split("\t")[column] in GROUPS if column is not None else line.startswith(GROUPS))
        ]
        (folder / f"{name}.tsv").write_text("\n".join([lines[0], *kept]) + "\n")
    return folder


def fit(tmp_path: Path, *arguments: str) -> int:
    return main(["fit", "--out", str(tmp_path / "out"), "--quiet", *arguments])


@pytest.mark.slow
def test_a_fit_that_was_cut_off_ends_as_the_whole_one(tmp_path, capsys):
    """Two evaluations and no convergence (exit code 3), then the same command: the folder is complete, the
    state is gone, and the posterior is that of an uninterrupted fit.
    """
    trials = ("--trials", str(few_trials(tmp_path / "trials")), "--learn", *LEARNED)
    assert fit(tmp_path, *trials, "--evaluations", "2") == 3
    state = tmp_path / "out.state.npz"
    assert state.is_file()
    assert not (tmp_path / "out").exists()
    assert fit(tmp_path, *trials) == 0
    assert not state.exists()
    whole = tmp_path / "whole"
    capsys.readouterr()
    assert main(["fit", "--out", str(whole), "--quiet", "--json", *trials]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["page"] == str(whole / "posterior.json")
    assert len(told["parameters"]) == len(LEARNED) + len(calibration.BETWEEN_TRIALS)
    out = tmp_path / "out"
    for name in ("posterior.json", "parameters.csv", "observations.csv", "history.csv", "summary.json"):
        assert (out / name).stat().st_size > 0
    for name in ("parameters.png", "observations.png"):
        assert (out / "figures" / name).read_bytes().startswith(b"\x89PNG")
    (found, provenance), (same, _) = (
        calibration.read_posterior(folder / "posterior.json") for folder in (out, whole)
    )
    np.testing.assert_allclose(found.log_covariance, same.log_covariance, rtol=1e-6)
    assert provenance["fitted_to"] == ["smith-2001", "tts-1989"]
    assert provenance["trial_tables_sha256"] == calibration.trial_tables_hash(tmp_path / "trials")
    with (out / "observations.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert {row["group"] for row in rows} == {"smith-2001", "tts-1989"}
    with (out / "parameters.csv").open() as stream:
        told = {row["name"]: row for row in csv.DictReader(stream)}
    assert set(told) == {*LEARNED, *calibration.BETWEEN_TRIALS}
    for row in told.values():
        assert float(row["lower"]) < float(row["value"]) < float(row["upper"])
    summary = json.loads((out / "summary.json").read_text())
    assert summary["parameter_intervals"]["by"] == "draws of the posterior"
    assert summary["parameter_intervals"]["r_hat"] < 1.2
    variance = dict(zip(found.names, np.diag(found.log_covariance), strict=True))
    for name, row in told.items():
        expected = 1.0 - variance[name] / float(row["prior_log_sd"]) ** 2
        assert float(row["shrinkage"]) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--evaluations", "0"), "--evaluations must be at least 1"),
        (("--learn", "igf1_hill"), "lognormal prior"),
        (("--learn", "estradiol_scale", "estradiol_scale"), "different names"),
        (("--trials", "nowhere"), "nowhere"),
    ],
)
def test_what_cannot_be_fitted_is_told_in_a_sentence(arguments, text, tmp_path, capsys):
    """Exit code 2, the sentence on standard error, and nothing written."""
    assert fit(tmp_path, *arguments) == 2
    assert text in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"not a state", None])
def test_a_state_of_another_fit_is_refused(content, tmp_path, capsys):
    """Bytes that are no archive, and a state of other tables: exit code 2, and the file stays as it was."""
    state = tmp_path / "out.state.npz"
    if content is None:
        np.savez(state, x=np.zeros(4), damping=0.1, trial_tables_sha256="0", parameters_sha256="0")
    else:
        state.write_bytes(content)
    before = state.read_bytes()
    trials = few_trials(tmp_path / "trials")
    assert fit(tmp_path, "--trials", str(trials), "--learn", *LEARNED) == 2
    error = capsys.readouterr().err
    assert "--state" in error
    assert "remove it to start anew" in error
    assert state.read_bytes() == before
    assert not (tmp_path / "out").exists()
