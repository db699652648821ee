"""One optional script per existing program: the same bodies, load, moduli and residual as this project's solver."""
