"""Whole files of every kind that is read, small, as bytes: what the damage is done to."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import meshio
import nibabel
import numpy as np

import calibration
import meshes
from tests.dicom_series import write_series
from tests.short_study import STUDY

SHAPE = (5, 4, 3)


def voxels(kind: type = np.int16) -> np.ndarray:
    """Values of a small image."""
    return (np.arange(60).reshape(SHAPE) * 7 % 50).astype(kind)


def nifti(folder: Path, suffix: str) -> list[bytes]:
    """NIfTI with sform, with qform only, with scaling, of several types."""
    made = []
    affine = np.array([[0, 0, 3.0, -4], [-2.0, 0, 0, 5], [0, -1.0, 0, 9], [0, 0, 0, 1]])
    for number, kind in enumerate((np.int16, np.float32, np.uint8, np.float64)):
        image = nibabel.Nifti1Image(voxels(kind), affine)
        image.header.set_xyzt_units("mm")
        if number == 1:
            image.set_sform(None, 0)
            image.set_qform(affine, 1)
        if number == 2:
            image.header.set_slope_inter(2.0, -10.0)
        path = folder / f"seed{number}{suffix}"
        nibabel.save(image, path)
        made.append(path.read_bytes())
    return made


def numpy_array(folder: Path) -> list[bytes]:
    """.npy in both orders and several types."""
    made = []
    for array in (voxels(), np.asfortranarray(voxels(np.float64)), voxels(np.uint8) > 20):
        stream = io.BytesIO()
        np.save(stream, array)
        made.append(stream.getvalue())
    return made


def numpy_masks(folder: Path) -> list[bytes]:
    """.npz of a mask, stored, and of its bits, compressed."""
    mask = (voxels() > 20).astype(np.uint8)
    stored, packed = io.BytesIO(), io.BytesIO()
    np.savez(stored, mask=mask, voxel_mm=0.5)
    np.savez_compressed(packed, bits=np.packbits(mask), shape=np.array(SHAPE), voxel_mm=0.1)
    return [stored.getvalue(), packed.getvalue()]


def numpy_archive(folder: Path) -> list[bytes]:
    """.npz of masks, and of an image with its spacing."""
    image = io.BytesIO()
    np.savez_compressed(image, hu=voxels(), spacing=np.array([1.0, 2.0, 3.0]))
    return [*numpy_masks(folder), image.getvalue()]


def sitk_image(folder: Path, suffix: str) -> list[bytes]:
    """What SimpleITK writes: MHA, NRRD, plain and compressed."""
    import SimpleITK

    made = []
    for number, packed in enumerate((False, True)):
        image = SimpleITK.GetImageFromArray(voxels(np.float32 if packed else np.int16))
        image.SetSpacing((1.0, 2.0, 3.0))
        path = folder / f"seed{number}{suffix}"
        SimpleITK.WriteImage(image, str(path), packed)
        made.append(path.read_bytes())
    return made


def tiff(folder: Path) -> list[bytes]:
    """Stacks of pages, plain and deflated, little and big endian."""
    import tifffile

    made = []
    for number, (packed, order) in enumerate(((None, "<"), ("zlib", "<"), (None, ">"))):
        path = folder / f"seed{number}.tif"
        tifffile.imwrite(path, voxels(), compression=packed, byteorder=order, photometric="minisblack")
        made.append(path.read_bytes())
    return made


def dicom(folder: Path) -> list[bytes]:
    """The slices of a series."""
    write_series(folder / "series", voxels())
    return [path.read_bytes() for path in sorted((folder / "series").iterdir())]


def mesh(folder: Path, suffix: str) -> list[bytes]:
    """A box of hexahedra and one of tetrahedra as meshio and the project write them."""
    made = []
    for number, element in enumerate(("hex8", "tet4")):
        path = folder / f"seed{number}{suffix}"
        box = meshes.make_box_mesh((2, 1, 1), (2.0, 1.0, 1.0), element)
        if suffix == ".msh":
            solids = [("hexahedron" if element == "hex8" else "tetra", box.cells[element])]
            meshio.write(path, meshio.Mesh(box.points, solids), file_format="gmsh", binary=True)
        else:
            meshes.write_mesh(path, box)
        made.append(path.read_bytes())
    return made


def surface(folder: Path, suffix: str) -> list[bytes]:
    """A tetrahedron's surface, as text and in binary where there are both."""
    points = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1.0]])
    faces = np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [2, 0, 3]])
    made = []
    for binary in (True, False):
        path = folder / f"seed{int(binary)}{suffix}"
        options = {"binary": binary} if suffix in (".stl", ".ply") else {}
        meshio.write(path, meshio.Mesh(points, [("triangle", faces)]), **options)
        made.append(path.read_bytes())
    return made


def study(folder: Path) -> list[bytes]:
    """Studies of the examples and one with everything in it."""
    examples = Path(__file__).resolve().parents[2] / "examples"
    paths = sorted(examples.glob("*.toml")) + sorted((examples / "gallery").glob("*.toml"))[:8]
    return [STUDY.encode(), *(path.read_bytes() for path in paths)]


def events(folder: Path) -> list[bytes]:
    """An event table with all columns, and a short one."""
    full = (
        "ID,TIME,EVID,AMT,CMT,II,ADDL,RATE,SS,DV\n"
        "7,0,1,100,testosterone-cypionate,7,51,0,0,.\n7,90,0,.,.,.,.,.,.,5.1\n"
        "7,364,1,80,testosterone-cypionate,7,51,0,0,.\n"
    )
    return [full.encode(), b"TIME,AMT,CMT\n0,100,testosterone-cypionate\n7,100,testosterone-cypionate\n"]


def trial_table(name: str) -> Callable[[Path], list[bytes]]:
    """One of the trial tables that the program comes with."""

    return lambda folder: [(Path(calibration.__file__).parent / "trials" / name).read_bytes()]


def posterior(folder: Path) -> list[bytes]:
    """The posterior that the program comes with."""
    return [(Path(calibration.__file__).parent / "posterior" / "posterior.json").read_bytes()]


def manifest(folder: Path) -> list[bytes]:
    """A manifest of two files."""
    entry = {"bytes": 3, "sha256": "ab" * 32}
    return [
        json.dumps({"format": "osteon-manifest/1", "files": {"a.csv": entry, "maps/b.vti": entry}}).encode()
    ]
