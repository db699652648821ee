"""The tables of trials: valid, sourced, true to the table of evidence; and every mistake in one is named."""

import math
from pathlib import Path

import pytest

import calibration as c
import remodeling as r

TABLES = Path(c.__file__).parent / "trials"
SMALL = {
    "groups.tsv": ["groupId role defaults reason", "one calibration none why", "two context set why"],
    "arms.tsv": [
        "conditionId groupId conditionName referenceConditionId sex age persons personsSource population "
        "yearsSinceMenopause yearsDeficient baselineLevels baselineSource protocol treatmentLevels "
        "treatmentLevelsSource loadFactor treatmentMonths citation doi pmid url note",
        "one-placebo one placebo - male 60 20 printed men - - - - - - untreated - - cited 10.1210/jc.1 - - -",
        "one-drug one drug one-placebo male 60 20 printed men - - testosterone~300~ng/dL paper "
        "testosterone-enanthate~200~every~14 - model - - cited - 12345 - -",
    ],
    "observations.tsv": [
        "simulationConditionId observableId kind unit startTime time measurement low high noiseParameters "
        "persons uncertainty reading sourceLevel url note",
        "one-drug spine_areal_bmd change % 0 12 3 2 4 0.5 - printed-ci printed abstract - -",
        "one-drug spine_areal_bmd difference % 0 12 2 - - 0.5 - printed-se printed abstract - -",
        "one-drug ctx interval % 0 12 - -20 0 5 15 assumed qualitative abstract - -",
    ],
}
"""Three small valid tables: blanks are tabs, - is an empty cell, ~ a blank."""


def cells(line: str) -> list[str]:
    return [("" if cell == "-" else cell).replace("~", " ") for cell in line.split(" ")]


def write_tables(folder: Path, changes=()) -> Path:
    """The small tables with changed cells: (file, line, column, text)."""
    for name, lines in SMALL.items():
        table = [cells(line) for line in lines]
        for file, line, column, text in changes:
            if file == name:
                table[line - 1][table[0].index(column)] = text
        (folder / name).write_text("".join("\t".join(row) + "\n" for row in table))
    return folder


def message(folder: Path) -> str:
    with pytest.raises(ValueError, match=r"`folder` has \d+ mistake") as caught:
        c.read_trials(folder)
    return str(caught.value)


def test_the_shipped_tables_are_valid_and_of_every_role():
    """read_trials() raises nothing; calibration, validation and context are all there."""
    trials = c.read_trials()
    assert {group.role for group in trials.groups.values()} == {"calibration", "validation", "context"}
    assert {arm.group for arm in trials.arms.values()} == set(trials.groups)
    used = {o.arm for o in trials.observations} | {arm.reference for arm in trials.arms.values()}
    assert used >= set(trials.arms)


def test_every_observation_has_a_source_and_an_error():
    """DOI, PubMed number or address of the arm; a standard error, unless the value is absolute."""
    trials = c.read_trials()
    for observation in trials.observations:
        arm = trials.arms[observation.arm]
        assert arm.doi or arm.pmid or arm.url
        assert observation.kind == "absolute" or (observation.standard_error or 0.0) > 0.0


def test_a_meta_analysis_of_other_rows_is_context():
    """Pooled trials are no independent data: what pools rows of the table is neither fitted nor held out."""
    for group in c.read_trials().groups.values():
        if "pools" in group.reason:
            assert group.role == "context", group


def test_assumed_errors_are_those_of_the_rule():
    """sqrt((2 p^2 + s^2)(1/n + 1/m)), per year for a rate, written with two digits."""
    trials = c.read_trials()
    for o in trials.observations:
        if o.uncertainty != "assumed":
            continue
        arm = trials.arms[o.arm]
        compared = o.kind in ("difference", "rate_difference") or o.unit == "% difference"
        years = None
        if o.unit == "%/year":
            years = (
                1.0 if o.end_month is None or o.start_month is None else (o.end_month - o.start_month) / 12
            )
        expected = c.assumed_standard_error(
            o.observable,
            o.persons or arm.persons,
            value=o.value or 0.0,
            reference_persons=trials.arms[arm.reference or ""].persons if compared else None,
            years=years,
        )
        assert o.standard_error == float(f"{expected:.2g}"), o
        if o.reading == "qualitative":
            for end in (o.low, o.high):
                assert end in (None, 0.0) or abs(end) == float(f"{1.96 * expected:.2g}"), o


