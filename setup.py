"""Compiled form of the solver: optional, so that a machine without a C++ compiler installs as well."""

import platform
import sys

from setuptools import Extension, setup

NATIVE = "fem/native"
HEADERS = [f"{NATIVE}/{name}.h" for name in ("elements", "inverse", "multigrid", "pool", "product")]


def extensions() -> list[Extension]:
    """One library per level of the instruction set; none where JAX's headers or a GNU-like compiler lack."""
    if sys.platform == "win32":
        return []
    try:
        from jax.ffi import include_dir
    except ImportError:
        return []
    builds = {"generic": []}
    if platform.machine() in ("x86_64", "AMD64"):
        builds = {
            "x86_64_v3": ["-march=x86-64-v3"],
            "x86_64_v4": ["-march=x86-64-v4", "-mprefer-vector-width=512"],
        }
    return [
        Extension(
            f"fem._solver_{name}",
            sources=[f"{NATIVE}/solver_{name}.cc"],
            depends=[f"{NATIVE}/solver.cc", *HEADERS],
            include_dirs=[include_dir(), NATIVE],
            extra_compile_args=["-std=c++17", "-O3", "-g0", "-fopenmp-simd", "-w", *flags],
            extra_link_args=["-pthread"],
            optional=True,
        )
        for name, flags in builds.items()
    ]


setup(ext_modules=extensions())
