"""Voxel models in the files of other programs: written, read back, solved there, or refused."""

import importlib.util
import re
import sys
from dataclasses import replace
from itertools import pairwise

import jax.numpy as jnp
import meshio
import numpy as np
import pytest

import fem
from fem._export_model import rigid_pins

LOADS = [name for name, case in fem.LOAD_CASES.items() if not case.caps and case.motion != "periodic"]
SIZE = 0.5


def example(name):
    """A load case of a common size."""
    case = fem.LOAD_CASES[name]
    several = case.motion in ("affine", "periodic")
    sizes = {
        "strain": [-0.01, 0.004, 0.002, 0.003, -0.005, 0.006] if several else -0.01,
        "angle_rad": 0.01,
        "force_n": [3.0, -2.0, -20.0],
        "pressure_mpa": 1.5,
    }
    return fem.load_case(name, **{case.sizes[0]: sizes[case.sizes[0]]})


def porous_block():
    """A 5 x 4 x 6 block with a hole and a notch, one face-connected part that touches all faces."""
    mask = np.ones((5, 4, 6), bool)
    mask[2, 1:3, 2:4] = False
    mask[0, 0, 3] = False
    return mask


def make_model(rng, load="axial", *, material=None, nodal_force=None):
    mask = porous_block()
    modulus = 10 ** rng.uniform(1, 4, int(mask.sum()))
    plan = fem.make_plan(mask, SIZE, example(load), material=material, coarsest_nodes=30)
    return fem.export_model(modulus, plan, nodal_force=nodal_force), plan, modulus


def read_parosol(path):
    """Contents of a ParOSol file: modulus in GPa [x, y, z], sizes, and (node, direction) to value."""
    h5py = pytest.importorskip("h5py", reason="h5py is not installed; it comes with the extra `export`")
    with h5py.File(path) as file:
        group = file["Image_Data"]
        components = {}
        for name in ("Fixed_Displacement", "Loaded_Nodes"):
            rows, values = group[f"{name}_Coordinates"][:], group[f"{name}_Values"][:]
            assert rows.dtype == np.uint16
            assert values.dtype == np.float32
            components[name] = {
                ((int(x), int(y), int(z)), int(direction)): float(value)
                for (z, y, x, direction), value in zip(rows, values, strict=True)
            }
        assert group["Image"].dtype == np.float32
        return (
            group["Image"][:].transpose(2, 1, 0),
            float(group["Voxelsize"][0]),
            float(group["Poisons_ratio"][0]),
            components["Fixed_Displacement"],
            components["Loaded_Nodes"],
        )


def read_inp(path):
    """Blocks of an input deck: (keyword with its options, rows of the block), comments dropped."""
    blocks: list[tuple[str, list[list[str]]]] = []
    for line in path.read_text().splitlines():
        if line.startswith("**"):
            continue
        if line.startswith("*"):
            blocks.append((line, []))
        else:
            blocks[-1][1].append([word.strip() for word in line.split(",")])
    return blocks


def components_of(blocks, keyword):
    """(node from 0, direction from 0) to value of *BOUNDARY or *CLOAD blocks."""
    found = {}
    for head, rows in blocks:
        if head != keyword:
            continue
        for row in rows:
            if keyword == "*BOUNDARY":
                assert row[1] == row[2]
            last = 3 if keyword == "*BOUNDARY" else 2
            found[int(row[0]) - 1, int(row[1]) - 1] = float(row[last]) if len(row) > last else 0.0
    return found


def wanted_components(where, values, key=lambda node: int(node)):
    return {(key(node), int(axis)): values[node, axis] for node, axis in np.argwhere(where)}