def test_printed_errors_follow_from_what_is_printed():
    """A 95 % confidence interval is 3.92 standard errors wide."""
    for o in c.read_trials().observations:
        if o.uncertainty == "printed-ci":
            assert o.low is not None
            assert o.high is not None
            assert o.standard_error == float(f"{(o.high - o.low) / 3.92:.2g}"), o


def test_the_rule_is_the_error_of_two_measurements_and_the_spread_between_persons():
    """DXA spine, n = 25: sqrt(2 1.3^2 + 4^2)/5, of two arms sqrt 2 times, per year of two half."""
    one = math.sqrt(2 * 1.3**2 + 4.0**2) / 5
    spine = c.assumed_standard_error("spine_areal_bmd", 25)
    assert spine == pytest.approx(one, rel=1e-12)
    two = c.assumed_standard_error("spine_areal_bmd", 25, reference_persons=25)
    assert two == pytest.approx(one * math.sqrt(2), rel=1e-12)
    assert c.assumed_standard_error("spine_areal_bmd", 25, years=2) == pytest.approx(one / 2, rel=1e-12)
    assert c.assumed_standard_error("ctx", 16, value=-50.0) == pytest.approx(0.4 * 50 / 4, rel=1e-12)


def test_a_row_becomes_records(tmp_path):
    """Levels, doses and empty cells of the small tables."""
    trials = c.read_trials(write_tables(tmp_path))
    arm = trials.arms["one-drug"]
    assert arm.baseline == (c.HormoneLevel("testosterone", 300.0, "ng/dL"),)
    assert [(d.drug, d.amount_mg, d.every_days, d.start_day, d.stop_day) for d in arm.doses] == [
        ("testosterone-enanthate", 200.0, 14.0, 0.0, None)
    ]
    assert trials.arms["one-placebo"].doses == ()
    assert trials.arms["one-placebo"].pmid is None
    interval = trials.observations[2]
    assert (interval.value, interval.low, interval.high) == (None, -20.0, 0.0)


def test_a_dose_has_a_start_and_an_end(tmp_path):
    """`drug amount every days from day until day`, several joined by a semicolon."""
    text = "anastrozole 1 every 1 from 30 until 60.5; zoledronate 5"
    trials = c.read_trials(write_tables(tmp_path, [("arms.tsv", 3, "protocol", text)]))
    first, second = trials.arms["one-drug"].doses
    assert (first.start_day, first.stop_day, first.every_days) == (30.0, 60.5, 1.0)
    assert (second.drug, second.every_days, second.stop_day) == ("zoledronate", None, None)


def test_observations_are_selected_by_role_observable_and_kind():
    """Each filter keeps what it names, and all of it."""
    trials = c.read_trials()
    chosen = c.select_observations(
        trials, roles=["calibration"], observables=["spine_areal_bmd"], kinds=["change"]
    )
    expected = [
        o
        for o in trials.observations
        if o.kind == "change"
        and o.observable == "spine_areal_bmd"
        and trials.groups[trials.arms[o.arm].group].role == "calibration"
    ]
    assert list(chosen) == expected
    assert chosen
    assert c.select_observations(trials) == trials.observations


def test_every_prescription_can_be_given():
    """`remodeling.make_protocol` takes the doses of an arm up to its last observation; none is empty."""
    trials = c.read_trials()
    for arm in trials.arms.values():
        last = max([o.end_month or 0.0 for o in trials.observations if o.arm == arm.name], default=0.0)
        protocol = r.make_protocol(arm.doses, duration_days=(last or 24.0) * 365.25 / 12)
        assert all(days.size > 0 for days in protocol.dose_day), arm


def test_a_person_can_have_every_baseline():
    """`remodeling.make_person` takes sex and levels of an arm; toxic free T4 is a condition instead."""
    for arm in c.read_trials().arms.values():
        levels = {v.argument: v.value for v in arm.baseline if v.hormone != "free_t4"}
        sex = "female" if arm.sex == "female" else "male"
        person = r.make_person(sex=sex, age_years=arm.age_years or 60.0, **levels)
        if "testosterone_ng_dl" in levels:
            assert float(person.testosterone_ng_dl) == pytest.approx(levels["testosterone_ng_dl"])


