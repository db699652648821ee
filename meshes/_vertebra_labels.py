"""Which number of a segmentation is which vertebra, in the numberings people have.

VerSe: the README of github.com/anjany/verse (1-7 C1-C7, 8-19 T1-T12, 20-25 L1-L6, 26 sacrum, 27 coccyx,
28 T13); TPTBox and SPINEPS use it too. TotalSegmentator: `class_map` in totalsegmentator/map_to_binary.py of
github.com/wasserth/TotalSegmentator, tables "total_v1" (104 classes, L5 is 18) and "total" (version 2,
117 classes, L5 is 27); its numbers rise from the sacrum to the head.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from ._image import Image
from ._orient import to_ras

_DOWN = (*(f"C{n}" for n in range(1, 8)), *(f"T{n}" for n in range(1, 13)), *(f"L{n}" for n in range(1, 6)))

LABEL_CONVENTIONS: dict[str, dict[str, int]] = {
    "verse": {name: number for number, name in enumerate(_DOWN, start=1)} | {"L6": 25, "T13": 28},
    "totalsegmentator-v1": {name: number for number, name in enumerate(reversed(_DOWN), start=18)},
    "totalsegmentator-v2": {name: number for number, name in enumerate(reversed(_DOWN), start=27)},
}
"""Number of every vertebra by name, in each numbering."""

VERTEBRAE = tuple(LABEL_CONVENTIONS["verse"])
"""Names of vertebrae that a study may use."""

_LARGEST = {"verse": 28, "totalsegmentator-v1": 104, "totalsegmentator-v2": 117}
# Centres of neighbouring vertebrae lie 20 mm and more apart, so a reversal is no matter of rounding.
_ORDER = sorted(VERTEBRAE, key=lambda name: ("CTL".index(name[0]), int(name[1:])))


def find_vertebrae(labels: Image, names: Sequence[str], *, convention: str | None = None) -> dict[str, int]:
    """Number of every named vertebra in a label image.

    A numbering fits when it knows every number found, every named vertebra is there, and the vertebrae that
    it sees lie in the order of a spine from head to foot: VerSe counts downward, TotalSegmentator upward, so
    that two neighbours tell them apart.

    Args:
      labels: label image with a true affine.
      names: vertebrae such as "L1".
      convention: "verse", "totalsegmentator" (either version), "totalsegmentator-v1" or "-v2"; None: all.

    Returns:
      name to number.

    Raises:
      ValueError: an unknown name or convention, a vertebra that is missing, no numbering that fits, or
        several (gives the numbers of each reading).
    """
    unknown = [name for name in names if name not in VERTEBRAE]
    if unknown:
        raise ValueError(
            f"vertebrae are named T1 to T13 and L1 to L6 (or C1 to C7); got {', '.join(unknown)}."
        )
    if convention is None:
        wanted = list(LABEL_CONVENTIONS)
    elif convention == "totalsegmentator":
        wanted = [name for name in LABEL_CONVENTIONS if name.startswith(convention)]
    elif convention in LABEL_CONVENTIONS:
        wanted = [convention]
    else:
        known = ", ".join((*LABEL_CONVENTIONS, "totalsegmentator"))
        raise ValueError(f"`convention` must be one of {known}; got {convention!r}.")
    heights = _heights(labels)
    reasons = {name: _misfit(name, names, heights) for name in wanted}
    fitting = [name for name, reason in reasons.items() if reason is None]
    readings = {reading: {name: LABEL_CONVENTIONS[reading][name] for name in names} for reading in fitting}
    if not fitting:
        found = ", ".join(map(str, list(heights)[:20])) + (", ..." if len(heights) > 20 else "")
        why = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
        raise ValueError(f"the labels found ({found}) are not {', '.join(names)} of any numbering ({why}).")
    if len(fitting) > 1:
        listed = "; ".join(
            f"{reading}: " + ", ".join(f"{name} {number}" for name, number in numbers.items())
            for reading, numbers in readings.items()
        )
        raise ValueError(f"the labels can be read in {len(fitting)} ways ({listed}); say which.")
    return readings[fitting[0]]


def _heights(labels: Image) -> dict[int, float]:
    """Mean height of every label above the first slice, mm, by number."""
    values = np.asarray(to_ras(labels).values)
    step = float(np.asarray(to_ras(labels).spacing)[2])
    sums, counts = {}, {}
    for position in range(values.shape[2]):
        numbers, many = np.unique(values[:, :, position], return_counts=True)
        for number, count in zip(numbers.tolist(), many.tolist(), strict=True):
            sums[int(number)] = sums.get(int(number), 0.0) + position * count
            counts[int(number)] = counts.get(int(number), 0) + count
    return {number: step * sums[number] / counts[number] for number in sorted(sums) if number != 0}


def _misfit(reading: str, names: Sequence[str], heights: dict[int, float]) -> str | None:
    """Why a numbering does not fit; None where it does."""
    numbers = LABEL_CONVENTIONS[reading]
    missing = [name for name in names if numbers[name] not in heights] if set(names) <= set(numbers) else None
    if missing is None:
        return "does not know " + ", ".join(name for name in names if name not in numbers)
    if missing:
        return "no " + ", ".join(f"{name} ({numbers[name]})" for name in missing)
    beyond = [number for number in heights if number > _LARGEST[reading]]
    if beyond:
        return f"ends at {_LARGEST[reading]}"
    seen = [numbers[name] for name in _ORDER if name in numbers and numbers[name] in heights]
    rising = [(a, b) for a, b in pairwise(seen) if heights[b] >= heights[a]]
    if rising:
        return f"{rising[0][1]} would lie below {rising[0][0]} and lies above"
    return None
