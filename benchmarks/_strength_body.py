"""The built-in vertebral body and its trabecular core between caps, pushed beyond yield."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy import ndimage

import calibration
import fem
import meshes
import remodeling

PEEL_MM = 2.0
"""What is taken off the surface to leave the trabecular core, mm (assumed: the trial's cut was not seen)."""
LAW = "kopperdahl-2002"
SURFACE = "vertebral-cancellous"
CAP_MM = 3.0
STRAIN, INCREMENTS, RTOL = 0.02, 20, 1e-6


@dataclass(frozen=True)
class Bone:
    """The built-in vertebral body, cropped."""

    body: np.ndarray
    "voxels of the body, boolean, (nx, ny, nz)"
    core: np.ndarray
    "voxels of the trabecular core, boolean, (nx, ny, nz)"
    density: np.ndarray
    "density of the voxels of the body, g/cm3 hydroxyapatite, (nb,)"
    compartments: np.ndarray
    "calibration.TRABECULAR or CORTICAL of the voxels of the body, (nb,)"
    voxel_mm: float
    "edge of a voxel, mm"

    @property
    def in_core(self) -> np.ndarray:
        """Voxels of the body that are of the core, boolean, (nb,)."""
        return self.core[self.body]


class Capped(NamedTuple):
    """Bone between two caps, under the load case of the test."""

    capped: fem.Capped
    "bone and caps"
    plan: fem.Plan
    "of axial compression"
    height_mm: float
    "height of the bone, mm"


def make_bone(voxel_mm: float, trabecular_mg_cm3: float) -> Bone:
    """Body of `meshes.make_vertebra` with its true density, and the core of it deeper than PEEL_MM."""
    made = meshes.make_vertebra(voxel_mm, trabecular_mg_cm3=trabecular_mg_cm3)
    labels = np.asarray(made.labels.values)
    body = np.isin(labels, (calibration.TRABECULAR, calibration.CORTICAL))
    places = np.argwhere(body)
    box = tuple(
        slice(low, high + 1) for low, high in zip(places.min(axis=0), places.max(axis=0), strict=True)
    )
    density = np.asarray(made.density.values, dtype=float)[box]
    body, labels = body[box], labels[box]
    depth = np.asarray(ndimage.distance_transform_edt(np.pad(body, 1)))[1:-1, 1:-1, 1:-1] - 0.5
    return Bone(body, depth * voxel_mm > PEEL_MM, density[body], labels[body], voxel_mm)


def stiffness_and_strength(density: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Modulus and compressive yield stress, MPa, of a density in g/cm3 hydroxyapatite."""
    law = fem.density_law(LAW)
    return np.asarray(law.modulus_mpa(_seen(density))), np.asarray(law.yield_stress_mpa(_seen(density)))


def count_out_of_range(density: np.ndarray) -> int:
    """Number of densities in g/cm3 hydroxyapatite that lie outside the range of the law."""
    return int(fem.density_law(LAW).out_of_range(_seen(density)))


def _seen(density: np.ndarray) -> jax.Array:
    """Density as the law wants it, g/cm3 K2HPO4."""
    return jnp.asarray(density * meshes.k2hpo4_over_ha())


def cap(bone: Bone, mask: np.ndarray) -> Capped:
    """A part of the body between two caps of cement."""
    capped = fem.add_caps(mask, bone.voxel_mm, thickness_mm=CAP_MM)
    plan = fem.make_plan(
        capped.mask, bone.voxel_mm, fem.load_case("pmma-axial", strain=-0.01), material=fem.isotropic()
    )
    return Capped(capped, plan, float(np.ptp(np.argwhere(mask)[:, 2]) + 1) * bone.voxel_mm)


def coupled(test: Capped, modulus: np.ndarray, *, rtol: float = RTOL) -> remodeling.FiniteElementMechanics:
    """Finite elements of capped bone as the mechanics of a simulation.

    Args:
      test: bone and caps.
      modulus: of its bone voxels at the start, MPa, (nb,).
      rtol: relative residual of the solves.
    """
    is_bone = np.zeros(test.capped.mask.shape, bool)
    is_bone[tuple(np.argwhere(test.capped.mask)[test.capped.bone].T)] = True
    of_all = np.asarray(fem.capped_modulus(jnp.asarray(modulus), test.capped))
    return remodeling.make_finite_element_mechanics(test.plan, of_all, is_bone, rtol=rtol)


def push(test: Capped, modulus: np.ndarray, yield_stress: np.ndarray) -> dict[str, float]:
    """Strength and stiffness of capped bone pushed beyond yield; the cement stays elastic.

    Args:
      test: bone and caps.
      modulus, yield_stress: of its bone voxels, MPa, (nb,).
    """
    factors = np.linspace(
        0, STRAIN * test.height_mm / abs(float(fem.top_displacement(test.plan))), INCREMENTS + 1
    )
    curve, _ = fem.force_displacement_checked(
        fem.capped_modulus(jnp.asarray(modulus), test.capped),
        fem.capped_modulus(jnp.asarray(yield_stress), test.capped),
        test.plan,
        fem.YIELD_SURFACES[SURFACE],
        factors[1:],
        rtol=RTOL,
    )
    read = fem.nonlinear_strength(curve, test.height_mm)
    return {
        "yield_n": float(read.yield_n),
        "stated_strain_n": float(read.stated_n),
        "stiffness_n_per_mm": float(read.stiffness_n_per_mm),
    }
