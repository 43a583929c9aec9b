"""The config of the main job: typed, whole, read once.

A YAML file plus ``--set key=value``; unknown keys are refused with the nearest known one. Relative paths
count from the config file.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from sgddiff_batch.core.planning import Tiling
from sgddiff_batch.errors import ConfigError

_MOST_STRIDES = 64
"""A block's shard has an index entry for every square of one stride, written or not."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _check_scheme(uri: str) -> str:
    scheme, separator, rest = uri.partition("://")
    if separator and (scheme != "s3" or not rest.strip("/")):
        raise ValueError(f"must be a local path or s3://bucket/..., got {uri!r}")
    return uri


_Uri = Annotated[str, Field(min_length=1), AfterValidator(_check_scheme)]


class ArchiveConfig(_Section):
    """Where the scenes are: a folder or prefix, a glob, or a .txt, .csv or .parquet list; local or s3://."""

    uri: _Uri


class OutputConfig(_Section):
    """Where the mosaics, the ledger and the reports go; local or s3://."""

    uri: _Uri


class ModelConfig(_Section):
    """The network: ``bundled`` or a checkpoint folder, and the device that it runs on.

    ``batch_tiles`` is the one size of every network batch; null lets the device decide.
    """

    checkpoint: str = "bundled"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    batch_tiles: int | None = Field(default=None, ge=1, le=1024)


def _check_stretch(ends: tuple[float, float]) -> tuple[float, float]:
    if not ends[0] < ends[1]:
        raise ValueError(f"the low end must be below the high end, got {list(ends)}")
    return ends


class InputConfig(_Section):
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


