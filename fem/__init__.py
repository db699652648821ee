"""Mechanics of voxel bone: materials, load cases, differentiable multigrid solves, strain, strength."""

from ._hex8 import centroid_strain_matrix as centroid_strain_matrix
from ._hex8 import corner_offsets as corner_offsets
from ._hex8 import element_stiffness as element_stiffness
from ._hex8 import gauss_strain_matrices as gauss_strain_matrices
from ._loads import LOAD_CASES as LOAD_CASES
from ._loads import Constraints as Constraints
from ._loads import LoadCase as LoadCase
from ._loads import constraints as constraints
from ._loads import describe_load as describe_load
from ._loads import load_case as load_case
from ._loads import prescribed_displacement_mm as prescribed_displacement_mm
from ._materials import Material as Material
from ._materials import isotropic as isotropic
from ._materials import stiffness_matrix as stiffness_matrix
from ._materials import transversely_isotropic as transversely_isotropic
from ._plan import Plan as Plan
from ._plan import make_plan as make_plan
from ._solve import NotConvergedError as NotConvergedError
from ._solve import SolveInfo as SolveInfo
from ._solve import face_forces as face_forces
from ._solve import nodal_forces as nodal_forces
from ._solve import require_converged as require_converged
from ._solve import solve as solve
from ._solve import solve_checked as solve_checked
