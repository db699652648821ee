"""Calibration from the patient's own tissues, without a phantom."""

from collections.abc import Mapping

import numpy as np
from scipy import ndimage

from ._attenuation import REFERENCE_TISSUES, equivalent_density_mg_cm3
from ._calibration import Calibration, CalibrationFit, calibrate_from_pairs
from ._density import k2hpo4_over_ha
from ._image import Image, require_same_grid

# Windows in which a tissue's peak is sought, HU (assumed, within the usual -190 to -30 HU for fat and -29 to
# 150 HU for muscle of body composition studies). Below -1015 lies padding, not air.
_WINDOWS = {"air": (-1015, -880), "fat": (-150, -50), "muscle": (10, 90)}
# Share of a window's voxels, those of the smallest gradient, taken as pure tissue (assumed).
_PURE_SHARE = 0.25
_LEAST_VOXELS = 100


def tissue_hu(image: Image) -> dict[str, float]:
    """CT numbers of air, fat and muscle: the most frequent one in the pure part of each tissue's window.

    The image is smoothed over one voxel, so that noise does not bury the peaks. Of the voxels in a window
    the quarter with the smallest gradient is kept, which drops mixed voxels at borders; the mode of their
    histogram, smoothed over 4 HU, is the answer. A tissue with fewer than 100 pure voxels, or a mode at the
    window's edge (a slope, not a peak), is left out. Blood cannot be told from muscle by its CT number and
    is never found.

    Args:
      image: CT in HU, without contrast agent.

    Returns:
      Tissue name to HU; possibly empty.
    """
    if image.quantity != "hu":
        raise ValueError(f"`image` must be in HU; it holds {image.quantity!r}.")
    values = np.asarray(image.values, float)
    smooth = ndimage.gaussian_filter(values, 1.0)
    gradient = ndimage.gaussian_gradient_magnitude(values, 1.0)
    found = {}
    for tissue, (low, high) in _WINDOWS.items():
        inside = (smooth >= low) & (smooth <= high)
        if not inside.any():
            continue
        pure = smooth[inside & (gradient <= np.quantile(gradient[inside], _PURE_SHARE))]
        if pure.size < _LEAST_VOXELS:
            continue
        counts = np.histogram(pure, bins=np.arange(low - 0.5, high + 1.5))[0].astype(float)
        peak = int(ndimage.gaussian_filter1d(counts, 4.0, mode="nearest").argmax())
        if 0 < peak < len(counts) - 1:
            found[tissue] = float(low + peak)
    return found


