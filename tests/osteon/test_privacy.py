"""Names planted wherever a file or a machine can carry one reach no output: table, picture, map or page."""

import base64
import gzip
import re
import struct
import zlib
from pathlib import Path

import nibabel
import numpy as np
import pytest

import meshes
from osteon import main
from tests.dicom_series import SENTINEL, write_series
from tests.nifti_files import save_nifti
from tests.short_study import STUDY as SHORT

NAME = "Zwetschgenbaum"
"""Stands for a patient; a word that nothing else holds."""

_IMAGE = f"""
path = "{NAME}_ct.nii.gz"
mask = "{NAME}_mask.nii.gz"
[image.calibration]
slope = 0.75
intercept = 5.0
density_type = "ha"
[[levels]]
name = "L3"
label = 22
"""
STUDY = f"# {NAME} came on a Tuesday\n" + SHORT.replace('\nbuiltin = "l3"\nvoxel_mm = 3\n', _IMAGE)


def planted_nifti(folder: Path) -> None:
    """CT and mask with the name in every text field of the header, in an extension and in the file names."""
    vertebra = meshes.make_vertebra(3.0)
    affine = np.diag([3.0, 3.0, 3.0, 1.0])
    for values, what in (
        (np.asarray(vertebra.hu.values).astype(np.float32), "ct"),
        (np.where(np.asarray(vertebra.labels.values) > 0, 22, 0).astype(np.uint8), "mask"),
    ):
        image = nibabel.Nifti1Image(values, affine)
        image.header.set_xyzt_units("mm")
        for field in ("descrip", "aux_file", "intent_name", "db_name", "data_type"):
            image.header[field] = NAME[: image.header[field].dtype.itemsize]
        extension = nibabel.nifti1.Nifti1Extension("comment", NAME.encode())
        image.header.extensions.append(extension)
        nibabel.save(image, folder / f"{NAME}_{what}.nii.gz")
    (folder / f"{NAME}.toml").write_text(STUDY)


def planted_dicom(folder: Path) -> None:
    """A CT with the name in every text element that DICOM knows and in its file names, with a mask."""
    datadict = pytest.importorskip("pydicom.datadict")
    texts = [
        keyword
        for tag, (kind, _, _, _, keyword) in datadict.DicomDictionary.items()
        if keyword and kind in ("PN", "LO", "SH", "LT", "ST", "UT", "UC", "AE") and tag > 0x00080000
    ]
    vertebra = meshes.make_vertebra(3.0)

    def change(data, index):
        for keyword in texts:
            if keyword not in data or data[keyword].value == SENTINEL:
                setattr(data, keyword, NAME)
        data.PixelSpacing, data.ImagePositionPatient = [3.0, 3.0], [0.0, 0.0, 3.0 * index]

    assert len(texts) > 700
    write_series(folder / f"{NAME}_ct", np.round(vertebra.hu.values), change=change, name=NAME)
    labels = np.where(np.asarray(vertebra.labels.values) > 0, 22, 0).astype(np.uint8)
    save_nifti(labels, np.diag([-3.0, -3.0, 3.0, 1.0]), folder / f"{NAME}_mask.nii.gz")
    (folder / f"{NAME}.toml").write_text(STUDY.replace("_ct.nii.gz", "_ct"))


_PNG = b"\x89PNG\r\n\x1a\n"


def _png_texts(content: bytes):
    """The compressed texts of a PNG."""
    at = 8
    while at + 8 <= len(content):
        (size,), kind = struct.unpack(">I", content[at : at + 4]), content[at + 4 : at + 8]
        data = content[at + 8 : at + 8 + size]
        if kind == b"zTXt":
            yield zlib.decompress(data.partition(b"\0")[2][1:])
        at += 12 + size


def layers(content: bytes):
    """The bytes of a file, and what unpacks from them: gzip, zlib chunks of PNG, base64 of HTML and VTK."""
    yield content
    if content[:2] == b"\x1f\x8b":
        yield from layers(gzip.decompress(content))
    if content[:8] == _PNG:
        yield from _png_texts(content)
    if content[:200].lstrip().startswith((b"<!", b"<?xml", b"<html", b"<VTK")):
        for packed in re.findall(rb"[A-Za-z0-9+/]{64,}={0,2}", content):
            try:
                yield from layers(base64.b64decode(packed, validate=True))
            except ValueError:
                continue


def found(folder: Path, words: list[bytes]) -> list[str]:
    """Names of files under `folder` that hold one of the words, in the name or in any layer, in any case."""
    hits = []
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder).as_posix().encode().lower()
        texts = [inside, *((layer.lower() for layer in layers(path.read_bytes())) if path.is_file() else ())]
        hits += [f"{path.name}: {word!r}" for word in words if any(word.lower() in text for text in texts)]
    return hits


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """A folder with the name in it; user, home and host are called so too."""
    folder = tmp_path / f"{NAME}-home"
    folder.mkdir()
    for variable in ("USER", "LOGNAME", "USERNAME", "HOSTNAME"):
        monkeypatch.setenv(variable, NAME)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setattr("platform.node", lambda: NAME)
    monkeypatch.setattr("socket.gethostname", lambda: NAME)
    return folder


def require_clean(command: list[str], out: Path, capsys) -> None:
    """The command ends well, and its folder holds neither the name nor where the file came from."""
    assert main([*command, "--out", str(out)]) == 0, capsys.readouterr().err
    assert found(out, [NAME.encode(), str(out.parent).encode()]) == []


@pytest.mark.parametrize(
    "plant",
    [
        pytest.param(planted_nifti, id="NIfTI", marks=pytest.mark.slow),
        pytest.param(planted_dicom, id="DICOM"),
    ],
)
def test_no_name_reaches_an_output(plant, home, tmp_path, capsys):
    """Planted in headers, extensions, comments, file and folder names, user, home and host; found nowhere."""
    plant(home)
    study = str(home / f"{NAME}.toml")
    require_clean(["run", study], tmp_path / "run", capsys)
    require_clean(["check", study], tmp_path / "check", capsys)


def test_no_name_reaches_a_cohort(home, tmp_path, capsys):
    """Nor a part of one."""
    planted_nifti(home)
    command = ["cohort", str(home / f"{NAME}.toml"), "--set", "cohort.people=64"]
    require_clean([*command, "--part", "1/1"], tmp_path / "part", capsys)
    require_clean([*command, "--join", str(tmp_path / "part")], tmp_path / "cohort", capsys)


def test_the_search_finds_what_is_planted(tmp_path):
    """The search of the test above sees every layer: plain, gzip, PNG text, base64 in a page."""
    name = NAME.encode()
    text = b"Author\0\0" + zlib.compress(name)
    png = _PNG + struct.pack(">I", len(text)) + b"zTXt" + text + b"\0\0\0\0"
    page = b"<!doctype html><img src='data:image/png;base64," + base64.b64encode(png) + b"'>"
    files = {
        "a.txt": b"by " + name,
        "b.gz": gzip.compress(name),
        "c.png": png,
        "d.html": page,
        f"{NAME}.txt": b"",
        "clean.txt": b"nobody",
    }
    for file, content in files.items():
        (tmp_path / file).write_bytes(content)
    hits = {hit.split(":")[0] for hit in found(tmp_path, [name])}
    assert hits == set(files) - {"clean.txt"}
