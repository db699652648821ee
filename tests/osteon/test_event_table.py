"""Event tables: NONMEM's columns become doses; a row that means something else is refused by its line."""

import numpy as np
import pytest

import remodeling
from osteon import UserError, read_study
from osteon._simulation import make_courses
from tests.short_study import STUDY as SHORT

STUDY = SHORT[: SHORT.index("[[arm]]")] + '[[arm]]\nname = "table"\nevents = "doses.csv"\n'
DRUG = "testosterone-cypionate"


def study_of(folder, table: str, more: str = ""):
    """The study with this table beside it."""
    (folder / "doses.csv").write_text(table)
    (folder / "study.toml").write_text(STUDY + more)
    return read_study(folder / "study.toml")


def times(dose, duration: float = 730.0):
    """Days and amounts of the doses of a line."""
    line = remodeling.Dose(dose.drug, dose.amount_mg, dose.every_days, dose.start_day, dose.stop_day)
    protocol = remodeling.make_protocol([line], duration_days=duration)
    return np.asarray(protocol.dose_day[0]), np.asarray(protocol.dose_mg[0])


def test_a_run_of_doses(tmp_path):
    """ADDL further doses, II apart, from TIME."""
    study = study_of(tmp_path, f"ID,TIME,EVID,AMT,CMT,II,ADDL\n1,14,1,100,{DRUG},7,51\n")
    (dose,) = study.arm[0].dose
    days, amounts = times(dose)
    np.testing.assert_allclose(days, 14 + 7 * np.arange(52))
    assert (amounts == 100).all()


def test_single_rows_become_one_line(tmp_path):
    """Weekly rows, then a change of dose: two lines with the same doses as the rows."""
    rows = [(7.0 * week, 100 if week < 20 else 80) for week in range(30)]
    table = "time,amt,cmt\n" + "".join(f"{day},{amount},{DRUG}\n" for day, amount in rows)
    doses = study_of(tmp_path, table).arm[0].dose
    assert len(doses) == 2
    given = [pair for dose in doses for pair in zip(*times(dose), strict=True)]
    np.testing.assert_allclose(given, rows)


def test_a_table_gives_the_hormones_of_the_same_doses(tmp_path):
    """The course of a table and of [[arm.dose]] are one."""
    table = study_of(tmp_path, f"ID,TIME,AMT,CMT,II,ADDL\n1,0,100,{DRUG},7,200\n")
    plain = study_of(tmp_path, f"TIME,AMT,CMT\n0,1,{DRUG}\n")
    text = STUDY.replace(
        'events = "doses.csv"', f'[[arm.dose]]\ndrug = "{DRUG}"\namount_mg = 100\nevery_days = 7'
    )
    (tmp_path / "plain.toml").write_text(text)
    plain = read_study(tmp_path / "plain.toml")
    one, other = (make_courses(study, list(study.arm))[0]["table"].levels for study in (table, plain))
    np.testing.assert_array_equal(one.testosterone_ng_dl, other.testosterone_ng_dl)


def test_hours_comments_observations_and_subjects(tmp_path):
    """One of two subjects, times in hours, a comment, an observation and missing cells."""
    table = (
        "# trial of 2020\nID,TIME,EVID,AMT,CMT,II,ADDL,RATE,SS,DV,AGE\n"
        f"1,0,1,50,{DRUG},.,.,.,.,.,60\n7,0,0,.,.,.,.,.,.,5.1,60\n7,48,1,100,{DRUG},168,2,0,0,.,60\n"
    )
    study = study_of(tmp_path, table, 'events_id = "7"\nevents_time = "hours"\n')
    (dose,) = study.arm[0].dose
    days, amounts = times(dose)
    np.testing.assert_allclose(days, [2, 9, 16])
    np.testing.assert_allclose(amounts, 100)


GOOD = f"ID,TIME,EVID,AMT,CMT,II,ADDL,RATE,SS\n1,0,1,100,{DRUG},0,0,0,0\n"
BAD = {
    "infusion": (f"1,7,1,100,{DRUG},0,0,5,0", "line 3: RATE is 5; only 0 is known"),
    "steady state": (f"1,7,1,100,{DRUG},7,0,0,1", "line 3: SS is 1; only 0 is known"),
    "reset": (f"1,7,3,0,{DRUG},0,0,0,0", "line 3: EVID is 3"),
    "no interval": (f"1,7,1,100,{DRUG},0,3,0,0", "line 3: ADDL is 3 with II 0"),
    "half a dose more": (f"1,7,1,100,{DRUG},7,1.5,0,0", "line 3: ADDL is 1.5"),
    "text": (f"1,7,1,much,{DRUG},0,0,0,0", "line 3: AMT is 'much'; it must be a finite number"),
    "not finite": (f"1,nan,1,100,{DRUG},0,0,0,0", "line 3: TIME is 'nan'"),
    "no drug": ("1,7,1,100,,0,0,0,0", "line 3: CMT is empty"),
    "no amount": (f"1,7,1,0,{DRUG},0,0,0,0", "line 3: AMT is 0"),
    "before the start": (f"1,-7,1,100,{DRUG},0,0,0,0", "line 3: TIME is -7"),
    "cells": ("1,7,1", "line 3 has 3 cells, the first line has 9"),
    "two subjects": (f"2,7,1,100,{DRUG},0,0,0,0", "holds 2 subjects (1, 2)"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_row_that_means_something_else_is_refused(name, tmp_path):
    """The line, the column, the value, and what is known."""
    row, told = BAD[name]
    with pytest.raises(UserError) as caught:
        study_of(tmp_path, GOOD + row + "\n")
    assert told in str(caught.value)
    assert "`arm[0].events`" in str(caught.value)


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("", "is empty"),
        ("TIME,AMT\n0,1\n", "has no column CMT"),
        (f"TIME,TIME,AMT,CMT\n0,0,1,{DRUG}\n", "has the column TIME twice"),
        (f"TIME,AMT,CMT\n7,1,{DRUG}\n0,1,{DRUG}\n", "line 3: TIME goes back"),
        (f"TIME,AMT,CMT,EVID\n7,1,{DRUG},0\n", "holds no dose"),
        ('TIME,AMT,CMT\n"0,1,x\n', "is no table of cells"),
    ],
)
def test_a_table_that_is_none_is_refused(table, told, tmp_path):
    """What is wrong with it as a whole."""
    with pytest.raises(UserError) as caught:
        study_of(tmp_path, table)
    assert told in str(caught.value)


def test_a_subject_or_a_file_that_is_not_there(tmp_path):
    """The subjects that are, and the reason of the system."""
    with pytest.raises(UserError) as caught:
        study_of(tmp_path, GOOD, 'events_id = "9"\n')
    assert "holds no subject '9' in its column ID; it has 1" in str(caught.value)
    (tmp_path / "doses.csv").unlink()
    with pytest.raises(UserError) as caught:
        read_study(tmp_path / "study.toml")
    assert "cannot be read as text (No such file or directory)" in str(caught.value)
