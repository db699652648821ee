"""`python -m osteon` and the console script."""

import sys

from ._cli import main as main

if __name__ == "__main__":
    sys.exit(main())