@pytest.mark.parametrize("load", LOADS)
def test_a_parosol_file_read_back_is_the_model(load, tmp_path, rng):
    """moduli, sizes, held components and their values, pins at zero"""
    pytest.importorskip("h5py", reason="h5py is not installed; it comes with the extra `export`")
    model, plan, modulus = make_model(rng, load)
    fem.write_parosol(tmp_path / "model.h5", model)
    image, size, poisson, fixed, loaded = read_parosol(tmp_path / "model.h5")
    expected = np.zeros(plan.shape)
    expected[tuple(np.asarray(plan.elements).T)] = modulus / 1000
    np.testing.assert_allclose(image, expected, rtol=1e-7)
    assert (size, poisson) == (SIZE, 0.3)
    forces = wanted_components(
        model.force != 0, model.force, lambda node: tuple(int(i) for i in model.nodes[node])
    )
    assert loaded.keys() == forces.keys()
    np.testing.assert_allclose([loaded[key] for key in forces], list(forces.values()), rtol=1e-7)
    wanted = wanted_components(
        model.held | model.pins, model.value, lambda node: tuple(int(i) for i in model.nodes[node])
    )
    assert fixed.keys() == wanted.keys()
    np.testing.assert_allclose([fixed[key] for key in wanted], list(wanted.values()), rtol=1e-7)


@pytest.mark.parametrize("load", LOADS)
def test_an_input_deck_read_back_is_the_model(load, tmp_path, rng):
    """nodes, elements, sets, moduli, holds before the step and displacements in it"""
    model, _, modulus = make_model(rng, load)
    classes = fem.write_inp(tmp_path / "model.inp", model)
    blocks = read_inp(tmp_path / "model.inp")
    assert classes.largest_error == 0.0
    moduli = {
        head.partition("NAME=")[2]: float(rows[0][0])
        for (head, _), (_, rows) in pairwise(blocks)
        if head.startswith("*MATERIAL")
    }
    sets = {head.partition("ELSET=")[2]: rows for head, rows in blocks if head.startswith("*ELSET")}
    assert sets.keys() == moduli.keys()
    stored = np.zeros(len(modulus))
    for name, rows in sets.items():
        stored[[int(number) - 1 for row in rows for number in row]] += moduli[name]
    np.testing.assert_allclose(stored, modulus, rtol=1e-12)
    assert all(len(row) <= 16 for rows in sets.values() for row in rows)
    step = [head for head, _ in blocks].index("*STEP")
    before, within = components_of(blocks[:step], "*BOUNDARY"), components_of(blocks[step:], "*BOUNDARY")
    assert not any(before.values())
    assert all(within.values())
    wanted = wanted_components(model.held | model.pins, model.value)
    assert (before | within).keys() == wanted.keys()
    np.testing.assert_allclose([(before | within)[key] for key in wanted], list(wanted.values()), rtol=1e-12)
    forces, applied = components_of(blocks[step:], "*CLOAD"), wanted_components(model.force != 0, model.force)
    assert forces.keys() == applied.keys()
    np.testing.assert_allclose([forces[key] for key in applied], list(applied.values()), rtol=1e-11)
    # CalculiX reads twenty characters of a number
    assert max(len(word) for head, rows in blocks[1:] for row in rows for word in row) <= 20


def test_the_mesh_of_an_input_deck_is_read_by_meshio(tmp_path, rng):
    """points h x node, right-handed hexahedra of volume h^3 in the order of the elements, faces as sets"""
    model, _, _ = make_model(rng)
    fem.write_inp(tmp_path / "model.inp", model)
    mesh = meshio.read(tmp_path / "model.inp")
    np.testing.assert_allclose(mesh.points, model.nodes * SIZE, atol=1e-12)
    assert [block.type for block in mesh.cells] == ["hexahedron"]
    corner = mesh.points[mesh.cells[0].data]
    np.testing.assert_allclose(corner.mean(axis=1), (model.elements + 0.5) * SIZE, atol=1e-12)
    edges = corner[:, [1, 3, 4]] - corner[:, :1]
    np.testing.assert_allclose(np.linalg.det(edges), SIZE**3, rtol=1e-12)
    # every corner of the upper face lies above its fellow of the lower one
    np.testing.assert_allclose(corner[:, 4:] - corner[:, :4], np.broadcast_to([0, 0, SIZE], (115, 4, 3)))
    sets = mesh.point_sets
    assert set(sets) >= {"XMIN", "XMAX", "YMIN", "YMAX", "ZMIN", "ZMAX", "HELD"}
    for name, axis, at in (("XMIN", 0, 0), ("YMAX", 1, 4), ("ZMAX", 2, 6)):
        np.testing.assert_array_equal(np.sort(sets[name]), np.flatnonzero(model.nodes[:, axis] == at))


