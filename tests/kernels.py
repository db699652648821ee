"""The table of everything that must run on a device: each public traced function with small arguments.

`arguments(dtype)` gives the positional arguments; the first one is what the gradient is taken with respect
to. Plans and other fixed arrays are arguments too, as in use.
"""

from tests.kernels_calibration import CALIBRATION
from tests.kernels_fem import FEM
from tests.kernels_inference import INFERENCE
from tests.kernels_mesh import MESH
from tests.kernels_remodeling import REMODELING

KERNELS = [*FEM, *MESH, *REMODELING, *CALIBRATION, *INFERENCE]

HOST_FUNCTIONS = {
    "fem.activity",
    "fem.add_caps",
    "fem.bin_moduli",
    "fem.centroid_strain_matrix",
    "fem.constraints",
    "fem.corner_offsets",
    "fem.describe_load",
    "fem.element_stiffness",
    "fem.export_model",
    "fem.gauss_strain_matrices",
    "fem.fit_fabric_stiffness",
    "fem.force_displacement_checked",
    "fem.isotropic",
    "fem.load_case",
    "fem.orthotropic_axes",
    "fem.prescribed_displacement_mm",
    "fem.require_converged",
    "fem.solve_mesh_checked",
    "fem.solve_checked",
    "fem.stiffness_matrix",
    "fem.transversely_isotropic",
    "fem.with_load",
    "fem.write_inp",
    "fem.write_parosol",
    "remodeling.default_parameters",
    "remodeling.filter_iterations",
    "remodeling.intervals_per_step",
    "remodeling.neighbour_table",
    "remodeling.no_exposure",
    "remodeling.relied_on",
    "remodeling.require_plausible_levels",
    "remodeling.simulate_checked",
    "remodeling.stack_people",
    "remodeling.typical_levels",
    "calibration.answered",
    "calibration.arms_of",
    "calibration.assumed_standard_error",
    "calibration.fit",
    "calibration.fold_mask",
    "calibration.begin_fit",
    "calibration.fit_settings_hash",
    "calibration.fit_trials",
    "calibration.trial_draws",
    "calibration.information_by_group",
    "calibration.leave_one_group_out",
    "calibration.naive_predictions",
    "calibration.observation_class",
    "calibration.percent_change",
    "calibration.restarted",
    "calibration.therapy_class",
    "calibration.posterior_of",
    "calibration.posterior_to_json",
    "calibration.read_posterior",
    "calibration.read_trials",
    "calibration.shipped_posterior",
    "calibration.trial_tables_hash",
    "calibration.select_observations",
    "calibration.unanswered",
    "calibration.draw_starts",
    "calibration.identifiability",
    "calibration.laplace",
    "calibration.least_squares",
    "calibration.least_squares_checked",
    "calibration.multi_start",
    "calibration.parameter_names",
    "calibration.profile",
    "calibration.sample",
    "calibration.sample_density",
    "calibration.state_from_arrays",
    "calibration.state_to_arrays",
}
"""Public functions that work on the host by design: set-up, tables, and the checked entries."""
