"""Garbage: nothing that is named ever goes, what is not goes once, and a kill in the middle harms nobody."""

import json
import os
import shutil
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sgddiff_batch.core.planning import SceneMosaic, Tiling
from sgddiff_batch.core.scene import Scene, SceneProfile
from sgddiff_batch.errors import ConfigError, RetryableError
from sgddiff_batch.io.archive.finding import find_scenes
from sgddiff_batch.io.catalogue import generations as archive_catalogue
from sgddiff_batch.io.catalogue.generations import read_catalogue, read_pointer
from sgddiff_batch.io.catalogue.objects import named_by
from sgddiff_batch.io.catalogue.update import PublishContext
from sgddiff_batch.io.ledger.marks import ObjectLedger
from sgddiff_batch.io.mosaics import conventions
from sgddiff_batch.io.storage.store import open_store
from sgddiff_batch.io.upkeep.garbage import ABANDONED_S, find_garbage, remove_garbage
from sgddiff_batch.protocols import BlockRecord
from tests.io.catalogue_examples import (
    GRID,
    deaths,
    dying_store,
    finish,
    publish_all,
    put_mosaic,
    record_of,
    store_of,
)
from tests.io.mosaic_examples import Killed
from tests.kit.faulty import StoreFault
from tests.kit.scripted import scripted, scripted_uri

LONG_AGO = "2020-01-01T00:00:00+00:00"


def later_s():
    """An hour from now; asked for when it is needed, for the suite may have begun an hour ago."""
    return time.time() + 3600.0


@pytest.fixture
def store(tmp_path):
    return open_store(str(tmp_path / "out"))


def collect(store, now_s=None):
    return list(remove_garbage(store, find_garbage(store, 0.0, now_s or later_s()).garbage))


def stores_of(store):
    return {
        key.partition(".zarr/")[0] + ".zarr"
        for key in sorted(store.keys())
        if ".zarr/" in key and key[0] != "_"
    }


def named(store):
    """What must be there: the mosaics of every kept generation and every current record."""
    kept = read_pointer(store).kept if read_pointer(store) else ()
    rows = [archive_catalogue.read_generation(store, one)["store"].to_pylist() for one in kept]
    ledger = ObjectLedger(store)
    records = {r.store for r in ledger.records().values() if r.store}
    return {name for names in rows for name in names} | records


def begin(store, scene_id, number):
    """Leave a half-made store with a mark of a block, as a killed run does."""
    name = store_of(scene_id, number)
    put_mosaic(store, name, complete=False)
    scene = Scene(scene_id, scene_id, "v", 1)
    mosaic = SceneMosaic.at(name, scene, SceneProfile(GRID, (1, 2, 3), "uint8", 1), Tiling(32, 8, 48))
    block = next(mosaic.blocks())
    ObjectLedger(store).mark_blocks(mosaic, block, [BlockRecord(block, "d", 1, 1)])
    return name


def kinds(items):
    return sorted((item.kind, item.path) for item in items)


def test_a_superseded_mosaic_goes_when_no_kept_generation_names_it(store):
    finish(store, "a.tif", 1)
    publish_all(store, keep=2)
    finish(store, "a.tif", 2)
    publish_all(store, keep=2)
    assert collect(store) == []
    finish(store, "a.tif", 3)
    publish_all(store, keep=2)
    gone = collect(store)
    assert [(item.kind, item.path) for item in gone if item.kind == "store"] == [
        ("store", store_of("a.tif", 1))
    ]
    assert [item.kind for item in gone if item.kind != "store"] == ["generation"]
    assert stores_of(store) == {store_of("a.tif", 2), store_of("a.tif", 3)}
    assert ObjectLedger(store).finished_mosaic(store_of("a.tif", 1)) is None
    assert collect(store) == []


