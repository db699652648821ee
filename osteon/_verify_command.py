"""`osteon verify`: a run folder against its manifest."""

import argparse

from ._errors import UserError
from ._manifest import differences, read_manifest


def verify_command(arguments: argparse.Namespace) -> None:
    """Print that every file is as it was written, or fail with what is not.

    Raises:
      UserError: no manifest, or files that are missing, changed or added.
    """
    wrong = differences(arguments.folder)
    if wrong:
        shown = "; ".join(wrong[:10]) + (f"; and {len(wrong) - 10} more" if len(wrong) > 10 else "")
        raise UserError(f"'{arguments.folder}' is not as the run left it: {shown}")
    print(f"{arguments.folder}: {len(read_manifest(arguments.folder))} files as the run left them")
