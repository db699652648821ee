"""Settings of every test: double precision, one tolerance table, keys from the test's name."""

import zlib
from pathlib import Path

import jax
import numpy as np
import pytest

jax.config.update("jax_enable_x64", True)

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


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
def forget_compiled_programs():
    """Compiled programs of one test file are of no use to the next and would add up to gigabytes."""
    yield
    jax.clear_caches()