MISTAKES = [
    ("groups.tsv", 2, "groupId", "One", "small letters"),
    ("groups.tsv", 3, "groupId", "one", "the only one of its name"),
    ("groups.tsv", 2, "role", "training", "one of calibration, context, validation"),
    ("groups.tsv", 2, "defaults", "", "one of fitted, none, set"),
    ("groups.tsv", 2, "reason", "", "filled in"),
    ("arms.tsv", 3, "conditionId", "one-placebo", "the only one of its name"),
    ("arms.tsv", 3, "groupId", "three", "a `groupId` of groups.tsv"),
    ("arms.tsv", 3, "conditionName", "", "filled in"),
    ("arms.tsv", 3, "referenceConditionId", "one-control", "another `conditionId`"),
    ("arms.tsv", 3, "referenceConditionId", "one-drug", "another `conditionId`"),
    ("arms.tsv", 3, "sex", "M", "one of both, female, male"),
    ("arms.tsv", 3, "age", "6", "between 15 and 100"),
    ("arms.tsv", 3, "age", "sixty", "a number in decimals"),
    ("arms.tsv", 3, "age", "1_0", "a number in decimals"),
    ("arms.tsv", 3, "age", "nan", "a number in decimals"),
    ("arms.tsv", 3, "age", "6e1", "a number in decimals"),
    ("arms.tsv", 3, "persons", "0", "a whole number above 0"),
    ("arms.tsv", 3, "persons", "", "a whole number above 0"),
    ("arms.tsv", 3, "personsSource", "guess", "one of assumed, printed, split"),
    ("arms.tsv", 3, "baselineLevels", "testosterone 300", "levels such as"),
    ("arms.tsv", 3, "baselineLevels", "testosterone 300 mg", "known hormones and units"),
    ("arms.tsv", 3, "baselineLevels", "estradiol 20 ng/dL", "known hormones and units"),
    ("arms.tsv", 3, "baselineLevels", "testosterone 300 nmol/L", "between 0.05 and 50 nmol/L"),
    ("arms.tsv", 3, "baselineSource", "", "exactly where `baselineLevels` is"),
    ("arms.tsv", 2, "baselineSource", "paper", "exactly where `baselineLevels` is"),
    ("arms.tsv", 3, "protocol", "testosteron 200 every 14", "of drugs in remodeling.DRUGS"),
    ("arms.tsv", 3, "protocol", "testosterone-enanthate 200 mg", "doses such as"),
    ("arms.tsv", 3, "protocol", "testosterone-enanthate 20000", "between 1 and 1000 mg"),
    ("arms.tsv", 3, "protocol", "anastrozole 1 every 0", "days between doses above 0"),
    ("arms.tsv", 3, "protocol", "anastrozole 1 every 1 from 9 until 8", "an end after the start"),
    ("arms.tsv", 3, "protocol", "", "model only where `protocol`"),
    ("arms.tsv", 3, "treatmentLevelsSource", "untreated", "paper, model or assumed where `protocol`"),
    ("arms.tsv", 3, "treatmentLevelsSource", "", "paper, model or assumed where `protocol`"),
    ("arms.tsv", 3, "treatmentLevelsSource", "paper", "exactly where `treatmentLevels`"),
    ("arms.tsv", 3, "treatmentLevels", "testosterone 500 ng/dL", "`treatmentLevelsSource` must be paper"),
    ("arms.tsv", 3, "treatmentMonths", "0", "between 0.1 and 600"),
    ("arms.tsv", 3, "loadFactor", "0", "between 0.05 and 3"),
    ("arms.tsv", 3, "citation", "", "filled in"),
    ("arms.tsv", 2, "doi", "doi:10.1210/jc.1", "of the form 10."),
    ("arms.tsv", 3, "pmid", "PMC12", "a number"),
    ("arms.tsv", 3, "pmid", "", "every arm has a source"),
    ("arms.tsv", 3, "url", "www.example.org", "starts with http"),
    ("observations.tsv", 2, "simulationConditionId", "one-drugs", "a `conditionId` of arms.tsv"),
    ("observations.tsv", 2, "observableId", "spine_bmd", "one of alp, bsap"),
    ("observations.tsv", 2, "kind", "rise", "one of absolute, annual_rate"),
    ("observations.tsv", 2, "unit", "g/cm2 change", "one of %"),
    ("observations.tsv", 2, "unit", "%/year", "one of %"),
    ("observations.tsv", 3, "simulationConditionId", "one-placebo", "no difference where the arm has no"),
    ("observations.tsv", 3, "kind", "change", "is the same observation"),
    ("observations.tsv", 2, "startTime", "12", "after `startTime`"),
    ("observations.tsv", 2, "time", "", "a number in decimals"),
    ("observations.tsv", 2, "measurement", "300", "between -50 and 80"),
    ("observations.tsv", 2, "measurement", "", "filled in for the kind change"),
    ("observations.tsv", 2, "measurement", "5", "between `low` and `high`"),
    ("observations.tsv", 2, "low", "4.5", "at most `high`"),
    ("observations.tsv", 4, "low", "1", "at most `high`"),
    ("observations.tsv", 4, "measurement", "-10", "empty for an interval"),
    ("observations.tsv", 2, "noiseParameters", "0", "above 0"),
    ("observations.tsv", 2, "persons", "1.5", "a whole number above 0 or empty"),
    ("observations.tsv", 2, "noiseParameters", "-1", "between 0 and"),
    ("observations.tsv", 2, "noiseParameters", "", "a number in decimals"),
    ("observations.tsv", 2, "uncertainty", "se", "one of assumed, computed"),
    ("observations.tsv", 2, "uncertainty", "", "one of assumed, computed"),
    ("observations.tsv", 2, "reading", "seen", "one of ambiguous"),
    ("observations.tsv", 2, "sourceLevel", "paper", "one of abstract"),
    ("observations.tsv", 2, "url", "page 3", "starts with http"),
]


