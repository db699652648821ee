"""Everything traced, and its gradient, becomes a CUDA program on a machine without a device."""

import inspect

import jax
import jax.numpy as jnp
import pytest

import calibration
import fem
import remodeling
from tests.kernel_body import BOTH
from tests.kernels import HOST_FUNCTIONS, KERNELS


@pytest.mark.parametrize(
    ("kernel", "dtype"),
    [
        pytest.param(
            kernel,
            jnp.dtype(name),
            id=f"{kernel.name}-{name}",
            marks=[pytest.mark.slow] if name in kernel.slow else [],
        )
        for kernel in KERNELS
        for name in BOTH
    ],
)
def test_value_and_gradient_lower_for_cuda(kernel, dtype):
    """jax.export for "cuda" refuses callbacks, debug prints and CPU-only linear algebra."""
    program = jax.jit(kernel.value_and_gradient)
    exported = jax.export.export(program, platforms=["cuda"])(*kernel.arguments(dtype))
    assert exported.platforms == ("cuda",)
    _, gradient = jax.tree.unflatten(exported.out_tree, exported.out_avals)
    # a gradient has the precision of what it is taken by
    gradients = jax.tree.leaves(gradient)
    assert all(gradient.dtype == dtype for gradient in gradients)
    assert bool(gradients) == kernel.differentiable


@pytest.mark.parametrize("package", [fem, remodeling, calibration], ids=lambda package: package.__name__)
def test_the_table_holds_every_public_function(package):
    """A new public function is either in the table of kernels or named as one of the host."""
    public = {
        f"{package.__name__}.{name}"
        for name, value in vars(package).items()
        if inspect.isfunction(value) and not name.startswith(("_", "make_"))
    }
    traced = {kernel.name.partition("[")[0] for kernel in KERNELS}
    unlisted = public - traced - HOST_FUNCTIONS - {"fem.density_law"}
    assert not unlisted, f"add to tests/kernels.py: {sorted(unlisted)}"
    gone = {name for name in traced | HOST_FUNCTIONS if name.startswith(package.__name__)} - public
    assert not gone, f"no longer public: {sorted(gone)}"
