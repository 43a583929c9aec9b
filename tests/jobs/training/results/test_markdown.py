import pytest
from markdown_it import MarkdownIt

from jobs.training.results.markdown import quoted, wrapped
from tests.kit.assessments import HOSTILE


@pytest.mark.parametrize("text", ["`", "``a`", " ", "", "a`b``c", "\\", HOSTILE, "\udcff", "x" * 5000])
def test_any_text_is_one_code_span(text):
    (paragraph,) = [t for t in MarkdownIt("commonmark").parse(f"a {quoted(text)} b") if t.type == "inline"]
    assert [child.type for child in paragraph.children] == ["text", "code_inline", "text"]


TEXT = (
    "* Seeds, all else equal, divisor n - 1: " + "many words that fill the line " * 5 + "\n\n"
    "| " + "a cell " * 40 + "|\n"
    "# " + "a heading " * 20
)


def test_long_lines_are_broken_but_those_of_tables_and_headings():
    lines = wrapped(TEXT).split("\n")
    assert [len(line) <= 120 for line in lines] == [True, True, True, False, False]
    assert lines[1].startswith("  ")
    assert " ".join(wrapped(TEXT).split()) == " ".join(TEXT.split())
    assert wrapped(wrapped(TEXT)) == wrapped(TEXT)


@pytest.mark.parametrize("before", range(90, 125))
@pytest.mark.parametrize(
    "text", ["x # Owned", "x - Owned", "x 1. Owned", "``x` # Owned", "x > Owned", HOSTILE]
)
def test_nothing_that_somebody_chose_begins_a_line(before, text):
    card = f"* {'a' * before} {quoted(text)} and n - 1. {'b' * 80}"
    parse = MarkdownIt("commonmark").enable("table").parse
    found, wanted = parse(wrapped(card)), parse(card)
    assert [token.type for token in found] == [token.type for token in wanted]
    spans = [
        [child.content for token in tokens for child in token.children or () if child.type == "code_inline"]
        for tokens in (found, wanted)
    ]
    assert spans[0] == spans[1]
