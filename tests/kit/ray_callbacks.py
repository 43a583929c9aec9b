"""A Ray Train callback that a config can name."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ray.train import UserCallback


class Notes(UserCallback):
    """Writes a line for each report, to the file that the driver's TEST_NOTES names."""

    def __init__(self) -> None:
        self.path = os.environ["TEST_NOTES"]

    def after_report(self, run_context: Any, metrics: list[dict[str, Any]], checkpoint: Any) -> None:
        with Path(self.path).open("a") as notes:
            notes.write(json.dumps(metrics) + "\n")
