"""Cement caps on a body with concave endplates, with and without posterior elements."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from fem import add_caps, capped_modulus

SIZE = 1.5


def concave_body():
    """Elliptic cylinder of 18 layers with endplates that sink 3 voxels in the middle; empty layers around."""
    x, y, z = np.mgrid[-15:15, -12:12, 0:24] + 0.5
    dish = 3.0 * np.clip(1 - (x / 14) ** 2 - (y / 11) ** 2, 0, 1)
    return ((x / 14) ** 2 + (y / 11) ** 2 < 1) & (z < 21 - dish) & (z > 3 + dish)


def with_posterior(body):
    """The same with an arch behind it that stands out above and below the body."""
    mask = np.pad(body, ((0, 0), (0, 12), (0, 0)))
    mask[13:17, 22:34, 10:14] = True
    mask[13:17, 32:35, 1:23] = True
    return mask, np.pad(body, ((0, 0), (0, 12), (0, 0)))


CASES = {"body": (concave_body(), None), "with posterior elements": with_posterior(concave_body())}
every_case = pytest.mark.parametrize(("mask", "footprint"), CASES.values(), ids=CASES)


@every_case
def test_bone_keeps_its_order_and_place(mask, footprint):
    """argwhere(capped)[bone] - offset = argwhere(original)"""
    capped = add_caps(mask, SIZE, footprint=footprint)
    elements = np.argwhere(capped.mask)
    assert np.array_equal(elements[capped.bone] - capped.offset, np.argwhere(mask))
    assert np.array_equal(np.flatnonzero(~capped.is_cap), capped.bone)
    assert capped.is_cap.sum() + capped.bone.size == capped.mask.sum()


@every_case
def test_both_faces_of_the_box_are_cement_alone(mask, footprint):
    """the platens touch no bone"""
    capped = add_caps(mask, SIZE, footprint=footprint)
    cap = np.zeros_like(capped.mask)
    cap[capped.mask] = capped.is_cap
    for layer in (0, -1):
        assert cap[:, :, layer].any()
        assert np.array_equal(cap[:, :, layer], capped.mask[:, :, layer])


@every_case
def test_the_concavity_is_filled_and_the_waist_is_not(mask, footprint):
    """every column of the outline is solid; cement lies over the body and nowhere beside it"""
    capped = add_caps(mask, SIZE, footprint=footprint)
    body = mask if footprint is None else footprint
    outline = body.any(axis=2)
    assert capped.mask[outline].all()
    cap = np.zeros_like(capped.mask)
    cap[capped.mask] = capped.is_cap
    assert not cap[~outline].any()


@every_case
def test_each_cap_is_one_piece(mask, footprint):
    """two face-connected components"""
    capped = add_caps(mask, SIZE, footprint=footprint)
    cap = np.zeros_like(capped.mask)
    cap[capped.mask] = capped.is_cap
    assert ndimage.label(cap)[1] == 2


def test_the_cement_is_as_thick_as_asked_over_the_rim():
    """plane = outermost bone + round(thickness / h)"""
    mask = concave_body()
    rows = np.flatnonzero(mask.any(axis=(0, 1)))
    for thickness, voxels in ((1.5, 1), (4.4, 3), (0.2, 1)):
        capped = add_caps(mask, SIZE, thickness_mm=thickness)
        assert capped.mask.shape[2] == rows[-1] - rows[0] + 1 + 2 * voxels
        assert capped.offset[2] == voxels - rows[0]


def test_a_stray_column_far_below_the_endplate_gets_no_cement_down_to_it():
    """a column whose top lies deeper than the intrusion is no endplate"""
    mask = np.ones((6, 6, 20), dtype=bool)
    mask[0, :, 5:] = False
    capped = add_caps(mask, 1.0, thickness_mm=2.0, intrusion_mm=4.0)
    assert not capped.mask[0, :, 5 + 2 : 20 + 2].any()


def test_a_hole_in_the_endplate_is_covered_from_the_rim_on():
    """cement spans the hole of the foramen, it does not flow down"""
    mask = np.ones((7, 7, 12), dtype=bool)
    mask[3, 3] = False
    capped = add_caps(mask, 1.0, thickness_mm=2.0, intrusion_mm=4.0)
    assert capped.mask[3, 3].tolist() == [True] * 2 + [False] * 12 + [True] * 2


def test_moduli_of_bone_and_cement_end_up_in_their_places():
    """bone values in bone order, PMMA elsewhere"""
    mask = concave_body()
    capped = add_caps(mask, SIZE)
    bone = jnp.arange(mask.sum(), dtype=jnp.float32) + 1
    full = capped_modulus(bone, capped)
    assert full.dtype == jnp.float32
    assert np.array_equal(full[capped.bone], bone)
    assert np.all(np.asarray(full)[capped.is_cap] == 2500.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mask": np.zeros((3, 3, 3), bool)}, "nothing can be capped"),
        ({"mask": np.ones((3, 3), bool)}, "same shape"),
        ({"mask": np.ones((3, 3, 3), bool), "footprint": np.ones((3, 3, 4), bool)}, "same shape"),
        ({"mask": np.ones((3, 3, 3), bool), "thickness_mm": 0.0}, "`thickness_mm`"),
        ({"mask": np.ones((3, 3, 3), bool), "intrusion_mm": float("nan")}, "`intrusion_mm`"),
    ],
)
def test_caps_that_make_no_sense_are_refused(arguments, message):
    """ValueError names the argument"""
    with pytest.raises(ValueError, match=message):
        add_caps(voxel_mm=1.0, **arguments)
