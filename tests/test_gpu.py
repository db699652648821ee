"""The same kernels on a device and on the CPU: one answer."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.kernels import KERNELS

# Sums run in another order there, and the solves stop on a residual of 1e-5.
TOLERANCE = {jnp.float32: 2e-3, jnp.float64: 1e-4}


@pytest.fixture(scope="module")
def device():
    """The first accelerator, or a skip with the reason."""
    try:
        return jax.devices("gpu")[0]
    except RuntimeError as error:
        pytest.skip(f"no device: {str(error).splitlines()[0]}")


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)
def test_a_device_agrees_with_the_cpu(kernel, dtype, device):
    """Value and gradient are the same up to the precision, relative to the largest entry of each array."""
    answers = []
    for place in (jax.devices("cpu")[0], device):
        with jax.default_device(place):
            arguments = jax.device_put(kernel.arguments(dtype), place)
            answers.append(jax.device_get(jax.jit(kernel.value_and_gradient)(*arguments)))
    expected, found = map(jax.tree.leaves, answers)
    assert len(expected) == len(found)
    for here, there in zip(expected, found, strict=True):
        if not np.issubdtype(here.dtype, np.floating):
            continue  # counts of iterations may differ by one
        scale = max(float(np.max(np.abs(here))), np.finfo(here.dtype).tiny)
        np.testing.assert_allclose(there / scale, here / scale, atol=TOLERANCE[dtype])
