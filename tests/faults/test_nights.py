"""Four nights in a row over one archive: what is done each night is what is new or changed, no more."""

import json
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import sgddiff_batch
from jobs import cli, infer_archive
from jobs.exits import Exit
from sgddiff_batch.io.catalogue.generations import POINTER, read_catalogue
from sgddiff_batch.io.storage.store import open_store
from sgddiff_batch.io.upkeep.garbage import find_garbage
from tests.kit import jobs
from tests.kit.counting import counted_s3_requests, counted_store_calls, counted_work
from tests.kit.s3 import new_bucket

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SIZES = {
    "a.tif": (150, 200), "b.tif": (90, 140), "c.tif": (130, 70), "d.tif": (60, 50), "e.tif": (129, 128),
    "north/f.tif": (97, 97), "north/g.tif": (40, 300), "h.tif": (96, 96), "i.tif": (100, 110),
    "j.tif": (33, 44), "renamed.tif": (60, 50),
}  # fmt: skip
FIRST_NIGHT = ["a.tif", "b.tif", "c.tif", "d.tif", "e.tif", "h.tif", "north/f.tif", "north/g.tif"]
WHOLE_SCENES = {"tile_px": 96, "overlap_px": 32, "block_px": 128, "task_memory_gib": 1.0}
"""One task a scene: then tiles that are computed are tiles of the scene, without those of halos."""


