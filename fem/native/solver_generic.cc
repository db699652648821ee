// Compiled for what every processor of its kind has: setup.py gives each of these files its own flags.
#include "solver.cc"
