"""What the report's moving parts are made from: volumes, scripts, libraries and the security policy."""

import base64
import gzip
import hashlib
import io
import re
from importlib.resources import files

import numpy as np
import pytest

from osteon import UserError, write_report
from osteon._viewer import MODULES, libraries, still_viewer, text_of, viewer_of
from osteon._viewer_volumes import Field, Place, encode, lighten, quantise, read_volumes
from tests.report_folder import ARMS, HOSTILE, MONTHS, summary, volumes, write_folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("viewer") / "run")


def values_of(index: dict, content: bytes, field: dict) -> np.ndarray:
    """Numbers of a field as the page reads them."""
    count = index["levels"][field["level"]]["voxels"]
    planes = np.frombuffer(content, np.uint8, 2 * count, field["begin"]).reshape(2, count).astype(float)
    values = field["low"] + field["step"] * (planes[0] + 256 * planes[1])
    return 10**values if field["power"] else values


@pytest.mark.parametrize("entry", libraries(), ids=lambda entry: entry["name"])
def test_libraries_are_the_files_of_their_packages(entry):
    """Bytes and hash as noted, licence text beside it, and nothing that would end a script element."""
    place = files("osteon") / "viewer"
    content = (place / entry["file"]).read_bytes()
    assert len(content) == entry["bytes"]
    assert hashlib.sha256(content).hexdigest() == entry["sha256"]
    for name, digest in entry["also"].items():
        assert hashlib.sha256((place / name).read_bytes()).hexdigest() == digest
    assert entry["version"] in entry["command"]
    assert entry["version"] in entry["source"]
    assert len((place / entry["licence_file"]).read_text()) > 500
    assert b"</script" not in content


@pytest.mark.parametrize("kind", ["density", "difference", "half_width", "energy"])
def test_sixteen_bits_keep_the_numbers(kind, rng):
    """Within half a step, zero exactly; an energy within 0.02 % over six decades."""
    values = 10 ** rng.uniform(-6, 0, 500) if kind == "energy" else rng.uniform(0, 300, 500)
    if kind == "difference":
        values = values - 150
        values[:10] = 0
    numbers, scale = quantise(values, kind)
    back = scale["low"] + scale["step"] * numbers
    if kind == "energy":
        np.testing.assert_allclose(10**back, values, rtol=2e-4)
    else:
        np.testing.assert_allclose(back, values, atol=0.501 * scale["step"])
        assert np.all(back[values == 0] == 0)


def test_what_is_no_number_or_nothing_at_all_still_has_a_scale():
    """NaN becomes zero; a field of zeros, and one of no energy, stay finite."""
    for kind in ("density", "difference", "energy"):
        numbers, scale = quantise(np.array([0.0, np.nan]), kind)
        assert np.all(np.isfinite(scale["low"] + scale["step"] * numbers))


