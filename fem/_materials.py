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
    transverse: float = 1.0 / 3.0,
    shear_axial: float = 0.157,
    shear_transverse: float = 0.121,
    poisson: float = 0.3,
    poisson_transverse: float | None = None,
    name: str = "transversely-isotropic",
) -> Material:
    """Material with its stiff axis along z; the defaults are those of human vertebral cancellous bone.

    Args:
      transverse: E_x / E_z = E_y / E_z.
      shear_axial: G_xz / E_z = G_yz / E_z.
      shear_transverse: G_xy / E_z.
      poisson: nu_zx = nu_zy; the default is assumed (nu_xz = poisson x transverse is then 0.1; 0.11 is in
        use).
      poisson_transverse: nu_xy. By default transverse / (2 shear_transverse) - 1, which is what isotropy in
        the plane requires (0.377); any other value makes the material tetragonal, which is allowed.
      name: name for reports.

    Raises:
      ValueError: the stiffness is not positive definite, or a ratio is not finite.

    Reference: ratios of the moduli as used with the density law of Kopperdahl 2002 in voxel models of
      vertebrae, Crawford, Cann, Keaveny 2003, Bone 33:744.
    """
    if poisson_transverse is None:
        poisson_transverse = transverse / (2.0 * shear_transverse) - 1.0 if shear_transverse > 0.0 else 0.0
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
    if not (np.isfinite(material.poisson) and np.isfinite(material.poisson_transverse)):
        raise ValueError(
            "`poisson` and `poisson_transverse` must be finite, got "
            f"{material.poisson} and {material.poisson_transverse}"
        )
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
