"""Rendering: templates beside this file become pages."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment


def rendered(template: str, context: Mapping[str, Any]) -> bytes:
    """Return a page in UTF-8, without what HTML forbids: control characters, and halves of surrogates.

    All text of the context is escaped but that of :func:`sgddiff_batch.io.pages.charts.drawing`.
    """
    html = _environment().get_template(template).render(context)
    return html.translate(_FORBIDDEN).encode("utf-8", "replace")


_FORBIDDEN = dict.fromkeys((*range(9), *range(11, 32), *range(127, 160)), "�")


@cache
def _environment() -> Environment:
    # Here, for a run that writes no page needs none of it.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
