"""Elastic symmetry of a voxel: everything about its stiffness but the one modulus that varies in space.

A material is static: it fixes the unit element stiffness, which the axial (z) modulus of each voxel scales.
Strain order xx yy zz yz xz xy with engineering shear throughout.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Material:
    """Elastic constants relative to the axial modulus; hashable, without arrays."""

    name: str
    "name for reports"
    poisson: float
    "contraction along x and y per stretch along z under a stress along z (nu_zx = nu_zy), -"
    transverse: float
    "E_x / E_z = E_y / E_z, -"
    shear_axial: float
    "G_xz / E_z = G_yz / E_z, -"
    shear_transverse: float
    "G_xy / E_z, -"
    poisson_transverse: float
    "contraction along y per stretch along x under a stress along x (nu_xy), -"


def isotropic(poisson: float = 0.3) -> Material:
    """Isotropic material; 0.3 is the customary value for bone tissue.

    Raises:
      ValueError: `poisson` outside (-1, 0.5), where the stiffness is not positive definite.
    """
    poisson = float(poisson)
    if not -1.0 < poisson < 0.5:
        raise ValueError(
            f"`poisson` must lie between -1 and 0.5 (exclusive) for a positive definite stiffness, got "
            f"{poisson}; 0.3 is customary for bone, use at most 0.49 for nearly incompressible material"
        )
    shear = 0.5 / (1.0 + poisson)
    return Material("isotropic", poisson, 1.0, shear, shear, poisson)


def transversely_isotropic(
    *,
    transverse: float = 0.333,
    shear_axial: float = 0.157,
    shear_transverse: float = 0.121,
    poisson: float = 0.104 / 0.333,
    poisson_transverse: float = 0.381,
    name: str = "transversely-isotropic",
) -> Material:
    """Material with its stiff axis along z; the defaults are those of human vertebral cancellous bone.

    Args:
      transverse: E_x / E_z = E_y / E_z.
      shear_axial: G_xz / E_z = G_yz / E_z.
      shear_transverse: G_xy / E_z. A value other than transverse / (2 (1 + poisson_transverse)) makes the
        material tetragonal (same stiffness along x and y, but not under 45 degrees), which is allowed.
      poisson: nu_zx = nu_zy. The published nu_xz = 0.104 is nu_zx E_x / E_z.
      poisson_transverse: nu_xy.
      name: name for reports.

    Raises:
      ValueError: the stiffness is not positive definite, or a ratio is not finite.

    Reference: Crawford, Cann, Keaveny 2003, Bone 33:744 (E_x = E_y = 0.333 E_z, G_xy = 0.121 E_z,
      G_xz = G_yz = 0.157 E_z, nu_xy = 0.381, nu_xz = nu_yz = 0.104).
    """
    material = Material(
        name,
        float(poisson),
        float(transverse),
        float(shear_axial),
        float(shear_transverse),
        float(poisson_transverse),
    )
    values = {
        "transverse": material.transverse,
        "shear_axial": material.shear_axial,
        "shear_transverse": material.shear_transverse,
    }
    for key, value in values.items():
        if not (np.isfinite(value) and value > 0.0):
            raise ValueError(f"`{key}` must be a positive ratio to the axial modulus, got {value}")
    eigenvalues = np.linalg.eigvalsh(_compliance(material))
    if not np.all(eigenvalues > 1e-9):
        raise ValueError(
            "`poisson` and `poisson_transverse` must give a positive definite stiffness with these moduli, "
            f"got nu_zx = {material.poisson:g}, nu_xy = {material.poisson_transverse:g}, "
            f"E_x / E_z = {material.transverse:g} (smallest eigenvalue of the compliance "
            f"{eigenvalues[0]:.3g}); lower them (note that `poisson` is nu_zx = nu_xz E_z / E_x)"
        )
    return material


def stiffness_matrix(material: Material) -> np.ndarray:
    """Stiffness (6, 6) in MPa for an axial modulus of 1 MPa; stress = matrix @ strain."""
    stiffness = np.linalg.inv(_compliance(material))
    return 0.5 * (stiffness + stiffness.T)


def _compliance(material: Material) -> np.ndarray:
    """Compliance (6, 6) in 1/MPa for an axial modulus of 1 MPa."""
    compliance = np.zeros((6, 6))
    across = 1.0 / material.transverse
    compliance[0, 0] = compliance[1, 1] = across
    compliance[2, 2] = 1.0
    compliance[0, 1] = compliance[1, 0] = -material.poisson_transverse * across
    compliance[0, 2] = compliance[2, 0] = compliance[1, 2] = compliance[2, 1] = -material.poisson
    compliance[3, 3] = compliance[4, 4] = 1.0 / material.shear_axial
    compliance[5, 5] = 1.0 / material.shear_transverse
    return compliance
