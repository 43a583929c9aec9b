"""The main job by its file, for clusters and habit: `sgddiff run` with the same flags and exit codes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path


def main(argv: Sequence[str] | None = None) -> int:
    """Do what `sgddiff run` does with these flags, and return its exit code."""
    from jobs.cli import main as sgddiff

    return sgddiff(["run", *(sys.argv[1:] if argv is None else argv)], is_process=argv is None)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where nothing is installed
    sys.exit(main())
