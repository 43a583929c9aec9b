"""Site: what there is at the addresses of a viewer: its page, an output, its scenes, and words on a pixel."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from sgddiff_batch.core.query import OWN, BucketAccess
from sgddiff_batch.errors import ConfigError
from sgddiff_batch.io.catalogue import read_pointer
from sgddiff_batch.io.storage import Store, open_store
from sgddiff_batch.viewer.addresses import Address, NotServedError, is_of_a_store, object_key, store_key
from sgddiff_batch.viewer.policy import Basemap
from sgddiff_batch.viewer.scenes import CurrentScenes
from sgddiff_batch.viewer.served import Looks, Served, ServedBytes
from sgddiff_batch.viewer.settings import settings_json

Explain = Callable[[str, int, int], dict[str, Any]]
"""What is known of a pixel, by the URI of its mosaic, row and column."""

PAGE = Path(__file__).parent / "page"
INDEX = "index.html"
_ROOT = ".zarr/zarr.json"
_KEPT_S = 300.0
"""How long what was seen of a mosaic's object in a bucket is believed: it is written once."""


@dataclass(frozen=True, slots=True)
class Site:
    """All that a viewer of an output gives away. ``page``: the folder of its files."""

    output: Store
    page: Path
    scenes: CurrentScenes
    explain: Explain | None = None
    basemap: Basemap | None = None
    title: str = ""
    looks: Looks = field(default_factory=Looks)

    @property
    def hosts(self) -> tuple[str, ...]:
        """Origins that the page reads from besides this one."""
        return () if self.basemap is None else (self.basemap.origin,)

    def find(self, address: Address) -> Served:
        """Return what is at an address, whose parts begin after the token.

        Raises:
            NotServedError: if there is nothing.
            FileNotFoundError, ValueError: if there is no such mosaic or pixel, or it is damaged.
            SgddiffBatchError: as stores do.
        """
        first, rest = address.parts[0], address.parts[1:]
        if first == "output":
            return self._object(rest)
        if first == "scene" and len(rest) == 1:
            return self.scenes.find(rest[0])
        if address.parts == ("api", "explain"):
            return self._explained(address)
        if address.parts == ("config.json",):
            return ServedBytes(
                settings_json(self.output, self.title, self.basemap, explains=bool(self.explain))
            )
        if rest:
            _nothing()
        return self._page_file(first or INDEX)

    def _object(self, parts: tuple[str, ...]) -> Served:
        key = object_key(parts)
        _check_inside(self.output, key)
        return self.looks.at(self.output, key, self._kept_s(key))

    def _kept_s(self, key: str) -> float:
        """How long a look is believed: not at all where it costs nothing, or where it is asked by the page
        whether the mosaic is still there.
        """
        is_cheap = self.output.local_path() is not None
        return _KEPT_S if is_of_a_store(key) and not is_cheap and not key.endswith(_ROOT) else 0.0

    def _page_file(self, name: str) -> Served:
        if not (name[0].isalnum() and name.replace("-", "").replace(".", "").replace("_", "").isalnum()):
            _nothing()
        return self.looks.at(open_store(str(self.page)), name)

    def _explained(self, address: Address) -> Served:
        if self.explain is None:
            _nothing()
        store = store_key(address.query.get("store", ""))
        row, col = (_whole(address.query, name) for name in ("row", "col"))
        _check_inside(self.output, f"{store}/zarr.json")
        facts = self.explain(self.output.uri_of(store), row, col)
        return ServedBytes(json.dumps(facts, allow_nan=False).encode())


def open_site(
    output_uri: str,
    *,
    access: BucketAccess = OWN,
    explain: Explain | None = None,
    basemap: Basemap | None = None,
    page: Path | None = None,
) -> Site:
    """Open what a viewer of an output gives away.

    access: how the buckets of its scenes are asked. page: the folder of the built page; None: that
    of this package.

    Raises:
        ConfigError: if there is no catalogue, or no page.
        FatalError, RetryableError: as the catalogue and the store do.
    """
    folder, store = page_folder(page), open_shown(output_uri)
    title = store.root.rpartition("/")[2]
    return Site(store, folder, CurrentScenes(store, access), explain, basemap, title)


def page_folder(page: Path | None) -> Path:
    """Return the folder of the page, by default that of this package.

    Raises:
        ConfigError: if it was never built.
    """
    page = page or PAGE
    if not (page / INDEX).is_file():
        raise ConfigError(f"there is no {INDEX} in {page}: build it with `make viewer`, or install the wheel")
    return page


def open_shown(output_uri: str) -> Store:
    """Open an output that has something to show.

    Raises:
        ConfigError: if it has no catalogue.
        FatalError, RetryableError: as the catalogue and the store do.
    """
    store = open_store(output_uri)
    if read_pointer(store) is None:
        raise ConfigError(
            f"{output_uri!r} has no catalogue to show: give the output.uri of a run that has published, "
            "or start one with `sgddiff run`"
        )
    return store


def _check_inside(store: Store, key: str) -> None:
    """Raise NotServedError for a file that links lead to out of the output."""
    path, root = store.local_path(key), store.local_path()
    if path is None or root is None:
        return
    real, inside = os.path.realpath(path), os.path.realpath(root)
    if not real.startswith(f"{inside.rstrip('/')}/"):
        raise NotServedError("it is a link that leads out of the output")


def _whole(query: Mapping[str, str], name: str) -> int:
    text = query.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ValueError(f"{name} must be a whole number from 0 on, got {text[:20]!r}")
    return int(text)


def _nothing() -> NoReturn:
    raise NotServedError("there is nothing at this address")
