"""Load cases: what each holds, its description and its refusals."""

import json

import numpy as np
import pytest

from fem import LOAD_CASES, constraints, describe_load, load_case

SHAPE = (2, 3, 4)
SIZE = 0.5
NODES = np.argwhere(np.ones(tuple(n + 1 for n in SHAPE)))
every_case = pytest.mark.parametrize("name", LOAD_CASES)


def held_by_description(load, nodes, shape):
    """The held components (nn, 3) read from the machine-readable description alone."""
    fixed = np.zeros(nodes.shape, dtype=bool)
    for entry in describe_load(load)["held"]:
        axis, end = entry["face"].split("-")
        axis = "xyz".index(axis)
        fixed[nodes[:, axis] == (0 if end == "min" else shape[axis]), "xyz".index(entry["component"])] = True
    return fixed


@every_case
def test_the_description_says_exactly_what_is_held(name):
    """fixed = union of the described faces and components"""
    load = load_case(name, strain=-0.01)
    assert np.array_equal(
        constraints(load, NODES, SHAPE, SIZE).fixed, held_by_description(load, NODES, SHAPE)
    )


@every_case
def test_the_description_is_plain_json(name):
    """json.loads(json.dumps(d)) = d"""
    for load in (load_case(name, strain=-0.01), load_case(name, displacement_mm=-0.04)):
        description = describe_load(load)
        assert json.loads(json.dumps(description)) == description
        assert description["name"] == name
        assert description["version"] == LOAD_CASES[name].version
        assert description["sentence"].endswith(".")


@every_case
def test_only_the_top_moves_and_only_along_z(name):
    """u_z(top) = strain nz h; every other prescribed value is zero"""
    held = constraints(load_case(name, strain=-0.01), NODES, SHAPE, SIZE)
    assert np.array_equal(held.bottom, NODES[:, 2] == 0)
    assert np.array_equal(held.top, NODES[:, 2] == SHAPE[2])
    assert np.allclose(held.value[held.top, 2], -0.01 * 4 * SIZE)
    rest = held.value.copy()
    rest[held.top, 2] = 0
    assert not rest.any()
    assert not held.value[~held.fixed].any()


@every_case
def test_strain_and_displacement_of_the_same_size_agree(name):
    """u = e nz h"""
    by_strain = constraints(load_case(name, strain=-0.01), NODES, SHAPE, SIZE)
    by_length = constraints(load_case(name, displacement_mm=-0.01 * 4 * SIZE), NODES, SHAPE, SIZE)
    assert np.array_equal(by_strain.value, by_length.value)


@pytest.mark.parametrize(
    ("name", "free"),
    [
        ("axial", False),
        ("uniaxial", True),
        ("clamped-bottom", False),
        ("confined", False),
        ("pmma-axial", False),
    ],
)
def test_in_plane_rigid_motion_is_free_in_the_frictionless_case_alone(name, free):
    """rank of the held components on the three in-plane rigid motions"""
    held = constraints(load_case(name, strain=-0.01), NODES, SHAPE, SIZE)
    assert held.in_plane_free == free
    at = NODES - NODES.mean(axis=0)
    zero = np.zeros(len(at))
    motions = np.array(
        [
            np.stack([zero + 1, zero, zero], 1),
            np.stack([zero, zero + 1, zero], 1),
            np.stack([-at[:, 1], at[:, 0], zero], 1),
        ]
    )
    assert np.linalg.matrix_rank(motions[:, held.fixed]) == (0 if free else 3)


@pytest.mark.parametrize(("face", "layer"), [("z-min", slice(2, None)), ("z-max", slice(0, 4))])
def test_bone_away_from_a_loaded_face_is_refused_with_the_face_and_the_distance(face, layer):
    """the nearest node is two layers, 1 mm, away"""
    shape = (2, 3, 5)
    nodes = np.argwhere(np.ones((3, 4, 6)))
    nodes = nodes[np.isin(nodes[:, 2], np.arange(6)[layer])]
    with pytest.raises(ValueError, match=f"no bone touches the loaded face {face}.*crop") as caught:
        constraints(load_case("axial", strain=-0.01), nodes, shape, 0.5)
    assert "1 mm (2 voxels)" in str(caught.value)


def test_confinement_without_bone_at_the_walls_is_refused():
    """the case would leave a rigid motion free"""
    nodes = NODES[(NODES[:, 0] > 0) & (NODES[:, 0] < 2)]
    with pytest.raises(ValueError, match="x-min or x-max"):
        constraints(load_case("confined", strain=-0.01), nodes, SHAPE, SIZE)


def test_no_bone_at_all_is_refused():
    """ValueError"""
    with pytest.raises(ValueError, match="empty"):
        constraints(load_case("axial", strain=-0.01), np.zeros((0, 3), int), SHAPE, SIZE)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "axail", "strain": -0.01}, "`name` must be a load case, one of axial"),
        ({"name": "axial"}, "exactly one of .* got neither"),
        ({"name": "axial", "strain": -0.01, "displacement_mm": -1.0}, "exactly one of .* got both"),
        ({"name": "axial", "strain": 0.0}, "`strain` must be finite and not zero"),
        ({"name": "axial", "strain": float("nan")}, "`strain` must be finite"),
        ({"name": "axial", "strain": -1.0}, "one percent as 0.01"),
        ({"name": "axial", "displacement_mm": float("inf")}, "`displacement_mm` must be finite"),
    ],
)
def test_a_load_case_that_makes_no_sense_is_refused(arguments, message):
    """ValueError names the argument"""
    with pytest.raises(ValueError, match=message):
        load_case(**arguments)


def test_a_load_case_is_hashable_and_equal_by_value():
    """static field of the plan"""
    assert hash(load_case("axial", strain=-0.01)) == hash(load_case("axial", strain=-0.01))
    assert load_case("axial", strain=-0.01) != load_case("axial", strain=-0.02)
