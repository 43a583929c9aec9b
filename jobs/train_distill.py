"""`sgddiff train` as a file, for clusters and habit; also from a checkout where nothing is installed."""

import sys
from collections.abc import Sequence
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from jobs.cli import main as sgddiff


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line says; return the exit code."""
    return sgddiff(["train", *(sys.argv[1:] if argv is None else argv)])


if __name__ == "__main__":
    sys.exit(main())
