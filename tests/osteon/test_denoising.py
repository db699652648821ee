"""Density averaged inside the compartments of a body."""

import numpy as np
import pytest

from osteon._levels import denoised


def test_averaging_keeps_constants_and_borders(rng):
    """A constant per compartment stays; noise shrinks; outside nothing changes."""
    parts = np.zeros((8, 8, 8), int)
    parts[1:7, 1:7, 1:7] = 2
    parts[2:6, 2:6, 2:6] = 1
    constant = np.where(parts == 1, 100.0, np.where(parts == 2, 300.0, -50.0))
    assert denoised(constant, parts, 1.0) == pytest.approx(constant)
    noisy = constant + rng.normal(size=constant.shape) * 20
    result = denoised(noisy, parts, 1.0)
    assert result[parts == 1].std() < 0.5 * noisy[parts == 1].std()
    assert (result[parts == 0] == noisy[parts == 0]).all()
