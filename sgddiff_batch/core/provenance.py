"""Provenance: what a mosaic says about where it comes from, as a value and as the JSON of its root.

The names in JSON are a format: a newer version may add some, and changes none. A root that was written before
a name was added lacks it, which is None here, and stays away when it is written again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sgddiff_batch.core.radiometry import Stretch
from sgddiff_batch.core.scene import Scene, SceneProfile
from sgddiff_batch.core.words import redact_uri


@dataclass(frozen=True, slots=True)
class Member:
    """A scene's mosaic that an area mosaic was made of; ``time`` is when the scene was taken."""

    scene_id: str
    path: str
    created: str
    time: str
    model_digest: str | None = None

    def to_json(self) -> dict[str, object]:
        """Return it as an area mosaic's root has it."""
        return {
            "id": self.scene_id,
            "store": self.path,
            "created": self.created,
            "time": self.time,
            "model_digest": self.model_digest,
        }

    @classmethod
    def from_json(cls, tree: Mapping[str, Any]) -> Member:
        """Return what :meth:`to_json` wrote; of all but the id, "" or None where it is not there."""
        path, created, time = (_text(tree.get(name, "")) for name in ("store", "created", "time"))
        return cls(_text(tree["id"]), path, created, time, _text_or_none(tree.get("model_digest")))


@dataclass(frozen=True, slots=True)
class AreaOrigin:
    """Which cell and period of which area a mosaic is of, and the mosaics that it was made of, by id."""

    name: str
    cell: str
    period: str
    time: str
    scenes: tuple[Member, ...]

    def to_json(self) -> dict[str, object]:
        """Return the two entries of a root that only an area's mosaic has."""
        place = {"name": self.name, "cell": self.cell, "period": self.period, "time": self.time}
        return {"area": place, "scenes": [scene.to_json() for scene in self.scenes]}

    @classmethod
    def from_json(cls, tree: Mapping[str, Any]) -> AreaOrigin | None:
        """Return what :meth:`to_json` wrote; None of a mosaic of a scene."""
        if "scenes" not in tree:
            return None
        place = tree.get("area", {})
        name, cell, period, time = (_text(place.get(key, "")) for key in ("name", "cell", "period", "time"))
        return cls(name, cell, period, time, tuple(map(Member.from_json, tree["scenes"])))


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a mosaic comes from: a scene at a version, or (``area``) mosaics of scenes, and who made it when.

    ``mosaic_id`` is the scene's id, or the area's, which has no source. ``version`` and ``size_bytes`` are
    the source's. ``bands`` to ``mask_rule`` tell how it was read, see :class:`SceneProfile`; ``inverted`` and
    ``mask_rule`` are None of an area, and where they were not written yet.
    """

    mosaic_id: str
    version: str
    pixel_settings: Mapping[str, Any]
    source_uri: str = ""
    size_bytes: int = 0
    bands: tuple[int, ...] = ()
    stretch: Stretch | None = None
    inverted: bool | None = None
    mask_rule: str | None = None
    notes: tuple[str, ...] = ()
    area: AreaOrigin | None = None
    run_key: str = ""
    run_id: str = ""
    software: Mapping[str, str] = field(default_factory=dict)
    created: str = ""

    @property
    def scene(self) -> Scene:
        """The scene that the mosaic was made from, as it was then; of an area, one without a URI."""
        return Scene(self.mosaic_id, self.source_uri, self.version, self.size_bytes)

    @property
    def pixels_version(self) -> int | None:
        """The version of the code that made the pixels; None of an area mosaic: others made its."""
        return None if self.area is not None else int(self.pixel_settings.get("pixels_version", 1))

    @property
    def model_digest(self) -> str | None:
        """The digest of the network's checkpoint; None of an area of scenes of several."""
        model = self.pixel_settings.get("model")
        found = model.get("digest") if isinstance(model, Mapping) else None
        return str(found) if found else None

    def to_json(self) -> dict[str, object]:
        """Return it as the root of a mosaic has it."""
        later = {"inverted": self.inverted, "mask_rule": self.mask_rule}
        return {
            "scene_id": self.mosaic_id,
            "source_uri": self.source_uri,
            "source_version": self.version,
            "source_size_bytes": self.size_bytes,
            "bands": list(self.bands),
            "stretch": None if self.stretch is None else [self.stretch.low, self.stretch.high],
            **{name: value for name, value in later.items() if value is not None},
            "notes": list(self.notes),
            "pixel_settings": dict(self.pixel_settings),
            **({} if self.area is None else self.area.to_json()),
            "run_key": self.run_key,
            "run_id": self.run_id,
            "software": dict(self.software),
            "created": self.created,
        }


