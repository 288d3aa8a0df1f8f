"""What does `python -m emaillab` do? The same as the `emaillab` command.

>>> callable(main)
True
"""

import sys

from emaillab.cli import main

if __name__ == "__main__":
    sys.exit(main())
