"""What a training leaves in its storage, without one."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

from PIL import Image

SETTINGS = {"steps": 400, "batch": 4, "rate": 1e-3}


def history(steps: int = 400) -> dict[str, Any]:
    """Return a history whose losses fall and whose scores rise."""
    losses = [
        {
            "step": step, "rate": 1e-3, "total": 2.0 / (1 + step / 50), "dice": 1.0 / (1 + step / 80),
            "pictures_per_s": 12.0, "data_share": 0.1, "left_s": 1.0, "spent_s": step / 10,
        }
        for step in range(0, steps + 1, 10)
    ]  # fmt: skip
    scores = [
        {"step": step, "s": 0.5 + step / 1000, "max_f": 0.4 + step / 1000, "mae": 0.2 - step / 4000}
        for step in range(100, steps + 1, 100)
    ]
    return {"losses": losses, "scores": scores}


def png(width: int = 300, height: int = 200) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (width, height), (10, 90, 30)).save(data, "PNG")
    return data.getvalue()


def left_by_a_training(folder: Path) -> Path:
    """Write what a teacher and a student of one seed leave, the teacher finished; return the storage."""
    for stage in ("teacher", "student"):
        place = folder / "seed-0" / stage
        (place / "best").mkdir(parents=True)
        (place / "history.json").write_text(json.dumps(history()))
        (place / "contact-sheet.png").write_bytes(png())
    teacher = folder / "seed-0" / "teacher"
    facts = {"digest": "ab" * 32, "preset": "tiny", "training": {"stage": "teacher", "settings": SETTINGS}}
    (teacher / "best" / "checkpoint.json").write_text(json.dumps(facts))
    (teacher / "best" / "README.md").write_text("<!-- made -->\n\n# Teacher\n\nA <b>network</b>.\n")
    totals = {"pictures": 9, "with_objects": {"s": 0.8123, "max_f": 0.7, "mae": 0.03}}
    told = {
        "format_version": 1, "checkpoint": "best", "validation": {"totals": totals},
        "cost": {"spent_s": 7200.0, "workers": 2, "device": "CPU <x>", "threads": None},
    }  # fmt: skip
    (teacher / "assessment.json").write_text(json.dumps(told))
    return folder
