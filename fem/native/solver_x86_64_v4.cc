// Compiled for AVX-512: setup.py gives each of these files its own flags.
#include "solver.cc"
