"""The program from Python: the numbers of the command line, in memory, with nothing changed around it."""

import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

import meshes
import osteon
from tests.short_study import STUDY

ROOT = Path(__file__).resolve().parents[2]
OVERRIDES = ["time.months=3", "time.report_months=[3]"]

# In a new interpreter, where jax computes in single precision: the library is used so before and after. A
# float64 that jax would make a float32 is an error there.
_NOTEBOOK = """
import sys, warnings
import jax, jax.numpy as jnp, numpy as np
warnings.filterwarnings("error", message="(?s).*float64.*")
import fem, osteon
plan = fem.make_plan(np.ones((4, 4, 4), bool), 1.0, fem.load_case("axial", strain=-0.01))
before, _ = fem.solve_checked(jnp.full(64, 1000.0), plan, rtol=1e-5)
osteon.run(osteon.read_study(sys.argv[1], overrides=sys.argv[3:]), out=sys.argv[2])
after, _ = fem.solve_checked(jnp.full(64, 1000.0), plan, rtol=1e-5)
assert before.dtype == after.dtype == jnp.float32
assert (before == after).all()
assert not jax.config.jax_enable_x64
assert jax.config.jax_compilation_cache_dir is None
"""


@pytest.fixture(scope="module")
def result():
    """Three months of the short study."""
    study = osteon.make_study(tomllib.loads(STUDY) | {"time": {"months": 3, "report_months": [3]}})
    return osteon.run(study)


