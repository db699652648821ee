"""One optional script per existing program: bodies, load, moduli and residual of `benchmarks._measure`.

Each runs under the interpreter that has its program, needs numpy and scipy beside it, and prints one JSON
object.
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