class TilingConfig(_Section):
    """The sizes that cut a mosaic up, in pixels, and the memory that a worker's tasks may take, in GiB."""

    tile_px: int = Field(default=576, ge=64, le=4096)
    overlap_px: int = Field(default=64, ge=0)
    block_px: int = Field(default=4096, ge=8)
    task_memory_gib: float = Field(default=2.0, gt=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _sizes_fit_together(self) -> TilingConfig:
        if self.tile_px % 32:
            raise ValueError(f"tile_px must be a multiple of 32, got {self.tile_px}")
        if (self.tile_px - self.overlap_px) % 8:
            raise ValueError(f"the stride, tile_px - overlap_px = {self.stride_px}, must be a multiple of 8")
        self.tiling  # noqa: B018 - raises where the sizes do not fit together
        if self.block_px > _MOST_STRIDES * self.stride_px:
            raise ValueError(f"block_px must be at most {_MOST_STRIDES} strides, got {self.block_px}")
        return self

    @property
    def stride_px(self) -> int:
        """Distance between neighbouring tiles."""
        return self.tile_px - self.overlap_px

    @property
    def tiling(self) -> Tiling:
        """The sizes as the core knows them."""
        return Tiling(self.tile_px, self.overlap_px, self.block_px)

    @property
    def task_memory_bytes(self) -> int:
        """``task_memory_gib`` in bytes."""
        return int(self.task_memory_gib * 2**30)


class EngineConfig(_Section):
    """Who runs the tasks: one process (local) or a pool of Ray actors (ray); how many predictors at once."""

    kind: Literal["local", "ray"] = "local"
    workers: Literal["auto"] | Annotated[int, Field(ge=1, le=10_000, strict=True)] = "auto"


class ArchiveJobConfig(_Section):
    """Everything that ``jobs/infer_archive.py`` reads. Only the two URIs are required."""

    archive: ArchiveConfig
    output: OutputConfig
    model: ModelConfig = ModelConfig()
    input: InputConfig = InputConfig()
    tiling: TilingConfig = TilingConfig()
    engine: EngineConfig = EngineConfig()


def load_config(
    path: str, assignments: Sequence[str] = (), *, under_ray_job: bool = False
) -> ArchiveJobConfig:
    """Read a config file and lay ``key=value`` assignments (dotted keys, YAML values) over it.

    Raises:
        ConfigError: naming the key, what was found, and what is allowed.
    """
    tree = _read_yaml(path)
    for assignment in assignments:
        _assign(tree, assignment)
    try:
        config = ArchiveJobConfig.model_validate(tree)
    except ValidationError as error:
        raise ConfigError(_explain(error)) from None
    if under_ray_job and not _is_absolute(config.output.uri):
        raise ConfigError(
            f"output.uri is the relative path {config.output.uri!r}, and a Ray job runs in a temporary copy "
            "of the working directory: give an absolute path or s3://"
        )
    resolved = _resolve_paths(config, Path(path).absolute().parent)
    if resolved.archive.uri.rstrip("/") == resolved.output.uri.rstrip("/"):
        raise ConfigError(f"output.uri: must not be the archive itself, got {config.output.uri!r}")
    return resolved


class _UniqueKeyLoader(yaml.SafeLoader):
    """Refuses a key that is given twice, of which YAML would silently keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [key.value for key, _ in node.value]
        twice = sorted({str(key) for key in keys if keys.count(key) > 1})
        if twice:
            raise yaml.constructor.ConstructorError(None, None, f"{twice[0]} is given twice", node.start_mark)
        return super().construct_mapping(node, deep)


def _read_yaml(path: str) -> dict[str, Any]:
    try:
        tree = yaml.load(Path(path).read_text(encoding="utf-8"), Loader=_UniqueKeyLoader)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"--config {path}: cannot be read: {error}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"--config {path}: is not a YAML config: {' '.join(str(error).split())}") from None
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise ConfigError(f"--config {path}: must hold keys and values, found a {type(tree).__name__}")
    return tree


def _assign(tree: dict[str, Any], assignment: str) -> None:
    key, equals, text = assignment.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"--set {assignment!r}: must be key=value, such as tiling.block_px=1024")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        raise ConfigError(f"--set {assignment!r}: {text!r} is not a YAML value") from None
    *sections, name = key.strip().split(".")
    for section in sections:
        branch = tree.setdefault(section, {})
        if branch is None:
            branch = tree[section] = {}
        if not isinstance(branch, dict):
            raise ConfigError(f"--set {assignment!r}: {section} is {branch!r}, not a section")
        tree = branch
    tree[name] = value


def _explain(error: ValidationError) -> str:
    """Return one sentence a problem: the dotted key, what was found, what is allowed, the nearest key."""
    sentences = {}
    for problem in error.errors(include_url=False):
        location = tuple(str(part) for part in problem["loc"])
        key = ".".join(_known_part(location))
        if problem["type"] == "extra_forbidden":
            sentences[key] = f"{key}: unknown key{_nearest(location)}"
        elif problem["type"] == "missing" and len(location) <= 2:
            sentences[key] = f"{key}: required, but not given"
        else:
            message = problem["msg"].removeprefix("Value error, ")
            message = message[0].lower() + message[1:]
            found = "" if "got" in message else f", got {problem['input']!r}"
            earlier = sentences.get(key)
            sentences[key] = f"{earlier}; or {message}" if earlier else f"{key}: {message}{found}"
    return "; ".join(sentences.values())


def _known_part(location: tuple[str, ...]) -> tuple[str, ...]:
    """Drop pydantic's own words for the members of a union from a location."""
    section = ArchiveJobConfig.model_fields.get(location[0])
    return location[:2] if section is not None else location


def _nearest(location: tuple[str, ...]) -> str:
    known = _known_keys()
    wanted = ".".join(location)
    match = difflib.get_close_matches(wanted, known, n=1, cutoff=0.5)
    same_name = [key for key in known if key.rsplit(".", 1)[-1] == location[-1]]
    nearest = same_name or match
    return f"; the nearest known key is {nearest[0]}" if nearest else f"; known are {', '.join(known)}"


def _known_keys() -> list[str]:
    keys = []
    for section, field in ArchiveJobConfig.model_fields.items():
        model = field.annotation
        names = model.model_fields if isinstance(model, type) and issubclass(model, BaseModel) else {}
        keys += [section, *(f"{section}.{name}" for name in names)]
    return keys


def _is_absolute(uri: str) -> bool:
    return "://" in uri or os.path.isabs(uri)  # noqa: PTH117 - URIs are no paths


def _resolve_paths(config: ArchiveJobConfig, folder: Path) -> ArchiveJobConfig:
    def resolve(uri: str) -> str:
        return uri if _is_absolute(uri) else os.path.normpath(folder / Path(uri).expanduser())

    updates: Mapping[str, Any] = {
        "archive": ArchiveConfig(uri=resolve(config.archive.uri)),
        "output": OutputConfig(uri=resolve(config.output.uri)),
    }
    if config.model.checkpoint != "bundled":
        model = config.model.model_copy(update={"checkpoint": resolve(config.model.checkpoint)})
        updates = {**updates, "model": model}
    return config.model_copy(update=dict(updates))