def test_an_orthotropic_material_has_its_nine_constants(tmp_path, rng):
    """stiffness from the constants of the deck = E x stiffness_matrix, in the order 11 22 33 23 13 12"""
    material = fem.transversely_isotropic()
    model, _, modulus = make_model(rng, material=material)
    fem.write_inp(tmp_path / "model.inp", model)
    blocks = read_inp(tmp_path / "model.inp")
    rows = next(rows for head, rows in blocks if head == "*ELASTIC, TYPE=ENGINEERING CONSTANTS")
    e1, e2, e3, nu12, nu13, nu23, g12, g13, g23 = [float(word) for row in rows for word in row]
    compliance = np.diag([1 / e1, 1 / e2, 1 / e3, 1 / g23, 1 / g13, 1 / g12])
    compliance[0, 1] = compliance[1, 0] = -nu12 / e1
    compliance[0, 2] = compliance[2, 0] = -nu13 / e1
    compliance[1, 2] = compliance[2, 1] = -nu23 / e2
    np.testing.assert_allclose(
        np.linalg.inv(compliance), modulus.min() * fem.stiffness_matrix(material), rtol=1e-9, atol=1e-9
    )
    assert all("ORIENTATION=GRID" in head for head, _ in blocks if head.startswith("*SOLID SECTION"))


def test_forces_on_nodes_are_written(tmp_path, rng):
    """*CLOAD and Loaded_Nodes hold the components that are not zero"""
    _, plan, modulus = make_model(rng)
    force = np.zeros(plan.nodes.shape)
    force[40], force[60, 1] = [1.0, -2.0, 3.0], 0.5
    model = fem.export_model(modulus, plan, nodal_force=force)
    fem.write_inp(tmp_path / "model.inp", model)
    assert components_of(read_inp(tmp_path / "model.inp"), "*CLOAD") == wanted_components(force != 0, force)
    pytest.importorskip("h5py", reason="h5py is not installed; it comes with the extra `export`")
    fem.write_parosol(tmp_path / "model.h5", model)
    assert read_parosol(tmp_path / "model.h5")[-1] == wanted_components(
        force != 0, force, lambda node: tuple(int(i) for i in model.nodes[node])
    )


@pytest.mark.parametrize("load", LOADS)
def test_with_its_pins_a_body_has_no_free_rigid_motion_and_no_pin_too_many(load, rng):
    """rank of the held components on the six rigid motions: 6, and 6 - pins without the pins"""
    model, plan, _ = make_model(rng, load)
    place = model.nodes - model.nodes.mean(axis=0)
    motions = np.concatenate(
        [
            np.eye(3)[None].repeat(len(place), 0),
            np.stack([np.cross(axis, place) for axis in np.eye(3)], axis=2),
        ],
        axis=2,
    )
    assert np.linalg.matrix_rank(motions[model.held | model.pins]) == 6
    assert np.linalg.matrix_rank(motions[model.held]) == 6 - model.pins.sum()
    assert model.pins.sum() == (3 if plan.in_plane_free else 0)
    assert not (model.held & model.pins).any()


def test_each_part_gets_its_own_pins():
    """two columns, one glued to the lower platen, one resting on it: three in-plane motions of the second"""
    mask = np.zeros((5, 2, 3), bool)
    mask[:2] = mask[3:] = True
    plan = fem.make_plan(mask, 1.0, fem.load_case("axial", strain=-0.01), coarsest_nodes=30)
    nodes, connectivity = np.asarray(plan.nodes), np.asarray(plan.connectivity)
    held = np.zeros(nodes.shape, bool)
    held[nodes[:, 2] == 0, 2] = True
    held[(nodes[:, 2] == 0) & (nodes[:, 0] < 3)] = True
    pins = rigid_pins(nodes, connectivity, held, np.zeros(nodes.shape))
    assert pins[nodes[:, 0] < 3].sum() == 0
    assert pins[nodes[:, 0] > 2].sum() == 3


