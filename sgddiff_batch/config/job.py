"""The config of the main job: typed, whole, read once.

A YAML file plus ``--set key=value``; unknown keys are refused with the nearest known one. Relative paths
count from the config file.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from sgddiff_batch.config.archive import ArchiveConfig
from sgddiff_batch.config.areas import Areas
from sgddiff_batch.config.objects import ObjectsConfig
from sgddiff_batch.config.reading import Section, Uri, read_config
from sgddiff_batch.core.leasing import MAX_SECONDS, MIN_SECONDS
from sgddiff_batch.core.planning import Tiling
from sgddiff_batch.core.tiling import OVERLAP_PX, TILE_PX
from sgddiff_batch.errors import ConfigError


class OutputConfig(Section):
    """Where the mosaics, the ledger, the catalogue and the reports go; local or s3://.

    ``keep_generations``: how many versions of the catalogue are kept to go back to, the current one included.
    ``publish_minutes``: so often a run that goes on publishes what it has done so far; 0: only at its end.
    """

    uri: Uri
    keep_generations: int = Field(default=7, ge=1, le=10_000)
    publish_minutes: float = Field(default=60.0, ge=0, le=10_080, allow_inf_nan=False)


SHIPPED_NETWORKS = ("bundled", "bundled-fine", "bundled-lite0")
"""The second is another name of the first."""


class ModelConfig(Section):
    """The network: one that ships, by its name, or a checkpoint folder; and the device that it runs on.

    ``batch_tiles`` is the one size of every network batch; null: one for each shape of tiles, by the device.
    ``backend`` computes it: torch, or openvino, an extra for CPUs. ``precision``: of weights and maps; auto:
    fp16 on a GPU, fp32 on a CPU; openvino has fp32 and bf16. ``kernels``: of depthwise filters, scans and
    deformable samples on a GPU.
    """

    checkpoint: str = "bundled"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    batch_tiles: int | None = Field(default=None, ge=1, le=1024)
    backend: Literal["torch", "openvino"] = "torch"
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "fp32"
    kernels: Literal["torch", "triton"] = "torch"

    @model_validator(mode="after")
    def _backend_fits(self) -> ModelConfig:
        if self.backend == "openvino" and self.device == "cuda":
            raise ValueError(
                "backend openvino computes on CPUs, and device is cuda; set one of them otherwise"
            )
        if self.backend == "openvino" and self.precision == "fp16":
            raise ValueError("backend openvino computes in fp32 or bf16, and precision is fp16")
        return self


def _check_stretch(ends: tuple[float, float]) -> tuple[float, float]:
    if not (ends[0] < ends[1] and math.isfinite(ends[1] - ends[0])):
        raise ValueError(f"the low end must be below the high end, and both finite, got {list(ends)}")
    return ends


class InputConfig(Section):
    """How a scene becomes three uint8 bands.

    ``bands``: auto, or three 1-based numbers. ``stretch``: auto (uint8 passes, other types get one stretch a
    scene), none, or [low, high] in units of the samples.
    """

    bands: Literal["auto"] | tuple[Annotated[int, Field(ge=1)], ...] = "auto"
    stretch: Literal["auto", "none"] | Annotated[tuple[float, float], AfterValidator(_check_stretch)] = "auto"

    @model_validator(mode="after")
    def _three_bands(self) -> InputConfig:
        if self.bands != "auto" and len(self.bands) != 3:
            raise ValueError(f"bands must be auto or three band numbers, got {list(self.bands)}")
        return self

    @property
    def shown(self) -> tuple[Any, Any]:
        """Bands and stretch, as readers of scenes take them."""
        return self.bands, self.stretch


class TilingConfig(Section):
    """The sizes that cut a mosaic up, in pixels, and the memory that a worker's tasks may take, in GiB."""

    tile_px: int = Field(default=TILE_PX, ge=64, le=4096)
    overlap_px: int = Field(default=OVERLAP_PX, ge=0)
    block_px: int = Field(default=4096, ge=8)
    task_memory_gib: float = Field(default=2.0, gt=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _sizes_fit_together(self) -> TilingConfig:
        if self.tile_px % 32:
            raise ValueError(f"tile_px must be a multiple of 32, got {self.tile_px}")
        if (self.tile_px - self.overlap_px) % 8:
            stride_px = self.tile_px - self.overlap_px
            raise ValueError(f"the stride, tile_px - overlap_px = {stride_px}, must be a multiple of 8")
        self.tiling  # noqa: B018 - raises where the sizes do not fit together
        return self

    @property
    def tiling(self) -> Tiling:
        """The sizes as the core knows them."""
        return Tiling(self.tile_px, self.overlap_px, self.block_px)

    @property
    def task_memory_bytes(self) -> int:
        """``task_memory_gib`` in bytes."""
        return int(self.task_memory_gib * 2**30)


class EngineConfig(Section):
    """Who runs the tasks: one process (local) or a pool of Ray actors (ray); how many predictors at once."""

    kind: Literal["local", "ray"] = "local"
    workers: Literal["auto"] | Annotated[int, Field(ge=1, le=10_000, strict=True)] = "auto"


class LeaseConfig(Section):
    """How long a run's lease on the output outlives the last sign of life of a run that is gone."""

    seconds: float = Field(default=120.0, ge=MIN_SECONDS, le=MAX_SECONDS)


class CatalogueConfig(Section):
    """What the catalogue has beside its rows. ``stac``: a static STAC Item a mosaic, below ``_stac/``."""

    stac: bool = False


class ReportConfig(Section):
    """The report's page: whether there is one, how many scenes it draws, and when it says to look.

    The alarms change no exit code; 0 switches one off. ``drift``: so large a part of the scenes would have to
    be less, or more, salient to be as those of the runs before. ``no_data``: by so much the share of pixels
    without data may rise. ``quarantined``: share of the scenes tried. ``slower``: seconds a Mpx of tiles, in
    times. ``seam``: the step of saliency across borders of tiles or blocks, in times of that inside.
    """

    html: bool = True
    pictures: int = Field(default=60, ge=0, le=500, strict=True)
    drift: float = Field(default=0.3, ge=0, le=1)
    no_data: float = Field(default=0.2, ge=0, le=1)
    quarantined: float = Field(default=0.05, ge=0, le=1)
    slower: float = Field(default=2.0, ge=0, allow_inf_nan=False)
    seam: float = Field(default=2.0, ge=0, allow_inf_nan=False)


class ArchiveJobConfig(Section):
    """Everything that ``sgddiff run`` reads. Only the two URIs are required.

    ``objects``: null, and none are drawn.
    """

    archive: ArchiveConfig
    output: OutputConfig
    model: ModelConfig = ModelConfig()
    input: InputConfig = InputConfig()
    tiling: TilingConfig = TilingConfig()
    engine: EngineConfig = EngineConfig()
    lease: LeaseConfig = LeaseConfig()
    catalogue: CatalogueConfig = CatalogueConfig()
    report: ReportConfig = ReportConfig()
    objects: ObjectsConfig | None = None
    areas: Areas = ()


def load_config(
    path: str, assignments: Sequence[str] = (), *, under_ray_job: bool = False
) -> ArchiveJobConfig:
    """Read a config file and lay ``key=value`` assignments (dotted keys, YAML values) over it.

    Raises:
        ConfigError: naming the key, what was found, and what is allowed.
    """
    config = read_config(ArchiveJobConfig, path, assignments)
    if under_ray_job and not is_absolute(config.output.uri):
        raise ConfigError(
            f"output.uri is the relative path {config.output.uri!r}, and a Ray job runs in a temporary copy "
            "of the working directory: give an absolute path or s3://"
        )
    resolved = _resolve_paths(config, Path(path).absolute().parent)
    sources = (resolved.archive, *resolved.archive.also)
    if resolved.output.uri.rstrip("/") in {source.uri.rstrip("/") for source in sources}:
        raise ConfigError(f"output.uri: must not be the archive itself, got {config.output.uri!r}")
    if "://" not in resolved.output.uri and not os.path.normpath(resolved.output.uri).strip("/"):
        raise ConfigError(
            f"output.uri: {config.output.uri!r} is the root of the file system, and what lies below the "
            "output is no scene: give a folder"
        )
    return resolved


def is_absolute(uri: str) -> bool:
    """Whether a URI means the same from every folder."""
    return "://" in uri or os.path.isabs(uri)  # noqa: PTH117 - URIs are no paths


def _resolve_paths(config: ArchiveJobConfig, folder: Path) -> ArchiveJobConfig:
    def resolve(uri: str) -> str:
        # Not Path.expanduser, which raises where ~name is a file's name and nobody's home.
        return uri if is_absolute(uri) else os.path.normpath(folder / os.path.expanduser(uri))  # noqa: PTH111

    updates: Mapping[str, Any] = {
        "archive": config.archive.with_paths(resolve),
        "output": config.output.model_copy(update={"uri": resolve(config.output.uri)}),
    }
    if config.model.checkpoint not in SHIPPED_NETWORKS:
        model = config.model.model_copy(update={"checkpoint": resolve(config.model.checkpoint)})
        updates = {**updates, "model": model}
    return config.model_copy(update=dict(updates))
