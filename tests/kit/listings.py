"""Files that are only listed, and what a listing says of them."""

from __future__ import annotations

from pathlib import Path

from sgddiff_batch.io.sources.listing import Listing


def put(folder: Path, *names: str, content: bytes = b"x") -> None:
    """Write files that are no rasters; who lists them does not look inside."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def ids(listing: Listing) -> list[str]:
    """The ids of the scenes that were listed, in their order."""
    return [scene.scene_id for scene in listing.scenes]
