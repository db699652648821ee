"""The constants of each axis as its page prints them."""

import remodeling as r

PAGES = {
    "men": ("testosterone", "estradiol", "lh", "lh_reserve", "testosterone_feedback", "estradiol_feedback",
            "secretion_gain", "secretion_half_lh", "aromatase_km_nmol_l", "adrenal_estradiol",
            "receptor_loss", "receptor_recovery", "receptor_exponent", "agonist_flare", "antagonist_exponent",
            "gonadotrope_memory_days"),
    "women": ("women_testosterone", "women_estradiol", "women_peripheral_estradiol", "women_lh",
              "women_lh_reserve", "women_testosterone_feedback", "women_estradiol_feedback", "ovary_half_lh",
              "ovary_testosterone_share", "women_conversion", "women_estradiol_clearance",
              "women_testosterone_clearance", "transition_middle_years", "transition_width_years"),
    "binding": ("shbg_affinity_l_nmol", "albumin_affinity_l_mol", "shbg_estradiol_l_nmol",
                "albumin_estradiol_l_mol", "shbg_days", "oral_half_mg", "oral_shbg"),
    "growth": ("igf1_elimination", "igf1_basal", "igf1_maximum", "igf1_half_gh", "women_gh_resistance",
               "gh_feedback", "ghrh_gain", "ghs_gain", "synergy_gain", "tachyphylaxis", "tachyphylaxis_half",
               "tachyphylaxis_days", "oral_igf1"),
    "thyroid": ("thyroxine_need_ug_kg", "thyroid_feedback", "tsh_exponent", "thyroxine_days"),
    "insulin": (),
}  # fmt: skip
"""Names of the constants on every page of docs/axes."""


def axis_table(page: str) -> str:
    """Rows of `remodeling.AXIS_PARAMETERS` that belong to a page, as Markdown; insulin has no constant."""
    rows = {row.name: row for row in r.AXIS_PARAMETERS}
    lines = ["| constant | meaning | value | unit | status | source |", "|---|---|---|---|---|---|"]
    lines += [
        f"| {row.symbol} `{row.name}` | {row.meaning} | {row.default:g} | {row.unit} | {row.status} "
        f"| {row.source} |"
        for row in (rows[name] for name in PAGES[page])
    ]
    return "\n".join(lines)
