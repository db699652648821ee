"""Synthetic vertebra and trabecular cubes, components, resampling."""

import hashlib
import time

import numpy as np
import pytest
from scipy import ndimage

from meshes import (
    CUBE_KINDS,
    affine_of,
    components,
    kept_share,
    largest_component,
    make_image,
    make_trabecular_cube,
    make_vertebra,
    require_same_grid,
    resample,
    resample_onto,
)
from meshes._random_field import random_field


@pytest.fixture(scope="module")
def vertebra():
    return make_vertebra(noise_hu=0.0)


def test_default_vertebra_is_quick_and_small():
    """Under 3 s and 200,000 voxels at 1.5 mm."""
    start = time.perf_counter()
    v = make_vertebra()
    assert time.perf_counter() - start < 3
    assert v.hu.values.size < 2e5


def test_vertebra_images_lie_on_one_ras_grid(vertebra):
    """Four images, one grid, RAS axes, the body around the origin."""
    for image in (vertebra.density, vertebra.labels, vertebra.tissues):
        require_same_grid(vertebra.hu, image)
    np.testing.assert_array_equal(vertebra.hu.direction, np.eye(3))
    body = np.argwhere(vertebra.labels.values > 0) * 1.5 + vertebra.hu.origin
    assert np.abs(body.mean(axis=0)).max() < 3


def test_vertebra_has_the_asked_sizes(vertebra):
    """Extent of the body within a voxel of height, width and depth (the back wall is hollowed)."""
    body = np.argwhere(vertebra.labels.values > 0)
    extent = (np.ptp(body, axis=0) + 1) * 1.5
    assert abs(extent[0] - 45) <= 3
    assert -6 <= extent[1] - 33 <= 1.5
    assert abs(extent[2] - 27) <= 1.5


def test_vertebra_is_one_part_with_trabecular_bone_inside_a_closed_shell(vertebra):
    """One component; no trabecular voxel has a face to the outside; waist and hollow endplates show."""
    labels = vertebra.labels.values
    _, sizes = components(labels > 0)
    assert len(sizes) == 1
    outside = ndimage.binary_dilation(labels == 0)
    assert not (outside & (labels == 1)).any()
    area = (labels > 0).sum(axis=(0, 1)) * 1.5**2
    z = np.arange(len(area)) * 1.5 + vertebra.hu.origin[2]
    assert area[np.abs(z) < 2].mean() < 0.95 * area[(np.abs(z) > 8) & (np.abs(z) < 10)].mean()
    x, y = (
        int(np.argmin(np.abs(np.arange(n) * 1.5 + o)))
        for n, o in zip(labels.shape[:2], vertebra.hu.origin[:2], strict=True)
    )
    height_middle = (labels[x, y] > 0).sum()
    assert height_middle < (labels > 0).any(axis=(0, 1)).sum()


def test_vertebra_density_is_that_of_an_adult_man(vertebra):
    """Trabecular mean near the request, integral between 130 and 220 mg/cm3, all voxels positive."""
    density, labels = 1000 * vertebra.density.values, vertebra.labels.values
    assert abs(density[labels == 1].mean() / 120 - 1) < 0.04
    assert density[labels == 1].min() > 20
    assert 15 < density[labels == 1].std() < 45
    assert 130 < density[labels > 0].mean() < 220
    assert density[labels == 2].mean() > 1.5 * density[labels == 1].mean()


def test_density_rises_towards_endplates_and_back(vertebra):
    """Outer thirds in height exceed the core; the back half exceeds the front."""
    density, deep = vertebra.density.values, vertebra.labels.values == 1
    y, z = (np.arange(n) * 1.5 + o for n, o in zip(density.shape[1:], vertebra.hu.origin[1:], strict=True))
    near_ends = deep & (np.abs(z) > 7)[None, None, :]
    core = deep & (np.abs(z) < 3)[None, None, :]
    assert density[near_ends].mean() > 1.1 * density[core].mean()
    back, front = deep & (y < -3)[None, :, None], deep & (y > 6)[None, :, None]
    assert density[back].mean() > density[front].mean()