def calibrate_phantomless(
    image: Image | None = None,
    *,
    hu: Mapping[str, float] | None = None,
    tissues: Image | None = None,
    tissue_labels: Mapping[str, int] | None = None,
    reference_mg_cm3: Mapping[str, float] | None = None,
    effective_kev: float = 70.0,
    nominal_air: bool = True,
    density_type: str = "ha",
    tube_kv: float = 120.0,
) -> tuple[Calibration, CalibrationFit]:
    """Calibration by the line through measured HU of tissues and their HA-equivalent densities.

    CT numbers come from `hu`, else as medians of the labelled tissues, else from the histogram
    (`tissue_hu`). The equivalent density of a tissue is that of hydroxyapatite in water with the same
    linear attenuation at the scan's effective energy, from NIST's tables for ICRU-44 tissues, as in
    internal calibration (Michalski et al. 2020, Med Eng Phys 78:55). Unlike there, the effective energy
    is given, not fitted, as two to four soft tissues do not determine it; 70 keV for 120 kVp is
    assumed. At 70 keV the equivalents are air -750, fat -74, muscle 32, blood 42 mg/cm3. Every 5 keV
    change the slope by about 10 %: absolute densities are no better than that, changes of one patient
    on one scanner are.

    Fat and muscle alone span 150 HU, and a person's fat or muscle is rarely the table's, so that a line
    through them may be off by a fifth. Air that is not measured therefore enters with -1000 HU, the
    definition of the scale.

    Args:
      image: CT in HU; not needed when `hu` is given.
      hu: measured HU by tissue: two or more of "air", "fat", "muscle", "blood".
      tissues: label image on the grid of `image`.
      tissue_labels: tissue name to label value in `tissues`.
      reference_mg_cm3: equivalent densities by tissue that replace the computed ones, in `density_type`.
      effective_kev: effective photon energy, keV, 40 to 120.
      nominal_air: let air enter with -1000 HU where it is not measured; the fit names it "air (nominal)".
      density_type: "ha" or "k2hpo4" (HA times the published ratio, `k2hpo4_over_ha`).
      tube_kv: tube voltage for that ratio, kV.

    Returns:
      calibration, and the fit with measured HU, equivalents, residuals and r2.

    Raises:
      ValueError: fewer than two tissues, an unknown tissue or density type, labels without voxels, another
        grid.

    Contrast agent raises blood, and blood is then no reference.
    """
    if density_type not in ("ha", "k2hpo4"):
        raise ValueError(f"`density_type` must be 'ha' or 'k2hpo4' without a phantom; got {density_type!r}.")
    if not 40 <= effective_kev <= 120:
        raise ValueError(f"`effective_kev` must be 40 to 120 keV; got {effective_kev}.")
    measured = dict(hu) if hu is not None else _measured(image, tissues, tissue_labels)
    nominal = nominal_air and len(measured) > 0 and "air" not in measured
    if nominal:
        measured["air"] = -1000.0
    unknown = sorted((measured.keys() | (reference_mg_cm3 or {}).keys()) - set(REFERENCE_TISSUES))
    if unknown:
        raise ValueError(f"tissues must be among {', '.join(REFERENCE_TISSUES)}; got {', '.join(unknown)}.")
    names = [tissue for tissue in REFERENCE_TISSUES if tissue in measured]
    if len(names) < 2:
        raise ValueError(
            f"a calibration without phantom needs two or more of {', '.join(REFERENCE_TISSUES)}; found "
            f"{', '.join(names) or 'none'}. State their HU with `hu` or label them."
        )
    scale = k2hpo4_over_ha(tube_kv) if density_type == "k2hpo4" else 1.0
    computed = {name: scale * equivalent_density_mg_cm3(name, effective_kev) for name in names}
    computed.update({name: float(value) for name, value in (reference_mg_cm3 or {}).items() if name in names})
    source = f"NIST attenuation of ICRU-44 tissues at {effective_kev:g} keV (energy assumed)"
    if reference_mg_cm3:
        source += f"; stated by the user: {', '.join(sorted(reference_mg_cm3))}"
    return calibrate_from_pairs(
        [measured[name] for name in names],
        [computed[name] for name in names],
        density_type,
        materials=["air (nominal)" if nominal and name == "air" else name for name in names],
        source=source,
    )


def _measured(
    image: Image | None, tissues: Image | None, tissue_labels: Mapping[str, int] | None
) -> dict[str, float]:
    if image is None:
        raise ValueError("give a CT as `image`, or measured HU by tissue as `hu`.")
    if tissues is None:
        return tissue_hu(image)
    if image.quantity != "hu":
        raise ValueError(f"`image` must be in HU; it holds {image.quantity!r}.")
    if not tissue_labels:
        raise ValueError("`tissue_labels` must say which label of `tissues` is which tissue.")
    require_same_grid(image, tissues, names=("image", "tissues"))
    measured = {}
    for tissue, label in tissue_labels.items():
        inside = np.equal(tissues.values, label)
        # The outer layer mixes with its neighbours; small regions are kept whole.
        core = np.asarray(ndimage.binary_erosion(inside), bool)
        chosen = core if core.sum() >= 20 else inside
        if not chosen.any():
            raise ValueError(f"`tissues` holds no voxel of label {label} ({tissue}).")
        measured[tissue] = float(np.median(np.asarray(image.values)[chosen]))
    return measured
