"""The demo's folder: its archive, the config of the main job beside it, and a picture of each mosaic."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import yaml

from jobs.demo.archive import SCENES, draw_archive
from jobs.demo.pictures import picture_of
from sgddiff_batch.io.catalogue import list_mosaics


def lacks_scenes(folder: Path) -> bool:
    """Whether any scene of the archive is still to be drawn."""
    return not all((folder / "archive" / scene.path).exists() for scene in SCENES)


def prepare(folder: Path, draw: Callable[[Path], object] = draw_archive) -> Path:
    """Draw the archive where it is not there yet, write the config beside it, and return the config."""
    if lacks_scenes(folder):
        draw(folder / "archive")
    config = folder / "demo.yaml"
    wanted = yaml.safe_dump({"archive": {"uri": "archive"}, "output": {"uri": "mosaics"}}, sort_keys=False)
    config.write_text(f"# All that the main job needs. Relative paths count from this file.\n{wanted}")
    return config


def draw_pictures(output: Path, folder: Path) -> list[Path]:
    """Draw one picture a mosaic of an output folder, and return them."""
    pictures = []
    for entry in list_mosaics(str(output)):
        path = folder / f"{entry.scene_id.replace('/', '-')}.png"
        picture_of(entry.uri, path)
        pictures.append(path)
    return pictures
