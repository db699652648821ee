#include "solver.cc"
