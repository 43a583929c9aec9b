"""``python -m jobs VERB ...`` is ``sgddiff VERB ...`` where nothing is installed."""

import sys

from jobs.cli import main

if __name__ == "__main__":
    sys.exit(main())