def test_halving_the_voxel_gives_the_same_bone(vertebra):
    """Block means of the 0.75 mm vertebra equal the 1.5 mm one; mineral content agrees within 0.2 %."""
    fine = make_vertebra(0.75, noise_hu=0.0)
    nx, ny, nz = vertebra.hu.values.shape
    assert fine.hu.values.shape == (2 * nx, 2 * ny, 2 * nz)
    blocks = fine.density.values.reshape(nx, 2, ny, 2, nz, 2).mean(axis=(1, 3, 5))
    deep = vertebra.labels.values == 1
    difference = blocks[deep] - vertebra.density.values[deep]
    assert np.sqrt((difference**2).mean()) < 2e-3
    content = [v.density.values.sum() * v.hu.spacing[0] ** 3 for v in (vertebra, fine)]
    np.testing.assert_allclose(content[0], content[1], rtol=2e-3)


@pytest.mark.parametrize("spacing", [1.0, 2.0, 3.0])
def test_mineral_content_does_not_depend_on_the_voxel(vertebra, spacing):
    """BMC = sum of density x volume within 0.5 % of that at 1.5 mm, the sub-voxel shell included."""
    other = make_vertebra(spacing, noise_hu=0.0)
    content = [v.density.values.sum() * v.hu.spacing[0] ** 3 for v in (vertebra, other)]
    np.testing.assert_allclose(content[1], content[0], rtol=5e-3)


def test_shell_mineral_is_proportional_to_its_thickness():
    """d BMC / d t is constant for shells far thinner than a voxel."""
    content = [
        make_vertebra(2.0, noise_hu=0.0, shell_thickness_mm=t).density.values.sum() for t in (0.2, 0.4, 0.6)
    ]
    np.testing.assert_allclose(content[2] - content[1], content[1] - content[0], rtol=0.08)


def test_vertebra_is_its_seed():
    """Same seed, same bytes; another seed, another texture, the same shape."""
    a, b, c = make_vertebra(3.0, seed=1), make_vertebra(3.0, seed=1), make_vertebra(3.0, seed=2)
    np.testing.assert_array_equal(a.hu.values, b.hu.values)
    np.testing.assert_array_equal(a.labels.values, c.labels.values)
    assert np.abs(a.density.values - c.density.values).max() > 0.01


def test_pedicles_are_joined_to_the_body():
    """Label 3 exists, and body, pedicles and arch are one face-connected part."""
    v = make_vertebra(1.0, pedicles=True, noise_hu=0.0)
    labels = v.labels.values
    assert (labels == 3).sum() * 1.0 > 2000
    assert kept_share(largest_component(labels > 0), labels > 0) == 1.0
    plain = make_vertebra(1.0, noise_hu=0.0)
    assert (plain.labels.values[labels == 3] == 0).all()


@pytest.mark.parametrize(
    ("name", "value"),
    [("spacing_mm", 0.0), ("height_mm", 400), ("trabecular_mg_cm3", -5), ("noise_hu", np.nan)],
)
def test_vertebra_refuses_impossible_sizes(name, value):
    """The argument and its range are named."""
    with pytest.raises(ValueError, match=name):
        make_vertebra(**{name: value})


@pytest.mark.parametrize("kind", CUBE_KINDS)
@pytest.mark.parametrize("bv_tv", [0.06, 0.08, 0.12, 0.2, 0.3])
@pytest.mark.parametrize("n", [32, 56])
def test_trabecular_cube_is_connected_at_its_volume_fraction(kind, bv_tv, n):
    """One face-connected part that touches all six faces; BV/TV within 2 % of the request."""
    cube = make_trabecular_cube(n, bv_tv=bv_tv, kind=kind, seed=1)
    assert cube.shape == (n, n, n)
    assert cube.dtype == bool
    assert len(components(cube)[1]) == 1
    assert all(cube.take(end, axis).any() for axis in range(3) for end in (0, -1))
    np.testing.assert_allclose(cube.mean(), bv_tv, rtol=0.02)


