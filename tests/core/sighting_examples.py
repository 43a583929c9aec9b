"""Nights of scenes with objects that are rectangles, and an archive that keeps their ids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from hypothesis import strategies as st

from sgddiff_batch.core.object_ids import NOBODY, SEEN, UNKNOWN, Overlaps, Sightings, match

Box = tuple[int, int, int, int]
"""(left, top, right, bottom), half open."""


@dataclass(frozen=True)
class Picture:
    """A scene: its time (None: not known), its id, its objects, and where it has data."""

    time: int | None
    id: str
    boxes: tuple[Box, ...]
    data: Box = (-9, -9, 99, 99)

    @property
    def key(self) -> tuple[int, str]:
        return (-1 if self.time is None else self.time, self.id)


@dataclass
class Known:
    """What an archive remembers of an object."""

    box: Box
    key: tuple[int, str]
    state: int
    told_at: tuple[int, str]
    last_at: tuple[int, str]
    into: str | None = None


@dataclass
class Archive:
    """Objects by id, and the ids that were published: of each region, by its scene and its outline."""

    least_iou: float = 0.2
    objects: dict[str, Known] = field(default_factory=dict)
    published: dict[tuple[str, Box], str] = field(default_factory=dict)
    parents: dict[tuple[str, Box], list[str]] = field(default_factory=dict)

    def publish(self, *pictures: Picture) -> None:
        """Match the objects of scenes that are new, given in any order."""
        scenes = sorted(pictures, key=lambda scene: scene.key)
        ids = [*self.objects] + [f"{scene.id}{box}" for scene in scenes for box in scene.boxes]
        boxes = [known.box for known in self.objects.values()] + [box for s in scenes for box in s.boxes]
        keys = [known.key for known in self.objects.values()] + [s.key for s in scenes for _ in s.boxes]
        told = [known.last_at for known in self.objects.values()]
        order = {key: n for n, key in enumerate(sorted({*keys, *told, *(s.key for s in scenes)}))}
        rank = np.array([UNKNOWN if key[0] < 0 else order[key] for key in keys], np.int64)
        starts = len(self.objects) + np.cumsum([0, *(len(scene.boxes) for scene in scenes)])
        names = {name: n for n, name in enumerate(sorted(ids))}
        found = match(
            Sightings(
                starts,
                np.array([UNKNOWN if s.time is None else order[s.key] for s in scenes], np.int64),
                rank,
                np.array([names[name] for name in ids], np.int64),
                overlaps_of(boxes, starts),
                covered_by(boxes, scenes),
                np.array([known.state for known in self.objects.values()], np.int64),
                np.array([UNKNOWN if key[0] < 0 else order[key] for key in told], np.int64),
            ),
            self.least_iou,
        )
        self._keep(found, scenes, ids, boxes, keys, starts)

    def _keep(self, found, scenes, ids, boxes, keys, starts) -> None:
        told = [(known.told_at, known.last_at) for known in self.objects.values()]
        into = [known.into for known in self.objects.values()]
        for owner in np.unique(found.owner).tolist():
            now, by = found.current[owner], found.told_by[owner]
            last = found.last_by[owner]
            told_at = scenes[by].key if by != NOBODY else told[owner][0]
            last_at = scenes[last].key if last != NOBODY else told[owner][1]
            merged = found.into[owner]
            part_of = ids[merged] if merged != NOBODY else (into[owner] if by == NOBODY else None)
            state = int(found.state[owner])
            self.objects[ids[owner]] = Known(boxes[now], keys[now], state, told_at, last_at, part_of)
        regions = [(scene.id, box) for scene in scenes for box in scene.boxes]
        for region, owner in zip(regions, found.owner[starts[0] :].tolist(), strict=True):
            self.published[region] = ids[owner]
        for region, owner in zip(*(side.tolist() for side in found.parents), strict=True):
            self.parents.setdefault(regions[region - starts[0]], []).append(ids[owner])

    def facts(self) -> object:
        return sorted(self.published.items()), sorted((k, sorted(v)) for k, v in self.parents.items())

    def seen(self) -> list[str]:
        return sorted(name for name, known in self.objects.items() if known.state == SEEN)


def overlaps_of(boxes: Sequence[Box], starts: np.ndarray) -> Overlaps:
    """Return the overlaps of outlines with those of scenes before theirs."""
    rows = []
    for scene, (start, stop) in enumerate(zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True)):
        for later in range(start, stop):
            for earlier in range(int(starts[scene])):
                shared = _area(_shared(boxes[earlier], boxes[later]))
                one, other = _area(boxes[earlier]), _area(boxes[later])
                if shared:
                    rows.append(
                        (earlier, later, shared / (one + other - shared), shared / one, shared / other)
                    )
    table = np.array(rows).reshape(-1, 5)
    return Overlaps(table[:, 0].astype(np.int64), table[:, 1].astype(np.int64), *table[:, 2:].T)


def covered_by(boxes: Sequence[Box], scenes: Sequence[Picture]) -> tuple[np.ndarray, np.ndarray]:
    pairs = [
        (node, nth)
        for node, box in enumerate(boxes)
        for nth, scene in enumerate(scenes)
        if _shared(box, scene.data) == box
    ]
    table = np.array(pairs, np.int64).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def _shared(one: Box, other: Box) -> Box:
    return max(one[0], other[0]), max(one[1], other[1]), min(one[2], other[2]), min(one[3], other[3])


def _area(box: Box) -> int:
    return max(0, box[2] - box[0]) * max(0, box[3] - box[1])


@st.composite
def archives(draw: st.DrawFn, most: int = 6, *, all_known: bool = True) -> list[Picture]:
    """Draw scenes of one place, of different times and ids; the rectangles of each do not overlap.

    Some have no time unless ``all_known``.
    """
    time = st.integers(0, 5) if all_known else st.none() | st.integers(0, 5)
    times = draw(st.lists(time, min_size=1, max_size=most))
    return [
        Picture(
            time, f"{chr(97 + n)}", draw(_apart()), draw(st.sampled_from([(-9, -9, 99, 99), (0, 0, 6, 6)]))
        )
        for n, time in enumerate(times)
    ]


@st.composite
def _apart(draw: st.DrawFn) -> tuple[Box, ...]:
    boxes: list[Box] = []
    for _ in range(draw(st.integers(0, 4))):
        left, top = draw(st.integers(0, 8)), draw(st.integers(0, 8))
        box = (left, top, left + draw(st.integers(1, 5)), top + draw(st.integers(1, 5)))
        if not any(_area(_shared(box, other)) for other in boxes):
            boxes.append(box)
    return tuple(boxes)
