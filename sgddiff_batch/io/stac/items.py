"""STAC items, wherever they come from: which asset is the scene, and what the item knows of it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from sgddiff_batch.core.query import AssetRule, Source
from sgddiff_batch.core.selection import Facts, merge_facts
from sgddiff_batch.core.times import TimeSpan, parse_time
from sgddiff_batch.core.words import printable, shown
from sgddiff_batch.errors import ConfigError, SceneError, UnsupportedSceneError
from sgddiff_batch.io.archive import IgnoredFile, Places, is_scene, name_of, why_ignored
from sgddiff_batch.io.stac.allowed_links import AllowedLinks
from sgddiff_batch.io.stac.boxes import boxes_of, number

_LONGEST_NAME = 300
_REASONS_TOLD = 5
_LINK = re.compile(r"""(its link) (?:'[^']*'|"[^"]*")(?:\.\.\.)?""")
_GEOTIFFS = ("image/tiff", "image/geotiff", "image/x.geotiff", "image/vnd.stac.geotiff")
"""How media types of GeoTIFFs begin, those that older versions of STAC named too."""


@dataclass(frozen=True, slots=True)
class ItemSorter:
    """Sorts the items of one source into places. ``root`` is what the names of scenes count from."""

    source: Source
    allowed: AllowedLinks
    root: str
    names: dict[str, str] = field(default_factory=dict)
    facts: dict[str, Facts] = field(default_factory=dict)
    written: dict[str, str] = field(default_factory=dict)
    ignored: list[IgnoredFile] = field(default_factory=list)
    missing: list[IgnoredFile] = field(default_factory=list)
    unusable: Counter[str] = field(default_factory=Counter)

    def add(self, item: object, base: str, collection: str | None = None) -> None:
        """Take in one item (JSON) of the document at ``base``, from which its links count.

        collection: the id of the collection that it was found in, if it does not say so itself.

        What is no item, or whose scene cannot be told or may not be followed, is lost with the reason.
        """
        if not isinstance(item, Mapping):
            self.fail("?", f"an entry of {shown(base)} is no STAC item", "it is no STAC item")
            return
        wanted = self.source.collections
        if wanted and (item.get("collection") or collection) not in wanted:
            return
        try:
            place = self._place(item, base)
        except SceneError as error:
            # It may name a scene that is in the catalogue: nobody knows which.
            self.fail(item_name(item), str(error), _kind_of(error))
            return
        if place is None:
            return
        facts = facts_of(item)
        known = self.facts.get(place)
        self.names[place] = name_of(place, self.root)
        self.facts[place] = facts if known is None else merge_facts((known, facts))

    def fail(self, name: str, reason: str, kind: str = "a document of it cannot be read") -> None:
        """Tell of a document or item that could not be read, and whose scenes are therefore not known.

        kind: the reason without what is of this one alone, by which it is counted.
        """
        self.missing.append(IgnoredFile(printable(name)[:_LONGEST_NAME], reason, lost=True))
        self.unusable[kind] += 1

    def places(self) -> Places:
        """Return everything that was taken in.

        Raises:
            ConfigError: if there is something, and nothing of it can be used.
        """
        if self.unusable and not self.names:
            raise ConfigError(
                f"archive: {shown(self.source.uri)} holds nothing that can be used: {self._why()}"
            )
        return Places(
            self.names,
            self.facts,
            tuple(self.ignored),
            tuple(self.missing),
            self.written,
            dict(self.unusable),
        )

    def _why(self) -> str:
        counts = [
            f"{kind} ({count} times)" if count > 1 else f"{kind} (once)"
            for kind, count in self.unusable.most_common(_REASONS_TOLD)
        ]
        more = len(self.unusable) - len(counts)
        first = min([*self.missing, *self.ignored], key=lambda file: (file.path, file.reason))
        others = f"; {more} more reasons" if more else ""
        return f"{'; '.join(counts)}{others}; one of them is {first.path}: {first.reason}"

    def _place(self, item: Mapping[str, Any], base: str) -> str | None:
        asset = choose_asset(item, self.source.asset)
        place = self._reached(asset, base)
        if not is_scene(place) and not _has_geotiff_type(asset):
            self.ignored.append(IgnoredFile(printable(name_of(place, self.root)), why_ignored(place)))
            self.unusable["its asset is no GeoTIFF, by its type and name"] += 1
            return None
        written = self.allowed.as_written(asset.get("href"), base)
        if written is not None:
            self.written.setdefault(place, written)
        return place

    def _reached(self, asset: Mapping[str, Any], base: str) -> str:
        """Return where the asset is: by its href, else by the first alternate that may be followed."""
        alternates = asset.get("alternate")
        others = alternates.values() if isinstance(alternates, Mapping) else ()
        try:
            return self.allowed.scene(asset.get("href"), base)
        except SceneError:
            for other in others:
                try:
                    return self.allowed.scene(other.get("href") if isinstance(other, Mapping) else None, base)
                except SceneError:
                    continue
            raise


