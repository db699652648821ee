"""The registry of reported quantities: one source for summary, table, figures and report."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Quantity:
    """One reported number."""

    name: str
    "Column name in summary.json and timecourse.csv, ends in its unit."
    label: str
    "Words for axes and table heads."
    unit: str
    "Unit as printed."
    group: str
    'What kind it is: "density", "strength", "turnover", "cells" or "hormone".'
    digits: int
    "Decimals in tables."


QUANTITIES = (
    Quantity("trabecular_vbmd_mg_cm3", "Trabecular vBMD", "mg/cm3", "density", 1),
    Quantity("cortical_vbmd_mg_cm3", "Cortical vBMD", "mg/cm3", "density", 1),
    Quantity("integral_vbmd_mg_cm3", "Integral vBMD", "mg/cm3", "density", 1),
    Quantity("bmc_mg", "Bone mineral content", "mg", "density", 0),
    Quantity("ap_abmd_g_cm2", "AP aBMD of the body", "g/cm2", "density", 4),
    Quantity("spine_dxa_percent", "Spine DXA with posterior elements", "% of baseline", "density", 2),
    Quantity("trabecular_qct_percent", "Trabecular QCT, marrow fat included", "% of baseline", "density", 2),
    Quantity("integral_qct_percent", "Integral QCT, marrow fat included", "% of baseline", "density", 2),
    Quantity("stiffness_n_per_mm", "Axial stiffness", "N/mm", "strength", 0),
    Quantity("strength_pistoia_n", "Strength (Pistoia)", "N", "strength", 0),
    Quantity("strength_crawford_n", "Strength (Crawford)", "N", "strength", 0),
    Quantity("load_to_strength", "Load-to-strength ratio", "-", "strength", 2),
    Quantity("resorption_percent", "Resorption index (CTX-like)", "% of baseline", "turnover", 1),
    Quantity("formation_percent", "Formation index (P1NP-like)", "% of baseline", "turnover", 1),
    Quantity("osteoclasts_percent", "Osteoclasts, trabecular", "% of baseline", "cells", 1),
    Quantity("preosteoblasts_percent", "Preosteoblasts, trabecular", "% of baseline", "cells", 1),
    Quantity("osteoblasts_percent", "Osteoblasts, trabecular", "% of baseline", "cells", 1),
    Quantity("osteocytes_percent", "Osteocytes, trabecular", "% of baseline", "cells", 1),
    Quantity("rankl_over_opg", "RANKL over OPG, trabecular", "of the young reference", "cells", 2),
    Quantity("testosterone_ng_dl", "Testosterone", "ng/dL", "hormone", 0),
    Quantity("free_testosterone_ng_dl", "Free testosterone", "ng/dL", "hormone", 2),
    Quantity("estradiol_pg_ml", "Estradiol", "pg/mL", "hormone", 1),
    Quantity("progestogen", "Progestogen (as micronized progesterone)", "mg/day", "hormone", 0),
    Quantity("lh_iu_l", "LH", "IU/L", "hormone", 2),
    Quantity("shbg_nmol_l", "SHBG", "nmol/L", "hormone", 1),
    Quantity("igf1_ng_ml", "IGF-1", "ng/mL", "hormone", 0),
    Quantity("thyroid_index", "Thyroid index ln(free T4 / reference)", "-", "hormone", 2),
    Quantity("insulin_index", "Insulin index ln(insulin / reference)", "-", "hormone", 2),
)

BY_NAME = {quantity.name: quantity for quantity in QUANTITIES}


def select(rows: list[dict[str, Any]], **where: Any) -> list[dict[str, Any]]:
    """Rows of a tidy table whose columns equal the given values, sorted by month."""
    chosen = [row for row in rows if all(row.get(name) == value for name, value in where.items())]
    return sorted(chosen, key=lambda row: row["month"])


def unique(rows: list[dict[str, Any]], column: str) -> list[Any]:
    """Values of a column in order of first appearance."""
    return list(dict.fromkeys(row[column] for row in rows))
