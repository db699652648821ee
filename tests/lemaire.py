"""The cell model of Lemaire, Tobin, Greller, Cho, Suva 2004 (J Theor Biol 229:293), as an oracle.

R responding osteoblasts, B active osteoblasts, C active osteoclasts, pM and days:

    R' = DR pC - (DB / pC) R      B' = (DB / pC) R - kB B      C' = DC pL - DA pC C
    pC = (C + f0 Cs) / (C + Cs)   pP = (SP / kP) / (k6 / k5) without infusion of PTH
    pL = (k3 / k4) KLP pP B (1 + IL / rL) / (1 + (k3 / k4) K + (k1 / k2) O),  O = (KOP R / pP + IO) / kO
"""

import numpy as np
from scipy.optimize import fsolve

DR, F0, KB, DC, DA, CS = 7e-4, 0.05, 0.189, 2.1e-3, 0.7, 5e-3
DB = 0.7 * F0
K1, K2, K3, K4, K5, K6 = 1e-2, 10.0, 5.8e-4, 1.7e-2, 0.02, 3.0
KO, KOP, KLP, K, SP, KP, RL = 0.35, 2e5, 3e6, 10.0, 250.0, 86.0, 1e3
PUBLISHED = np.array([0.7734e-3, 0.7282e-3, 0.9127e-3])
"""R, B, C at rest, pM: initial guess of the code of bone-models 0.1.0."""


def parathyroid() -> float:
    """Share of occupied PTH receptors."""
    return (SP / KP) / (K6 / K5)


def resorption_signal(c):
    """pC: TGF-beta released by resorption, 0 to 1."""
    return (c + F0 * CS) / (c + CS)


def ligands(state, opg_production=1.0):
    """RANKL per OPG-free occupancy, OPG (pM): the OPG made by cells is multiplied by `opg_production`."""
    osteoprotegerin = opg_production * KOP * state[0] / parathyroid() / KO
    return KLP * parathyroid() * state[1], osteoprotegerin


def rates(state, *, ligand_infusion=0.0, opg_production=1.0):
    """R', B', C', pM/d; infusion of RANKL in pM/d."""
    r, b, c = state
    signal = resorption_signal(c)
    ligand, decoy = ligands(state, opg_production)
    occupied = K3 / K4 * ligand * (1 + ligand_infusion / RL) / (1 + K3 / K4 * K + K1 / K2 * decoy)
    return np.array(
        [DR * signal - DB / signal * r, DB / signal * r - KB * b, DC * occupied - DA * signal * c]
    )


def steady_state(**conditions) -> np.ndarray:
    """R, B, C at rest, pM."""
    scaled, _, status, text = fsolve(
        lambda x: rates(PUBLISHED * np.exp(x), **conditions) / (PUBLISHED * KB), np.zeros(3), full_output=True
    )
    if status != 1:
        raise RuntimeError(f"no steady state of Lemaire's model under {conditions}: {text}")
    return PUBLISHED * np.exp(scaled)
