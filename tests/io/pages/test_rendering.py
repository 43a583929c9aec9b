"""What becomes a page is escaped, and holds nothing that HTML forbids."""

from __future__ import annotations

import pytest
from jinja2 import UndefinedError

from sgddiff_batch.io.pages.rendering import rendered
from tests.kit.pages import seen

HISTORY = {"subtitle": "", "trends": [], "in_lines": 0, "runs": []}


def test_text_is_escaped_and_control_characters_and_halves_of_surrogates_are_replaced():
    html = rendered("history.html", {"title": "<b>\x00\x1b\x9b\ud800é{{ title }}", **HISTORY})
    page = seen(html)
    assert (page.wrong, page.all("b")) == ([], [])
    assert "<b>\ufffd\ufffd\ufffd?é{{ title }}" in page.text


def test_a_name_that_a_template_asks_for_and_nobody_gives_is_a_mistake():
    with pytest.raises(UndefinedError):
        rendered("history.html", HISTORY)
