"""SceneTable: many scenes as columns. A scene is made when it is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import NDArray

from sgddiff_batch.core.scene import Scene
from sgddiff_batch.core.texts import Mask, Rows, Texts


@dataclass(frozen=True, slots=True, eq=False)
class SceneTable(Sequence[Scene]):
    """Scenes; each column has the field of that name of every :class:`Scene`, ``ids`` the ``scene_id``."""

    ids: Texts
    uris: Texts
    versions: Texts
    sizes_bytes: NDArray[np.int64]
    has_sidecars: Mask

    @classmethod
    def of(cls, scenes: Iterable[Scene]) -> SceneTable:
        """Return scenes as a table; a table as it is."""
        if isinstance(scenes, SceneTable):
            return scenes
        held = scenes if isinstance(scenes, Sequence) else tuple(scenes)
        return cls(
            Texts.of(scene.scene_id for scene in held),
            Texts.of(scene.uri for scene in held),
            Texts.of(scene.version for scene in held),
            np.fromiter((scene.size_bytes for scene in held), np.int64, len(held)),
            np.fromiter((scene.has_sidecars for scene in held), np.bool_, len(held)),
        )

    def __len__(self) -> int:
        return len(self.ids)

    @overload
    def __getitem__(self, row: int) -> Scene: ...
    @overload
    def __getitem__(self, row: slice) -> SceneTable: ...
    def __getitem__(self, row: int | slice) -> Scene | SceneTable:
        if isinstance(row, slice):
            return self.take(np.arange(len(self))[row])
        return Scene(
            self.ids[row],
            self.uris[row],
            self.versions[row],
            int(self.sizes_bytes[row]),
            bool(self.has_sidecars[row]),
        )

    def __iter__(self) -> Iterator[Scene]:
        rows = zip(self.ids, self.uris, self.versions, self.sizes_bytes, self.has_sidecars, strict=True)
        for scene_id, uri, version, size_bytes, has_sidecars in rows:
            yield Scene(scene_id, uri, version, int(size_bytes), bool(has_sidecars))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(one == two for one, two in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def take(self, rows: Rows | Mask) -> SceneTable:
        """Return some of the scenes: those of a mask, or of numbers in their order."""
        return SceneTable(
            self.ids.take(rows),
            self.uris.take(rows),
            self.versions.take(rows),
            self.sizes_bytes[rows],
            self.has_sidecars[rows],
        )
