"""A study that is quick to run: the built-in L3 at 3 mm, half a year of weekly injections."""

STUDY = """\
title = "A day"
[subject]
sex = "male"
age_years = 60
testosterone_ng_dl = 200
estradiol_pg_ml = 15
[image]
builtin = "l3"
voxel_mm = 3
[mechanics]
fe_every_months = 3
[time]
months = 6
report_months = [3]
[[arm]]
name = "weekly"
[[arm.dose]]
drug = "testosterone-cypionate"
amount_mg = 100
every_days = 7
"""
"""TOML text."""
