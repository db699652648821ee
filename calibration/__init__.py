"""Between the model and the measurement: densitometry, turnover indices, trials and the fit to observations.

Everything a clinic or a trial reports is a function of the maps of the simulation; those functions are
here, pure and differentiable. See docs/architecture.md.
"""

from ._bias import single_energy_change as single_energy_change
from ._bias import single_energy_density as single_energy_density
from ._compartments import CORTICAL as CORTICAL
from ._compartments import TRABECULAR as TRABECULAR
from ._compartments import CompartmentDensity as CompartmentDensity
from ._compartments import bone_mineral_content as bone_mineral_content
from ._compartments import compartment_density as compartment_density
from ._densitometry import Densitometry as Densitometry
from ._densitometry import densitometry as densitometry
from ._fit import FitInfo as FitInfo
from ._fit import fit as fit
from ._fit import fit_traced as fit_traced
from ._observables import OBSERVABLES as OBSERVABLES
from ._observables import Observable as Observable
from ._observables import assumed_standard_error as assumed_standard_error
from ._optimisers import LBFGS as LBFGS
from ._optimisers import Adam as Adam
from ._optimisers import Optimiser as Optimiser
from ._prior import LogNormalPrior as LogNormalPrior
from ._prior import make_prior as make_prior
from ._prior import prior_penalty as prior_penalty
from ._projection import areal_density_map as areal_density_map
from ._projection import projected_abmd as projected_abmd
from ._projection import projected_area as projected_area
from ._spine_dxa import POSTERIOR_DENSITY as POSTERIOR_DENSITY
from ._spine_dxa import POSTERIOR_SHARE as POSTERIOR_SHARE
from ._spine_dxa import spine_dxa_percent as spine_dxa_percent
from ._trial_tables import read_trials as read_trials
from ._trials import HormoneLevel as HormoneLevel
from ._trials import Observation as Observation
from ._trials import TrialArm as TrialArm
from ._trials import TrialGroup as TrialGroup
from ._trials import Trials as Trials
from ._trials import select_observations as select_observations
from ._turnover import skeletal_turnover_index as skeletal_turnover_index
from ._turnover import turnover_index as turnover_index