def test_a_force_along_a_free_motion_is_refused(rng):
    """uniaxial leaves x free: a force along x has no equilibrium"""
    _, plan, modulus = make_model(rng, "uniaxial")
    force = np.zeros(plan.nodes.shape)
    force[0, 0] = 1.0
    with pytest.raises(ValueError, match="`nodal_force` pushes a part of 210 nodes along a rigid"):
        fem.export_model(modulus, plan, nodal_force=force)
    opposite = (np.asarray(plan.nodes) == [5, 0, 0]).all(axis=1)
    force[opposite, 0] = -1.0
    assert fem.export_model(modulus, plan, nodal_force=force).pins.sum() == 3


@pytest.mark.parametrize("bins", [1, 4, 32])
def test_classes_keep_the_sum_of_the_moduli_and_bound_their_error(bins, rng):
    """class modulus = mean of its members; every member within the width; error as stated"""
    modulus = 10 ** rng.uniform(0, 4, 500)
    classes = fem.bin_moduli(modulus, bins)
    stored = classes.modulus[classes.index]
    assert len(classes.modulus) <= bins
    assert stored.sum() == pytest.approx(modulus.sum(), rel=1e-12)
    error = stored / modulus - 1
    assert classes.largest_error == pytest.approx(np.abs(error).max(), rel=1e-12)
    assert classes.rms_error == pytest.approx(np.sqrt(np.mean(error**2)), rel=1e-12)
    assert classes.largest_error <= classes.width - 1
    for member in range(len(classes.modulus)):
        inside = modulus[classes.index == member]
        assert inside.max() / inside.min() <= classes.width * (1 + 1e-12)


def test_few_moduli_are_kept_as_they_are(rng):
    """as many classes as distinct values: no error"""
    classes = fem.bin_moduli(np.array([5.0, 2.0, 5.0, 9.0]), 3)
    np.testing.assert_array_equal(classes.modulus, [2.0, 5.0, 9.0])
    np.testing.assert_array_equal(classes.index, [1, 0, 1, 2])
    assert (classes.width, classes.largest_error, classes.rms_error) == (1.0, 0.0, 0.0)


def test_the_force_of_binned_moduli_stays_within_the_largest_error(rng):
    """|F_binned / F - 1| <= max |E_binned / E - 1| (minimum principle); falls with the number of classes"""
    _, plan, modulus = make_model(rng)

    def force(values):
        return float(fem.solve_checked(jnp.asarray(values), plan, rtol=1e-10)[1].reaction_n)

    errors = []
    for bins in (2, 8, 32):
        classes = fem.bin_moduli(modulus, bins)
        errors.append(abs(force(classes.modulus[classes.index]) / force(modulus) - 1))
        assert errors[-1] <= classes.largest_error
    assert errors[2] < errors[1] < errors[0]


def test_a_force_on_the_top_is_written_whole():
    """sum of the forces on nodes = the total force of the load case"""
    mask = porous_block()
    plan = fem.make_plan(mask, SIZE, example("force"), coarsest_nodes=30)
    model = fem.export_model(np.ones(int(mask.sum())), plan)
    np.testing.assert_allclose(model.force.sum(axis=0), [3.0, -2.0, -20.0], rtol=1e-12)
    assert not model.force[model.nodes[:, 2] < 6].any()


def test_a_periodic_load_is_refused():
    """its ties between opposite faces are not exported"""
    mask = np.ones((4, 4, 4), bool)
    plan = fem.make_plan(mask, SIZE, example("periodic"), coarsest_nodes=30)
    with pytest.raises(ValueError, match="ties opposite faces"):
        fem.export_model(np.ones(64), plan)


