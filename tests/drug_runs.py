"""Exposures of prescriptions, for the tests of drugs."""

import jax
import jax.numpy as jnp

import remodeling as r

EDGES = jnp.arange(0.0, 61.0)
exposure = jax.jit(r.exposure)
mean_concentration = jax.jit(r.mean_concentration, static_argnums=0)


def exposed(*doses, edges=EDGES, weight=70.0, **protocol):
    """Exposure of a prescription."""
    given = r.make_protocol(doses, duration_days=float(edges[-1]), **protocol)
    return exposure(given, weight, edges)


def drug_table() -> str:
    """The registry as the tables of docs/drugs.md."""
    lines = []
    for drug in r.DRUGS.values():
        acts = ", ".join(f"{action.field} ({action.mode})" for action in drug.actions)
        kinetics = "target-mediated" if drug.saturable else f"{len(drug.phases)} chain(s)"
        lines += [
            f"### {drug.name}",
            "",
            f"Routes: {', '.join(drug.routes)}. Dose: {drug.dose_unit}. Kinetics: {kinetics}.",
            f"Acts on: {acts}.",
            *([f"Say with every result: {drug.caution}."] if drug.caution else []),
            "",
            "| number | value | unit | status | source |",
            "|---|---|---|---|---|",
            *(f"| {n.name} | {n.value:.4g} | {n.unit} | {n.status} | {n.source} |" for n in drug.numbers),
            "",
        ]
    return "\n".join(lines)
