"""What a scanner of one X-ray energy reads of bone that holds fatty marrow: quantitative CT of trials.

Fat attenuates less than water, so one energy takes fatty marrow for missing mineral. Of 197 early
postmenopausal women the spine's trabecular density was 17.6 % lower with one energy than with two, and its
change of three years 24.2 % larger (Sfeir 2018, Bone 112:145).
"""

import jax

FAT_MG_CM3 = -74.0
"""Density that fat reads as at 70 keV, mg/cm3 hydroxyapatite in water (NISTIR 5632; `meshes`)."""
LEAN_MG_CM3 = 32.0
"""The same of muscle, which stands for marrow without fat (assumed)."""
BONE_MG_CM3 = 1100.0
"""Mineral of a volume of bone, mg/cm3: what is no bone is marrow (assumed, of the order of `mineral_maximum`
less what is not yet mineralized)."""


def single_energy_density(density_mg_cm3: jax.Array, marrow_fat: jax.Array) -> jax.Array:
    """Trabecular density as quantitative CT of one energy reads it, mg/cm3.

        rho + (1 - rho / rho_b) [lean + (fat - lean) F]

    Linear in density, so that of a mean is the mean. Two energies (DXA) leave two fifths of the error; that
    is not modeled: no trial left out is predicted better with it (docs/fit.md).

    Args:
      density_mg_cm3: mineral over volume of trabecular bone, mg/cm3, any shape; at most BONE_MG_CM3.
      marrow_fat: share of fat in the marrow, `remodeling.marrow_fat`, of a shape that broadcasts.

    Returns:
      mg/cm3 hydroxyapatite in water, of the shape of both.
    """
    marrow = LEAN_MG_CM3 + (FAT_MG_CM3 - LEAN_MG_CM3) * marrow_fat
    return density_mg_cm3 + (1.0 - density_mg_cm3 / BONE_MG_CM3) * marrow


def spine_qct_percent(
    body_mg_cm3: jax.Array,
    trabecular_mg_cm3: jax.Array,
    trabecular_share: jax.Array | float,
    marrow_fat: jax.Array,
) -> tuple[jax.Array, jax.Array]:
    """Trabecular and integral density of a body as QCT of one energy reads them, percent of the first time.

    Compact bone reads as it is: the fat of its pores is not modeled.

    Args:
      body_mg_cm3: mineral over volume of the whole body, mg/cm3, (..., times).
      trabecular_mg_cm3: that of its trabecular bone, mg/cm3, same shape.
      trabecular_share: share of trabecular bone in the volume of the body, 0 to 1.
      marrow_fat: share of fat in the marrow, `remodeling.marrow_fat`, (..., times).

    Returns:
      percent, 100 at the first time: of trabecular bone and of the body, (..., times) each.
    """
    trabecular = single_energy_density(trabecular_mg_cm3, marrow_fat)
    body = body_mg_cm3 + trabecular_share * (trabecular - trabecular_mg_cm3)
    return 100.0 * trabecular / trabecular[..., :1], 100.0 * body / body[..., :1]
