"""The program: study files in, run folders and reports out.

Everything a person types goes through `main`; nothing here imports jax until a command needs it.
"""

from ._cli import main as main
from ._errors import MemoryRefused as MemoryRefused
from ._errors import NotConvergedError as NotConvergedError
from ._errors import OsteonError as OsteonError
from ._errors import UserError as UserError
from ._report import write_report as write_report
from ._runfolder import RunFolder as RunFolder
from ._runfolder import run_folder as run_folder
from ._study import read_study as read_study
from ._study_tables import Study as Study
