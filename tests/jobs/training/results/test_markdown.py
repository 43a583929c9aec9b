import pytest
from markdown_it import MarkdownIt

from jobs.training.results.markdown import quoted
from tests.kit.assessments import HOSTILE


@pytest.mark.parametrize("text", ["`", "``a`", " ", "", "a`b``c", "\\", HOSTILE, "\udcff", "x" * 5000])
def test_any_text_is_one_code_span(text):
    (paragraph,) = [t for t in MarkdownIt("commonmark").parse(f"a {quoted(text)} b") if t.type == "inline"]
    assert [child.type for child in paragraph.children] == ["text", "code_inline", "text"]