@pytest.mark.parametrize(("file", "line", "column", "text", "told"), MISTAKES)
def test_a_mistake_is_named(tmp_path, file, line, column, text, told):
    """File, line, what is allowed and the value seen, for each kind of mistake."""
    found = message(write_tables(tmp_path, [(file, line, column, text)]))
    lines = [entry for entry in found.splitlines() if told in entry]
    assert lines, found
    assert lines[0].startswith(f"{file} line {line}: `")
    assert ", got '" in lines[0]


def test_an_interval_needs_an_end(tmp_path):
    """Neither `low` nor `high`."""
    changes = [("observations.tsv", 4, "low", ""), ("observations.tsv", 4, "high", "")]
    assert "line 4: `low` must be filled in for an interval" in message(write_tables(tmp_path, changes))


def test_a_held_out_change_needs_times_and_context_does_not(tmp_path):
    """Times may be missing only where nothing is fitted or tested."""
    empty = [("observations.tsv", k, time, "") for k in (2, 3, 4) for time in ("startTime", "time")]
    assert message(write_tables(tmp_path, empty)).count("`time` must be") == 3
    moved = [("arms.tsv", k, "groupId", "two") for k in (2, 3)]
    assert c.read_trials(write_tables(tmp_path, empty + moved)).observations[0].end_month is None


def test_all_mistakes_are_named_at_once(tmp_path):
    """One in every table, two in one line: four lines of one error."""
    changes = [
        ("groups.tsv", 2, "role", "test"),
        ("arms.tsv", 3, "sex", "man"),
        ("observations.tsv", 2, "measurement", "three"),
        ("observations.tsv", 2, "time", "0"),
    ]
    found = message(write_tables(tmp_path, changes)).splitlines()
    assert found[0] == "`folder` has 4 mistakes to mend:"
    assert len(found) == 5
    for (file, line, column, text), entry in zip(changes, found[1:], strict=True):
        assert entry.startswith(f"{file} line {line}: `{column}` must be ")
        assert entry.endswith(f", got {text!r}")


def test_a_table_of_another_shape_is_refused(tmp_path):
    """A missing file, a missing and an unknown column, their order, a line with a cell too many."""
    folder = write_tables(tmp_path)
    (folder / "groups.tsv").unlink()
    arms = (folder / "arms.tsv").read_text().replace("persons\t", "number\t")
    (folder / "arms.tsv").write_text(arms)
    observations = (folder / "observations.tsv").read_text().splitlines()
    (folder / "observations.tsv").write_text("\n".join([*observations, observations[1] + "\textra"]))
    found = message(folder)
    assert "groups.tsv: cannot be read" in found
    assert "arms.tsv line 1: the column `persons` is missing" in found
    assert "arms.tsv line 1: no column is called 'number'" in found
    assert "observations.tsv line 5: must have 16 cells between tabs, got 17" in found
    swapped = (TABLES / "groups.tsv").read_text().replace("groupId\trole", "role\tgroupId", 1)
    (folder / "groups.tsv").write_text(swapped)
    assert "groups.tsv line 1: the columns must be in the order groupId, role" in message(folder)
