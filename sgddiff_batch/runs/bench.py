"""Bench: an output and the archive behind it, opened once from a config for all that a command does there.

What a worker in another process needs is made there from a :class:`WorkerRecipe`, which can be pickled.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property, partial

from sgddiff_batch.config import (
    ArchiveJobConfig,
    EngineConfig,
    InputConfig,
    ObjectsConfig,
    ReportConfig,
    TilingConfig,
)
from sgddiff_batch.core.fingerprint import run_key
from sgddiff_batch.core.planning import SceneMosaic
from sgddiff_batch.core.provenance import scene_provenance
from sgddiff_batch.core.query import ArchiveQuery, BucketAccess
from sgddiff_batch.engine.steps import TaskLimits
from sgddiff_batch.engine.worker import Worker, shares_of, threads_of
from sgddiff_batch.errors import ConfigError, SgddiffBatchError
from sgddiff_batch.io import catalogue
from sgddiff_batch.io.ledger import (
    DamageBook,
    Fence,
    FileActivity,
    Lease,
    ObjectLedger,
    fenced,
    take_left,
)
from sgddiff_batch.io.mosaics import ZarrBlockWriter
from sgddiff_batch.io.objects import PartDrawer
from sgddiff_batch.io.reports import versions
from sgddiff_batch.io.scenes import make_reader
from sgddiff_batch.io.storage import Store, open_store, take_calls
from sgddiff_batch.lifecycle import MosaicLifecycle
from sgddiff_batch.protocols import Activity, Left, NetworkFacts, NetworkSource, SceneReader
from sgddiff_batch.runs.attempt import Attempt, Journal
from sgddiff_batch.runs.forecast import Workers

PIXELS_VERSION = 3
"""Raised whenever the code changes the value of a pixel for the same scene, model and settings.

2: one rule for masks, stretches in full resolution, fewer than 8 bits, WhiteIsZero. 3: tiles that fit.
"""


@dataclass(frozen=True, slots=True)
class WorkerRecipe:
    """Makes a worker in whatever process it is called, whose network computes ``predictors`` batches at once.

    ``fence`` is asked before the worker changes anything in the output. ``objects`` None: it draws none.
    """

    network: NetworkSource
    device: str
    output_uri: str
    input: InputConfig
    access: BucketAccess
    limits: TaskLimits
    run_id: str
    run_key: str
    pixel_settings: Mapping[str, object]
    predictors: int = 1
    fence: Fence | None = None
    objects: ObjectsConfig | None = None

    def __call__(self, label: str = "worker") -> Worker:
        """Load the network and open the stores. label: who this process is for one that takes its place."""
        predictor, damage = self.network.load(self.device, self.predictors), DamageBook()
        reader, activity = self.reader(label)
        made = partial(Worker, take_damage=damage.take, take_calls=take_calls)
        return made(reader, predictor, self.lifecycle(damage), self.limits, activity=activity)

    def reader(self, label: str) -> tuple[SceneReader, FileActivity]:
        """Return the reader of scenes, and where it notes what it reads."""
        activity = FileActivity(self.output_uri, label)
        return make_reader(*self.input.shown, self.access, activity), activity

    def lifecycle(self, damage: DamageBook) -> MosaicLifecycle[SceneMosaic]:
        """Return what begins and ends mosaics in the output."""
        output, shown = open_output(self.output_uri, self.fence), catalogue.shown_json
        parts = PartDrawer(output, self.objects.settings) if self.objects is not None else None
        own = ObjectLedger(output, damage), self.run_key, self.provenance
        return MosaicLifecycle(ZarrBlockWriter(output), *own, shown=shown, parts=parts)

    def provenance(self, mosaic: SceneMosaic) -> dict[str, object]:
        """Return what a mosaic says about where it comes from."""
        return scene_provenance(
            mosaic.scene,
            mosaic.profile,
            self.pixel_settings,
            run_key=self.run_key,
            run_id=self.run_id,
            software=versions(),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
        ).to_json()

    def take_left(self, label: str) -> Left:
        """Return what the process was at work on that this one takes the place of."""
        return take_left(self.output_uri, label)


@dataclass(frozen=True)
class Bench:
    """What a command works on. Of the network nothing is asked before it is needed.

    ``output`` and ``ledger`` are fenced by the lease, if there is one; ``damage`` notes the records that the
    ledger goes round. Every ``publish_s`` seconds a run publishes what it has done; 0: only at its end.
    ``stac``: mosaics get static Items. ``objects`` None: none are drawn. ``settings`` is the whole config as
    plain values, ``report`` its part.
    """

    run_id: str
    output: Store
    ledger: ObjectLedger
    damage: DamageBook
    lease: Lease | None
    query: ArchiveQuery
    input: InputConfig
    tiling: TilingConfig
    engine: EngineConfig
    network: NetworkSource
    keep_generations: int
    stac: bool
    publish_s: float
    objects: ObjectsConfig | None
    settings: Mapping[str, object]
    report: ReportConfig = field(default_factory=ReportConfig)
    attempt: Attempt = field(default_factory=Attempt)

    @cached_property
    def device(self) -> str:
        """Where the network works: cpu or cuda."""
        return self.network.device()

    @cached_property
    def facts(self) -> NetworkFacts:
        """What there is to know of the network before it is loaded."""
        return self.network.describe(self.device)

    @property
    def works_here(self) -> bool:
        """Whether this process does the work, and no cluster."""
        return self.engine.kind == "local"

    @property
    def workers(self) -> int:
        """How many predictors work at once, all processes together."""
        return self.engine.workers if isinstance(self.engine.workers, int) else self.facts.at_once

    @property
    def predictors(self) -> int:
        """How many predictors a process has."""
        return self.workers if self.works_here else 1

    @cached_property
    def crew(self) -> Workers:
        """Who works on a plan."""
        tiles = self.predictors * self.facts.batch_tiles if self.device == "cpu" else 0
        return Workers(
            1 if self.works_here else self.workers,
            shares_of(self.predictors, self.device),
            self.tiling.task_memory_bytes,
            tiles * self.tiling.tile_px**2,
            self.facts.bytes_per_px,
        )

    @property
    def limits(self) -> TaskLimits:
        """How its scenes are cut up."""
        return TaskLimits(self.tiling.tiling, self.crew.task_bytes, self.crew.task_memory_bytes)

    @property
    def threads(self) -> int:
        """How many pieces of work a process holds at once."""
        return threads_of(self.predictors, self.facts.batch_tiles)

    @cached_property
    def pixel_settings(self) -> Mapping[str, object]:
        """Everything, besides the scene, that decides the value of a pixel."""
        return {
            "pixels_version": PIXELS_VERSION,
            "model": self.facts.model,
            "input": self.input.model_dump(mode="json"),
            "tile_px": self.tiling.tile_px,
            "overlap_px": self.tiling.overlap_px,
        }

    @cached_property
    def run_key(self) -> str:
        """The digest of the pixel settings; mosaics of another one have other pixels."""
        return run_key(self.pixel_settings)

    def reader(self, activity: Activity | None = None, suspects: Iterable[str] = ()) -> SceneReader:
        """Return the reader of the archive's scenes, see :func:`sgddiff_batch.io.scenes.make_reader`."""
        return make_reader(*self.input.shown, self.query.access, activity, frozenset(suspects))

    def recipe(self) -> WorkerRecipe:
        """Return what makes the workers."""
        # Workers in other processes look at the lease; those in this one share it.
        fence = self.lease.watch() if self.lease and not self.works_here else self.lease
        scenes = self.input, self.query.access, self.limits
        made_by = self.run_id, self.run_key, self.pixel_settings
        output, crew = self.output.uri, (self.predictors, fence, self.objects)
        return WorkerRecipe(self.network, self.device, output, *scenes, *made_by, *crew)


