"""The code of documents, taken out of them as it stands."""

from __future__ import annotations

import json
import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks_of(page: str) -> dict[str, list[tuple[str, str]]]:
    """Return the blocks of a page by their heading, "" before the first: (language, code) of each."""
    parts = re.split(r"^## (.*)$", (DOCS / page).read_text(encoding="utf-8"), flags=re.MULTILINE)
    texts = dict(zip(["", *parts[1::2]], parts[::2], strict=True))
    return {heading: _BLOCK.findall(text) for heading, text in texts.items()}


def cells_of(notebook: str) -> list[str]:
    """Return the code of a notebook's cells."""
    cells = json.loads((DOCS / notebook).read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