def test_looking_changes_nothing_and_what_is_young_is_left_alone(tmp_path):
    store = open_store(str(tmp_path))
    finish(store, "a.tif", 1)
    finish(store, "a.tif", 2)
    publish_all(store, keep=1)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert find_garbage(store, 7200.0, later_s()).garbage == ()
    young = find_garbage(store, 7200.0, later_s()).young
    assert [(item.kind, item.path, item.objects) for item in young] == [("store", store_of("a.tif", 1), 2)]
    assert [item.path for item in find_garbage(store, 1800.0, later_s()).garbage] == [store_of("a.tif", 1)]
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_a_mosaic_that_was_superseded_a_moment_ago_is_left_to_its_readers(store):
    finish(store, "a.tif", 1)
    old = time.time() - 10 * 86400
    for path in Path(store.path("a.tif")).rglob("*"):
        os.utime(path, (old, old))
    now = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
    finish(store, "a.tif", 2, finished_at=now)
    publish_all(store, keep=1)
    assert find_garbage(store, 86400.0).garbage == ()
    assert len(find_garbage(store, 86400.0, time.time() + 2 * 86400).garbage) == 1


def test_a_withdrawn_scene_goes_with_all_it_had_also_from_kept_generations(store):
    for number in (1, 2):
        finish(store, "bad.tif", number)
        finish(store, "good.tif", number)
        publish_all(store, keep=7)
    begin(store, "bad.tif", 3)
    ledger = ObjectLedger(store)
    ledger.withdraw("bad.tif", LONG_AGO)
    publish_all(store, keep=7)
    collect(store)
    assert stores_of(store) == {store_of("good.tif", 1), store_of("good.tif", 2)}
    assert not [key for key in sorted(store.keys()) if "bad.tif" in key]
    assert [len(read_catalogue(store, one.number)) for one in read_pointer(store).kept] == [1, 1, 1]
    archive_catalogue.rollback(store, 1)
    assert collect(store) == []
    assert find_garbage(store, 0.0, later_s()).broken == ()


def test_a_scene_that_was_withdrawn_a_moment_ago_stays(store):
    finish(store, "bad.tif")
    finish(store, "good.tif")
    publish_all(store, keep=1)
    now = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
    ObjectLedger(store).withdraw("bad.tif", now)
    publish_all(store, keep=1)
    assert not [item for item in find_garbage(store, 86400.0).garbage if "bad" in item.path]


def test_unfinished_work_stays_until_its_scene_is_settled_or_it_is_abandoned(store):
    finish(store, "other.tif")
    name = begin(store, "a.tif", 5)
    assert collect(store) == []
    abandoned = find_garbage(store, 0.0, time.time() + ABANDONED_S + 60).garbage
    assert [item.path for item in abandoned] == [name]
    settled = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(time.time() + 60))
    finish(store, "a.tif", 6, finished_at=settled)
    gone = collect(store)
    assert [(item.kind, item.path) for item in gone] == [("store", name)]
    assert not store.keys("_ledger/blocks")


def test_what_is_not_the_job_s_is_never_touched(store):
    finish(store, "a.tif")
    publish_all(store, keep=1)
    for key in ("mine/export.zarr/zarr.json", "notes.txt", "report-1.json", "_areas/x.zarr/zarr.json"):
        store.write(key, b"{}")
    outside = Path(store.root).parent / "elsewhere" / ("0" * 16 + "-" + "a" * 12 + ".zarr")
    outside.mkdir(parents=True)
    (outside / "zarr.json").write_text("{}")
    Path(store.root, "link").symlink_to(outside.parent)
    before = store.keys()
    assert collect(store, time.time() + 10 * ABANDONED_S) == []
    assert store.keys() == before
    assert (outside / "zarr.json").exists()