@pytest.mark.parametrize("kind", CUBE_KINDS)
def test_specimen_is_connected_before_cleaning(kind):
    """Largest part of the uncleaned set holds 99 % of it or more; that of a thresholded field does not."""
    from meshes._cube import _cut, _distance

    cube = make_trabecular_cube(40, bv_tv=0.1, kind=kind, seed=0)
    shares = [_cut(_distance(40, 0.05, kind, 0, draw, 0.05 * 32), 0.1) for draw in range(20)]
    taken = [share for mask, share in shares if np.array_equal(mask, cube)]
    assert taken
    assert taken[0] >= 0.99
    axis = (np.arange(40) + 0.5) * 0.05
    field = random_field((axis, axis, axis), seed=0, stream=0, wavelengths_mm=(0.5, 0.7))
    plain = field > np.quantile(field, 0.9)
    assert kept_share(largest_component(plain), plain) < 0.9


def test_trabecular_cube_is_its_seed():
    """The same seed gives the same bytes, another seed another cube."""

    def digest(seed):
        cube = make_trabecular_cube(32, bv_tv=0.2, seed=seed)
        return hashlib.sha256(np.packbits(cube).tobytes()).hexdigest()

    assert digest(5) == digest(5)
    assert digest(5) != digest(6)


def test_trabecular_cube_depends_on_physical_period_only():
    """Voxel and period scaled together give the same mask."""
    a = make_trabecular_cube(32, bv_tv=0.2, voxel_mm=0.05, period=0.8)
    b = make_trabecular_cube(32, bv_tv=0.2, voxel_mm=0.1, period=1.6)
    assert (a != b).mean() < 1e-3


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"n": 4, "bv_tv": 0.2}, "`n`"),
        ({"n": 32, "bv_tv": 0.01}, "`bv_tv`"),
        ({"n": 32, "bv_tv": 0.2, "kind": "foam"}, "`kind`"),
        ({"n": 32, "bv_tv": 0.2, "voxel_mm": 0.0}, "`voxel_mm`"),
        ({"n": 32, "bv_tv": 0.2, "period": 0.1}, "`period`"),
        ({"n": 24, "bv_tv": 0.06, "period": 0.35}, "no connected cube"),
    ],
)
def test_impossible_cubes_are_refused(arguments, word):
    """Out of range, or not connected at this resolution: never a cube in pieces."""
    with pytest.raises(ValueError, match=word):
        make_trabecular_cube(**arguments)


def test_random_field_has_unit_variance_and_ignores_the_grid(rng):
    """Values at shared points agree between grids; mean 0 and variance 1 over a wide box."""
    coarse, fine = np.arange(0, 60, 2.0), np.arange(0, 60, 1.0)
    a = random_field((coarse,) * 3, seed=3, stream=0, wavelengths_mm=(6, 12))
    b = random_field((fine,) * 3, seed=3, stream=0, wavelengths_mm=(6, 12))
    np.testing.assert_allclose(b[::2, ::2, ::2], a, atol=1e-10)
    assert abs(b.mean()) < 0.1
    assert abs(b.var() - 1) < 0.15


def test_random_field_average_over_a_voxel_is_exact():
    """The mean over sub-points of a voxel tends to the field computed for that voxel edge."""
    centre = np.array([1.0, 4.0, 9.0])
    points = (centre[:, None] + (np.arange(20) + 0.5) / 20 * 2 - 1).ravel()
    fine = random_field((points,) * 3, seed=1, stream=0, wavelengths_mm=(6, 12))
    mean = fine.reshape(3, 20, 3, 20, 3, 20).mean(axis=(1, 3, 5))
    exact = random_field((centre,) * 3, seed=1, stream=0, wavelengths_mm=(6, 12), voxel_mm=2.0)
    np.testing.assert_allclose(mean, exact, atol=2e-3)


def test_parts_joined_by_an_edge_only_are_two():
    """Faces connect; edges and corners do not. Labels go by size."""
    mask = np.zeros((4, 4, 2), bool)
    mask[:2, :2] = True
    mask[2, 2] = True
    labels, sizes = components(mask)
    assert sizes.tolist() == [8, 2]
    assert labels[0, 0, 0] == 1
    assert labels[2, 2, 0] == 2
    part = largest_component(mask)
    assert part.sum() == 8
    assert kept_share(part, mask) == 0.8


