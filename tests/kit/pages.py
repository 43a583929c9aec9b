"""A page as a browser sees it: its elements, its text, and what would reach out of it or run in it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = {"meta", "br", "img", "hr", "link"}


@dataclass
class SeenPage(HTMLParser):
    """The elements of a page with their attributes, its text, and elements that are not closed in order."""

    html: str
    tags: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    text: str = ""
    wrong: list[str] = field(default_factory=list)
    _open: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.html)
        self.close()
        self.wrong += [f"<{tag}> is not closed" for tag in self._open]

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag):
        if not self._open or self._open.pop() != tag:
            self.wrong.append(f"</{tag}> closes something else")

    def handle_data(self, data):
        if not self._open or self._open[-1] != "style":
            self.text += data

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attrs for name, attrs in self.tags if name == tag]

    def reaching_out(self) -> list[str]:
        """Return what would ask a network, run, or lead elsewhere than to a place or page beside it."""
        found = []
        for tag, attrs in self.tags:
            if tag in ("script", "iframe", "object", "embed", "link", "base", "form"):
                found.append(tag)
            for name, value in attrs.items():
                fine = name != "href" or re.fullmatch(r"#[\w-]+|report-[\w-]+\.html", value)
                ours = name != "src" or value.startswith("data:image/webp;base64,")
                if name.startswith("on") or not fine or not ours or "url(" in value:
                    found.append(f"{tag} {name}={value[:60]}")
        return found


def seen(html: bytes) -> SeenPage:
    return SeenPage(html.decode())