def test_marks_of_what_is_gone_and_temporary_files_go(store):
    finish(store, "a.tif", 1)
    finish(store, "a.tif", 2)
    publish_all(store, keep=1)
    store.delete_tree(store_of("a.tif", 1))
    name = begin(store, "b.tif", 1)
    store.delete_tree(name)
    Path(store.root, "a.tif", "x.json.123.partial").write_text("half")
    Path(store.root, "_ledger", "lease~.json.lock.partial").write_text("")
    assert kinds(collect(store)) == [
        ("marks", f"_ledger/blocks/{name}"),
        ("marks", f"_ledger/mosaics/{store_of('a.tif', 1)}~.json"),
        ("temporary", "a.tif/x.json.123.partial"),
    ]
    assert Path(store.root, "_ledger", "lease~.json.lock.partial").exists()
    assert collect(store) == []


def test_a_current_mosaic_that_is_gone_is_told_and_its_record_stays(store):
    finish(store, "a.tif")
    publish_all(store, keep=1)
    store.delete_tree("a.tif")
    assert find_garbage(store, 0.0, later_s()).broken == (store_of("a.tif"),)
    assert collect(store) == []


def test_where_the_ledger_is_lost_no_store_is_garbage(store):
    put_mosaic(store, store_of("a.tif"))
    assert find_garbage(store, 0.0, later_s() + 10 * ABANDONED_S).garbage == ()


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["finish", "begin", "publish", "rollback", "withdraw", "return", "quarantine"]),
        st.sampled_from(["a.tif", "n/b.tif", "n/c.tif"]),
    ),
    min_size=3,
    max_size=14,
)


def play(store, steps, keep, stac=False):
    """Let a random history happen to an output."""
    ledger = ObjectLedger(store)
    for number, (step, scene_id) in enumerate(steps, 1):
        if step == "finish":
            finish(store, scene_id, number)
        elif step == "begin":
            begin(store, scene_id, number)
        elif step == "publish":
            publish_all(store, PublishContext(f"run-{number}", stac=stac), keep=keep)
        elif step == "withdraw" and scene_id in ledger.records():
            ledger.withdraw(scene_id, LONG_AGO)
        elif step == "return":
            ledger.restore(scene_id)
        elif step == "quarantine" and (earlier := ledger.record(scene_id)) is not None:
            torn = record_of(scene_id, number, reason="torn")
            ledger.finish(type(torn)(scene_id, torn.version, torn.run_key, earlier.store, reason="torn"))
        elif step == "rollback":
            pointer = read_pointer(store)
            if pointer is not None and pointer.current != pointer.kept[0].number:
                archive_catalogue.rollback(store, pointer.kept[0].number)


@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow])
@given(steps=STEPS, keep=st.integers(1, 3), abandoned=st.booleans(), stac=st.booleans())
def test_after_any_history_nothing_that_is_named_goes_and_a_second_call_finds_nothing(
    tmp_path_factory, steps, keep, abandoned, stac
):
    store = open_store(str(tmp_path_factory.mktemp("history")))
    play(store, steps, keep, stac)
    now_s = later_s() + (10 * ABANDONED_S if abandoned else 0)
    withdrawn = set(ObjectLedger(store).withdrawn())
    wanted = {name for name in named(store) if name.rpartition("/")[0] not in withdrawn}
    collect(store, now_s)
    assert wanted <= stores_of(store)
    assert named(store) <= stores_of(store), "a row points to nothing"
    assert ObjectLedger(store).withdrawn() == {}
    assert not [name for name in stores_of(store) if name.rpartition("/")[0] in withdrawn]
    pointer = read_pointer(store)
    listed = [named_by(store, one).static for one in pointer.kept] if pointer else []
    assert set().union(*listed) == set(store.keys("_stac")), "what is listed is there, and nothing else"
    assert collect(store, now_s) == []


