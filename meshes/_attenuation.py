"""X-ray attenuation of tissues and bone mineral, and the density that a tissue looks like."""

import numpy as np

# Mass attenuation coefficients, cm2/g, at the photon energies below. Tissues (ICRU-44), air and water:
# Hubbell and Seltzer, NISTIR 5632, table 4. Hydroxyapatite Ca10(PO4)6(OH)2: NIST XCOM.
_KEV = np.array([30.0, 40.0, 50.0, 60.0, 80.0, 100.0, 150.0])
_MASS_ATTENUATION = {
    "water": (0.3756, 0.2683, 0.2269, 0.2059, 0.1837, 0.1707, 0.1505),
    "air": (0.3538, 0.2485, 0.2080, 0.1875, 0.1662, 0.1541, 0.1356),
    "fat": (0.3063, 0.2396, 0.2123, 0.1974, 0.1800, 0.1688, 0.1500),
    "muscle": (0.3783, 0.2685, 0.2262, 0.2048, 0.1823, 0.1693, 0.1492),
    "blood": (0.3852, 0.2715, 0.2278, 0.2057, 0.1827, 0.1695, 0.1492),
    "ha": (2.099, 0.9877, 0.5867, 0.4067, 0.2589, 0.2019, 0.1501),
}
# g/cm3: NISTIR 5632, table 2; hydroxyapatite crystal 3.16. Fat: 0.93, the lipid-rich adipose tissue 3 of
# Woodard and White 1986 (Br J Radiol 59:1209); their mean 0.95, also ICRU-44's, gives -78 HU where adults
# have about -100.
_MASS_DENSITY = {"water": 1.0, "air": 1.205e-3, "fat": 0.93, "muscle": 1.05, "blood": 1.06, "ha": 3.16}

REFERENCE_TISSUES = ("air", "fat", "muscle", "blood")


def linear_attenuation(material: str, kev: float) -> float:
    """Linear attenuation coefficient at one photon energy, 1/cm.

    Log-log interpolation of the tables.

    Raises:
      ValueError: unknown material, or an energy outside 30 to 150 keV.
    """
    if material not in _MASS_ATTENUATION:
        raise ValueError(f"`material` must be one of {', '.join(_MASS_ATTENUATION)}; got {material!r}.")
    if not _KEV[0] <= kev <= _KEV[-1]:
        raise ValueError(f"`kev` must be {_KEV[0]:g} to {_KEV[-1]:g} keV; got {kev}.")
    mass = np.exp(np.interp(np.log(kev), np.log(_KEV), np.log(_MASS_ATTENUATION[material])))
    return float(mass * _MASS_DENSITY[material])


def ideal_hu(material: str, kev: float) -> float:
    """CT number of a material in a perfect scanner of one photon energy, HU: 1000 (mu - mu_w) / mu_w."""
    water = linear_attenuation("water", kev)
    return 1000.0 * (linear_attenuation(material, kev) - water) / water


def hu_per_mg_ha(kev: float) -> float:
    """Rise of the CT number per mg/cm3 of hydroxyapatite that takes the place of water, HU cm3/mg."""
    water = linear_attenuation("water", kev)
    return (linear_attenuation("ha", kev) - water) / _MASS_DENSITY["ha"] / water


def equivalent_density_mg_cm3(tissue: str, kev: float) -> float:
    """HA in water that attenuates like the tissue, mg/cm3; negative for fat and air."""
    return ideal_hu(tissue, kev) / hu_per_mg_ha(kev)