def test_empty_and_unmasked_arrays_have_no_largest_part():
    """An empty mask is an error, and so are labels instead of a mask."""
    with pytest.raises(ValueError, match="no bone"):
        largest_component(np.zeros((2, 2, 2), bool))
    with pytest.raises(TypeError, match="boolean"):
        components(np.ones((2, 2, 2)))
    with pytest.raises(ValueError, match="outside"):
        kept_share(np.ones((2, 2, 2), bool), np.eye(2, dtype=bool)[None].repeat(2, 0))


@pytest.mark.parametrize("spacing", [0.7, 1.0, 1.7])
def test_resampling_keeps_label_volume(spacing):
    """Volume of a ball of 10 mm radius on a 1 x 1.2 x 2 mm grid, within 3 % at any new voxel."""
    h = np.array([1.0, 1.2, 2.0])
    shape = (30, 26, 16)
    index = np.indices(shape).transpose(1, 2, 3, 0) - (np.array(shape) - 1) / 2
    ball = np.linalg.norm(index * h, axis=-1) < 10
    image = make_image(ball.astype(np.uint8) * 22, h, quantity="label")
    new = resample(image, spacing)
    assert set(np.unique(new.values)) == {0, 22}
    np.testing.assert_allclose((new.values == 22).sum() * spacing**3, ball.sum() * h.prod(), rtol=0.03)


@pytest.mark.parametrize("spacing", [0.6, 1.0, 3.0])
def test_resampling_keeps_a_linear_field_in_its_place(spacing):
    """f(x) = a . x sampled on any grid is a . x at the new world positions, away from the edges."""
    slope = np.array([1.0, -2.0, 0.5])
    base = make_image(np.zeros((20, 22, 18)), (1.0, 0.8, 1.3), origin=(3.0, -4.0, 5.0), quantity="field")

    def world(image):
        index = np.indices(image.values.shape).reshape(3, -1)
        place = affine_of(image)[:3, :3] @ index + affine_of(image)[:3, 3:]
        return place.reshape(3, *image.values.shape)

    image = make_image(
        np.tensordot(slope, world(base), 1), base.spacing, origin=base.origin, quantity="field"
    )
    new = resample(image, spacing)
    inner = np.s_[2:-2, 2:-2, 2:-2]
    np.testing.assert_allclose(new.values[inner], np.tensordot(slope, world(new), 1)[inner], atol=1e-9)


def test_coarsening_keeps_the_mean(rng):
    """Twice the voxel: block means, so the mean stays."""
    image = make_image(rng.random((8, 8, 8)), 1.0, quantity="field")
    coarse = resample(image, 2.0)
    np.testing.assert_allclose(coarse.values, image.values.reshape(4, 2, 4, 2, 4, 2).mean(axis=(1, 3, 5)))


def test_resampling_onto_the_own_grid_changes_nothing(rng):
    """Identity, also to the last voxel at the border."""
    turn = np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1]])
    image = make_image(rng.random((6, 7, 8)), (0.3, 0.7, 1.1), direction=turn, quantity="field")
    np.testing.assert_allclose(resample_onto(image, image).values, image.values, atol=1e-9)


def test_outside_of_the_image_gets_the_fill_value(rng):
    """Voxels beyond the box are NaN or `fill`; labels get 0."""
    image = make_image(rng.random((4, 4, 4)), 1.0, quantity="field")
    target = make_image(np.zeros((4, 4, 4)), 1.0, origin=(2.0, 0, 0), quantity="field")
    new = resample_onto(image, target).values
    np.testing.assert_allclose(new[:2], image.values[2:])
    assert np.isnan(new[2:]).all()
    assert (resample_onto(image, target, fill=-1.0).values[2:] == -1).all()
    mask = make_image(np.ones((4, 4, 4), bool), 1.0, quantity="mask")
    assert resample_onto(mask, target).values.sum() == 32


def test_labels_are_never_mixed():
    """Order 1 for a label is refused."""
    image = make_image(np.ones((3, 3, 3), np.uint8), 1.0, quantity="label")
    with pytest.raises(ValueError, match="order"):
        resample(image, 0.5, order=1)
    with pytest.raises(ValueError, match="positive"):
        resample(image, 0.0)
