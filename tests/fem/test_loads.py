"""Load cases: what each holds, its description and its refusals."""

import json

import numpy as np
import pytest

from fem import LOAD_CASES, constraints, describe_load, load_case, prescribed_displacement_mm

SHAPE = (2, 3, 4)
SIZE = 0.5
NODES = np.argwhere(np.ones(tuple(n + 1 for n in SHAPE)))
every_case = pytest.mark.parametrize("name", LOAD_CASES)
STRAINS = (0.01, -0.02, 0.03, 0.004, -0.005, 0.006)
ALONG_AN_AXIS = [name for name, case in LOAD_CASES.items() if case.motion in ("x", "y", "z")]
along_an_axis = pytest.mark.parametrize("name", ALONG_AN_AXIS)


def sized(name):
    """The load case in the first kind of size that it takes."""
    case = LOAD_CASES[name]
    sizes = {
        "strain": STRAINS if case.motion in ("affine", "periodic") else -0.01,
        "angle_rad": 0.02,
        "force_n": (3.0, 4.0, -12.0),
        "pressure_mpa": 0.5,
    }
    return load_case(name, **{case.sizes[0]: sizes[case.sizes[0]]})


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
    load = sized(name)
    assert np.array_equal(
        constraints(load, NODES, SHAPE, SIZE).fixed, held_by_description(load, NODES, SHAPE)
    )


@every_case
def test_the_description_is_plain_json(name):
    """json.loads(json.dumps(d)) = d"""
    by_displacement = [load_case(name, displacement_mm=-0.04)] if name in ALONG_AN_AXIS else []
    for load in (sized(name), *by_displacement):
        description = describe_load(load)
        assert json.loads(json.dumps(description)) == description
        assert description["name"] == name
        assert description["version"] == LOAD_CASES[name].version
        assert description["sentence"].endswith(".")
        assert description["generalised_force"]["unit"] == LOAD_CASES[name].conjugate[1]


@every_case
def test_the_described_values_are_the_prescribed_ones(name):
    """value of each held component = the described formula at the position from the centre of the box"""
    load = sized(name)
    held = constraints(load, NODES, SHAPE, SIZE)
    x, y, z = ((NODES - np.array(SHAPE) / 2) * SIZE).T
    xx, yy, zz, yz, xz, xy = STRAINS
    words = {"x": x, "y": y, "z": z, "xx": xx, "yy": yy, "zz": zz, "yz": yz, "xz": xz, "xy": xy}
    words |= {"strain": load.size[0], "angle": load.size[0]}
    if name in ALONG_AN_AXIS:
        words["displacement"] = prescribed_displacement_mm(load, SHAPE, SIZE)
    expected = np.zeros(NODES.shape)
    for entry in describe_load(load)["held"]:
        axis, end = entry["face"].split("-")
        on_face = NODES[:, "xyz".index(axis)] == (0 if end == "min" else SHAPE["xyz".index(axis)])
        total = 0.0
        for term in str(entry["value_mm"]).replace("-", "+ -").split("+"):
            factors = term.replace("/ 2", "0.5").split()
            product = 1.0 if factors else 0.0
            for factor in factors:
                sign, factor = (-1.0, factor[1:]) if factor.startswith("-") else (1.0, factor)
                product = product * sign * (words[factor] if factor in words else float(factor))
            total = total + product
        column = "xyz".index(entry["component"])
        expected[on_face, column] = np.broadcast_to(total, len(NODES))[on_face]
    if name != "periodic":
        np.testing.assert_allclose(held.value, expected, atol=1e-15)


@along_an_axis
def test_only_the_top_moves_and_only_along_the_named_axis(name):
    """u(top) = strain nz h along z or the axis of the shear; every other prescribed value is zero"""
    held = constraints(load_case(name, strain=-0.01), NODES, SHAPE, SIZE)
    axis = "xyz".index(name[-1]) if name.startswith("shear-") else 2
    assert np.array_equal(held.bottom, NODES[:, 2] == 0)
    assert np.array_equal(held.top, NODES[:, 2] == SHAPE[2])
    assert np.allclose(held.value[held.top, axis], -0.01 * 4 * SIZE)
    rest = held.value.copy()
    rest[held.top, axis] = 0
    assert not rest.any()
    assert not held.value[~held.fixed].any()


@along_an_axis
def test_strain_and_displacement_of_the_same_size_agree(name):
    """u = e nz h"""
    by_strain = constraints(load_case(name, strain=-0.01), NODES, SHAPE, SIZE)
    by_length = constraints(load_case(name, displacement_mm=-0.01 * 4 * SIZE), NODES, SHAPE, SIZE)
    assert np.array_equal(by_strain.value, by_length.value)


@every_case
def test_the_rigid_motions_left_free_are_those_the_case_says(name):
    """rank of the held components on the six rigid motions is 6 less the motions declared free"""
    held = constraints(sized(name), NODES, SHAPE, SIZE)
    assert held.in_plane_free == (name in ("uniaxial", "uniaxial-bending-x", "uniaxial-bending-y"))
    at = NODES - NODES.mean(axis=0)
    motions = [np.broadcast_to(axis, at.shape) for axis in np.eye(3)]
    motions += [np.cross(axis, at) for axis in np.eye(3)]
    rank = np.linalg.matrix_rank(np.array([motion[held.fixed] for motion in motions]))
    # the ties of a periodic body hold its turns, but no component of a node
    assert rank == {"": 6, "in-plane": 3, "translations": 0}[held.free]


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
        (
            {"name": "axial", "angle_rad": 0.1},
            "'axial' is sized by `strain` and `displacement_mm`, got `angle",
        ),
        ({"name": "torsion", "strain": 0.1}, "'torsion' is sized by `angle_rad`, got `strain`"),
        ({"name": "torsion", "angle_rad": 5.0}, "`angle_rad` must be below 1 rad"),
        ({"name": "periodic", "strain": 0.1}, "six components xx yy zz yz xz xy, got 1"),
        ({"name": "kinematic-uniform", "strain": (0.0,) * 6}, "`strain` must be finite and not zero"),
        ({"name": "force", "force_n": (0.0, 1.0)}, "three components x y z, got 2"),
        ({"name": "pressure", "force_n": (0.0, 0.0, 1.0)}, "'pressure' is sized by `pressure_mpa`"),
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
