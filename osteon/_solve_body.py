"""The body of `osteon solve`: a binary mask, or a density image with a label mask."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ._clean_density import without_foreign, without_negative
from ._errors import UserError, input_errors
from ._input_files import require_grid, resampled
from ._model_grid import TRABECULAR, make_model_grid, on_source_axes
from ._voxels import bounding_box, cubic_edge, label_mask, set_aside


@dataclass(frozen=True)
class Body:
    """What is solved: a mask on cubic voxels, the modulus of every element, and where it came from."""

    mask: np.ndarray
    "elements, boolean, (nx, ny, nz), caps included"
    modulus: np.ndarray
    "axial modulus of the elements, MPa, (ne,)"
    yield_stress: np.ndarray | None
    "compressive yield stress of the elements, MPa, (ne,); None where the density law gives none"
    yield_surface: str
    "name of the yield surface, a key of fem.YIELD_SURFACES"
    bone: np.ndarray
    "which elements are bone and not cap, boolean, (ne,)"
    voxel_mm: float
    "edge of a voxel, mm"
    bv_tv: float
    "bone volume fraction: of the box (binary mask) or mean of the bone voxels (density image)"
    image: Any
    "the image that the bone voxels lie on, in RAS order or turned upright, `meshes.Image`"
    source: Any
    "the image as stored in its file, `meshes.Image`"
    source_mask: np.ndarray
    "bone voxels on `source`, boolean"
    image_mask: np.ndarray
    "bone voxels on `image`, boolean"
    notes: tuple[str, ...]
    "sentences about what was done to the input"


def read_body(arguments: argparse.Namespace) -> tuple[Body, dict[str, Any]]:
    """Body and what the summary says of its stiffness.

    Args:
      arguments: options of `osteon solve`; image and mask may be of `meshes.Image` in place of paths.

    Raises:
      UserError: input that cannot be read, or options that do not go together.
    """
    if arguments.mask is None:
        if arguments.law is not None:
            raise UserError(
                "--law needs a calibrated density image with --mask and --label; "
                "a binary mask takes --modulus-mpa"
            )
        return _binary_body(arguments), {"modulus_mpa": _modulus_mpa(arguments)}
    if arguments.modulus_mpa is not None:
        raise UserError("--modulus-mpa is for binary masks; a density image takes its moduli from --law")
    if arguments.law is None or arguments.density_type is None:
        raise UserError(
            "a density image needs --law (e.g. kopperdahl-2002) and --density-type (ha, k2hpo4, ash or "
            "apparent): values are read as mg/cm3, so calibrate HU first"
        )
    return _density_body(arguments), {"law": arguments.law, "density_type": arguments.density_type}


def _modulus_mpa(arguments: argparse.Namespace) -> float:
    modulus = 10000.0 if arguments.modulus_mpa is None else arguments.modulus_mpa
    if not 0 < modulus < np.inf:
        raise UserError(f"--modulus-mpa is {modulus:g}; it must be a positive number of MPa, e.g. 10000")
    return modulus


def _where(given: Any, name: str = "IMAGE") -> str:
    """What an error names: the path, or nothing but the argument where an image itself was given."""
    return f"{name} '{given}'" if isinstance(given, (str, Path)) else name


def _image(given: Any, read: Callable[..., Any], **options: Any) -> Any:
    """The image itself where one was given, else what is read from the path."""
    import meshes

    return given if isinstance(given, meshes.Image) else read(given, **options)


def _binary_body(arguments: argparse.Namespace) -> Body:
    import fem
    import meshes

    if arguments.axis == "endplates":
        raise UserError("--axis endplates turns a density image with --mask; a binary mask is loaded along z")
    with input_errors(_where(arguments.image)):
        source = _image(
            arguments.image,
            meshes.read_mask,
            voxel_mm=arguments.voxel_mm,
            assume_units=arguments.assume_units,
        )
        image = meshes.to_ras(source)
        voxel_mm = cubic_edge(image)
        raw = np.asarray(image.values, dtype=bool)
        kept = meshes.largest_component(raw)
    notes = _part_notes(raw, kept)
    mask, bone, _ = _with_caps(arguments, kept, voxel_mm)
    modulus = np.full(int(mask.sum()), _modulus_mpa(arguments))
    return Body(
        mask=mask,
        modulus=modulus,
        # cement is taken as elastic: its yield stress is that of a strain of one
        yield_stress=np.where(bone, fem.TISSUE_YIELD_STRAIN, 1.0) * modulus,
        yield_surface="bone-tissue",
        bone=bone,
        voxel_mm=voxel_mm,
        bv_tv=float(kept.mean()),
        image=image,
        source=source,
        source_mask=on_source_axes(kept, source),
        image_mask=kept,
        notes=notes,
    )


def _density_body(arguments: argparse.Namespace) -> Body:
    import jax.numpy as jnp

    import fem
    import meshes

    with input_errors("--law"):
        law = fem.density_law(arguments.law)
    with input_errors(_where(arguments.image)):
        source = _image(
            arguments.image,
            meshes.read_image,
            quantity="density",
            density_type=arguments.density_type,
            spacing_mm=arguments.voxel_mm,
            assume_units=arguments.assume_units,
        )
    moved: list[str] = []
    with input_errors(_where(arguments.mask, "--mask")):
        labels = _image(
            arguments.mask,
            meshes.read_labels,
            spacing_mm=arguments.voxel_mm,
            assume_units=arguments.assume_units,
        )
        if arguments.resample_mask:
            labels = resampled(labels, source, "--mask", moved)
        advice = "Or add --resample-mask, which takes the nearest neighbour."
        require_grid(source, labels, ("image", "mask"), advice)
        raw = label_mask(labels, 1 if arguments.label is None else arguments.label, "--label")
    with input_errors(_where(arguments.image)):
        image = meshes.to_ras(source)
        voxel_mm = cubic_edge(image)
    kept = meshes.largest_component(raw)
    parts = _part_notes(raw, kept)
    source_mask = on_source_axes(kept, source)
    mineral = meshes.convert_density(image, "ha")
    if _axis(arguments) == "endplates":
        made = make_model_grid(
            mineral,
            np.where(kept, TRABECULAR, 0),
            None,
            edge=voxel_mm,
            axis="endplates",
            where="--label",
            setting="--axis image",
        )
        if made.turned:
            mineral, kept = made.density, meshes.largest_component(made.parts > 0)
            moved += made.notes
    values = np.array(mineral.values, dtype=np.float64)
    values[kept], foreign = without_foreign(values[kept], "IMAGE")
    values[kept], negative = without_negative(values[kept], "IMAGE")
    mineral = replace(mineral, values=values)
    wanted = meshes.convert_density(mineral, law.density_type)
    notes = (*parts, *moved, *foreign, *negative)
    density = np.asarray(wanted.values, dtype=np.float64)[kept]
    outside = int((density < law.valid_from).sum() + (density > law.valid_to).sum())
    if outside:
        notes = (
            *notes,
            f"{outside} of {density.size} voxels lie outside the range of {law.name}, "
            f"{law.valid_from:g} to {law.valid_to:g} g/cm3; the law is used beyond it, above its floor",
        )
    mask, bone, capped = _with_caps(arguments, kept, voxel_mm)
    modulus = law.modulus_mpa(jnp.asarray(density))
    yield_stress = None if law.yield_stress is None else law.yield_stress_mpa(jnp.asarray(density))
    if capped is not None:
        modulus = fem.capped_modulus(modulus, capped)
        if yield_stress is not None:
            # cement is taken as elastic: its yield stress is that of a strain of one
            yield_stress = fem.capped_modulus(yield_stress, capped)
    fraction = np.asarray(meshes.bv_tv_from_density(np.asarray(mineral.values)[kept]))
    return Body(
        mask=mask,
        modulus=np.asarray(modulus),
        yield_stress=None if yield_stress is None else np.asarray(yield_stress),
        yield_surface="vertebral-cancellous",
        bone=bone,
        voxel_mm=voxel_mm,
        bv_tv=float(fraction.mean()),
        image=mineral,
        source=source,
        source_mask=source_mask,
        image_mask=kept,
        notes=notes,
    )


def _axis(arguments: argparse.Namespace) -> str:
    """The axis asked for; else that of the endplates where the load case embeds them in cement."""
    import fem

    if arguments.axis is not None:
        return str(arguments.axis)
    return (
        "endplates" if arguments.load in fem.LOAD_CASES and fem.LOAD_CASES[arguments.load].caps else "image"
    )


def _with_caps(arguments: argparse.Namespace, kept: np.ndarray, voxel_mm: float):
    """Mask cropped along z for density images or embedded in caps where the load case asks for them."""
    import fem

    case = fem.LOAD_CASES.get(arguments.load)
    if case is not None and case.caps:
        with input_errors("--cap-thickness-mm"):
            capped = fem.add_caps(kept, voxel_mm, thickness_mm=arguments.cap_thickness_mm)
        return capped.mask, ~capped.is_cap, capped
    mask = kept if arguments.mask is None else kept[bounding_box(kept)]
    return mask, np.ones(int(mask.sum()), dtype=bool), None


def _part_notes(raw: np.ndarray, kept: np.ndarray) -> tuple[str, ...]:
    import meshes

    dropped = set_aside(raw, kept)
    return () if dropped is None else (f"{dropped}; kept {100 * meshes.kept_share(kept, raw):.4g} %",)
