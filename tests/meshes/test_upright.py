"""The axis between the endplates of a body that lies askew on its image, and grids along it."""

import numpy as np
import pytest

from benchmarks._tilted import rotation, tilted
from meshes import affine_of, find_endplates, make_image, onto_grid, upright_grid


def degrees_between(a, b) -> float:
    return float(np.degrees(np.arccos(np.clip(np.dot(a, b), -1, 1))))


@pytest.mark.parametrize("degrees", [0, 4, 12, 30, 45])
@pytest.mark.parametrize("about", [(1, 0, 0), (0.8, 0.6, 0)])
@pytest.mark.parametrize(("spacing_mm", "within"), [(1.5, 1.2), (3.0, 3.2)])
def test_the_axis_of_a_turned_body_is_found(degrees, about, spacing_mm, within):
    """Within a degree at 1.5 mm and 3 degrees at 3 mm, whatever the turn."""
    _, body, axis = tilted(spacing_mm, degrees, about)
    found = find_endplates(body)
    assert degrees_between(found.axis, axis) < within
    assert abs(found.tilt_degrees - degrees) < within
    # two planes through whole voxels, of which the axis is the mean
    assert found.wedge_degrees < 3 + within


def test_the_arch_does_not_turn_the_axis():
    """The body alone says where its endplates are, also in a mask of the whole vertebra."""
    _, body, axis = tilted(1.5, 20)
    _, whole, _ = tilted(1.5, 20, pedicles=True)
    assert np.asarray(whole.values).sum() > 1.15 * np.asarray(body.values).sum()
    assert degrees_between(find_endplates(whole).axis, axis) < 1.5


def test_the_axis_is_one_of_the_world():
    """An image whose own axes are turned gives the same axis, turned with it; the tilt is to the image."""
    _, body, _ = tilted(3.0, 12)
    turn = rotation(25, (0.3, -0.5, 1))
    other = make_image(body.values, body.spacing, origin=(5, 6, 7), direction=turn, quantity="mask")
    here, there = find_endplates(body), find_endplates(other)
    np.testing.assert_allclose(there.axis, turn @ here.axis, atol=1e-12)
    assert there.tilt_degrees == pytest.approx(here.tilt_degrees, abs=1e-9)


def test_wedged_bodies_take_the_mean_of_both_endplates():
    """A frustum with a level floor and a roof of 16 degrees: the axis is that of 8."""
    place = (np.moveaxis(np.indices((40, 32, 44)), 0, -1) - (19.5, 15.5, 15)) * 1.0
    x, y, z = np.moveaxis(place, -1, 0)
    body = ((x / 18) ** 2 + (y / 13) ** 2 < 1) & (z > 0) & (z < 18 + np.tan(np.radians(16)) * y)
    found = find_endplates(make_image(body, 1.0, quantity="mask"))
    assert found.wedge_degrees == pytest.approx(16, abs=1.0)
    expected = np.array([0, -np.sin(np.radians(8)), np.cos(np.radians(8))])
    assert degrees_between(found.axis, expected) < 1.0


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (np.zeros((8, 8, 8), bool), "mask with voxels"),
        (np.pad(np.ones((1, 1, 1), bool), 3), "cannot be told"),
    ],
)
def test_what_has_no_endplates_is_refused(values, sentence):
    """Nothing, or a single voxel."""
    with pytest.raises(ValueError, match=sentence):
        find_endplates(make_image(values, 1.0, quantity="mask"))


def test_labels_are_no_body():
    """A label image may hold several bodies."""
    with pytest.raises(ValueError, match="must be a mask"):
        find_endplates(make_image(np.ones((4, 4, 4), int), 1.0, quantity="label"))


def test_an_upright_grid_holds_the_body_and_stands_along_its_axis():
    """Every corner of every voxel lies inside, with the margin asked for."""
    _, body, axis = tilted(3.0, 30, (0.8, 0.6, 0))
    grid = upright_grid(body, axis, 2.0, margin_mm=4.0)
    frame = np.asarray(grid.direction)
    np.testing.assert_allclose(frame.T @ frame, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(frame[:, 2], axis, atol=1e-12)
    assert np.linalg.det(frame) == pytest.approx(1.0)
    places = np.argwhere(np.asarray(body.values)) @ affine_of(body)[:3, :3].T
    index = (places - np.asarray(grid.origin)) @ frame / 2.0
    assert (index > 1.0).all()
    assert (index < np.array(np.shape(grid.values)) - 2.0).all()


@pytest.mark.parametrize("order", [1, 3])
@pytest.mark.parametrize("edge", [0.7, 1.0, 2.5])
def test_linear_fields_survive_the_turn(order, edge):
    """Interpolation and averaging keep a linear field exactly, away from the border."""
    shape = (30, 30, 30)
    slope = np.array([0.3, -0.2, 0.5])
    values = np.indices(shape).transpose(1, 2, 3, 0) @ slope
    image = make_image(values, 1.0, quantity="field")
    turn = rotation(20, (1, 2, 0))
    # The turned box ends well inside the image: a spline of order 3 takes its border for flat.
    count = int(9 / edge)
    origin = np.full(3, 14.5) - turn @ np.full(3, (count - 1) / 2 * edge)
    empty = np.zeros((count, count, count), bool)
    grid = make_image(empty, edge, origin=origin, direction=turn, quantity="mask")
    made = onto_grid(image, grid, order=order)
    places = np.indices((count, count, count)).transpose(1, 2, 3, 0) * edge @ turn.T + origin
    np.testing.assert_allclose(made.values, places @ slope, atol=2e-3 if order == 3 else 1e-9)
    assert made.quantity == "field"
