"""Pictures are the same to the bit whenever the same is drawn."""

import numpy as np
import pytest
from matplotlib.layout_engine import ConstrainedLayoutEngine

from osteon._figures import png_bytes, svg_bytes
from osteon._map_figures import density_figure


def drawn():
    """A figure with slices, colour bars and a title."""
    bone = np.zeros((12, 10, 8), bool)
    bone[2:-2, 2:-2, 2:-2] = True
    density = 100.0 * np.random.default_rng(0).random(bone.shape) * bone
    held = np.zeros_like(bone)
    return density_figure(density, 1.1 * density, bone, (1.5, 1.5, 1.5), held=held, title="L3", month=24)


@pytest.mark.parametrize("write", [png_bytes, svg_bytes])
def test_the_last_digits_of_the_layout_do_not_reach_the_file(monkeypatch, write):
    """The layout's solver orders by memory address: a few units in the last place come out differently."""
    expected = write(drawn())
    execute = ConstrainedLayoutEngine.execute

    def noisy(self, figure):
        answer = execute(self, figure)
        for panel in figure.axes:
            box = panel.get_position(original=True)
            panel._set_position(np.array(box.bounds) * (1 + 1e-13))
        return answer

    monkeypatch.setattr(ConstrainedLayoutEngine, "execute", noisy)
    assert write(drawn()) == expected


def test_settling_moves_nothing_that_an_eye_sees():
    """A figure written twice is the same, and its panels lie where constrained layout put them."""
    free, settled = drawn(), drawn()
    free.draw_without_rendering()
    first = png_bytes(settled)
    assert png_bytes(settled) == first
    for one, other in zip(free.axes, settled.axes, strict=True):
        np.testing.assert_allclose(
            other.get_position(original=True).bounds, one.get_position(original=True).bounds, atol=1e-6
        )