def scene_provenance(
    scene: Scene,
    profile: SceneProfile,
    pixel_settings: Mapping[str, Any],
    *,
    run_key: str,
    run_id: str,
    software: Mapping[str, str],
    created: str,
) -> Provenance:
    """Return the provenance of a scene's mosaic; the URI loses what may be a secret."""
    return Provenance(
        scene.scene_id,
        scene.version,
        pixel_settings,
        redact_uri(scene.uri),
        scene.size_bytes,
        profile.bands,
        profile.stretch,
        profile.inverted,
        profile.mask.rule,
        profile.notes,
        run_key=run_key,
        run_id=run_id,
        software=software,
        created=created,
    )


def parse_provenance(tree: object, *, partial: bool = False) -> Provenance:
    """Return what :meth:`Provenance.to_json` wrote, this version's or an older one's.

    partial: take what is missing or no value of its name for not known, instead of raising.

    Raises:
        ValueError: if something that was always written is missing, or anything has the wrong type.
    """
    if not isinstance(tree, Mapping):
        if not partial:
            raise ValueError(f"provenance must be a JSON object, got {type(tree).__name__}")
        tree = {}
    values: dict[str, Any] = {"mosaic_id": "", "version": "", "pixel_settings": {}}
    for name, (key, parse) in _PARSED.items():
        try:
            values[name] = parse(tree[key])
        except KeyError:
            if key in _ALWAYS and not partial:
                raise ValueError(f"provenance has no {key}") from None
        except (ValueError, TypeError, AttributeError) as error:
            if not partial:
                raise ValueError(f"provenance has no good {key}: {error}") from None
    return Provenance(**values, area=_area(tree, partial=partial))


def _area(tree: Mapping[str, Any], *, partial: bool) -> AreaOrigin | None:
    try:
        return AreaOrigin.from_json(tree)
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        if partial:
            return None
        raise ValueError(f"provenance has no good scenes: {error}") from None


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _text_or_none(value: object) -> str | None:
    return None if value is None else _text(value)


def _texts(values: Sequence[object]) -> tuple[str, ...]:
    return tuple(map(_text, values))


def _numbers(values: Sequence[Any]) -> tuple[int, ...]:
    return tuple(map(int, values))


def _stretch(ends: Sequence[Any] | None) -> Stretch | None:
    return None if ends is None else Stretch(*ends)


def _object(value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise TypeError(f"{value!r} is no JSON object")
    return value


_PARSED: Mapping[str, tuple[str, Callable[[Any], object]]] = {
    "mosaic_id": ("scene_id", _text),
    "source_uri": ("source_uri", _text),
    "version": ("source_version", _text),
    "size_bytes": ("source_size_bytes", int),
    "bands": ("bands", _numbers),
    "stretch": ("stretch", _stretch),
    "inverted": ("inverted", bool),
    "mask_rule": ("mask_rule", _text),
    "notes": ("notes", _texts),
    "pixel_settings": ("pixel_settings", _object),
    "run_key": ("run_key", _text),
    "run_id": ("run_id", _text),
    "software": ("software", _object),
    "created": ("created", _text),
}
"""Each field's name in JSON, and what makes its value."""

_ALWAYS = frozenset(
    ("scene_id", "source_uri", "source_version", "source_size_bytes", "bands", "stretch", "notes")
) | {"pixel_settings"}
"""What every version wrote, and nobody can do without."""
