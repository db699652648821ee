"""The report: self-contained, escaped, complete, and made from the run folder alone."""

import json
import re

import pytest

from osteon import UserError, write_report
from osteon._figures import change_figure, hormone_figure, png_bytes
from osteon._report import RESEARCH_USE, cards, interval_tables, render_report, tables

ROWS = [
    {"level": "L3", "arm": arm, "month": month, "trabecular_vbmd_mg_cm3": value, "stiffness_n_per_mm": 1e4}
    for arm, values in (("no treatment", (110.0, 110.0)), ("<b>weekly</b>", (110.0, 115.5)))
    for month, value in zip((0, 24), values, strict=True)
]

SUMMARY = {
    "format": "osteon-run/1",
    "title": "A <script>alert(1)</script> title",
    "research_use_only": RESEARCH_USE,
    "in_one_sentence": "A sentence.",
    "warnings": ["Extrapolation."],
    "subject": {"sex": "male", "age_years": 60.0, "lh_iu_l": None},
    "image": "built-in vertebra",
    "calibration": {"sentence": "by phantom"},
    "months": 24,
    "steps_per_month": 2,
    "arms": [
        {"name": "no treatment", "doses": []},
        {
            "name": "<b>weekly</b>",
            "doses": [
                {"drug": "x", "amount_mg": 100.0, "every_days": 7.0, "start_day": 0.0, "stop_day": None}
            ],
        },
    ],
    "levels": [{"name": "L3", "sentence": "1000 voxels."}],
    "load_case": {"name": "pmma-axial", "version": 1, "sentence": "Embedded and compressed."},
    "law": {"name": "kopperdahl-2002", "density_type": "k2hpo4", "citation": "Kopperdahl 2002"},
    "solver": [
        {
            "level": "L3",
            "arm": "no treatment",
            "elements": 1000,
            "solves": 9,
            "iterations_max": 12,
            "relative_residual_max": 9e-7,
            "seconds": 1.0,
        }
    ],
    "assumptions": ["The habitual force is constant."],
    "parameters": [
        {
            "name": "ks",
            "value": 3.7e-5,
            "unit": "mm/d",
            "status": "fitted",
            "source": "fit",
            "meaning": "rate",
        }
    ],
    "results": ROWS,
}


@pytest.fixture
def folder(tmp_path):
    """A run folder with made-up numbers and one real picture."""
    run = tmp_path / "run"
    (run / "figures").mkdir(parents=True)
    (run / "summary.json").write_text(json.dumps(SUMMARY))
    (run / "versions.json").write_text(json.dumps({"osteon": "0.1.0", "python": "3.11"}))
    (run / "figures.json").write_text(json.dumps([{"file": "a.png", "level": "L3", "caption": "A & B"}]))
    tidy = [
        {
            "level": row["level"],
            "arm": row["arm"],
            "month": row["month"],
            "quantity": "trabecular_vbmd_mg_cm3",
            "value": row["trabecular_vbmd_mg_cm3"],
        }
        for row in ROWS
    ]
    (run / "figures" / "a.png").write_bytes(png_bytes(change_figure(tidy, "L3", ("trabecular_vbmd_mg_cm3",))))
    return run


def test_the_report_is_one_file_without_network(folder):
    """No URL is fetched: pictures are data URIs, links stay in the page, and nothing names http."""
    html = write_report(folder).read_text()
    sources = re.findall(r"""(?:src|href)\s*=\s*["']([^"']*)""", html)
    pictures = [source for source in sources if not source.startswith("#")]
    assert pictures
    assert all(source.startswith("data:image/png;base64,") for source in pictures)
    assert "http" not in html.replace("http-equiv", "")
    assert "url(" not in html
    assert "<script" not in html


def test_texts_are_escaped(folder):
    """A title or an arm's name cannot inject markup."""
    html = write_report(folder).read_text()
    assert "&lt;script&gt;" in html
    assert "<b>weekly</b>" not in html


def test_the_report_says_what_it_must(folder):
    """Research use only, the assumptions, the load, the law, the solver's record, the numbers."""
    html = write_report(folder).read_text()
    for words in (
        "Research use only, not a medical device",
        "The habitual force is constant.",
        "Embedded and compressed.",
        "kopperdahl-2002",
        "9.0e-07",
        "115.5",
        "fitted",
        "Extrapolation.",
    ):
        assert words in html


def test_no_path_reaches_the_report(folder, tmp_path):
    """The folder's name and place are not in the file."""
    assert str(tmp_path) not in write_report(folder).read_text()


def test_tables_show_percent_change_below_the_value():
    """115.5 / 110 = +5.00 %; the baseline row carries no change."""
    table = tables(SUMMARY)[1]
    assert table["title"] == "L3, <b>weekly</b>: densities and strength"
    assert table["rows"][0]["cells"][0] == {"value": "110.0", "change": ""}
    assert table["rows"][1]["cells"][0] == {"value": "115.5", "change": "+5.00 %"}
    assert cards(SUMMARY)[0]["value"] == "0.00 %"


def test_intervals_stand_beside_the_change():
    """A row per quantity and month, and both intervals in the card; a run without them has no such table."""
    ends = {"parameters_low": 3.0, "parameters_high": 7.0, "new_trial_low": 0.0, "new_trial_high": 10.0}
    row = {"level": "L3", "arm": "<b>weekly</b>", "month": 24, "quantity": "trabecular_vbmd_mg_cm3"}
    row |= {"change_percent": 5.0, **{f"{name}_percent": end for name, end in ends.items()}}
    made = interval_tables({**SUMMARY, "intervals": [row]})
    assert [table["title"] for table in made] == [
        "L3, <b>weekly</b>: change from baseline with its intervals"
    ]
    assert made[0]["rows"] == [
        {
            "label": "Trabecular vBMD",
            "month": 24,
            "change": "+5.00",
            "parameters": "+3.00 to +7.00",
            "new_trial": "0.00 to +10.00",
        }
    ]
    label = cards({**SUMMARY, "intervals": [row]})[1]["label"]
    assert label.endswith("95 % intervals: parameters +3.00 to +7.00 %, new trial 0.00 to +10.00 %")
    assert interval_tables(SUMMARY) == []


def test_a_missing_key_is_an_error_and_not_a_blank():
    """The template is strict: a summary without its subject cannot become a report."""
    from jinja2 import UndefinedError

    broken = {name: value for name, value in SUMMARY.items() if name != "subject"}
    with pytest.raises(UndefinedError):
        render_report(broken, {"osteon": "0"}, [])


def test_a_folder_that_is_no_run_is_bad_input(tmp_path, folder):
    """Missing or damaged summary, foreign summary, missing picture."""
    with pytest.raises(UserError, match="not the folder of a finished run"):
        write_report(tmp_path)
    (folder / "figures" / "a.png").unlink()
    with pytest.raises(UserError, match="lacks the picture"):
        write_report(folder)
    (folder / "summary.json").write_text('{"format": "osteon-solve/1"}')
    with pytest.raises(UserError, match="holds no run"):
        write_report(folder)


def test_pictures_carry_no_text_chunks():
    """No program, user or path in the PNG's text chunks."""
    courses = {"arm": {"testosterone_ng_dl": [200.0, 500.0]}}
    png = png_bytes(hormone_figure(courses, [15.0, 30.0]))
    assert png.startswith(b"\x89PNG")
    assert b"tEXt" not in png
    assert b"iTXt" not in png
