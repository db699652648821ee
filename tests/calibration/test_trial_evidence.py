"""The tables of trials against the table of evidence, and the page of the trials against both."""

import csv
import hashlib
import re
from pathlib import Path

import pytest

import calibration as c
from tests.trial_page import arm_table, group_table, observable_table

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "trials.md"
EVIDENCE = ROOT.parent / "shared" / "evidence" / "trials.csv"
READ_ELSEWHERE = {
    "https://pmc.ncbi.nlm.nih.gov/articles/PMC3383183",
    "https://pmc.ncbi.nlm.nih.gov/articles/PMC5595552",
    "https://doi.org/10.1007/s00198-021-06174-0",
    "https://pmc.ncbi.nlm.nih.gov/articles/PMC12535801",
    "https://ouci.dntb.gov.ua/en/works/4yRBnkAl",
}
"""Pages that the table of evidence does not have."""
LAST_OF_THE_EVIDENCE = "spaceflight"
"""Groups after this one were collected later, each from its own pages (docs/trials.md)."""


def collected_later() -> set[str]:
    names = list(c.read_trials().groups)
    return set(names[names.index(LAST_OF_THE_EVIDENCE) + 1 :])


@pytest.fixture(scope="module")
def evidence() -> list[dict[str, str]]:
    if not EVIDENCE.is_file():
        pytest.skip("table of evidence not found beside the project")
    with EVIDENCE.open() as file:
        return list(csv.DictReader(file))


def of_the_paper(row: dict[str, str], arm: c.TrialArm, observation: c.Observation) -> bool:
    """Whether a row of the evidence is of the paper that an observation is from: DOI, PubMed number, or page
    and first author.
    """
    author = arm.citation.split()[0].lower() in row["citation"].lower()
    if observation.url is not None:
        return author and observation.url in row["url"]
    return bool(
        (arm.doi and arm.doi in row["doi"])
        or (arm.pmid and arm.pmid in row["pmid"].split())
        or (arm.url and arm.url in row["url"] and author)
    )


def numbers(row: dict[str, str], *columns: str) -> set[float]:
    return {float(row[name]) for name in columns if row[name]}


def agrees(row: dict[str, str], observation: c.Observation) -> bool:
    """Whether a row holds the mean or the ends of the interval of an observation, at its time."""
    times = {float(text) for text in re.findall(r"\d+(?:\.\d+)?", row["time_months"])}
    end, start = observation.end_month, observation.start_month or 0.0
    if times and end is not None and not times & {end, round(end - start, 9)}:
        return False
    if observation.value is not None:
        return observation.value in numbers(row, "pct_change_mean", "value_other")
    if observation.reading == "range":
        return {observation.low, observation.high} == numbers(row, "pct_low", "pct_high")
    if observation.reading in ("one-sided", "ambiguous"):
        return observation.high in numbers(row, "pct_change_mean")
    return not numbers(row, "pct_change_mean", "pct_low", "value_other")


def test_every_number_is_a_verified_one_of_the_same_paper(evidence):
    """Mean, time, confidence limits, standard error or deviation, each as in a row seen at its source."""
    trials, later = c.read_trials(), collected_later()
    for o in trials.observations:
        arm = trials.arms[o.arm]
        if (o.url or arm.url) in READ_ELSEWHERE or arm.group in later:
            continue
        rows = [r for r in evidence if r["verified"] == "yes" and of_the_paper(r, arm, o) and agrees(r, o)]
        assert rows, o
        if o.uncertainty == "printed-ci":
            assert any({o.low, o.high} == numbers(r, "sd_or_ci_low", "ci_high") for r in rows), o
        if o.uncertainty == "printed-se":
            assert any(o.standard_error in numbers(r, "sd_or_ci_low") for r in rows), o
        if o.uncertainty == "printed-sd":
            deviations = {value / arm.persons**0.5 for r in rows for value in numbers(r, "sd_or_ci_low")}
            assert o.standard_error in {float(f"{value:.2g}") for value in deviations}, o


def test_pages_that_are_exempt_are_not_in_the_evidence(evidence):
    """What is exempt from the comparison is used, and is only what it cannot be made for."""
    trials = c.read_trials()
    assert {o.url or trials.arms[o.arm].url for o in trials.observations} >= READ_ELSEWHERE
    assert not [row for row in evidence if any(page in row["url"] for page in READ_ELSEWHERE)]


def test_groups_collected_later_were_drawn_for_the_fit():
    """Even first byte of the SHA-256 of its name: calibration; never where an arm has a drug at the bone."""
    trials, at_bone = (
        c.read_trials(),
        ("alendronate", "zoledronate", "denosumab", "teriparatide", "romosozumab"),
    )
    for name in collected_later():
        arms = [arm for arm in trials.arms.values() if arm.group == name]
        told = any(arm.levels_source is not None for arm in arms)
        drugs = {dose.drug for arm in arms for dose in arm.doses}
        drawn = hashlib.sha256(name.encode()).digest()[0] % 2 == 0 and not drugs & set(at_bone)
        expected = ("calibration" if drawn else "validation") if told else "context"
        assert trials.groups[name].role == expected, name


def test_groups_collected_later_have_no_row_of_the_evidence(evidence):
    """None of them is a second entry of a trial of the table of evidence."""
    trials, later = c.read_trials(), collected_later()
    assert later
    for o in trials.observations:
        arm = trials.arms[o.arm]
        if arm.group in later:
            assert not [row for row in evidence if of_the_paper(row, arm, o) and agrees(row, o)], o


def test_rows_of_one_trial_share_a_group(evidence):
    """Papers that the evidence joins in one trial are fitted or held out together."""
    trials = c.read_trials()
    groups: dict[str, set[str]] = {}
    for o in trials.observations:
        arm = trials.arms[o.arm]
        for row in evidence:
            if not row["trial_group"].startswith("META") and of_the_paper(row, arm, o) and agrees(row, o):
                groups.setdefault(row["trial_group"], set()).add(arm.group)
    assert groups
    assert not {name: found for name, found in groups.items() if len(found) > 1}


def test_every_row_of_the_evidence_is_in_the_table_or_explained(evidence):
    """A row that no observation is from has a line on the page: study, arm, outcome, why."""
    trials = c.read_trials()
    text = PAGE.read_text()
    missing = []
    for row in evidence:
        used = row["verified"] == "yes" and any(
            of_the_paper(row, trials.arms[o.arm], o) and agrees(row, o) for o in trials.observations
        )
        if not used and f"| {row['study_id']} | {row['arm']} | {row['site']} {row['outcome']} |" not in text:
            missing.append((row["study_id"], row["arm"], row["site"], row["outcome"]))
    assert not missing


def test_the_page_holds_groups_arms_and_observables():
    """docs/trials.md has the tables as the package has them, word for word."""
    text = PAGE.read_text()
    assert arm_table() in text
    assert group_table() in text
    assert observable_table() in text
