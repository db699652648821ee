"""Bodies that lie askew on their CT, as L5 does, are stood up before they are loaded."""

import json

import nibabel
import numpy as np
import pytest

import fem
import meshes
import osteon
from benchmarks._tilted import tilted
from osteon import main
from osteon._density_image import read_density
from osteon._levels import read_levels, to_source
from osteon._study import read_study
from tests.nifti_files import save_nifti

STUDY = """\
title = "A body askew"
[subject]
sex = "male"
age_years = 60
[image]
path = "density.nii.gz"
mask = "mask.nii.gz"
calibrated = true
density_type = "ha"
[[levels]]
name = "L5"
label = 24
"""


def write(folder, degrees: float) -> None:
    """A density image in mg HA/cm3, its mask, and a study."""
    density, body, _ = tilted(3.0, degrees)
    affine = np.diag([3.0, 3.0, 3.0, 1.0])
    save_nifti(1000 * np.asarray(density.values), affine, folder / "density.nii.gz")
    save_nifti(24 * np.asarray(body.values, np.uint8), affine, folder / "mask.nii.gz")
    (folder / "study.toml").write_text(STUDY)


def levels_of(folder, *overrides: str):
    study = read_study(folder / "study.toml", overrides=list(overrides))
    return read_levels(study, read_density(study.image), fem.density_law("kopperdahl-2002"))[0][0]


@pytest.fixture(scope="module")
def askew(tmp_path_factory):
    """Tilted by 28 degrees."""
    folder = tmp_path_factory.mktemp("askew")
    write(folder, 28)
    return folder


def stiffness(degrees: float, **options) -> float:
    density, body, _ = tilted(2.0, degrees, (0.9, 0.4, 0))
    solved = osteon.solve(
        density,
        mask=meshes.make_image(np.asarray(body.values, np.int32), 2.0, quantity="label"),
        law="kopperdahl-2002",
        load="pmma-axial",
        displacement_mm=-0.1,
        **options,
    )
    return solved.summary["stiffness_n_per_mm"]


def test_stiffness_does_not_depend_on_posture():
    """Between its endplates a turned body is as stiff as an upright one; along the image it is not."""
    upright = stiffness(0)
    assert stiffness(28) == pytest.approx(upright, rel=0.06)
    assert stiffness(28, axis="image") < 0.6 * upright


def test_a_study_stands_its_bodies_up(askew):
    """The grid is turned, said so, and keeps volume and mean density."""
    turned, left = levels_of(askew), levels_of(askew, 'mechanics.axis="image"')
    assert turned.turned
    assert not left.turned
    assert turned.endplates.tilt_degrees == pytest.approx(28, abs=3)
    assert any("along the axis between the endplates" in note for note in turned.notes)
    assert left.bone.sum() == left.source_bone.sum()
    assert turned.bone.sum() == pytest.approx(left.bone.sum(), rel=0.03)
    assert turned.density_ha.mean() == pytest.approx(left.density_ha.mean(), rel=0.04)
    np.testing.assert_allclose(np.asarray(left.grid.direction), np.eye(3))
    np.testing.assert_allclose(np.asarray(turned.grid.direction)[:, 2], turned.endplates.axis, atol=1e-12)


def test_maps_of_a_turned_body_lie_on_the_ct(askew):
    """Every voxel of the mask, and no other, gets the value of the model voxel nearest to its place."""
    level = levels_of(askew)
    affine = meshes.affine_of(level.grid)
    places = np.argwhere(level.bone) @ affine[:3, :3].T + affine[:3, 3]
    source = meshes.affine_of(level.source)
    wanted = np.argwhere(level.source_bone) @ source[:3, :3].T + source[:3, 3]
    for axis in range(3):
        there = to_source(level, places[:, axis] + 1000.0)
        assert ((there > 0) == level.source_bone).all()
        apart = np.abs(there[level.source_bone] - 1000.0 - wanted[:, axis])
        # half the diagonal of a voxel of 3 mm; at the rim one voxel more
        assert apart.max() < 0.5 * 3**0.5 * 3.0 + 3.0
        assert np.mean(apart < 0.5 * 3**0.5 * 3.0) > 0.99


def test_small_tilts_are_left_alone(tmp_path):
    """Below 5 degrees resampling would change more than it mends: not a voxel is touched."""
    write(tmp_path, 2)
    level, image = levels_of(tmp_path), levels_of(tmp_path, 'mechanics.axis="image"')
    assert not level.turned
    np.testing.assert_array_equal(level.density_ha, image.density_ha)


def test_a_tilt_that_may_be_another_axis_is_refused(tmp_path, capsys):
    """Beyond 50 degrees the front of the body begins to look like an endplate."""
    write(tmp_path, 50)
    assert main(["check", str(tmp_path / "study.toml"), "--no-picture"]) == 2
    said = capsys.readouterr().err
    assert "levels 'L5': the axis between its endplates is tilted by" in said
    assert 'mechanics.axis = "image"' in said


def test_check_tells_the_tilt(askew, capsys):
    """People see it before they solve."""
    assert main(["check", str(askew / "study.toml"), "--no-picture", "--json"]) == 0
    (level,) = json.loads(capsys.readouterr().out)["plan"]["levels"]
    assert level["turned_upright"] is True
    assert level["tilt_degrees"] == pytest.approx(28, abs=3)


def test_solve_writes_maps_of_a_turned_body_on_the_ct(askew, tmp_path, capsys):
    """Energy is nowhere but in the bone, on the grid of the image."""
    out = tmp_path / "solved"
    command = ["solve", str(askew / "density.nii.gz"), "--mask", str(askew / "mask.nii.gz"), "--label", "24"]
    command += ["--law", "kopperdahl-2002", "--density-type", "ha", "--load", "pmma-axial"]
    assert main([*command, "--maps", "--out", str(out)]) == 0
    energy = nibabel.load(out / "maps" / "sed_mean_mpa.nii.gz")
    mask = nibabel.load(askew / "mask.nii.gz")
    np.testing.assert_allclose(energy.affine, mask.affine)
    assert ((np.asarray(energy.dataobj) > 0) == (np.asarray(mask.dataobj) > 0)).all()
    assert any("endplates" in note for note in json.loads((out / "summary.json").read_text())["notes"])


def test_binary_masks_have_no_endplates(tmp_path, capsys):
    """A cube of trabeculae is loaded along z."""
    np.savez(tmp_path / "cube.npz", mask=np.ones((4, 4, 4), bool), voxel_mm=0.04)
    assert main(["solve", str(tmp_path / "cube.npz"), "--axis", "endplates"]) == 2
    assert "--axis endplates turns a density image" in capsys.readouterr().err
