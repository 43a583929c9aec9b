"""Where the maps to be scored come from: the student, tile by tile as in the main job, or a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from jobs.evaluation.pictures import Entry, read_map, read_picture, size_of
from sgddiff_batch.core.blending import MAX_CODE
from sgddiff_batch.core.tiling import OVERLAP_PX, TILE_PX, Lattice
from sgddiff_batch.core.window import Window

if TYPE_CHECKING:
    from models.predictor import TaskPredictor


class SaliencySource(Protocol):
    """Makes or reads the map of an entry."""

    def read(self, entry: Entry) -> NDArray[np.uint8]:
        """Saliency 0..255 (H, W) uint8 of the size of the picture, or of the label where maps are read."""

    def facts(self) -> dict[str, Any]:
        """What the maps come from, as plain values for the report."""


@dataclass(frozen=True, slots=True)
class Student:
    """The student of a checkpoint, with the lattice of the main job's defaults."""

    predictor: TaskPredictor
    checkpoint: str
    settings: dict[str, Any]

    def map_of(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Saliency 0..255 (H, W) uint8 of a whole picture (3, H, W) uint8 at its native resolution."""
        height, width = pixels.shape[1:]
        layout = Lattice(height, width, TILE_PX, OVERLAP_PX).task_tiles(Window(0, height, 0, width))
        return codes_to_bytes(self.predictor.predict(pixels, np.ones((height, width), bool), layout))

    def read(self, entry: Entry) -> NDArray[np.uint8]:
        """Compute the map of the entry's picture."""
        if entry.picture is None:
            raise ValueError(f"{entry.name}: the student needs a picture")
        return self.map_of(read_picture(entry.picture))

    def facts(self) -> dict[str, Any]:
        """The checkpoint, its digest and the settings that decide pixels."""
        return {
            "source": "student",
            "checkpoint": self.checkpoint,
            **self.settings,
            "tile_px": TILE_PX,
            "overlap_px": OVERLAP_PX,
        }


@dataclass(slots=True)
class MapFolder:
    """Maps made by anybody, brought to the size of their labels. Counts those that were of another size."""

    folder: Path
    resized: int = 0

    def read(self, entry: Entry) -> NDArray[np.uint8]:
        """Read the entry's map."""
        if entry.map is None or entry.label is None:
            raise ValueError(f"{entry.name}: scoring a map needs the map and its label")
        shape = size_of(entry.label)
        self.resized += size_of(entry.map) != shape
        return read_map(entry.map, shape)

    def facts(self) -> dict[str, Any]:
        """The folder and how many maps were resized."""
        return {"source": "folder", "folder": str(self.folder), "resized": self.resized}


def load_student(checkpoint: str, device: str, backend: str = "torch", precision: str = "fp32") -> Student:
    """Load a checkpoint folder, or one that ships by its name, onto "auto", "cpu" or "cuda".

    backend, precision: as `model.backend` and `model.precision` of a config.

    Raises:
        CheckpointError: if the checkpoint cannot be used.
        ValueError: if the device or the backend is not there.
    """
    from models.checkpoint import SHIPPED, resolve_checkpoint
    from models.predictor import choose_device, describe_predictor, load_predictor
    from models.processes import prepare_process

    prepare_process()
    kind = choose_device(device).type
    settings = describe_predictor(checkpoint, kind, backend=backend, precision=precision)
    settings.pop("sizes")
    name = checkpoint if checkpoint in SHIPPED else str(resolve_checkpoint(checkpoint))
    predictor = load_predictor(checkpoint, device, backend=backend, precision=precision)
    return Student(predictor, name, settings)


def codes_to_bytes(codes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Codes 0..254 of probability to bytes 0..255, rounded half up: code 127, one half, is found at 128."""
    return ((codes.astype(np.uint32) * 255 + MAX_CODE // 2) // MAX_CODE).astype(np.uint8)
