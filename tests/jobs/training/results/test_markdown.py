import pytest
from markdown_it import MarkdownIt

from jobs.training.results.markdown import quoted

HOSTILE = "`](javascript:alert(1)) ``` <img src=x onerror=alert(1)> | www.evil.example\n# Owned\n<!-- \u202e"


def kinds_of(card):
    """The kinds of all tokens but code spans and the text between them."""
    flat = []
    for token in MarkdownIt("commonmark").enable("table").parse(card):
        flat += [token.type, *(child.type for child in token.children or ())]
    assert flat.count("html_block") == 1
    return [kind for kind in flat if kind not in ("text", "code_inline")]


@pytest.mark.parametrize("text", ["`", "``a`", " ", "", "a`b``c", "\\", HOSTILE, "\udcff", "x" * 5000])
def test_any_text_is_one_code_span(text):
    (paragraph,) = [t for t in MarkdownIt("commonmark").parse(f"a {quoted(text)} b") if t.type == "inline"]
    assert [child.type for child in paragraph.children] == ["text", "code_inline", "text"]