@pytest.mark.slow
def test_a_notebook_in_single_precision_gets_the_same_bits_and_keeps_its_settings(result, tmp_path):
    """Double precision is on for the call alone, and nothing made in single precision reaches the result."""
    (tmp_path / "study.toml").write_text(STUDY)
    where = [str(tmp_path / "study.toml"), str(tmp_path / "notebook")]
    done = subprocess.run(
        [sys.executable, "-c", _NOTEBOOK, *where, *OVERRIDES],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert result.write(tmp_path / "here") == tmp_path / "here" / "report.html"
    assert osteon.main(["verify", str(tmp_path / "here")]) == 0
    for name in ("summary.json", "timecourse.csv", "study.toml", "maps/l3.vti", "figures/l3_change.png"):
        assert (tmp_path / "here" / name).read_bytes() == (tmp_path / "notebook" / name).read_bytes(), name


def test_tables_have_the_rows_of_the_run(result):
    """A row a reported month, columns of NumPy, and the change that the summary states."""
    assert len(result.table) == 4
    treated = result.table.where(arm="weekly")
    assert treated["month"].tolist() == [0, 3]
    start, end = treated["trabecular_vbmd_mg_cm3"]
    stated = result.changes.where(arm="weekly", quantity="trabecular_vbmd_mg_cm3")
    assert stated["change_percent"] == pytest.approx([100 * (end / start - 1)])
    assert stated["new_trial_low_percent"] < stated["parameters_low_percent"] < stated["change_percent"]
    course = result.courses.where(arm="weekly", quantity="trabecular_vbmd_mg_cm3")
    assert course["month"].tolist() == [0, 1, 2, 3]
    assert course["value"][[0, 3]].tolist() == [start, end]
    assert np.isnan(result.courses.where(quantity="lh_iu_l")["parameters_low"]).all()


def test_maps_hold_the_numbers_of_the_table(result):
    """The mean of the density map over the body is the integral density of the table."""
    maps = result.maps["L3", "weekly"]
    density = maps.array("vbmd_mg_cm3", month=0)
    assert density.shape == maps.bone.shape
    assert (np.isfinite(density) == maps.bone).all()
    integral = result.table.where(arm="weekly", month=0)["integral_vbmd_mg_cm3"]
    assert np.nanmean(density) == pytest.approx(integral[0])
    image = maps.image("change_percent", on_source=True)
    assert np.isfinite(image.values).sum() == maps.bone.sum()
    assert maps.affine == pytest.approx(meshes.affine_of(maps.image("change_percent")))
    np.testing.assert_array_equal(maps["change_percent"], maps.array("change_percent", month=3))


@pytest.mark.parametrize("name", ["change", "density", "energy", "interval", "hormones"])
def test_figures_are_figures(result, name):
    """A matplotlib figure that a notebook shows."""
    assert result.figure(name)._repr_png_().startswith(b"\x89PNG")


def test_what_is_not_there_is_named(result):
    """A sentence with what there is."""
    for call, words in (
        (lambda: result.figure("map"), "no figure 'map'; there is 'change'"),
        (lambda: result.figure(arm="daily"), "no arm 'daily'; there is 'no treatment', 'weekly'"),
        (lambda: result.figure("strength"), "no curves beyond yield"),
        (lambda: result.figure("activities"), "mechanics.daily"),
        (lambda: result.maps["L4", "weekly"], "(level, arm) is one of ('L3', 'no treatment')"),
        (lambda: result.maps["L3", "weekly"]["density"], "no map 'density'; there are vbmd_mg_cm3"),
        (lambda: result.maps["L3", "weekly"].array("sed_mpa", month=2), "those with one are 0, 3"),
        (lambda: result.table["bmd"], "no column 'bmd'; it has level, arm, month"),
    ):
        with pytest.raises(osteon.UserError) as caught:
            call()
        assert words in str(caught.value)


def test_notebooks_show_text_as_text(result):
    """Names of levels and arms are escaped; long tables are cut."""
    assert "Research use only" in result._repr_html_()
    table = osteon.Table({"name": np.array(["<b>"] * 20, dtype=object)})
    assert "&lt;b&gt;" in table._repr_html_()
    assert "and 8 more rows" in table._repr_html_()


def test_a_study_of_dicts_is_checked_like_a_file():
    """All complaints at once; the dicts are left as they were."""
    tables = {"subject": {"sex": "male"}, "image": {"builtin": "l4"}}
    with pytest.raises(osteon.UserError, match="2 problems"):
        osteon.make_study(tables)
    assert tables == {"subject": {"sex": "male"}, "image": {"builtin": "l4"}}


@pytest.mark.parametrize("as_image", [False, True])
def test_a_density_is_solved_from_arrays(as_image):
    """A block of one density between frictionless platens: k = E A / L."""
    density, labels = np.full((4, 3, 6), 200.0), np.ones((4, 3, 6), dtype=int)
    if as_image:
        density = meshes.make_image(1e-3 * density, 2.0, quantity="density", density_type="k2hpo4")
        labels = meshes.make_image(labels, 2.0, quantity="label")
    solved = osteon.solve(
        density, mask=labels, voxel_mm=2.0, law="kopperdahl-2002", density_type="k2hpo4", load="uniaxial"
    )
    # Kopperdahl 2002: E = -34.7 + 3230 rho
    expected = (-34.7 + 3230 * 0.2) * (4 * 3 * 4.0) / 12.0
    assert solved.summary["stiffness_n_per_mm"] == pytest.approx(expected, rel=1e-6)
    assert solved.maps["sed_mean_mpa"] == pytest.approx(0.5 * (-34.7 + 3230 * 0.2) * 1e-4)
    assert solved.figure()._repr_png_().startswith(b"\x89PNG")
    assert solved.table["elements"].tolist() == [72]


def test_the_whole_stiffness_is_there():
    """A homogeneous cube: the 6 x 6 stiffness of its material, G = E / (2 (1 + nu))."""
    solved = osteon.solve(np.ones((4, 4, 4)), voxel_mm=1, load="stiffness-kubc")
    assert solved.summary["stiffness_mpa"][5][5] == pytest.approx(10000 / 2.6)
    with pytest.raises(osteon.UserError, match="no figure 'energy'"):
        solved.figure()


@pytest.mark.slow
def test_the_curve_beyond_yield_is_there():
    """A bar yields at its yield strain and 0.2 % more by the offset."""
    pushed = osteon.solve(
        np.ones((4, 4, 4)), voxel_mm=1, load="uniaxial", strength="nonlinear", strength_steps=10
    )
    assert pushed.summary["nonlinear"]["yield_force_n"] > 0
    assert pushed.figure("strength")._repr_png_().startswith(b"\x89PNG")


def test_arrays_need_their_voxel_size():
    """Nothing is guessed."""
    with pytest.raises(osteon.UserError, match="`voxel_mm` is missing"):
        osteon.solve(np.ones((4, 4, 4)))
    with pytest.raises(osteon.UserError, match="of quantity 'label'; it must be 'mask'"):
        osteon.solve(meshes.make_image(np.ones((2, 2, 2), int), 1.0, quantity="label"))
