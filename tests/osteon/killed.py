"""A process that kills itself with SIGKILL in the middle of a write, for tests: `killed.py N ARGUMENTS`.

It runs `osteon ARGUMENTS` and dies when N files have been written to the disk completely and the next has its
content but not yet its name.
"""

import os
import signal
import sys

from osteon import main

if __name__ == "__main__":
    left = int(sys.argv[1])
    real = os.fsync

    def fsync(handle: int) -> None:
        """Push to the disk, or die half-way."""
        global left
        if left == 0:
            # Half of the file is on the disk, as if the machine had been busy writing it.
            os.ftruncate(handle, os.fstat(handle).st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1
        real(handle)

    os.fsync = fsync
    sys.exit(main(sys.argv[2:]))
