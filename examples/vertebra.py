"""
A vertebra: from an image to a strain map and a strength
========================================================

A CT is made here so that no file is needed; ``meshes.read_image`` reads yours in its place. It is
calibrated with the rods of a phantom, cut down to one body, embedded in bone cement and compressed by 1 %.
"""

# %%
# The image
# ---------
# An L3 of 2 mm voxels with its labels and a calibration phantom, in Hounsfield units as a scanner would
# give them.
import numpy as np

import fem
import meshes
import osteon

vertebra = meshes.make_vertebra(2.0, seed=1)
print({name: np.shape(getattr(vertebra, name).values) for name in ("hu", "labels")})

# %%
# Hounsfield units to density
# ---------------------------
# The phantom's rods have known densities of hydroxyapatite; a line through them calibrates the image.
# Density carries its type, because a modulus law is only valid for the type that it was measured with.
tissues, hu = np.asarray(vertebra.tissues.values), np.asarray(vertebra.hu.values)
rods_mg_cm3 = 1000 * np.asarray(vertebra.phantom)
rods_hu = [hu[tissues == meshes.TISSUE_LABELS[f"rod {index}"]].mean() for index in range(len(rods_mg_cm3))]
calibration, fit = meshes.calibrate_from_pairs(rods_hu, rods_mg_cm3, "ha")
density = meshes.apply_calibration(vertebra.hu, calibration)
print(f"{1000 * float(calibration.slope):.3f} mg/cm3 per HU, r2 = {fit.r2:.4f}")

# %%
# One solve
# ---------
# Labels 1 and 2 are the trabecular core and the shell of the body. ``pmma-axial`` embeds both ends in
# cement and moves the upper one down. All of this is ``osteon solve`` on the command line.
labels = np.asarray(vertebra.labels.values)
body = meshes.make_image(
    np.where((labels == 1) | (labels == 2), 1, 0),
    vertebra.labels.spacing,
    origin=vertebra.labels.origin,
    direction=vertebra.labels.direction,
    quantity="label",
)
solved = osteon.solve(density, mask=body, law="kopperdahl-2002", load="pmma-axial")
solved

# %%
# The strain map
# --------------
# Effective strain is that of the strain energy density, sqrt(2 U / E); outside the bone the map is NaN. It
# comes with its affine, so that ``solved.image("effective_strain")`` can be written as NIfTI for 3D Slicer.
strain = 100 * solved.maps["effective_strain"]
print(f"median {np.nanmedian(strain):.2f} %, 98th percentile {np.nanpercentile(strain, 98):.2f} %")
figure = solved.figure("energy")

# %%
# Strength
# --------
# Pistoia's criterion: the force at which 2 % of the bone is strained beyond 0.7 %. It is an estimate from a
# linear solve; ``strength="nonlinear"`` pushes the body beyond yield instead. The ratio to what standing puts
# on L3 is the load-to-strength ratio.
strength = solved.summary["strength_pistoia_n"]
standing = fem.spine_load(80.0, 1.75, fem.activity("standing"))
print(f"strength {strength:.0f} N, stiffness {solved.summary['stiffness_n_per_mm']:.0f} N/mm")
print(f"load-to-strength ratio of standing: {fem.load_to_strength(standing, strength):.2f}")
