"""Numberings of vertebrae: found by what is there and by the order of a spine."""

import re

import numpy as np
import pytest

from meshes import LABEL_CONVENTIONS, VERTEBRAE, find_vertebrae, make_image, resample_onto, to_ras

SPINE = [f"T{n}" for n in range(10, 13)] + [f"L{n}" for n in range(1, 6)]


def spine(convention, names=SPINE):
    """A column of slabs from head (high z) to foot, numbered by a convention."""
    values = np.zeros((2, 2, 4 * len(names)), np.int16)
    for position, name in enumerate(reversed(names)):
        values[:, :, 4 * position : 4 * position + 3] = LABEL_CONVENTIONS[convention][name]
    return make_image(values, 8.0, quantity="label")


@pytest.mark.parametrize("convention", LABEL_CONVENTIONS)
@pytest.mark.parametrize("names", [["L1", "L2", "L3", "L4", "L5"], ["L2", "L3"], ["T12"]])
def test_a_numbering_is_found_by_the_order_of_the_spine(convention, names):
    """VerSe counts downward, TotalSegmentator upward: one reading is left."""
    expected = {name: LABEL_CONVENTIONS[convention][name] for name in names}
    assert find_vertebrae(spine(convention), names) == expected
    assert find_vertebrae(spine(convention), names, convention=convention) == expected


def test_published_numbers():
    """VerSe's README: 19 is T12, 20 L1, 25 L6, 28 T13; TotalSegmentator: L5 is 18 in version 1, 27 in 2."""
    verse, one, two = (LABEL_CONVENTIONS[name] for name in LABEL_CONVENTIONS)
    numbers = [1, 7, 8, 19, 20, 24, 25, 28]
    assert [verse[name] for name in ("C1", "C7", "T1", "T12", "L1", "L5", "L6", "T13")] == numbers
    assert [one[name] for name in ("L5", "L1", "T12", "T1", "C7", "C1")] == [18, 22, 23, 34, 35, 41]
    assert [two[name] for name in ("L5", "L1", "T12", "T1", "C7", "C1")] == [27, 31, 32, 43, 44, 50]
    assert set(one) < set(VERTEBRAE)


def test_the_order_is_that_of_the_world_and_not_of_the_array():
    """A file stored from foot to head or on its side has the same numbering."""
    image = spine("verse")
    turned = to_ras(image)
    flipped = make_image(
        np.transpose(np.asarray(turned.values)[:, :, ::-1], (2, 0, 1)),
        8.0,
        quantity="label",
        direction=np.array([[0, 1, 0], [0, 0, 1], [-1, 0, 0.0]]),
    )
    assert find_vertebrae(flipped, ["L1"]) == {"L1": 20}
    assert resample_onto(image, image).values.max() == 24


def test_what_can_be_read_in_several_ways_is_refused_with_each():
    """23 below 32: T12 and T3 of TotalSegmentator's version 1, or a cyst and T12 of its version 2."""
    image = make_image(np.array([[[23, 0, 32]]]), 8.0, quantity="label")
    words = "2 ways (totalsegmentator-v1: T12 23; totalsegmentator-v2: T12 32); say which"
    for convention in (None, "totalsegmentator"):
        with pytest.raises(ValueError, match=re.escape(words)):
            find_vertebrae(image, ["T12"], convention=convention)
    assert find_vertebrae(image, ["T12"], convention="totalsegmentator-v2") == {"T12": 32}
    # One label alone has no order, but may be none of the others.
    assert find_vertebrae(spine("verse", ["L1"]), ["L1"]) == {"L1": 20}


@pytest.mark.parametrize(
    ("names", "convention", "words"),
    [
        (["L9"], None, "vertebrae are named T1 to T13"),
        (["L1"], "nifti", "must be one of verse"),
        (["T1"], None, r"labels found \(17, 18, .*\) are not T1 of any numbering \(verse: no T1 \(8\)"),
        (["L1"], "totalsegmentator", "would lie below"),
        (["L6"], "totalsegmentator-v1", "does not know L6"),
    ],
)
def test_what_is_not_there_is_said_with_the_labels_found(names, convention, words):
    """And why each numbering does not fit."""
    with pytest.raises(ValueError, match=words):
        find_vertebrae(spine("verse"), names, convention=convention)


def test_real_segmentations_are_recognised(shared_data):
    """The T12 to L5 bodies of the shared CT count as VerSe does, and so do the labels of TPTBox."""
    from meshes import read_labels

    bodies = read_labels(shared_data / "lumbar_ct3mm_totalseg_bodies_T12-L5.nii.gz", assume_units="mm")
    names = ["T12", "L1", "L2", "L3", "L4", "L5"]
    assert find_vertebrae(bodies, names) == dict(zip(names, range(19, 25), strict=True))
    lone = read_labels(shared_data / "l3_ct1p5mm_tptbox_seg-vert_label-22_msk.nii.gz")
    assert find_vertebrae(lone, ["L3"]) == {"L3": 22}
