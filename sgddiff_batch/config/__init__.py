"""Config: what users write, typed, whole, read once; unknown keys are refused with the nearest known one.

Inside are the sections, and how a YAML file with ``--set key=value`` laid over it becomes one. Nothing but
that file is opened here.
"""

from __future__ import annotations

from sgddiff_batch.config.areas import AreaConfig
from sgddiff_batch.config.job import (
    SHIPPED_NETWORKS,
    ArchiveJobConfig,
    EngineConfig,
    InputConfig,
    ReportConfig,
    TilingConfig,
    is_absolute,
    load_config,
)
from sgddiff_batch.config.objects import ObjectsConfig
from sgddiff_batch.config.reading import Section, Uri, read_config
from sgddiff_batch.config.template import commented_config

__all__ = [
    "SHIPPED_NETWORKS",
    "ArchiveJobConfig",
    "AreaConfig",
    "EngineConfig",
    "InputConfig",
    "ObjectsConfig",
    "ReportConfig",
    "Section",
    "TilingConfig",
    "Uri",
    "commented_config",
    "is_absolute",
    "load_config",
    "read_config",
]
