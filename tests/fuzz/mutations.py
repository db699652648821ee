"""Damage to bytes and texts, drawn by hypothesis so that a failure shrinks to the smallest damage."""

import struct

from hypothesis import strategies as st

# What breaks readers: limits of integer types, sizes beyond any memory, floats that are no numbers.
_FORMS = ("b", "B", "<h", ">h", "<H", "<i", ">i", "<I", "<q", "<f", ">f", "<d", ">d")
_INTEGERS = (
    0,
    1,
    -1,
    2,
    127,
    128,
    255,
    256,
    32767,
    32768,
    65535,
    2**31 - 1,
    -(2**31),
    2**32 - 1,
    2**62,
    30000,
)
_FLOATS = (0.0, -0.0, 1.0, -1.0, 1e-38, 1e38, 1e308, float("nan"), float("inf"), float("-inf"), 1e-300, 0.5)
_TOKENS = (
    b"nan", b"inf", b"-1", b"0", b"1e309", b"1e-309", b"99999999999999999999", b"3", b"", b" ", b"\n", b"\0",
    b"-", b"true", b"'", b'"', b"[", b"]", b"{", b"}", b"=", b",", b"..", b"../../etc/passwd", b"%s%n",
    b"\xff\xfe", b"<!DOCTYPE x [<!ENTITY a 'b'>]>", b"&a;", b"LIST", b"raw", b"gzip", b"4096 4096 4096",
    b"30000 30000 30000", b"\xc3\xa9", b"1,5", b"1_0", b"0x10", b"#", b"!!python/object", b"cos\nsystem\n",
)  # fmt: skip


def _packed(form: str, value: float) -> bytes:
    try:
        return struct.pack(form, value)
    except (struct.error, OverflowError):
        return struct.pack(form, 0)


_VALUES = st.one_of(
    st.builds(_packed, st.sampled_from([f for f in _FORMS if f[-1] not in "fd"]), st.sampled_from(_INTEGERS)),
    st.builds(_packed, st.sampled_from([f for f in _FORMS if f[-1] in "fd"]), st.sampled_from(_FLOATS)),
    st.sampled_from(_TOKENS),
    st.binary(min_size=1, max_size=8),
)
_KINDS = ("over", "over", "over", "insert", "delete", "cut", "repeat", "swap", "token", "token")


@st.composite
def damage(draw, seeds: list[bytes], *, text: bool = False) -> bytes:
    """A seed with one to six damages, most of them in its first 600 bytes, where headers are.

    Args:
      seeds: whole files.
      text: damage by words and lines, as in files that people write.
    """
    content = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(1, 6))):
        kind = draw(st.sampled_from(_KINDS))
        span = min(len(content), 600) if draw(st.integers(0, 3)) else len(content)
        at = draw(st.integers(0, max(span - 1, 0)))
        if kind == "over":
            value = draw(_VALUES)
            content[at : at + len(value)] = value
        elif kind == "insert":
            content[at:at] = draw(_VALUES)
        elif kind == "delete":
            del content[at : at + draw(st.integers(1, 40))]
        elif kind == "cut":
            del content[at:]
        elif kind == "repeat":
            piece = content[at : at + draw(st.integers(1, 200))]
            content[at:at] = piece * draw(st.integers(1, 20))
        elif kind == "swap":
            other = draw(st.sampled_from(seeds))
            content[at:] = other[at:]
        elif kind == "token":
            _replace_token(draw, content, at, lines=text)
    return bytes(content)


def _replace_token(draw, content: bytearray, at: int, *, lines: bool) -> None:
    """Another word in place of the one that stands at or after `at`, or a line twice or not at all."""
    blanks = b" \t\n\r,=<>\"'\0;:/[]"
    begin = at
    while begin < len(content) and content[begin] in blanks:
        begin += 1
    end = begin
    while end < len(content) and content[end] not in blanks:
        end += 1
    if lines and draw(st.booleans()):
        first = content.rfind(b"\n", 0, at) + 1
        last = content.find(b"\n", at) + 1 or len(content)
        line = bytes(content[first:last])
        content[first:last] = line * draw(st.sampled_from((0, 2)))
        return
    content[begin:end] = draw(st.sampled_from(_TOKENS))
