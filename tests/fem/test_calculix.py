"""Exported decks solved by CalculiX with its direct solver: the same force as here."""

import shutil
import subprocess

import jax.numpy as jnp
import numpy as np
import pytest

import fem
import meshes

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("ccx") is None, reason="CalculiX (Debian calculix-ccx) is not installed"),
]


def calculix_forces(folder, model, **options):
    """Forces (3,) of the lower and the upper face by CalculiX, N, and the classes of the moduli."""
    classes = fem.write_inp(folder / "model.inp", model, **options)
    done = subprocess.run(["ccx", "model"], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    # the iterative solver would stop too early
    assert "spooles" in done.stdout.lower() or "pardiso" in done.stdout.lower()
    lines = (folder / "model.dat").read_text().splitlines()
    found = {
        line.split("set ")[1].split()[0]: np.array([float(word) for word in lines[number + 2].split()])
        for number, line in enumerate(lines)
        if "total force" in line
    }
    return found["ZMIN"], found["ZMAX"], classes


def lhdl(shared_data):
    with np.load(shared_data / "trab_human_lhdl3155_mask_50.npz") as stored:
        return stored["mask"].astype(bool), float(stored["voxel_mm"])


@pytest.mark.parametrize(("load", "force_n"), [("axial", 126.28736), ("uniaxial", 110.4645)])
def test_real_bone_has_its_reference_force_in_calculix(load, force_n, tmp_path, shared_data):
    """LHDL mask 50, E 10 GPa: the forces of verification.md, through the exported deck; tolerance 1e-5"""
    mask, voxel_mm = lhdl(shared_data)
    plan = fem.make_plan(mask, voxel_mm, fem.load_case(load, strain=-0.01))
    model = fem.export_model(np.full(int(mask.sum()), 10e3), plan)
    bottom, top, _ = calculix_forces(tmp_path, model)
    assert bottom[2] == pytest.approx(force_n, rel=1e-5)
    assert top[2] == pytest.approx(-force_n, rel=1e-5)


def vertebra():
    """The synthetic L3 at 3 mm with a modulus per voxel by the law of Kopperdahl 2002."""
    body = meshes.make_vertebra(3.0)
    mask = meshes.largest_component(np.asarray(body.labels.values) > 0)
    where = np.argwhere(mask)
    box = tuple(slice(low, high + 1) for low, high in zip(where.min(0), where.max(0), strict=True))
    law = fem.density_law("kopperdahl-2002")
    density = meshes.convert_density(body.density, law.density_type)
    modulus = np.asarray(law.modulus_mpa(jnp.asarray(np.asarray(density.values, float)[box][mask[box]])))
    return mask[box], modulus


@pytest.mark.parametrize("bins", [256, 16])
def test_a_heterogeneous_vertebra_has_the_same_force_in_calculix(bins, tmp_path):
    """with the moduli of the classes 1e-5; with those of the voxels 1e-4 at 256 classes, else the bound"""
    mask, modulus = vertebra()
    plan = fem.make_plan(mask, 3.0, fem.load_case("axial", strain=-0.01))
    bottom, top, classes = calculix_forces(tmp_path, fem.export_model(modulus, plan), bins=bins)
    assert modulus.max() / modulus.min() > 5

    def force(values):
        displacement, _ = fem.solve_checked(jnp.asarray(values), plan, rtol=1e-9)
        return np.asarray(fem.face_forces(displacement, jnp.asarray(values), plan))

    binned = force(classes.modulus[classes.index])
    size = abs(binned[0, 2])
    np.testing.assert_allclose(np.stack([bottom, top]), binned, rtol=0, atol=1e-5 * size)
    allowed = 1e-4 if bins == 256 else classes.largest_error
    assert bottom[2] == pytest.approx(force(modulus)[0, 2], rel=allowed)


def test_an_orthotropic_body_with_nodal_forces_has_the_same_displacement_in_calculix(tmp_path, rng):
    """u of every node; tolerance 1e-5 of the largest (six digits are printed)"""
    mask = np.ones((4, 5, 6), bool)
    mask[1, 2, 2:4] = False
    plan = fem.make_plan(
        mask,
        0.5,
        fem.load_case("clamped-bottom", strain=-0.01),
        material=fem.transversely_isotropic(),
        coarsest_nodes=30,
    )
    modulus = 10 ** rng.uniform(2, 4, int(mask.sum()))
    force = np.zeros(plan.nodes.shape)
    force[-1] = [3.0, -2.0, 0.0]
    calculix_forces(tmp_path, fem.export_model(modulus, plan, nodal_force=force), bins=1000)
    displacement, _ = fem.solve_checked(
        jnp.asarray(modulus), plan, rtol=1e-11, nodal_force=jnp.asarray(force)
    )
    found = read_displacement(tmp_path / "model.frd")
    np.testing.assert_allclose(found, displacement, rtol=0, atol=1e-5 * float(jnp.abs(displacement).max()))


def read_displacement(path):
    """Nodal displacements of the last block DISP of a result file, fixed columns of twelve, shape (nn, 3)."""
    rows, inside = [], False
    for line in path.read_text().splitlines():
        if line.startswith(" -4"):
            inside = "DISP" in line
            rows = [] if inside else rows
        elif inside and line.startswith(" -1"):
            rows.append([float(line[13 + 12 * i : 25 + 12 * i]) for i in range(3)])
    return np.array(rows)