def test_what_parosol_cannot_hold_is_refused(tmp_path, rng):
    """orthotropic voxels, a negative Poisson ratio, a box beyond 16 bits, moduli beyond float32"""
    pytest.importorskip("h5py", reason="h5py is not installed; it comes with the extra `export`")
    model, _, modulus = make_model(rng)
    path = tmp_path / "model.h5"
    cases = [
        (replace(model, material=fem.transversely_isotropic()), "isotropic voxels only"),
        (replace(model, material=fem.isotropic(-0.1)), "Poisson ratio -0.1"),
        (replace(model, shape=(40000, 4, 6)), "16-bit"),
        (replace(model, modulus=np.where(np.arange(115) == 7, 1e-40, modulus)), "1 moduli beyond float32"),
    ]
    for wrong, message in cases:
        with pytest.raises(ValueError, match=message):
            fem.write_parosol(path, wrong)
    with pytest.raises(ValueError, match=r"must end in \.h5"):
        fem.write_parosol(tmp_path / "model.inp", model)
    with pytest.raises(ValueError, match="`unit` must be one of GPa, MPa"):
        fem.write_parosol(path, model, unit="kPa")
    assert list(tmp_path.iterdir()) == []


def test_without_h5py_the_extra_is_named(tmp_path, rng, monkeypatch):
    """ImportError with the command to type"""
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ImportError, match=r"osteon\[export\]"):
        fem.write_parosol(tmp_path / "model.h5", make_model(rng)[0])


def test_a_model_that_makes_no_sense_is_refused(tmp_path, rng):
    """ValueError names the argument"""
    model, plan, modulus = make_model(rng)
    with pytest.raises(ValueError, match="`modulus` must hold one value per element"):
        fem.export_model(modulus[1:], plan)
    with pytest.raises(ValueError, match="`modulus` must be positive and finite, got 1 other"):
        fem.export_model(np.where(np.arange(115) == 5, np.nan, modulus), plan)
    with pytest.raises(ValueError, match="`nodal_force` must hold three finite numbers"):
        fem.export_model(modulus, plan, nodal_force=np.zeros(3))
    with pytest.raises(ValueError, match=r"must end in \.inp"):
        fem.write_inp(tmp_path / "model.h5", model)
    with pytest.raises(ValueError, match="`bins` must be at least 1"):
        fem.write_inp(tmp_path / "model.inp", model, bins=0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("load", LOADS)
def test_parosol_finds_the_same_forces(load, tmp_path, rng):
    """sum of the nodal forces of the lower face, by ParOSol on the file; tolerance 1e-6"""
    if importlib.util.find_spec("parosol_py") is None:
        pytest.skip("parosol-py is not installed; it comes with the extra `bench`")
    import h5py
    from parosol_py import runner

    model, plan, modulus = make_model(rng, load)
    fem.write_parosol(tmp_path / "model.h5", model)
    command = runner.build_parosol_command(
        executable=runner.packaged_executable(), input_file="model.h5", outputs=("sed",), tolerance=1e-9
    )
    done = runner.run_parosol(command, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    with h5py.File(tmp_path / "model.h5") as file:
        lower = file["Mesh/Coordinates"][:, 2] < SIZE / 2
        force = file["Solution/force"][:][lower].sum(axis=0)
    displacement, _ = fem.solve_checked(jnp.asarray(modulus), plan, rtol=1e-10)
    bottom, _ = fem.face_forces(displacement, jnp.asarray(modulus), plan)
    np.testing.assert_allclose(force, bottom, atol=1e-6 * float(np.abs(bottom).max()))


def test_the_head_of_a_deck_states_the_classes(tmp_path, rng):
    """number of materials and the error of their moduli stand in the file"""
    model, _, _ = make_model(rng)
    classes = fem.write_inp(tmp_path / "model.inp", model, bins=10)
    text = (tmp_path / "model.inp").read_text()
    assert re.search(rf"^\*\* {len(classes.modulus)} materials", text, re.MULTILINE)
    assert f"{classes.largest_error:.3e}" in text
    assert "load case axial, version" in text
