"""Morphometry against bodies whose thickness, surface and topology are known, and on real bone."""

from dataclasses import asdict, replace

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial import SphericalVoronoi

from meshes import (
    connectivity_density,
    euler_number,
    local_thickness,
    make_trabecular_cube,
    morphometry,
    surface_density,
)
from meshes._morphometry_surface import DIRECTION_SHARES


def coordinates(shape, offset=(0.0, 0.0, 0.0)):
    """Places of the voxel centres from the middle of the image, voxels, shape (3, nx, ny, nz)."""
    middle = (np.array(shape) - 1) / 2 + np.array(offset)
    return np.indices(shape) - middle[:, None, None, None]


def plates(thick, gap, count=3):
    """Plates across x with half a gap at either end; a gap is an even number of voxels."""
    period = [False] * (gap // 2) + [True] * thick + [False] * (gap // 2)
    return np.tile(np.array(period * count)[:, None, None], (1, 7, 9))


def random_bone(rng, shape=(20, 18, 16), share=0.35):
    """A smoothed random field above its quantile."""
    field = ndimage.gaussian_filter(rng.standard_normal(shape), 1.5)
    return field > np.quantile(field, 1 - share)


@pytest.mark.parametrize("thick", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("gap", [2, 6, 10])
def test_plates_have_their_thickness_and_spacing_exactly(thick, gap):
    """Tb.Th = t h, Tb.Sp = s h, BV/TV = t / (t + s), Tb.N = 1 / (t + s) / h"""
    measured = morphometry(plates(thick, gap), 0.1)
    assert measured.tb_th_mm == pytest.approx(0.1 * thick, rel=1e-12)
    assert measured.tb_sp_mm == pytest.approx(0.1 * gap, rel=1e-12)
    assert measured.tb_th_sd_mm == pytest.approx(0.0, abs=1e-12)
    assert measured.tb_sp_sd_mm == pytest.approx(0.0, abs=1e-12)
    assert measured.bv_tv == pytest.approx(thick / (thick + gap), rel=1e-12)
    assert measured.tb_n_per_mm == pytest.approx(10 / (thick + gap), rel=1e-12)


@pytest.mark.parametrize("smooth", [0.7, 1.2, 2.0])
def test_local_thickness_is_that_of_all_spheres_tried_one_by_one(smooth, rng):
    """max of 2 r(x) over lattice points x with |p - x| <= r(x), r the distance to where the mask is <= 1/2"""
    field = ndimage.gaussian_filter(rng.standard_normal((11, 9, 10)), smooth)
    phase = field > np.quantile(field, 0.4)
    lattice = np.argwhere(np.ones([2 * n + 1 for n in phase.shape]))
    share = ndimage.map_coordinates(phase.astype(float), (lattice.T - 1) / 2, order=1, mode="nearest")
    radius = np.full(len(lattice), np.iinfo(np.int64).max)
    for place in lattice[share < 0.5 + 1e-9]:
        radius = np.minimum(radius, ((lattice - place) ** 2).sum(axis=1))
    centre = 2 * np.argwhere(phase) + 1
    apart = ((centre[:, None] - lattice[None]) ** 2).sum(axis=2)
    largest = np.where(apart <= radius, radius, 0).max(axis=1)
    thickness = local_thickness(phase, 0.3)
    np.testing.assert_allclose(thickness[phase], 0.3 * np.sqrt(largest), rtol=1e-12)
    assert not thickness[~phase].any()


@pytest.mark.parametrize("radius", [4.0, 8.0, 14.0, 24.0])
def test_balls_and_rods_have_their_diameter_to_within_a_voxel(radius):
    """the largest sphere is 0 to 1 voxel below 2 R at every size: the relative error falls with the voxel"""
    place = coordinates((int(2 * radius) + 5,) * 3)
    ball = (place**2).sum(axis=0) <= radius**2
    rod = (place[:2] ** 2).sum(axis=0) <= radius**2
    for body in (ball, rod):
        largest = local_thickness(body, 0.5).max() / 0.5
        assert 2 * radius - 1 <= largest <= 2 * radius


@pytest.mark.parametrize("thick", [3.0, 5.0, 8.0])
def test_inclined_plates_have_their_thickness_on_average(thick, rng):
    """|(x - x0) . n| <= t / 2 for random n and x0: mean error below a quarter of a voxel"""
    inner = (slice(9, -9),) * 3
    errors = []
    for _ in range(10):
        normal = rng.standard_normal(3)
        place = coordinates((32, 32, 32), rng.random(3))
        body = np.abs(np.tensordot(normal / np.linalg.norm(normal), place, 1)) <= thick / 2
        errors.append(local_thickness(body, 1.0)[inner][body[inner]].mean() - thick)
    assert abs(np.mean(errors)) < 0.25
    assert np.max(np.abs(errors)) < 0.6


@pytest.mark.parametrize("axes", [(0, 1), (0, 2), (1, 2)])
def test_a_quarter_turn_changes_nothing(axes, rng):
    """every quantity, to rounding"""
    bone = random_bone(rng)
    turned = asdict(morphometry(np.rot90(bone, axes=axes), 0.05, degree_of_anisotropy=1.5))
    for name, value in asdict(morphometry(bone, 0.05, degree_of_anisotropy=1.5)).items():
        assert turned[name] == pytest.approx(value, rel=1e-10), name


def test_a_mirror_image_has_the_same_thickness_at_the_mirrored_place(rng):
    """flip(thickness(B)) = thickness(flip(B))"""
    bone = random_bone(rng)
    np.testing.assert_array_equal(
        local_thickness(bone, 1.0)[::-1, :, ::-1], local_thickness(bone[::-1, :, ::-1], 1.0)
    )


def test_quantities_scale_with_the_voxel(rng):
    """lengths by s, surfaces per volume by 1 / s, connectivity by 1 / s^3, ratios not at all"""
    bone = random_bone(rng)
    one, three = morphometry(bone, 0.1), morphometry(bone, 0.3)
    powers = {"mm": 1, "per_mm": -1, "per_mm3": -3}
    for name, value in asdict(replace(one, degree_of_anisotropy=1.5)).items():
        unit = "_".join(name.rsplit("_", 2)[1:]) if "_per_" in name else name.rsplit("_", 1)[1]
        scaled = asdict(replace(three, degree_of_anisotropy=1.5))[name]
        assert scaled == pytest.approx(value * 3.0 ** powers.get(unit, 0), rel=1e-10), name


def test_bodies_have_their_euler_number():
    """ball 1, ring 0, two balls 2, hollow ball 2, three crossing frames of a cube's edges 1 - 5"""
    x, y, z = place = coordinates((25, 25, 25))
    ball = (place**2).sum(axis=0) <= 10**2
    ring = (np.hypot(x, y) - 8) ** 2 + z**2 <= 2.5**2
    hollow = ball & ~((place**2).sum(axis=0) <= 5**2)
    two = np.zeros((9, 5, 5), bool)
    two[1:3, 1:3, 1:3] = two[5:8, 2:4, 2:4] = True
    frame = (np.abs(place) >= 8).sum(axis=0) >= 2
    assert [euler_number(body) for body in (ball, ring, two, hollow)] == [1, 0, 2, 2]
    # the twelve edges of a cube: eight corners less twelve edges
    assert euler_number(frame) == 8 - 12


def lattice(period, cells, thick=2):
    """A simple cubic lattice of square struts that leaves the image on every side."""
    place = (np.arange(period * cells + 1) + period // 2) % period < thick
    x, y, z = np.meshgrid(place, place, place, indexing="ij")
    return (x & y) | (y & z) | (x & z)


@pytest.mark.parametrize("cells", [1, 2, 3])
def test_a_lattice_has_two_tunnels_per_cell_when_it_goes_on_beyond_the_image(cells):
    """a node and three struts per cell: Euler number 1 - 3, of a window of c^3 cells -2 c^3"""
    bone = lattice(8, cells)
    assert euler_number(bone, window=True) == -2 * cells**3
    volume = (0.1 * 8 * cells) ** 3
    assert connectivity_density(bone, 0.1) == pytest.approx((1 + 2 * cells**3) / volume, rel=1e-12)


def test_windows_that_share_a_layer_add_up(rng):
    """Euler number of the union of two windows = sum of theirs, for any body"""
    bone = rng.random((11, 9, 10)) < 0.4
    for axis in range(3):
        first, second = np.split(bone, [5], axis=axis)
        second = np.concatenate([np.take(first, [4], axis=axis), second], axis=axis)
        parts = euler_number(first, window=True) + euler_number(second, window=True)
        assert parts == pytest.approx(euler_number(bone, window=True), abs=1e-9)


def test_crumbs_and_cavities_do_not_connect(rng):
    """loose voxels and enclosed holes change the Euler number, not the connectivity"""
    bone = lattice(8, 2)
    dirty = bone.copy()
    dirty[8, 8, 8] = False
    marrow = np.argwhere(~ndimage.binary_dilation(bone, iterations=1))
    dirty[tuple(marrow[0])] = True
    assert euler_number(dirty) != euler_number(bone)
    assert connectivity_density(dirty, 1.0) == connectivity_density(bone, 1.0)


def test_the_shares_of_the_directions_are_their_cells_on_the_sphere():
    """Voronoi areas of the 26 directions over 4 pi"""
    steps = np.array([s for s in np.ndindex(3, 3, 3) if s != (1, 1, 1)]) - 1
    length = np.linalg.norm(steps, axis=1)
    sphere = SphericalVoronoi(steps / length[:, None])
    areas = np.asarray(sphere.calculate_areas()) / (4 * np.pi)
    for ones, share in enumerate(DIRECTION_SHARES, start=1):
        np.testing.assert_allclose(areas[np.abs(steps).sum(axis=1) == ones], share, atol=1e-6)


@pytest.mark.parametrize("radius", [6.0, 10.3, 20.0])
def test_a_ball_has_its_surface(radius):
    """4 pi R^2 to within 1.5 %, averaged over places of the centre"""
    size = int(2 * radius) + 6
    areas = [
        surface_density((coordinates((size,) * 3, offset) ** 2).sum(axis=0) <= radius**2, 1.0)
        * (size - 1) ** 3
        for offset in ((0, 0, 0), (0.25, 0.1, 0.4), (0.5, 0.3, 0.2))
    ]
    assert np.mean(areas) == pytest.approx(4 * np.pi * radius**2, rel=0.015)


def test_surfaces_in_grid_planes_are_seven_percent_low():
    """2 sum of share x |cos|: 0.9266 of the two sides of each plate, the worst case of the estimate"""
    bone = plates(3, 4)
    axis, face, space = DIRECTION_SHARES
    factor = 2 * (2 * axis + 8 * face / np.sqrt(2) + 8 * space / np.sqrt(3))
    window = (len(bone) - 1) * 0.1
    assert factor == pytest.approx(0.9266, abs=1e-4)
    assert surface_density(bone, 0.1) == pytest.approx(factor * 6 / window, rel=1e-12)


@pytest.mark.parametrize("kind", ["plates", "rods"])
def test_made_cubes_of_more_bone_have_thicker_trabeculae(kind):
    """Tb.Th and BS/TV grow with BV/TV at a fixed period, Tb.Sp falls"""
    thin, thick = (
        morphometry(make_trabecular_cube(48, bv_tv=share, kind=kind, seed=1), 0.05) for share in (0.1, 0.25)
    )
    assert thin.tb_th_mm < thick.tb_th_mm
    assert thin.tb_sp_mm > thick.tb_sp_mm
    assert thin.bs_tv_per_mm < thick.bs_tv_per_mm
    assert thin.bs_bv_per_mm > thick.bs_bv_per_mm


def real_bone(shared_data, size):
    with np.load(shared_data / f"trab_human_lhdl3155_mask_{size}.npz") as stored:
        return morphometry(stored["mask"].astype(bool), float(stored["voxel_mm"]))


# Two standard deviations about the means of human cancellous bone, from the sparser to the denser group:
# vertebra (PMC3352993, Table 1, n = 9) and iliac crest (PMC2818211, premenopausal and other controls).
PUBLISHED = {
    "tb_th_mm": (0.132 - 2 * 0.0222, 0.17 + 2 * 0.04),
    "tb_sp_mm": (0.642 - 2 * 0.10, 1.020 + 2 * 0.217),
    "bs_tv_per_mm": (1.77 - 2 * 0.50, 3.73 + 2 * 1.01),
    "conn_d_per_mm3": (4.84 - 2 * 2.26, 8.39 + 2 * 5.8),
    "bv_tv": (0.0675 - 2 * 0.0245, 0.2698 + 2 * 0.10),
}


@pytest.mark.parametrize("size", [50, pytest.param(100, marks=pytest.mark.slow)])
def test_real_bone_lies_in_the_published_ranges(size, shared_data):
    """Tb.Th, Tb.Sp, BS/TV, Conn.D and BV/TV of the LHDL specimen"""
    measured = asdict(real_bone(shared_data, size))
    for name, (low, high) in PUBLISHED.items():
        assert low < measured[name] < high, name


@pytest.mark.slow
def test_quantities_of_real_bone_settle_as_voxels_shrink(shared_data):
    """78, 39, 19.5 um: Tb.Th and Tb.Sp ever closer, within 4 % at 39 um; surface grows with detail"""
    coarse, middle, fine = (real_bone(shared_data, size) for size in (50, 100, 200))
    for name in ("tb_th_mm", "tb_sp_mm"):
        one, two, three = (getattr(found, name) for found in (coarse, middle, fine))
        assert abs(two - three) < abs(one - two)
        assert two == pytest.approx(three, rel=0.04)
    assert coarse.bv_tv == pytest.approx(fine.bv_tv, rel=0.05)
    assert coarse.bs_tv_per_mm < middle.bs_tv_per_mm < fine.bs_tv_per_mm


@pytest.mark.parametrize(
    ("mask", "voxel_mm", "error", "message"),
    [
        (np.ones((4, 4, 4), bool), 1.0, ValueError, "bone and marrow"),
        (np.zeros((4, 4, 4), bool), 1.0, ValueError, "bone and marrow"),
        (np.eye(4, dtype=bool), 1.0, ValueError, "three axes"),
        (np.ones((4, 4, 4)), 1.0, TypeError, "must be boolean"),
        (plates(2, 2), 0.0, ValueError, "`voxel_mm` must be a positive"),
        (plates(2, 2), np.nan, ValueError, "`voxel_mm` must be a positive"),
        (plates(2, 2)[:, :1], 1.0, ValueError, "two voxels"),
    ],
)
def test_what_cannot_be_measured_is_refused(mask, voxel_mm, error, message):
    """the argument and what came"""
    with pytest.raises(error, match=message):
        morphometry(mask, voxel_mm)


def test_a_measured_anisotropy_is_passed_on():
    """None unless a fabric was measured"""
    assert morphometry(plates(2, 2), 1.0).degree_of_anisotropy is None
    assert morphometry(plates(2, 2), 1.0, degree_of_anisotropy=1.4).degree_of_anisotropy == 1.4
