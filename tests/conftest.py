"""Settings of every test: double precision, compiled programs shared, keys from the test's name."""

import os
import shutil
import tempfile
import zlib
from pathlib import Path

import jax
import numpy as np
import pytest

from osteon._machine import prepare_jax

jax.config.update("jax_enable_x64", True)

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def pytest_configure(config):
    """One cache of compiled programs for a test process and those that it starts, removed at the end.

    The user's own is neither read nor written. Workers have one each: jax writes in place, so that another
    worker could read half a program.
    """
    if config.option.markexpr in ("", "not slow"):
        _compile_quickly()
    folder = tempfile.mkdtemp(prefix="osteon-tests-")
    os.environ["XDG_CACHE_HOME"] = folder
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


def _compile_quickly() -> None:
    """Leave out what only makes programs faster, here and in processes that a test starts.

    Most of a test's time is that of the compiler. The slow tests and those of a device run what a user runs.
    XLA's older generator of loops for the CPU compiles faster and computes the same.
    """
    loops = "--xla_cpu_use_fusion_emitters=false"
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {loops}".strip()
    jax.config.update("jax_disable_most_optimizations", True)
    os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"


@pytest.fixture
def key(request) -> jax.Array:
    """A random key that depends on the test's name only."""
    return jax.random.key(zlib.crc32(request.node.name.encode()))


@pytest.fixture
def rng(request) -> np.random.Generator:
    """A NumPy generator that depends on the test's name only."""
    return np.random.default_rng(zlib.crc32(request.node.name.encode()))


@pytest.fixture
def shared_data() -> Path:
    """Folder of real bone images; the test is skipped where it is not at hand."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"real bone images not found beside the project ({SHARED_DATA.name}/)")
    return SHARED_DATA


@pytest.fixture(autouse=True, scope="module")
def compiled_programs():
    """One test file's would add up to gigabytes with the next one's; what was compiled is kept on disk."""
    prepare_jax()
    yield
    jax.clear_caches()
