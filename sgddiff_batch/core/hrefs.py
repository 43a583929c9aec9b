"""Hrefs: URI references that a document names an output's objects by, and scenes beside it."""

from __future__ import annotations

from urllib.parse import quote

_OF_WEB = "/:?#[]@!$&'()*+,;=%~"
"""What a web address is written with: it is encoded already, but for what no address may have."""


def href_of(path: str) -> str:
    """Return the reference to an object from a document at the root that its path counts from.

    It begins with ``./``, so that no name is taken for a scheme or a server.
    """
    return f"./{quote(path, safe='/')}"


def href_from(document: str, href: str) -> str:
    """Return a reference that counts from the root as one that counts from a document below it.

    document: its path below the root. What counts from nowhere, as ``s3://bucket/key``, stays.
    """
    if is_absolute_href(href):
        return href
    up = "../" * document.count("/")
    return f"{up}{href.removeprefix('./')}" if up else href


def is_absolute_href(href: str) -> bool:
    """Whether a reference made here means the same in every document."""
    return "://" in href


def scene_href(uri: str, output_uri: str) -> str:
    """Return the reference to a scene from the root of an output.

    Of two that lie on one machine it is relative, so that it outlives moving both; a path of a machine beside
    an output that lies elsewhere is a ``file://``.
    """
    scheme, separator, rest = uri.partition("://")
    if separator:
        return f"{scheme}://{quote(rest, safe=_OF_WEB if scheme.startswith('http') else '/')}"
    if not uri.startswith("/"):
        return href_of(uri)
    if "://" in output_uri or not output_uri.startswith("/"):
        return f"file://{quote(uri, safe='/')}"
    there, here = uri.split("/")[1:], [part for part in output_uri.split("/") if part]
    same = 0
    while same < min(len(here), len(there) - 1) and here[same] == there[same]:
        same += 1
    up = "../" * (len(here) - same)
    return f"{up or './'}{quote('/'.join(there[same:]), safe='/')}"
