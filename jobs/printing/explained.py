"""What is printed of a pixel: a line a fact."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sgddiff_batch.core.words import printable


def print_explained(facts: Mapping[str, Any]) -> None:
    """Print the facts of a pixel, a line each."""
    lines = []
    for name, value in facts.items():
        if name == "tiles":
            lines += [_tile_line(tile, facts["weight_total"]) for tile in value]
        elif isinstance(value, Mapping):
            lines += [f"{f'{name} {key}':<24} {_shown(inner)}" for key, inner in value.items()]
        elif name != "weight_total":
            lines.append(f"{name:<24} {_shown(value)}")
    print("\n".join(lines))


def _tile_line(tile: Mapping[str, Any], total: int) -> str:
    window = tile["window"]
    place = (
        f"rows {window['row_start']}-{window['row_stop']}, columns {window['col_start']}-{window['col_stop']}"
    )
    edge = ", filled up by reflection" if tile["reflects"] else ""
    name = f"tile {tile['row']},{tile['col']}"
    return f"{name:<24} {place}, weight {tile['weight']} of {total} ({tile['share']:.1%}){edge}"


def _shown(value: object) -> str:
    return printable(value if isinstance(value, str) else json.dumps(value))
