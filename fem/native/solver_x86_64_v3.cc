// Compiled for AVX2: setup.py gives each of these files its own flags.
#include "solver.cc"
