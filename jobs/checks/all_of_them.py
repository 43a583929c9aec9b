"""All checks in their order: this machine first, then what a config names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from jobs.checks import access, cluster
from jobs.checks.check import Check
from jobs.checks.checkpoint import check_checkpoint
from jobs.checks.libraries import check_libraries
from jobs.checks.memory import check_disk, check_memory
from jobs.checks.versions import check_pixels, check_versions
from jobs.network import network_of
from sgddiff_batch.config import ArchiveJobConfig
from sgddiff_batch.errors import ConfigError
from sgddiff_batch.io.storage import local_path, open_store
from sgddiff_batch.runs import Workers, open_bench


def examine(config: ArchiveJobConfig | None, environment: Mapping[str, str]) -> Iterator[Check]:
    """Yield the checks as they are made; without a config, those of this machine and of the package."""
    kind = config.engine.kind if config else "local"
    on_ray = cluster.needs_ray(kind, environment)
    yield from check_versions(on_ray)
    yield from check_libraries(config.model.device if config else "auto", kind == "local")
    yield check_checkpoint(config.model.checkpoint if config else "bundled")
    yield check_pixels()
    if on_ray:
        yield from cluster.check_ray(environment)
    if config is not None:
        workers = _workers(config)
        if workers is not None:
            here = cluster.works_here(kind, environment)
            yield from check_memory(workers, here, config.tiling.tiling)
        yield from _check_places(config, environment)


def _check_places(config: ArchiveJobConfig, environment: Mapping[str, str]) -> Iterator[Check]:
    yield from access.check_credentials(config, environment)
    checks, listing = access.check_archive(config)
    yield from checks
    yield from access.check_output(open_store(config.output.uri))
    if (folder := local_path(config.output.uri)) is not None:
        scenes = listing.scenes if listing else ()
        yield check_disk(Path(folder), sum(scene.size_bytes for scene in scenes))


def _workers(config: ArchiveJobConfig) -> Workers | None:
    """Return who would work on a plan; None where the device is not there, of which its own check tells."""
    try:
        return open_bench(config, network_of(config)).crew
    except ConfigError:
        return None