def _kind_of(error: SceneError) -> str:
    """Return the reason of an error without the link that it names, and without its advice."""
    return _LINK.sub(r"\1", str(error)).partition("; ")[0]


def item_name(item: Mapping[str, Any]) -> str:
    """Return how messages call an item."""
    parts = [part for part in (item.get("collection"), item.get("id")) if isinstance(part, str) and part]
    return printable("/".join(parts))[:_LONGEST_NAME] or "an item without an id"


def choose_asset(item: Mapping[str, Any], rule: AssetRule) -> Mapping[str, Any]:
    """Return the asset of an item that is the scene.

    Raises:
        UnsupportedSceneError: if there is none, or several that the rule does not tell apart.
    """
    assets = item.get("assets")
    if not isinstance(assets, Mapping):
        raise UnsupportedSceneError("the item has no assets")
    usable = {str(key): asset for key, asset in assets.items() if isinstance(asset, Mapping)}
    if rule.key is not None:
        if rule.key not in usable:
            raise UnsupportedSceneError(
                f"the item has no asset {rule.key!r}; it has {_listed(usable)}; see archive.asset"
            )
        return usable[rule.key]
    rasters = {key: asset for key, asset in usable.items() if _is_geotiff(asset)}
    if rule.role is not None:
        wanted = [key for key, asset in rasters.items() if rule.role in _roles(asset)]
        return rasters[_only(wanted, f"GeoTIFF with the role {rule.role!r}", rasters)]
    for keys in (
        list(rasters),
        [key for key in rasters if key == "visual"],
        [key for key, asset in rasters.items() if "visual" in _roles(asset)],
    ):
        if len(keys) == 1:
            return rasters[keys[0]]
    data = [key for key, asset in rasters.items() if "data" in _roles(asset)]
    return rasters[_only(data, "GeoTIFF that is plainly the scene", rasters)]


def _only(keys: Sequence[str], what: str, rasters: Iterable[str]) -> str:
    if len(keys) == 1:
        return keys[0]
    found = "no" if not keys else "more than one"
    raise UnsupportedSceneError(
        f"the item has {found} {what}; its GeoTIFFs are {_listed(rasters)}; name one by archive.asset"
    )


def _listed(keys: Iterable[str]) -> str:
    return printable(", ".join(sorted(keys)))[:200] or "none"


def _is_geotiff(asset: Mapping[str, Any]) -> bool:
    if _has_geotiff_type(asset):
        return True
    href = asset.get("href")
    return isinstance(href, str) and is_scene(unquote(re.split("[?#]", href, maxsplit=1)[0].strip()))


def _has_geotiff_type(asset: Mapping[str, Any]) -> bool:
    return str(asset.get("type") or "").strip().lower().startswith(_GEOTIFFS)


def _roles(asset: Mapping[str, Any]) -> tuple[str, ...]:
    roles = asset.get("roles")
    return tuple(map(str, roles)) if isinstance(roles, Sequence) and not isinstance(roles, str) else ()


def facts_of(item: Mapping[str, Any]) -> Facts:
    """Return what an item knows of its scene; what it says wrongly is not known."""
    properties = item.get("properties")
    said: Mapping[str, Any] = properties if isinstance(properties, Mapping) else {}
    updated = _time(said.get("updated")) or _time(said.get("created"))
    return Facts(
        item=item_name(item),
        time=_span(said),
        boxes=boxes_of(item.get("bbox"), item.get("geometry")),
        cloud_percent=number(said.get("eo:cloud_cover")),
        updated_s=updated.start_s if updated else None,
    )


def _span(said: Mapping[str, Any]) -> TimeSpan | None:
    start, stop = _time(said.get("start_datetime")), _time(said.get("end_datetime"))
    if start and stop and start.start_s <= stop.stop_s:
        return TimeSpan(start.start_s, stop.stop_s)
    return _time(said.get("datetime"))


def _time(value: object) -> TimeSpan | None:
    try:
        return parse_time(value) if isinstance(value, str) else None
    except ValueError:
        return None
