"""The program: study files in, run folders and reports out; from Python, arrays, tables and figures.

Everything a person types goes through `main`, notebooks through `run`, `cohort` and `solve`; nothing here
imports jax until a command or a call needs it.
"""

from ._api import make_study as make_study
from ._api import run as run
from ._cli import main as main
from ._cohort_api import CohortResult as CohortResult
from ._cohort_api import cohort as cohort
from ._errors import InterruptedRun as InterruptedRun
from ._errors import MemoryRefused as MemoryRefused
from ._errors import NotConvergedError as NotConvergedError
from ._errors import OsteonError as OsteonError
from ._errors import UserError as UserError
from ._report import write_report as write_report
from ._run_result import LevelMaps as LevelMaps
from ._run_result import RunMaps as RunMaps
from ._run_result import RunResult as RunResult
from ._runfolder import RunFolder as RunFolder
from ._runfolder import run_folder as run_folder
from ._solve_api import SolveResult as SolveResult
from ._solve_api import solve as solve
from ._study import read_study as read_study
from ._study_tables import Study as Study
from ._table import Table as Table
