"""Images, grids, axes: what an image is and where it lies."""

import itertools

import jax
import numpy as np
import pytest

from meshes import affine_of, make_image, onto_source, require_same_grid, resample_onto, to_ras


def oblique_image(rng, order=(0, 1, 2), flips=(1, 1, 1), *, angle=0.2, quantity="hu"):
    """Image of random HU whose axes are permuted, flipped and turned by `angle` about two axes."""
    c, s = np.cos(angle), np.sin(angle)
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    direction = (turn * np.array(flips))[:, list(order)]
    values = rng.integers(-1000, 1500, (5, 7, 4)).astype(np.int16)
    return make_image(
        values, (0.7, 1.1, 2.5), origin=(-31.0, 12.5, 204.25), direction=direction, quantity=quantity
    )


def test_image_is_a_pytree_whose_quantity_is_static(rng):
    """tree_map touches the four arrays; quantity and density type come back unchanged."""
    image = make_image(rng.random((3, 4, 5)), 1.0, quantity="density", density_type="ha")
    doubled = jax.tree_util.tree_map(lambda leaf: 2 * leaf, image)
    assert len(jax.tree_util.tree_leaves(image)) == 4
    np.testing.assert_array_equal(doubled.values, 2 * image.values)
    assert (doubled.quantity, doubled.density_type) == ("density", "ha")


def test_affine_maps_voxel_to_world(rng):
    """A (i, j, k, 1) = origin + direction diag(spacing) (i, j, k)."""
    image = oblique_image(rng, (2, 0, 1), (1, -1, 1))
    index = np.array([3.0, 1.0, 2.0])
    expected = image.origin + image.direction @ (image.spacing * index)
    np.testing.assert_allclose((affine_of(image) @ [*index, 1.0])[:3], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("flips", [(1, 1, 1), (-1, 1, 1), (1, -1, -1), (-1, -1, -1)])
def test_ras_keeps_every_value_at_its_world_position(rng, order, flips):
    """The set of (world position, value) is the same before and after `to_ras`."""
    image = oblique_image(rng, order, flips)
    turned = to_ras(image)

    def places(one):
        index = np.argwhere(np.ones(one.values.shape, bool))
        world = index @ affine_of(one)[:3, :3].T + affine_of(one)[:3, 3]
        table = np.column_stack([world, one.values.ravel()]).round(6)
        return table[np.lexsort(table.T)]

    np.testing.assert_allclose(places(turned), places(image), atol=2e-6)
    diagonal = np.diag(turned.direction)
    assert (diagonal > 0).all()
    assert (np.abs(turned.direction).argmax(axis=1) == np.arange(3)).all()


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_source_axes_come_back_exactly(rng, order):
    """onto_source(to_ras(a), a) = a, bit for bit, geometry included."""
    image = oblique_image(rng, order, (-1, 1, -1))
    back = onto_source(to_ras(image), image)
    np.testing.assert_array_equal(back.values, image.values)
    np.testing.assert_array_equal(affine_of(back), affine_of(image))


def test_source_axes_and_resampling_agree(rng):
    """Nearest-voxel sampling on the source grid gives what the exact permutation gives."""
    image = oblique_image(rng, (1, 2, 0), (1, -1, 1), quantity="label")
    turned = to_ras(image)
    np.testing.assert_array_equal(resample_onto(turned, image).values, onto_source(turned, image).values)


def test_source_axes_refuse_another_grid(rng):
    """A map that was computed on another grid is not silently laid over the source."""
    image = oblique_image(rng)
    turned = to_ras(image)
    shifted = make_image(
        turned.values, turned.spacing, origin=turned.origin + 1, direction=turned.direction, quantity="hu"
    )
    with pytest.raises(ValueError, match="origin"):
        onto_source(shifted, image)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"spacing_mm": (1.0, 1.0, 1.1)}, "spacing"),
        ({"origin": (0.0, 0.0, 3.0)}, "origin"),
        ({"direction": np.diag([-1.0, 1.0, 1.0])}, "direction"),
        ({"values": np.zeros((4, 4, 5))}, "shapes"),
    ],
)
def test_grids_that_differ_are_refused_by_name(change, word):
    """The sentence says which of shape, spacing, direction or origin differs."""
    base = {"values": np.zeros((4, 4, 4)), "spacing_mm": 1.0, "quantity": "hu"}
    a, b = make_image(**base), make_image(**{**base, **change})
    with pytest.raises(ValueError, match=word):
        require_same_grid(a, b)


def test_grids_equal_but_for_rounding_pass(rng):
    """A corner 1e-4 of a voxel away is the same grid."""
    image = oblique_image(rng)
    near = make_image(
        image.values, image.spacing, origin=image.origin + 7e-5, direction=image.direction, quantity="hu"
    )
    require_same_grid(image, near)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"values": np.zeros((2, 2))}, "3 axes"),
        ({"values": np.full((2, 2, 2), np.nan)}, "8 of 8 voxels"),
        ({"values": np.zeros((0, 2, 2))}, "no voxel"),
        ({"spacing_mm": 0.0}, "positive"),
        ({"spacing_mm": (1.0, np.nan, 1.0)}, "positive and finite"),
        ({"spacing_mm": (1.0, 2.0)}, "one number or three"),
        ({"origin": (0.0, np.inf, 0.0)}, "origin"),
        ({"direction": np.array([[1.0, 0.3, 0], [0, 1, 0], [0, 0, 1]])}, "sheared"),
        ({"quantity": "bmd"}, "quantity"),
        ({"quantity": "density"}, "density_type"),
        ({"density_type": "ha"}, "belongs to a density"),
        ({"quantity": "mask", "values": np.full((2, 2, 2), 2)}, "0 or 1"),
        ({"quantity": "label", "values": np.full((2, 2, 2), 0.5)}, "integers"),
    ],
)
def test_impossible_images_are_refused(arguments, word):
    """Each refusal names what was wrong."""
    with pytest.raises(ValueError, match=word):
        make_image(**{"values": np.zeros((2, 2, 2)), "spacing_mm": 1.0, "quantity": "hu", **arguments})


def test_text_is_no_image():
    """Strings are refused by type."""
    with pytest.raises(TypeError, match="real numbers"):
        make_image(np.full((2, 2, 2), "a"), 1.0, quantity="hu")


def test_a_field_may_be_undefined_outside_the_bone():
    """NaN is allowed in a field, infinity is not."""
    values = np.array([[[np.nan, 1.0]]])
    assert np.isnan(make_image(values, 1.0, quantity="field").values).sum() == 1
    with pytest.raises(ValueError, match="infinite"):
        make_image(np.array([[[np.inf, 1.0]]]), 1.0, quantity="field")


def test_real_ct_turns_to_ras_and_back(shared_data):
    """The L3 CT (axes P, I, R) comes back bit for bit."""
    from meshes import read_image

    image = read_image(shared_data / "l3_ct1p5mm_tptbox_label-22_ct.nii.gz")
    turned = to_ras(image)
    assert turned.values.shape == (73, 73, 47)
    np.testing.assert_allclose(turned.direction, np.eye(3), atol=1e-6)
    np.testing.assert_array_equal(onto_source(turned, image).values, image.values)
