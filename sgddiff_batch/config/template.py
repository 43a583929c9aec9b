"""Template: a config for people to go on from, each key with a word on what it may be.

The values are the model's own defaults where none are given. Lines that begin with ``#`` and no space are
keys for those who want them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from sgddiff_batch.config.job import ArchiveJobConfig
from sgddiff_batch.config.reading import Section
from sgddiff_batch.errors import ConfigError

_HEAD = """\
# A config of sgddiff. Only archive.uri and output.uri are required; the other values are the defaults.
# Remove the # of a line such as "#access: own" to use its key. Relative paths count from this file.
#     sgddiff doctor --config FILE            checks it, and this machine
#     sgddiff run --config FILE --dry-run     shows the plan, starts nothing
# Lay over it for one run: --set tiling.block_px=1024
"""

_KEYS: tuple[tuple[str, str], ...] = (
    ("archive.uri", "folder or prefix (recursive), glob, list (.txt, .csv, .parquet), STAC"),
    ("output.uri", "mosaics, ledger, catalogue, reports: a folder or s3://"),
    ("output.keep_generations", "versions of the catalogue that readers can be turned back to"),
    ("output.publish_minutes", "so often a run that goes on publishes what is done; 0: only at its end"),
    ("model.checkpoint", "bundled | bundled-lite0 (the one before) | a checkpoint folder"),
    ("model.device", "auto | cpu | cuda"),
    ("model.batch_tiles", "tiles in the network at once; null: 1 on a CPU, by their size on a GPU"),
    ("model.backend", "torch | openvino (CPUs alone; pip install 'sgddiff-batch[openvino]')"),
    ("model.precision", "fp32 | bf16 | fp16 | auto (fp16 on a GPU); other than fp32 is a new run key"),
    ("model.kernels", "torch | triton: our own kernels on a GPU, not timed yet; a new run key"),
    ("input.bands", "auto, or three band numbers from 1: [4, 3, 2]"),
    ("input.stretch", "auto (one a scene, where it is not uint8) | none | [low, high]"),
    ("tiling.tile_px", "longest side of what the network sees at once; a multiple of 32"),
    ("tiling.overlap_px", "of neighbouring tiles, which are blended there"),
    ("tiling.block_px", "side of a stored object, and least of a task; a multiple of 512"),
    ("tiling.task_memory_gib", "what the tasks of one worker may take"),
    ("engine.kind", "local | ray"),
    ("engine.workers", "predictors that run at once, with ray one a worker; auto: one a core or GPU"),
    ("lease.seconds", "after so long without a heartbeat a run on this output counts as dead"),
    ("catalogue.stac", "true: also a static STAC Item a mosaic, below _stac/, for STAC browsers"),
    ("report.html", "a page for people beside the JSON: pictures, map, alarms"),
    ("report.pictures", "so many scenes are drawn there"),
    ("report.drift", "alarm: so large a part of the scenes is unlike those before; 0: never"),
    ("report.no_data", "alarm: the share of pixels without data rose by so much; 0: never"),
    ("report.quarantined", "alarm: share of the scenes tried; 0: never"),
    ("report.slower", "alarm: seconds a Mpx of tiles, in times of the usual; 0: never"),
    ("report.seam", "alarm: steps across borders of tiles, in times of those inside; 0: never"),
)

_MORE: Mapping[str, str] = {
    "archive": """\
  #kind: auto                 # prefix | list | stac | stac-api, where uri does not tell
  #collections: []            # of a STAC catalogue
  #asset: auto                # the scene of a STAC item: its key, or {role: data}
  #access: own                # how the bucket is asked: own | anonymous | requester-pays
  #headers_from_env: {}       # of a private STAC API: {Authorization: NAME_OF_A_VARIABLE}
  #time_pattern: null         # where no catalogue knows a scene's time: a pattern around the digits of its id
  #also: []                   # more sources: [{uri: s3://bucket/catalog.json}]
  #filters: {names: ["*.tif"], exclude: ["test/*"]}   # also datetime, bbox, cloud_cover_below, size
  #duplicates: {key: '(\\w+)_v(?P<version>\\d+)\\.tif$', newest_by: name}   # or datetime, modified
  #allow_hosts: []            # hosts that links of catalogues may lead to
  #allow_folders: []          # local folders that links may lead to
  #host_buckets: {}           # the s3:// prefix by which files of a host are read
  #bucket_access: {}          # access of buckets that only lists and links name
""",
}

_OBJECTS = """\
# Objects: what mosaics show as polygons with ids that last, in <output.uri>/objects.parquet; without it none:
#objects:
#    threshold: 0.5           # an object holds saliency 0..1 of so much
#    low: null                # its pixels have so much (hysteresis); null: threshold
#    min_area_m2: 0           # smaller ones are left out
#    simplify_px: 1           # outlines may be so far from the edges of pixels
#    match_iou: 0.2           # an object seen again shares so much (0..1) with what it was
"""

_AREAS = """\
# Area mosaics, one a cell and period, which `sgddiff compose` makes of those of the scenes:
#areas:
#  - name: monthly            # below <output.uri>/_areas/monthly
#    crs: EPSG:32633          # projected, or geographic
#    resolution: 10           # in units of the CRS
#    cell_px: 8192            # cells are squares of so many pixels
#    origin: [0, 0]           # the corner that they count from
#    period: month            # day | month | quarter | year, in UTC
#    rule: latest             # latest | first | max | mean
#    resampling: bilinear     # nearest | bilinear | average, for scenes of another grid
#    block_px: 2048           # side of a stored object
#    time_pattern: null       # where no catalogue knows a scene's time: a pattern around the digits of its id
#    workers: auto            # cells that are composed at once
"""
_COMMENTS_FROM = 28


def commented_config(values: Mapping[str, object]) -> str:
    """Return a config as text, with a comment a key; ``values`` by dotted keys in place of defaults.

    Raises:
        ConfigError: if a key is none of the template's. Values are checked by who reads the config.
    """
    unknown = sorted(values.keys() - {key for key, _ in _KEYS})
    if unknown:
        raise ConfigError(f"{unknown[0]}: no key of the template; add it to the file by hand")
    parts = [_HEAD]
    for section in dict.fromkeys(key.partition(".")[0] for key, _ in _KEYS):
        rows = [_row(key, words, values) for key, words in _KEYS if key.startswith(f"{section}.")]
        parts.append(f"{section}:\n" + "".join(rows) + _MORE.get(section, ""))
    return "\n".join([*parts, _OBJECTS, _AREAS])


def _row(key: str, words: str, values: Mapping[str, object]) -> str:
    value = values[key] if key in values else _default(key)
    return f"  {key.partition('.')[2]}: {_scalar(value)}".ljust(_COMMENTS_FROM) + f"  # {words}\n"


def _default(key: str) -> object:
    """Return what the model takes where a key is not given; an empty text where it has to be."""
    section, _, name = key.partition(".")
    kind: Any = ArchiveJobConfig.model_fields[section].annotation
    assert issubclass(kind, Section)
    default = kind.model_fields[name]
    return "" if default.is_required() else default.default


def _scalar(value: object) -> str:
    quoted = isinstance(value, str) and not value.isprintable()
    text = yaml.safe_dump(
        value, default_flow_style=True, default_style='"' if quoted else None, width=float("inf")
    )
    return text.removesuffix("\n").removesuffix("...").rstrip()
