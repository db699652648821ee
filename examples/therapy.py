"""
A therapy: from a study to the change of density with its intervals
===================================================================

A man of 60 with low testosterone is treated for a year with two doses. The bone is the built-in L3 in
coarse voxels, so that this page is made in seconds; ``examples/l3_builtin.toml`` is the same at 1.5 mm.
"""

# %%
# The study
# ---------
# A study file is read with ``osteon.read_study``; the same keys work as nested dicts. All mistakes are told
# at once. An untreated arm runs beside those that are named.
import osteon

dose = {"drug": "testosterone-cypionate", "every_days": 7}
study = osteon.make_study(
    {
        "subject": {"sex": "male", "age_years": 60, "testosterone_ng_dl": 200, "estradiol_pg_ml": 15},
        "image": {"builtin": "l3", "voxel_mm": 3},
        "time": {"months": 12, "report_months": [6, 12]},
        "arm": [
            {"name": "50 mg weekly", "dose": [dose | {"amount_mg": 50}]},
            {"name": "100 mg weekly", "dose": [dose | {"amount_mg": 100}]},
        ],
    }
)

# %%
# The run
# -------
# Finite elements, remodeling and the draws of the parameters, in memory. ``osteon.run(study,
# out="folder")`` also writes the folder and the report of ``osteon run``.
result = osteon.run(study)
print(result)

# %%
# Change of density
# -----------------
# ``change_percent`` is the result. The interval *parameters* is what the trials that the model learned from
# leave open; *new trial* also holds what differs between trials, and is the one to compare a published
# number with.
trabecular = result.changes.where(quantity="trabecular_vbmd_mg_cm3", month=12)
trabecular

# %%
figure = result.figure("change")

# %%
# Where it happens
# ----------------
# Maps are arrays on the grid of the model, with an affine; NaN outside the bone. Bone gains where it is
# thin and has much surface to turn over.
maps = result.maps["L3", "100 mg weekly"]
print(maps, maps["change_percent"].shape, f"largest gain {maps.values('change_percent').max():.1f} %")
density = result.figure("density", arm="100 mg weekly")

# %%
# Strength
# --------
# Columns of the table are NumPy arrays; ``result.table.to_pandas()`` is there for those who have pandas.
table = result.table.where(arm="100 mg weekly")
strength = table["strength_pistoia_n"]
for month, value in zip(table["month"], strength, strict=True):
    print(f"month {month:2d}: {value:.0f} N ({100 * (value / strength[0] - 1):+.1f} %)")

# %%
# What it rests on
# ----------------
# Every warning of a run is in its summary, as are the assumptions and the parameters with their status.
for warning in result.summary["warnings"]:
    print("-", warning)