def test_killed_at_any_call_no_row_points_to_nothing_and_the_next_call_ends_the_work(tmp_path):
    steps = [
        ("finish", "a.tif"), ("finish", "n/b.tif"), ("publish", ""), ("finish", "a.tif"), ("begin", "a.tif"),
        ("begin", "n/b.tif"), ("finish", "n/b.tif"), ("publish", ""), ("finish", "a.tif"), ("publish", ""),
        ("withdraw", "n/b.tif"),
    ]  # fmt: skip
    wanted = None
    play(open_store(str(tmp_path / "history")), steps, keep=2)
    for die_at in deaths():
        shutil.copytree(tmp_path / "history", tmp_path / str(die_at))
        store = open_store(str(tmp_path / str(die_at)))
        garbage = find_garbage(store, 0.0, later_s()).garbage
        assert {item.kind for item in garbage} == {"store", "withdrawn", "generation"}
        try:
            list(remove_garbage(dying_store(store.root, die_at), garbage))
            killed = False
        except Killed:
            killed = True
        assert named(store) <= stores_of(store)
        assert find_garbage(store, 0.0, later_s()).unknown == ()
        collect(store)
        left = {
            key
            for key in sorted(store.keys())
            if "/generations/" not in key and key != "_catalogue/current.json"
        }
        wanted = wanted or left
        assert left == wanted
        assert collect(store) == []
        if not killed:
            assert die_at > 15
            return


def test_the_mosaics_of_an_output_in_a_folder_of_another_are_not_its_garbage(store):
    inner = open_store(f"{store.root}/2025")
    for one, scene_id in ((store, "a.tif"), (inner, "b.tif")):
        finish(one, scene_id)
        publish_all(one, keep=1)
    assert collect(store, later_s() + 10 * ABANDONED_S) == []
    assert stores_of(inner) == {store_of("b.tif")}


@pytest.mark.parametrize("has_record", [False, True])
def test_a_complete_mosaic_whose_marks_were_lost_is_left_and_told(store, has_record):
    finish(store, "a.tif")
    if has_record:
        finish(store, "lost.tif", 2)
    put_mosaic(store, store_of("lost.tif"))
    found = find_garbage(store, 0.0, later_s() + 10 * ABANDONED_S)
    assert (found.garbage, found.unknown) == ((), (store_of("lost.tif"),))


def test_on_s3_ages_and_sizes_are_those_of_the_store(s3_server, monkeypatch):
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    s3_server.filesystem.mkdir("garbage-bucket")
    store = open_store("s3://garbage-bucket/out")
    for number in (1, 2):
        finish(store, "north/a.tif", number)
        publish_all(store, keep=1)
    begin(store, "north/b.tif", 1)
    ObjectLedger(store).forget_blocks(store_of("north/b.tif"))
    assert find_garbage(store, 86400.0).garbage == ()
    (item,) = [item for item in find_garbage(store, 0.0, later_s()).garbage if item.kind == "store"]
    assert (item.path, item.objects) == (store_of("north/a.tif", 1), 2)
    assert item.size_bytes > 500
    collect(store)
    assert stores_of(store) == {store_of("north/a.tif", 2), store_of("north/b.tif", 1)}
    # A complete mosaic of a scene without a record: the ledger may have lost it.
    assert collect(store) == []
    s3_server.filesystem.rm("garbage-bucket", recursive=True)


def begin_of(store, path, scene_id="new.tif"):
    """Leave a half-made store of a file, as a run does that was killed; its scene has no record."""
    scene = find_scenes(str(path)).scenes[0].scene
    name = f"{scene_id}/{scene.version}-aaaaaaaaaaaa.zarr"
    provenance = {
        "scene_id": scene_id,
        "source_uri": scene.uri,
        "source_version": scene.version,
        "source_size_bytes": scene.size_bytes,
        **{"bands": [1, 2, 3], "stretch": None, "notes": [], "pixel_settings": {}},
    }
    attributes = conventions.root_attributes(GRID, 1, provenance)
    store.write(f"{name}/zarr.json", json.dumps({"attributes": attributes}).encode())
    store.write(f"{name}/0/saliency/c/0/0", b"codes")
    store.write(f"_ledger/blocks/{name}/r0c0h1w1~.json", b"[]")
    return name