def tiles(name):
    """The tiles of a scene, by the lattice's formula and not by the project's code."""
    rows, cols = (max(1, -(-(n - 32) // 64)) for n in SIZES[name])
    return rows * cols


def blocks(name):
    rows, cols = (-(-n // 128) for n in SIZES[name])
    return rows * cols


@dataclass
class Archive:
    """Scenes in a folder that are, with a bucket, carried there before each night."""

    folder: Path
    bucket: object = None
    sent: dict = field(default_factory=dict)

    @property
    def uri(self):
        return str(self.folder) if self.bucket is None else "s3://nights/scenes"

    def write(self, name, seed):
        jobs.write_scene(self.folder / name, *SIZES[name], seed)

    def send(self):
        """Make the bucket what the folder is; a scene that did not change is not written again."""
        if self.bucket is None:
            return
        paths = [path for path in self.folder.rglob("*.tif") if path.is_file()]
        there = {str(path.relative_to(self.folder)): path.read_bytes() for path in paths}
        for name in self.sent.keys() - there.keys():
            self.bucket.rm_file(f"nights/scenes/{name}")
        for name, data in there.items():
            if self.sent.get(name) != data:
                self.bucket.pipe_file(f"nights/scenes/{name}", data)
        self.sent = there


@dataclass
class PublishContext:
    """What one night did, and what the output held after it."""

    code: int
    report: dict
    work: object
    requests: object
    stores: dict
    pointer: bytes
    catalogue: list

    @property
    def states(self):
        return {row["scene_id"]: row["state"] for row in self.report["scenes"]}

    @property
    def unchanged(self):
        return self.report["totals"]["states"].get("unchanged", 0)


class Nights:
    """The same command, night after night, over one archive into one output."""

    def __init__(self, folder, archive, output, checkpoint, counted):
        self.folder, self.archive, self.output, self.checkpoint = folder, archive, output, checkpoint
        self.counted, self.count = counted, 0
        self.config = self._config("nights", output)

    def _config(self, name, output):
        path = jobs.write_config(self.folder / f"{name}.yaml", self.archive.uri, output, self.checkpoint)
        settings = "".join(f"\n  {key}: {value}" for key, value in WHOLE_SCENES.items())
        text = path.read_text().partition("tiling:")[0]
        path.write_text(f"{text}tiling:{settings}\n")
        return path

    def run(self):
        self.archive.send()
        store = open_store(str(self.output))
        before = set(store.keys())
        with ExitStack() as stack:
            requests, work = stack.enter_context(self.counted()), stack.enter_context(counted_work())
            code = infer_archive.main(["--config", str(self.config), "--set", "output.keep_generations=1"])
        (name,) = [k for k in set(store.keys()) - before if k.startswith("report-") and k.endswith(".json")]
        return PublishContext(
            code,
            json.loads(store.read(name)),
            work,
            requests,
            {entry.scene_id: entry for entry in sgddiff_batch.list_mosaics(str(self.output))},
            store.read(POINTER),
            read_catalogue(store).select(["id", "store", "state"]).to_pylist(),
        )

    def fresh(self):
        """The decoded arrays of a run over tonight's archive into an empty output on the local disk."""
        self.count += 1
        output = self.folder / f"fresh-{self.count}"
        infer_archive.main(["--config", str(self._config(output.name, output))])
        return jobs.decoded(output)

    def garbage(self):
        """What gc would remove, by kind; it removes nothing."""
        store = open_store(str(self.output))
        before = store.keys()
        assert cli.main(["gc", str(self.output), "--older-than", "0"]) == 0
        found = find_garbage(store, 0.0)
        assert store.keys() == before
        assert found.broken == ()
        return {(item.kind, item.path) for item in found.garbage if item.kind != "generation"}

    def is_sound(self):
        return cli.main(["verify", "--config", str(self.config)]) == Exit.DONE


@pytest.fixture
def local_nights(tmp_path, checkpoint):
    archive = Archive(tmp_path / "scenes")
    return Nights(tmp_path, archive, tmp_path / "out", checkpoint, counted_store_calls)


@pytest.fixture
def bucket_nights(tmp_path, checkpoint, s3_server, monkeypatch):
    with new_bucket(s3_server, "nights", monkeypatch) as filesystem:
        archive = Archive(tmp_path / "scenes", filesystem)
        yield Nights(tmp_path, archive, "s3://nights/out", checkpoint, counted_s3_requests)


@pytest.fixture(params=["local disk", "S3"])
def nights(request):
    return request.getfixturevalue("local_nights" if request.param == "local disk" else "bucket_nights")


def assert_did_only(night, names):
    """What was computed and stored is what these scenes are made of, each tile and each block once."""
    wanted = sum(map(tiles, names))
    done = [row for row in night.report["scenes"] if row["state"] == "done"]
    assert sum(row["tiles"] for row in done) == wanted
    assert (night.work.tiles, night.work.predictions) == (wanted, len(names))
    stored = {store.rpartition("/")[0]: count for store, count in night.work.blocks.items()}
    assert stored == {name: blocks(name) for name in names}


def assert_published(night, output, names, quarantined=()):
    """The catalogue and list_mosaics name the current scenes, each once, and agree."""
    assert [row["id"] for row in night.catalogue] == sorted(names)
    for row in night.catalogue:
        entry = night.stores[row["id"]]
        assert entry.uri == f"{output}/{row['store']}"
        assert entry.state == row["state"] == ("quarantined" if row["id"] in quarantined else "done")
    assert sorted(night.stores) == sorted(names)


def assert_equals_fresh(nights, fresh, but=()):
    got = jobs.decoded(nights.output)
    kept = {name: codes for name, codes in got.items() if name.split("/")[1] not in but}
    jobs.assert_equal_mosaics(kept, fresh)


def store_of(night, name):
    return "/".join(night.stores[name].uri.rsplit("/", 2 + name.count("/"))[1:])


def first_night(nights):
    for seed, name in enumerate(FIRST_NIGHT):
        nights.archive.write(name, seed)
    return nights.run()


def second_night(nights, aside):
    """Two new, one changed, one withdrawn, one broken."""
    folder = nights.archive.folder
    for seed, name in enumerate(["i.tif", "j.tif", "a.tif"], 100):
        nights.archive.write(name, seed)
    (folder / "b.tif").rename(aside / "b.tif")
    jobs.write_broken(folder / "c.tif")
    return nights.run()


def fourth_night(nights, aside):
    """The withdrawn one is back, the broken one is mended, one has another name."""
    folder = nights.archive.folder
    (aside / "b.tif").rename(folder / "b.tif")
    nights.archive.write("c.tif", 200)
    (folder / "d.tif").rename(folder / "renamed.tif")
    return nights.run()


def test_four_nights_do_what_is_new_or_changed_and_nothing_else(nights, tmp_path):
    aside = tmp_path / "aside"
    aside.mkdir()

    first = first_night(nights)
    assert (first.code, first.states) == (0, dict.fromkeys(FIRST_NIGHT, "done"))
    assert_did_only(first, FIRST_NIGHT)
    assert_published(first, nights.output, FIRST_NIGHT)
    assert_equals_fresh(nights, nights.fresh())
    assert nights.is_sound()
    assert nights.garbage() == set()

    second = second_night(nights, aside)
    there = sorted({*FIRST_NIGHT, "i.tif", "j.tif"} - {"b.tif"})
    new = {"a.tif": "done", "c.tif": "quarantined", "i.tif": "done", "j.tif": "done"}
    assert second.code == Exit.QUARANTINED
    assert (second.states, second.unchanged) == (new, len(set(there) - set(new)))
    assert_did_only(second, ["a.tif", "i.tif", "j.tif"])
    assert_published(second, nights.output, there, quarantined=["c.tif"])
    assert second.stores["c.tif"].uri == first.stores["c.tif"].uri
    fresh = nights.fresh()
    assert_equals_fresh(nights, fresh, but=["c.tif"])
    assert nights.is_sound()
    gone = {("store", store_of(first, "a.tif")), ("store", store_of(first, "b.tif")), ("withdrawn", "b.tif")}
    assert nights.garbage() == gone

    third = nights.run()
    assert third.code == 0
    assert (third.states, third.unchanged) == ({"c.tif": "still quarantined"}, len(there) - 1)
    assert_did_only(third, [])
    assert (third.pointer, third.catalogue) == (second.pointer, second.catalogue)
    assert_equals_fresh(nights, fresh, but=["c.tif"])
    assert nights.is_sound()
    assert nights.garbage() == gone
    beats = sum(count for (_, folder), count in third.requests.by_kind.items() if "lease" in folder)
    assert third.requests.total - beats <= 35, third.requests.table()

    fourth = fourth_night(nights, aside)
    there = sorted({*FIRST_NIGHT, "i.tif", "j.tif", "renamed.tif"} - {"d.tif"})
    assert fourth.code == 0
    assert fourth.states == {"c.tif": "done", "renamed.tif": "done"}
    assert fourth.unchanged == len(there) - 2
    assert_did_only(fourth, ["c.tif", "renamed.tif"])
    assert_published(fourth, nights.output, there)
    assert fourth.stores["b.tif"] == first.stores["b.tif"]
    assert_equals_fresh(nights, nights.fresh())
    assert nights.is_sound()
    old = {("store", store_of(first, name)) for name in ("a.tif", "c.tif", "d.tif")}
    assert nights.garbage() == {*old, ("withdrawn", "d.tif")}
