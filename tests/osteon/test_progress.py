"""Progress: the time left, what is shown where, and log lines as they are written."""

import io
import logging
import sys

import pytest

from osteon._output import log_shown
from osteon._progress import progress_bar, seconds_left, time_left_text
from osteon._runfolder import run_folder


@pytest.mark.parametrize("done", [0.02, 0.1, 0.5, 0.9])
def test_time_left_of_an_even_task_is_right(done):
    """T (1 - s) where a share s of a task of T seconds is done"""
    assert seconds_left(done, 600 * done, 600 * done) == pytest.approx(600 * (1 - done))


def test_time_left_runs_down_between_steps():
    """a step of minutes: the estimate of its start less what has passed, never below 0"""
    assert seconds_left(0.5, 300, 300) == 300
    assert seconds_left(0.5, 300, 400) == 200
    assert seconds_left(0.5, 300, 700) == 0


def test_too_little_done_gives_no_estimate():
    """nothing is said at first"""
    assert seconds_left(0.0, 0, 50) is None
    assert time_left_text(None) == ""


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "nearly done"),
        (40, "about 40 s left"),
        (600, "about 10 min left"),
        (7200, "about 2.0 h left"),
    ],
)
def test_time_left_in_words(seconds, text):
    """seconds, minutes, hours"""
    assert time_left_text(seconds) == text


def test_a_forced_bar_shows_stage_and_time_left(monkeypatch):
    """on standard error: the stage, the share and what is left"""
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    clock = iter(range(0, 100_000, 10))
    monkeypatch.setattr("osteon._progress.time.perf_counter", lambda: float(next(clock)))
    with progress_bar("reading", forced=True) as progress:
        progress.stage("L3: weekly", advance=0.5)
    shown = stream.getvalue()
    assert "L3: weekly" in shown
    assert "left" in shown
    assert "done" in shown


@pytest.mark.parametrize("options", [{}, {"quiet": True}, {"quiet": True, "forced": True}])
def test_nothing_is_shown_where_nobody_looks_or_wants_it(options, capsys):
    """not a terminal, or --quiet"""
    with progress_bar("reading", **options) as progress:
        progress.stage("L3", advance=0.5)
    assert capsys.readouterr().err == ""


def test_verbose_shows_stages_and_log_lines_at_once(tmp_path, capsys):
    """on standard error, while the log is not yet written; without it nothing"""
    for verbose in (False, True):
        with log_shown(verbose), progress_bar("x") as progress, run_folder(tmp_path / str(verbose)) as folder:
            progress.stage("L3: mesh")
            progress.stage("L3: mesh")
            folder.log("29270 elements")
            error = capsys.readouterr().err
        assert error.count("L3: mesh") == int(verbose)
        assert ("29270 elements" in error) == verbose
    assert "29270 elements" in (tmp_path / "True" / "log.txt").read_text()
    assert logging.getLogger("osteon").handlers == []
