"""Ids that last: which objects the regions of new scenes are, by the overlaps of their outlines.

Scenes are taken one after the other, in the order of (time, id); an object has the id of the region that
first showed it. So ids depend on the sequence of publishes and on the scenes of each, and a
night that takes the scenes of many nights in their order gives what these gave.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sgddiff_batch.core.components import Ints

Floats = NDArray[np.float64]

SEEN, VANISHED, MERGED = 0, 1, 2
"""What is known last of an object: a scene shows it; one with data there does not; it is part of another."""
NOBODY = -1
UNKNOWN = -1
"""The rank of a scene whose time is not known: before all others. It has no say in what a scene of known time
has said of an object: it ends none, makes it part of no other, brings none back and moves no outline.
"""

ID_DIGITS = 20
"""Hex digits of an id, 80 bits: of a hundred million two are equal with a chance of 1 to 240 million."""

MOSTLY = 0.5
"""The share of a region that makes it part of another."""


@dataclass(frozen=True, slots=True, eq=False)
class Overlaps:
    """Pairs (p) of outlines that share an area: nodes, the first of which was there before the other's scene.

    ``iou`` is the shared area over that of both; ``of_earlier``, ``of_later`` over that of one of them.
    """

    earlier: Ints
    later: Ints
    iou: Floats
    of_earlier: Floats
    of_later: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Sightings:
    """What a publish has to match. Nodes are outlines: first the objects known so far (n), then new regions.

    ``scene_start`` (s + 1): where the nodes of each new scene begin, scenes in the order of (time, id) and
    nodes in any. ``rank`` (nodes): of an outline's scene in that order, over all that are known; UNKNOWN of
    no time. ``id_rank`` (nodes): of ids in alphabetical order. ``scene_rank`` (s): ranks of the new scenes.
    ``overlaps``: all there are. ``covered``: pairs (q) of a node and a new scene with data all over it.
    ``state``, ``since`` (n): of the known objects, and the rank of the last scene that had a say in it.
    """

    scene_start: Ints
    scene_rank: Ints
    rank: Ints
    id_rank: Ints
    overlaps: Overlaps
    covered: tuple[Ints, Ints]
    state: Ints
    since: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Matched:
    """Which object each node is (``owner``, a node: the first that showed it), and what became of objects.

    All have a place a node, and say of owners: ``current``, the node of its outline now; its ``state``;
    ``told_by`` and ``last_by``, the new scenes that told that, and that had a say in it last (NOBODY: none);
    ``into``: of a merged one, the owner that it is part of. ``parents`` (pairs): a new region, and the owner
    of one that it was split from, or that became part of it.
    """

    owner: Ints
    current: Ints
    state: Ints
    told_by: Ints
    last_by: Ints
    into: Ints
    parents: tuple[Ints, Ints]


def match(sightings: Sightings, least_iou: float) -> Matched:
    """Return which objects new regions are.

    A region is the object of the largest overlap among those of at least ``least_iou`` (0..1); each object is
    one region of a scene, and of equal overlaps the lesser id is first.

    Raises:
        ValueError: if an overlap is of two nodes of which none was there before the other's scene.
    """
    before = _scene_of(sightings, sightings.overlaps.earlier)
    if (before >= _scene_of(sightings, sightings.overlaps.later)).any():
        raise ValueError("an overlap must be of a node and of one that was there before its scene")
    fold = _Fold(sightings, least_iou)
    for scene in range(len(sightings.scene_rank)):
        fold.take(scene)
    return fold.matched()


class _Fold:
    """The objects, scene by scene."""

    def __init__(self, sightings: Sightings, least_iou: float) -> None:
        known, nodes = len(sightings.state), len(sightings.rank)
        self._all, self._least = sightings, least_iou
        self._owner = np.where(np.arange(nodes) < known, np.arange(nodes), NOBODY)
        self._current = self._owner.copy()
        self._state = np.concatenate([sightings.state, np.full(nodes - known, SEEN)])
        self._since = np.concatenate([sightings.since, np.full(nodes - known, UNKNOWN)])
        self._told_by, self._last_by, self._into = (np.full(nodes, NOBODY) for _ in range(3))
        self._parents: list[tuple[Ints, Ints]] = []
        scenes = np.arange(len(sightings.scene_rank) + 1)
        of_pairs = _scene_of(sightings, sightings.overlaps.later)
        self._pairs_in_order = np.argsort(of_pairs, kind="stable")
        self._first_pair = np.searchsorted(of_pairs[self._pairs_in_order], scenes)
        node, scene = sightings.covered
        self._covered = node[np.argsort(scene, kind="stable")]
        self._first_covered = np.searchsorted(np.sort(scene), scenes)

    def take(self, scene: int) -> None:
        """Match the regions of the next scene, and note what it says of objects."""
        begin, end = self._all.scene_start[scene : scene + 2].tolist()
        pairs, owners = self._live(scene)
        kept = _greedy(pairs, owners, self._least)
        self._owner[begin:end] = np.arange(begin, end)
        self._owner[pairs.later[kept]] = owners[kept]
        is_shown = np.zeros(len(self._owner), np.bool_)
        is_shown[owners[kept]] = True
        self._relate(scene, pairs, owners, is_shown)
        self._vanish(scene, is_shown)
        self._show(scene, np.arange(begin, end))

    def _live(self, scene: int) -> tuple[Overlaps, Ints]:
        """Return the overlaps of a scene's regions with the outlines that objects have now, and these.

        The largest is first; of equal ones that of the lesser id, and then of the lesser of the region.
        """
        part = self._pairs_in_order[slice(*self._first_pair[scene : scene + 2].tolist())]
        pairs, rank = self._all.overlaps, self._all.id_rank
        earlier = pairs.earlier[part]
        part = part[self._current[self._owner[earlier]] == earlier]
        owners = self._owner[pairs.earlier[part]]
        order = np.lexsort((rank[pairs.later[part]], rank[owners], -pairs.iou[part]))
        return _chosen(pairs, part[order]), owners[order]

    def _relate(self, scene: int, pairs: Overlaps, owners: Ints, is_shown: NDArray[np.bool_]) -> None:
        """Name the parents of regions: objects that became part of them, or that they were split from."""
        is_new = self._owner[pairs.later] == pairs.later
        enough, is_seen = pairs.iou >= self._least, self._state[owners] == SEEN
        is_part = is_seen & ~is_shown[owners] & self._counts(scene, owners)
        is_part &= enough | (pairs.of_earlier >= MOSTLY)
        is_split = is_new & (is_seen | is_shown[owners]) & (enough | (pairs.of_later >= MOSTLY))
        named = np.stack([pairs.later, owners], axis=1)[is_part | is_split]
        self._parents.append(tuple(np.unique(named, axis=0).T))
        nth = np.flatnonzero(is_part)
        nth = nth[np.lexsort((self._all.id_rank[pairs.later[nth]], -pairs.of_earlier[nth], owners[nth]))]
        objects, first = np.unique(owners[nth], return_index=True)
        self._tell(scene, objects, MERGED)
        self._into[objects] = self._owner[pairs.later[nth[first]]]

    def _counts(self, scene: int, objects: Ints) -> NDArray[np.bool_]:
        """Whether no later scene said something of objects; unknown times are before all known ones."""
        counts: NDArray[np.bool_] = self._all.scene_rank[scene] >= self._since[objects]
        return counts

    def _vanish(self, scene: int, is_shown: NDArray[np.bool_]) -> None:
        """Note the objects whose whole outline has data in a scene that does not show them."""
        rank, ranks = self._all.scene_rank[scene], self._all.rank
        nodes = self._covered[slice(*self._first_covered[scene : scene + 2].tolist())]
        nodes = np.unique(nodes[self._owner[nodes] != NOBODY])
        objects = self._owner[nodes]
        gone = (self._current[objects] == nodes) & ~is_shown[objects]
        gone &= (ranks[nodes] != UNKNOWN) & (rank != UNKNOWN) & self._counts(scene, objects)
        self._tell(scene, objects[gone & (self._state[objects] == SEEN)], VANISHED)
        self._since[objects[gone]], self._last_by[objects[gone]] = rank, scene

    def _show(self, scene: int, nodes: Ints) -> None:
        """Give the objects of a scene its outlines, and note that they are there, unless it is an old one."""
        objects, rank = self._owner[nodes], self._all.scene_rank[scene]
        moves = (objects == nodes) | (rank >= self._all.rank[self._current[objects]])
        self._current[objects[moves]] = nodes[moves]
        told = objects[self._counts(scene, objects)]
        self._tell(scene, told, SEEN)
        self._into[told] = NOBODY

    def _tell(self, scene: int, objects: Ints, state: int) -> None:
        self._state[objects], self._told_by[objects] = state, scene
        # A scene of unknown time is never the last one: what is carried on is the rank of ``last_by``.
        latest = objects[self._all.scene_rank[scene] >= self._since[objects]]
        self._since[latest], self._last_by[latest] = self._all.scene_rank[scene], scene

    def matched(self) -> Matched:
        """Return what was found of all scenes that were taken."""
        none = np.zeros(0, np.int64)
        parents = [np.concatenate([none, *(pair[side] for pair in self._parents)]) for side in (0, 1)]
        said = self._state, self._told_by, self._last_by
        return Matched(self._owner, self._current, *said, self._into, (parents[0], parents[1]))


def _scene_of(sightings: Sightings, nodes: Ints) -> Ints:
    """Return which new scene shows each node, NOBODY of a known object."""
    found: Ints = np.searchsorted(sightings.scene_start, nodes, side="right") - 1
    return found


def _chosen(pairs: Overlaps, which: Ints) -> Overlaps:
    return Overlaps(
        pairs.earlier[which],
        pairs.later[which],
        pairs.iou[which],
        pairs.of_earlier[which],
        pairs.of_later[which],
    )


def _greedy(pairs: Overlaps, owners: Ints, least_iou: float) -> Ints:
    """Return the pairs, in their order, whose region is the object: each of both once."""
    enough = np.flatnonzero(pairs.iou >= least_iou)
    objects, regions = set[int](), set[int]()
    kept: list[int] = []
    for nth, owner, later in zip(
        enough.tolist(), owners[enough].tolist(), pairs.later[enough].tolist(), strict=True
    ):
        if owner not in objects and later not in regions:
            objects.add(owner)
            regions.add(later)
            kept.append(nth)
    return np.array(kept, np.int64)


def region_id(store: str, row: int, col: int) -> str:
    """Return an id that nothing else has: no two regions of a mosaic share a first pixel.

    store: the mosaic's path. An object has the id of the region that showed it first.
    """
    return hashlib.sha256(f"{store}\n{row} {col}".encode()).hexdigest()[:ID_DIGITS]
