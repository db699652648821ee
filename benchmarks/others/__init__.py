"""One optional script per existing program: the same bodies, load, moduli and residual as this project's solver.

Each runs under the interpreter that has its program, needs numpy and scipy beside it, and prints one JSON object.
"""

PROGRAMS = {
    "pyamg": "benchmarks.others.pyamg",
    "scikit-fem": "benchmarks.others.scikit_fem",
    "torch-fem": "benchmarks.others.torch_fem",
    "jax-fem": "benchmarks.others.jax_fem",
    "tatva": "benchmarks.others.tatva",
    "ngsolve": "benchmarks.others.ngsolve",
}
"Module of every program by the name of its distribution."
