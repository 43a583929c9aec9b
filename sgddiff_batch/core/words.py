"""Words for people: what can be shown of a path, of many names, and of a text that may hold secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

_QUERY = re.compile(r"(https?://[^\s?#]*)[?#]\S*", re.IGNORECASE)
_SHOWN = 5


def first_of(ids: Sequence[str]) -> str:
    """Return the first few ids in one line."""
    return ", ".join(ids[:_SHOWN]) + (", ..." if len(ids) > _SHOWN else "")


def on_one_line(what: object) -> str:
    """Return what an error or a text says, with each run of white space as one blank."""
    return " ".join(str(what).split())


_OF_ONE = {"are": "is", "have": "has", "leave": "leaves", "were": "was"}


def counted(count: int, noun: str, verb: str = "") -> str:
    """Return a number of things, and what they do: "1 scene", "2 scenes", "1 scene is", "2 scenes are".

    verb: the one of several, such as "are"; one that is the same of one thing stands after this.
    """
    things, does = (noun, _OF_ONE.get(verb, verb)) if count == 1 else (f"{noun}s", verb)
    return f"{count} {things} {does}".rstrip()


def printable(path: str) -> str:
    """Return a path that can be encoded and shown on one line; bytes that are not UTF-8 become escapes."""
    if path.isascii() and path.isprintable():
        return path
    try:
        encoded = path.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        # JSON may name half of a pair of surrogates, which no byte stands for.
        encoded = path.encode("utf-8", "surrogatepass")
    decoded = encoded.decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in decoded)


def redact_uri(uri: str) -> str:
    """Return a URI, or a text with some in it, without users, passwords, and the queries of web addresses."""
    return _QUERY.sub(r"\1", re.sub(r"(?<=://)[^/\s]*@", "", uri))


def redacted(tree: object) -> object:
    """Return a tree of JSON with :func:`redact_uri` done to all its text, keys too."""
    if isinstance(tree, Mapping):
        return {redact_uri(str(key)): redacted(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [redacted(value) for value in tree]
    return redact_uri(tree) if isinstance(tree, str) else tree


def shown(link: str) -> str:
    """Return a link as messages show it: without user, password and query, which may be secrets; not long."""
    bare = re.sub(r"(?<=//)[^/]*@", "", re.split(r"[?#]", link, maxsplit=1)[0])
    return printable(bare)[:200]