def test_volumes_come_back_from_the_file(folder):
    """Index, masks and every field; high bytes lie behind low ones."""
    index, parts = read_volumes(folder / "maps" / "viewer.npz")
    content = b"".join(parts)
    places, fields = volumes()
    assert index["arms"] == ARMS
    assert index["months"] == MONTHS
    for level, place in zip(index["levels"], places, strict=True):
        cells = place.bone.size
        packed = np.frombuffer(content, np.uint8, -(-cells // 8), level["bone"])
        assert np.array_equal(np.unpackbits(packed, count=cells).reshape(place.bone.shape), place.bone)
        held = np.frombuffer(content, np.uint8, -(-level["voxels"] // 8), level["held"])
        assert np.unpackbits(held, count=level["voxels"]).sum() == 1
    for listed, field in zip(index["fields"], fields, strict=True):
        assert (listed["level"], listed["arm"], listed["month"]) == (field.level, field.arm, field.month)
        np.testing.assert_allclose(values_of(index, content, listed), field.values, rtol=1e-3, atol=2e-3)


def test_a_large_run_drops_months_before_it_drops_voxels():
    """Half as many values as there are: the last month alone, and no blocks."""
    places, fields = volumes()
    total = sum(len(field.values) for field in fields)
    kept_places, kept, said = lighten(places, fields, int(0.7 * total))
    assert {field.month for field in kept} == {0, 6}
    assert kept_places is places
    assert "only month 6" in said
    assert lighten(places, fields, total) == (places, fields, "")


def test_blocks_are_means_of_their_bone():
    """A mean over 2 x 2 x 2 voxels weighs bone alone, and the block lies around its voxels."""
    bone = np.zeros((4, 4, 4), bool)
    bone[1:3, 1:3, 1:4] = True
    place = Place("L1", bone, np.zeros_like(bone), (1.0, 1.0, 1.0), np.zeros(3), np.eye(3))
    values = np.argwhere(bone)[:, 2].astype(float)
    (made,), (field,), said = lighten([place], [Field(0, None, 0, "density", values)], 8)
    assert made.bone.shape == (2, 2, 2)
    assert made.bone.all()
    assert made.spacing == (2.0, 2.0, 2.0)
    np.testing.assert_array_equal(made.origin, [0.5, 0.5, 0.5])
    np.testing.assert_array_equal(field.values.reshape(2, 2, 2)[0, 0], [1.0, 2.5])
    assert "2 x 2 x 2" in said


def arrays_of(content: bytes) -> dict[str, np.ndarray]:
    with np.load(io.BytesIO(content)) as file:
        return {name: file[name] for name in file.files}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda arrays: arrays.pop("field_3"), "field_3"),
        (lambda arrays: arrays.update(field_0=arrays["field_0"][:-1]), "field_0 has"),
        (lambda arrays: arrays.update(field_0=arrays["field_0"].astype(float)), "field_0 has"),
        (lambda arrays: arrays.update(bone_0=np.zeros_like(arrays["bone_0"])), "bone_0 has 0 voxels"),
        (lambda arrays: arrays.update(index=np.frombuffer(b'{"format": "x"}', np.uint8)), "format 'x'"),
        (lambda arrays: arrays.update(index=np.frombuffer(b"{", np.uint8)), "damaged"),
    ],
)
def test_a_damaged_file_gets_a_sentence(tmp_path, change, words):
    """Missing, cut or foreign arrays are user errors that name the array and what to do."""
    arrays = arrays_of(encode(ARMS, MONTHS, *volumes(), ""))
    change(arrays)
    np.savez(tmp_path / "viewer.npz", **arrays)
    with pytest.raises(UserError, match=words) as caught:
        read_volumes(tmp_path / "viewer.npz")
    assert "run the study again" in str(caught.value)


def test_neither_pickles_nor_bombs_are_read(tmp_path, monkeypatch):
    """Objects are refused, and so is a file that unpacks to more than a report can hold."""
    path = tmp_path / "viewer.npz"
    np.savez(path, index=np.array([{"format": "osteon-viewer/1"}], object))
    with pytest.raises(UserError, match="damaged"):
        read_volumes(path)
    path.write_bytes(b"PK no zip at all")
    with pytest.raises(UserError, match="damaged"):
        read_volumes(path)
    path.write_bytes(encode(ARMS, MONTHS, *volumes(), ""))
    monkeypatch.setattr("osteon._viewer_volumes._MOST_BYTES", 1000)
    with pytest.raises(UserError, match="unpacks to more"):
        read_volumes(path)


def test_the_same_folder_gives_the_same_report(folder):
    """No time and no order that varies gets in."""
    assert write_report(folder).read_bytes() == write_report(folder).read_bytes()


def test_the_policy_names_no_host_and_only_the_scripts_of_the_page(folder):
    """default-src 'none'; every inline script's hash is in the policy and no other is."""
    html = write_report(folder).read_text()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html).group(1).replace("&#39;", "'")
    assert policy.startswith("default-src 'none';")
    assert "http" not in policy
    assert "unsafe-eval" not in policy
    assert "script-src 'unsafe-inline'" not in policy
    script = re.search(r"<script>(.*?)</script>", html, re.DOTALL).group(1)
    packed = re.findall(r'<script type="text/plain" id="library-\w+">([^<]*)</script>', html)
    sources = [script.encode(), *(gzip.decompress(base64.b64decode(text)) for text in packed)]
    expected = {base64.b64encode(hashlib.sha256(source).digest()).decode() for source in sources}
    assert set(re.findall(r"'sha256-([^']*)'", policy)) == expected
    assert len(expected) == 3


def test_names_cannot_leave_their_place(folder):
    """The hostile arm stands in the page escaped only; the data are base64."""
    html = write_report(folder).read_text()
    assert HOSTILE not in html
    assert "&lt;/script&gt;&lt;script&gt;alert(1)" in html
    assert html.count("<script") == html.count("</script>") == 4


def test_our_scripts_send_nothing_and_build_no_markup():
    """No request, no evaluation, no inner HTML, no address."""
    script = "".join(text_of(name) for name in MODULES)
    for banned in ("fetch(", "XMLHttp", "eval(", "new Function", "innerHTML", "document.write", "://"):
        assert banned not in script


def test_a_run_without_maps_carries_no_slices(tmp_path):
    """Charts alone: no vtk.js, a file of less than half a megabyte."""
    folder = write_folder(tmp_path / "run", slices=False)
    html = write_report(folder).read_text()
    assert 'id="library-uPlot"' in html
    assert "library-vtk" not in html
    assert 'id="planes"' not in html
    assert len(html) < 500_000


def test_a_folder_without_time_courses_stands_still(tmp_path):
    """No script at all, and a policy that allows none."""
    assert viewer_of(tmp_path, summary()) == still_viewer()
    assert "script-src 'none'" in still_viewer().policy


def test_a_damaged_table_of_courses_gets_a_sentence(tmp_path):
    """A cell that is no number names the file."""
    (tmp_path / "timecourse.csv").write_text("arm,level,month,quantity,value,unit\na,L2,x,bmc_mg,1,mg\n")
    with pytest.raises(UserError, match="timecourse"):
        viewer_of(tmp_path, summary())