def open_bench(
    config: ArchiveJobConfig,
    network: NetworkSource,
    lease: Lease | None = None,
    attempt: Attempt | None = None,
) -> Bench:
    """Open the output and the archive of a config; without a lease for those who change nothing there."""
    output, damage, attempt = open_output(config.output.uri, lease), DamageBook(), attempt or Attempt()
    return Bench(
        attempt.run_id,
        output,
        ObjectLedger(output, damage),
        damage,
        lease,
        config.archive.query(),
        *(config.input, config.tiling, config.engine),
        network,
        *(config.output.keep_generations, config.catalogue.stac, config.output.publish_minutes * 60),
        config.objects,
        *(config.model_dump(mode="json"), config.report, attempt),
    )


@contextmanager
def leased_bench(
    config: ArchiveJobConfig, network: NetworkSource, journal: Journal | None = None
) -> Iterator[Bench]:
    """Open them with the lease on the output, which is given back at the end.

    journal: that of a command whose processes take each other's place.

    Raises:
        ConfigError: if the output cannot be written to.
        LeaseHeldError: if another run is at work there.
    """
    check_output(config.output.uri)
    store, attempt = open_store(config.output.uri), Attempt.at(config.output.uri, journal)
    with attempt.lease(store, config.lease.seconds, alone=config.engine.kind == "local") as lease:
        yield open_bench(config, network, lease, attempt)


def open_output(uri: str, fence: Fence | None = None) -> Store:
    """Return an output; with a fence, nothing is changed there without asking it."""
    return fenced(open_store(uri), fence)


def open_used(uri: str) -> Store:
    """Open an output that runs have written to.

    Raises:
        FileNotFoundError: if none has: a typing mistake must not be told as an output without garbage.
    """
    store = open_store(uri)
    if not store.keys("_ledger") and not store.keys("_catalogue"):
        raise FileNotFoundError(f"{uri!r} has neither _ledger nor _catalogue: give the output.uri of a run")
    return store


def open_ledger(uri: str, *, is_used: bool = False) -> ObjectLedger:
    """Return the ledger of an output; ``is_used``: refuse an output that no run has written to.

    Raises:
        FileNotFoundError: as :func:`open_used` does.
    """
    return ObjectLedger(open_used(uri) if is_used else open_store(uri))


def check_output(uri: str) -> None:
    """Write an object to the output and remove it.

    Raises:
        ConfigError: if that is denied, or the output cannot be there.
    """
    store, probe = open_store(uri), "_ledger/probe~.json"
    try:
        store.write(probe, b"{}")
        store.delete(probe)
    except (SgddiffBatchError, OSError) as error:
        raise ConfigError(f"output.uri: cannot be written to: {error}") from error
