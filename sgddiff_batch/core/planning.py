"""Planning: how a scene becomes one mosaic, tasks and blocks."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass

from sgddiff_batch.core import budget, pyramid
from sgddiff_batch.core.grid import Grid
from sgddiff_batch.core.scene import Scene, SceneProfile
from sgddiff_batch.core.tiling import OVERLAP_PX, TILE_PX, Lattice
from sgddiff_batch.core.window import Window

CHUNK_PX = 512
_MOST_CHUNKS = 64
"""A side: a block's shard has an index entry for every chunk, written or not."""
_FORMER_TILE_PX = 576
"""The default until ``pixels_version`` 3: its stride was the chunk, and configs have blocks of it."""


@dataclass(frozen=True, slots=True)
class Tiling:
    """The sizes that cut a mosaic up. Only ``tile_px``, ``overlap_px`` and ``fits`` change pixels.

    ``chunk_px``: side of the inner chunks, which divides every block, so that all have the same levels; 0 is
    512 where that divides the block, else a stride. ``fits``: see :class:`LatticeAxis`.

    Raises:
        ValueError: if the block is not a multiple of the chunk, or a size is out of range.
    """

    tile_px: int = TILE_PX
    overlap_px: int = OVERLAP_PX
    block_px: int = 4096
    chunk_px: int = 0
    fits: bool = True

    def __post_init__(self) -> None:
        Lattice(1, 1, self.tile_px, self.overlap_px)  # checks tile and overlap
        chunk_px = self.chunk_px or self._fitting_chunk_px()
        if self.block_px < 1 or chunk_px < 1 or self.block_px % chunk_px:
            raise ValueError(f"block_px must be a multiple of the chunk {chunk_px}, got {self.block_px}")
        object.__setattr__(self, "chunk_px", chunk_px)

    @property
    def stride_px(self) -> int:
        """Distance between the pixels at which neighbouring tiles begin to count."""
        return self.tile_px - self.overlap_px

    def _fitting_chunk_px(self) -> int:
        for chunk_px in (CHUNK_PX, self.stride_px, _FORMER_TILE_PX - self.overlap_px):
            if chunk_px > 0 and self.block_px % chunk_px == 0 and self.block_px <= _MOST_CHUNKS * chunk_px:
                return chunk_px
        raise ValueError(
            f"block_px must be a multiple of the chunk, {CHUNK_PX} px, at most {_MOST_CHUNKS} times as much "
            f"(or of the stride, {self.stride_px} px), got {self.block_px}"
        )


@dataclass(frozen=True, slots=True)
class Mosaic:
    """One output: pixels on a grid, cut into tiles and blocks.

    ``path`` is that of its store, below the output (:mod:`sgddiff_batch.core.store_names`); ``id`` names the
    scene or the area that it is of, ``version`` which one of it. ``grid`` is that of level 0.
    """

    path: str
    id: str
    version: str
    grid: Grid
    tiling: Tiling

    @property
    def lattice(self) -> Lattice:
        """The tiles of the mosaic, anchored at its first pixel."""
        sizes = self.tiling.tile_px, self.tiling.overlap_px, self.tiling.fits
        return Lattice(self.grid.height_px, self.grid.width_px, *sizes)

    @property
    def levels(self) -> int:
        """Number of pyramid levels, native included."""
        return pyramid.level_count(self.grid.height_px, self.grid.width_px, self.tiling.chunk_px)

    @property
    def block_levels(self) -> int:
        """Number of levels whose shards the task of a block writes; the others are built at commit."""
        level = 0
        while level < self.levels and self.shard_px(level) is not None:
            level += 1
        return level

    def shard_px(self, level: int) -> int | None:
        """Return the side of a level's shard, or None where the level is built at commit."""
        return pyramid.level_shard_px(self.tiling.block_px, self.tiling.chunk_px, level)

    def blocks(self) -> Iterator[Window]:
        """Yield the blocks of the mosaic, row by row; those at the far edges are smaller."""
        return self.grid.window.split(self.tiling.block_px)


@dataclass(frozen=True, slots=True)
class SceneMosaic(Mosaic):
    """The mosaic of one scene, with what it takes to read that."""

    scene: Scene
    profile: SceneProfile

    @classmethod
    def at(cls, path: str, scene: Scene, profile: SceneProfile, tiling: Tiling) -> SceneMosaic:
        """Return the mosaic of a scene: its id, version and grid are the scene's."""
        return cls(path, scene.scene_id, scene.version, profile.grid, tiling, scene, profile)


@dataclass(frozen=True, slots=True)
class Task:
    """A rectangle of whole blocks of one mosaic: what one worker reads, infers and stores at a time."""

    mosaic: SceneMosaic
    window: Window

    @property
    def scene(self) -> Scene:
        """The scene that the task is read from."""
        return self.mosaic.scene

    @property
    def profile(self) -> SceneProfile:
        """How that scene is read."""
        return self.mosaic.profile

    @property
    def scene_id(self) -> str:
        """The id of the scene that the task belongs to."""
        return self.mosaic.id

    @property
    def name(self) -> str:
        """A name that is unique within the mosaic: its window's."""
        return self.window.name

    @property
    def halo(self) -> Window:
        """The pixels to read."""
        return self.mosaic.lattice.halo(self.window)

    def blocks(self) -> Iterator[Window]:
        """Yield the task's blocks, row by row."""
        return self.window.split(self.mosaic.tiling.block_px)


def plan_tasks(mosaic: SceneMosaic, memory_bytes: int, done: Set[Window] = frozenset()) -> list[Task]:
    """Return the tasks that make the blocks of a mosaic that are not ``done``.

    A whole scene is one task where it fits ``memory_bytes``; else runs of blocks of one row of blocks, as
    long as they fit. A block that does not fit alone is still a task: the caller compares
    :func:`budget.task_bytes` with its limit before it starts.
    """
    whole = Task(mosaic, mosaic.grid.window)
    if not done and budget.task_bytes(whole.halo.area_px, mosaic.profile.sample_bytes) <= memory_bytes:
        return [whole]
    tasks: list[Task] = []
    for block in mosaic.blocks():
        if block in done:
            continue
        joined = _join(tasks[-1].window, block) if tasks else None
        longer = Task(mosaic, joined) if joined else None
        if longer and budget.task_bytes(longer.halo.area_px, mosaic.profile.sample_bytes) <= memory_bytes:
            tasks[-1] = longer
        else:
            tasks.append(Task(mosaic, block))
    return tasks


def _join(left: Window, right: Window) -> Window | None:
    """Return the union of two neighbours in one row of blocks, or None where they are not that."""
    same_rows = (left.row_start, left.row_stop) == (right.row_start, right.row_stop)
    if not same_rows or left.col_stop != right.col_start:
        return None
    return Window(left.row_start, left.row_stop, left.col_start, right.col_stop)