@pytest.mark.parametrize("after", ["it vanished", "it changed"])
def test_a_half_finished_store_goes_once_its_scene_is_gone_or_another(store, tmp_path, after):
    finish(store, "other.tif")
    path = tmp_path / "new.tif"
    path.write_bytes(b"one")
    name = begin_of(store, path)
    assert collect(store) == [], "the next run goes on with it"
    if after == "it vanished":
        path.unlink()
    else:
        path.write_bytes(b"another one")
    assert find_garbage(store, 86400.0, time.time()).garbage == (), "it is young"
    gone = collect(store)
    assert [(item.kind, item.path) for item in gone] == [("store", name)]
    assert gone[0].why.startswith("never completed, and its scene")
    assert "new.tif" not in " ".join(store.keys())


@pytest.mark.parametrize("sight", ["not mounted", "an empty mount point", "cannot be looked at", "no bucket"])
def test_a_half_finished_store_stays_where_the_archive_is_only_out_of_sight(
    store, tmp_path, monkeypatch, request, sight
):
    finish(store, "other.tif")
    path = tmp_path / "archive" / "new.tif"
    path.parent.mkdir()
    path.write_bytes(b"one")
    name = begin_of(store, path)
    if sight == "cannot be looked at":
        path.unlink()
        path.symlink_to(path)
    elif sight == "no bucket":
        server = request.getfixturevalue("s3_server")
        for variable, value in server.environment.items():
            monkeypatch.setenv(variable, value)
        root = json.loads(store.read(f"{name}/zarr.json"))
        root["attributes"][conventions.PROVENANCE]["source_uri"] = "s3://no-such-bucket/a/new.tif"
        store.write(f"{name}/zarr.json", json.dumps(root).encode())
    else:
        path.unlink()
        if sight == "not mounted":
            path.parent.rmdir()
    assert collect(store) == []


@pytest.mark.parametrize("error", [ConfigError("denied"), RetryableError("503")])
def test_a_half_finished_store_stays_where_the_archive_does_not_tell(store, tmp_path, error):
    finish(store, "other.tif")
    path = tmp_path / "new.tif"
    path.write_bytes(b"one")
    with scripted():
        name = begin_of(store, scripted_uri(path))
    path.unlink()
    with scripted(StoreFault("*", "*", None, error)) as asked:
        assert collect(store) == []
    assert asked.failed
    with scripted():
        assert [item.path for item in collect(store)] == [name]


@pytest.mark.parametrize(
    "root", [b"", b"{", b"[]", b'{"attributes": {}}', b'{"attributes": {"sgddiff:provenance": 5}}']
)
def test_a_half_finished_store_that_does_not_say_its_scene_is_left_to_its_age(store, root):
    finish(store, "other.tif")
    name = begin(store, "a.tif", 5)
    store.write(f"{name}/zarr.json", root)
    assert collect(store) == []


def test_marks_of_reading_that_nobody_came_back_for_go(store):
    finish(store, "other.tif")
    store.write("_ledger/reading/gone.tif/profile~.json", b"{}")
    assert collect(store) == []
    garbage = find_garbage(store, 0.0, time.time() + ABANDONED_S + 60).garbage
    assert [item.path for item in garbage] == ["_ledger/reading/gone.tif/profile~.json"]
    list(remove_garbage(store, garbage))
    assert not store.keys("_ledger/reading")


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"at": 1}'])
def test_a_damaged_withdrawal_stops_no_search_and_waits_its_time(store, data):
    finish(store, "a.tif")
    finish(store, "b.tif")
    store.write("_ledger/withdrawn/a.tif~.json", data)
    assert find_garbage(store, 86400.0, time.time()).garbage == ()
    assert {item.path for item in collect(store)} == {"a.tif", store_of("a.tif")}
