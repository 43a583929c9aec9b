from __future__ import annotations

from tests.docs import blocks


def test_blocks_are_found_below_their_headings_with_their_languages(tmp_path, monkeypatch):
    monkeypatch.setattr(blocks, "DOCS", tmp_path)
    (tmp_path / "a.md").write_text(
        "# A\n```python\nx = 1\n```\n## B c\nwords\n```\nls\n```\n```text\nno\n```\n"
    )
    assert blocks.blocks_of("a.md") == {"": [("python", "x = 1\n")], "B c": [("", "ls\n"), ("text", "no\n")]}
