"""What is asked of an evaluation: which pictures and maps, and what is to be written of them."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sgddiff_batch.errors import ConfigError

if TYPE_CHECKING:
    from jobs.evaluation.sources import SaliencySource


@dataclass(frozen=True, slots=True)
class Request:
    """Folders to read and to write, by the names of their flags; None where nothing was said.

    images, labels, score_maps: read. maps, worst: written, one file a picture. report: the file of the
    report. scores: whether scores are asked for in any form. checkpoint and device: the student's, where maps
    are made; backend and precision as in a config. objects: match whole objects, too.
    """

    images: Path | None = None
    labels: Path | None = None
    score_maps: Path | None = None
    maps: Path | None = None
    worst: Path | None = None
    report: Path | None = None
    scores: bool = False
    checkpoint: str | None = None
    device: str = "auto"
    objects: bool = False
    backend: str = "torch"
    precision: str = "fp32"

    def check(self) -> None:
        """Raise ConfigError for what makes no sense, or would overwrite what is read."""
        if self.images is None and self.score_maps is None:
            raise ConfigError("--images: which pictures? Only --score-maps can do without them")
        if self.score_maps and self.maps:
            raise ConfigError("--maps: nothing is computed with --score-maps, so there are no maps to write")
        if self.labels is None and (self.score_maps or self.scores or self.worst or self.objects):
            raise ConfigError("--labels: needed for scores (--score-maps, --json, --worst and --objects)")
        if self.labels is None and self.maps is None:
            raise ConfigError("nothing to do: give --maps to write maps, --labels to score them, or both")
        if self.labels and importlib.util.find_spec("scipy") is None:
            raise ConfigError("--labels: scores need SciPy; pip install 'sgddiff-batch[train]'")
        self._check_outputs()

    def _check_outputs(self) -> None:
        if self.report and self.report.is_dir():
            raise ConfigError(f"--json: is a folder, a file is needed: {self.report}")
        for out, folder in (("maps", self.maps), ("worst", self.worst)):
            if folder:
                self._check_folder(out, folder)
        if self.maps and self.worst and self.maps.resolve() == self.worst.resolve():
            raise ConfigError(f"--worst: is the folder of --maps, which takes only maps: {self.maps}")

    def _check_folder(self, out: str, folder: Path) -> None:
        if folder.exists() and not folder.is_dir():
            raise ConfigError(f"--{out}: is a file, a folder is needed: {folder}")
        inputs = {"images": self.images, "labels": self.labels, "score-maps": self.score_maps}
        for name, path in inputs.items():
            if path and folder.resolve() == path.resolve():
                raise ConfigError(f"--{out}: is the folder of --{name}, which must stay as it is: {path}")

    def source(self) -> SaliencySource:
        """The student that is asked for, or the folder of maps. Raises ConfigError for one of no use."""
        from jobs.evaluation.sources import MapFolder, load_student

        if self.score_maps:
            return MapFolder(self.score_maps)
        from models.checkpoint import BUNDLED, CheckpointError

        try:
            return load_student(self.checkpoint or BUNDLED, self.device, self.backend, self.precision)
        except CheckpointError as error:
            raise ConfigError(f"--checkpoint: {error}") from None
        except ValueError as error:
            raise ConfigError(_by_flag(str(error))) from None


def _by_flag(complaint: str) -> str:
    """What is wrong with a key of the config, said of the flag of that name."""
    for key in ("device", "backend", "precision"):
        if complaint.startswith(f"model.{key}"):
            return f"--{key}: {complaint.removeprefix(f'model.{key}').lstrip(' :')}"
    return f"--backend: {complaint}"
