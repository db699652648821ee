"""Observation error of single-energy QCT by marrow fat: an option, applied to model output, never to images.

Fat attenuates less than water, so one X-ray energy reads fatty marrow as missing mineral. Sfeir 2018 (Bone
112:145, 197 early postmenopausal women scanned with one and with two energies) found the spine's trabecular
density 17.6 % lower with one energy, and its three-year change 24.2 % larger. Both are medians of that
cohort; that they hold for men, for other scanners and for bone that *gains* mineral is assumed.
"""

import jax

MARROW_FAT_BIAS = -0.176
"""Relative error of trabecular vBMD read with one energy (Sfeir 2018)."""

MARROW_FAT_CHANGE_FACTOR = 1.242
"""Factor on the percent change of trabecular vBMD read with one energy (Sfeir 2018)."""


def single_energy_density(density_mg_cm3: jax.Array, *, bias: float = MARROW_FAT_BIAS) -> jax.Array:
    """Trabecular vBMD as single-energy QCT reads it, mg/cm3, from the true one (any shape)."""
    return density_mg_cm3 * (1 + bias)


def single_energy_change(change_percent: jax.Array, *, factor: float = MARROW_FAT_CHANGE_FACTOR) -> jax.Array:
    """Percent change of trabecular vBMD as single-energy QCT reads it, from the true one (any shape)."""
    return change_percent * factor
