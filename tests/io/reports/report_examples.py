"""Rows of reports, and reports that are written."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sgddiff_batch.io.reports import Rows, Unchanged, build_report, write_report
from sgddiff_batch.io.storage.store import open_store


@dataclass(frozen=True)
class Row:
    scene_id: str
    state: str = "done"
    tiles: int = 2
    valid_px: int = 10
    salient_px: int = 1
    seconds: dict[str, float] = field(default_factory=lambda: {"read": 0.5})
    mask_rule: str = "alpha"


def written(folder: Path, *rows: Row, unchanged: Unchanged | None = None) -> Any:
    report = build_report(
        "1", started_at="now", seconds=1.0, ending="done", config={}, run={}, scenes=Rows(rows), ignored=[],
        unchanged=unchanged or Unchanged(),
    )  # fmt: skip
    write_report(open_store(str(folder)), report)
    return json.loads((folder / "report-1.json").read_text())
