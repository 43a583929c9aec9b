"""What leaves the catalogue, when, and that somebody is told: several nights of the main job."""

import json
import logging
import os

import pyarrow.parquet as pq
import pytest
import yaml

import sgddiff_batch
from jobs import infer_archive
from jobs.exits import Exit
from sgddiff_batch.core.times import parse_time
from sgddiff_batch.io.ledger.marks import ObjectLedger
from sgddiff_batch.io.objects import Published, output
from sgddiff_batch.io.reports import build_report, write_report
from sgddiff_batch.io.storage.store import open_store
from tests.kit import jobs
from tests.kit.counting import counted_store_calls
from tests.kit.faulty import StoreFault
from tests.kit.scripted import scripted, scripted_output
from tests.kit.stac import make_catalog, make_item, write_documents

VERSIONS = {"duplicates": {"key": r"(s\d)_N(?P<version>\d)"}}


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


@pytest.fixture
def night(tmp_path, out, checkpoint):
    """Run the main job over an archive; return its exit code."""

    def run(archive, *flags, **more):
        path = jobs.write_config(tmp_path / "run.yaml", archive, out, checkpoint)
        tree = yaml.safe_load(path.read_text())
        tree["archive"] |= more
        path.write_text(yaml.safe_dump(tree))
        return infer_archive.main(["--config", str(path), *flags])

    return run


def shown(out):
    return [entry.scene_id for entry in sgddiff_batch.list_mosaics(str(out))]


def newest_report(out):
    reports = sorted(out.glob("report-*.json"), key=lambda path: path.stat().st_mtime_ns)
    return json.loads(reports[-1].read_text())


def write_scenes(folder, *names):
    for number, name in enumerate(names):
        jobs.write_scene(folder / name, 30, 40, number)
    return folder


def test_an_older_version_stays_until_the_newer_one_is_done(night, out, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    archive = write_scenes(tmp_path / "scenes", *(f"s{n}_N1.tif" for n in range(3)))
    assert night(archive, **VERSIONS) == 0
    write_scenes(archive, *(f"s{n}_N2.tif" for n in range(3)))
    (archive / "s0_N2.tif").write_bytes(b"no picture" * 9)
    for number in range(3):
        os.utime(archive / f"s{number}_N2.tif", (1000 + number, 1000 + number))
    assert night(archive, "--limit", "2", **VERSIONS) == Exit.QUARANTINED
    now = shown(out)
    assert [name[:2] for name in now] == ["s0", "s1", "s2"], "a scene without any version"
    assert now[0] == "s0_N1.tif"
    assert night(archive, **VERSIONS) == 0
    assert shown(out) == ["s0_N1.tif", "s1_N2.tif", "s2_N2.tif"]
    assert "out of the catalogue, superseded: s2_N1.tif" in caplog.text
    told = newest_report(out)["run"]["withdrawals"]
    assert told["superseded"] == {"scenes": 1, "first": ["s2_N1.tif"]}
    jobs.write_scene(archive / "s0_N2.tif", 30, 40, 7)
    assert night(archive, **VERSIONS) == 0
    assert shown(out) == ["s0_N2.tif", "s1_N2.tif", "s2_N2.tif"]


def test_a_run_that_is_broken_off_leaves_older_versions_where_they_are(night, out, tmp_path):
    archive = write_scenes(tmp_path / "scenes", "s0_N1.tif", "s1_N1.tif")
    assert night(archive, **VERSIONS) == 0
    write_scenes(archive, "s0_N2.tif", "s1_N2.tif")

    with scripted(StoreFault("write", "*_N2.tif/*.zarr/*", calls=None, error=KeyboardInterrupt())):
        assert night(archive, *scripted_output(out), **VERSIONS) == Exit.INTERRUPTED
    assert shown(out) == ["s0_N1.tif", "s1_N1.tif"]


def test_withdrawals_are_told_in_the_plan_the_log_and_the_report(night, out, tmp_path, caplog, capsys):
    caplog.set_level(logging.INFO)
    archive = write_scenes(tmp_path / "scenes", "a.tif", "b.tif", "c.tif")
    night(archive)
    (archive / "b.tif").unlink()
    capsys.readouterr()
    assert night(archive, "--dry-run") == 0
    assert "withdrawn from the catalogue" in capsys.readouterr().out
    assert shown(out) == ["a.tif", "b.tif", "c.tif"]
    assert night(archive) == 0
    assert "1 scene is out of the catalogue, gone from the archive: b.tif" in caplog.text
    assert newest_report(out)["run"]["withdrawals"]["withdrawn"] == {"scenes": 1, "first": ["b.tif"]}
    (archive / "a.tif").unlink()
    (archive / "c.tif").unlink()
    night(archive, "--dry-run")
    assert "withdrawals refused" in capsys.readouterr().out
    night(archive)
    assert "2 of the 2 scenes" in newest_report(out)["run"]["withdrawals"]["refused"]
    assert "--allow-withdrawals" in newest_report(out)["run"]["withdrawals"]["refused"]


def test_a_scene_that_is_back_is_restored_before_anything_is_done(night, out, tmp_path):
    archive = write_scenes(tmp_path / "scenes", "a.tif", "b.tif", "c.tif")
    night(archive)
    (archive / "b.tif").unlink()
    night(archive)
    ledger = ObjectLedger(open_store(str(out)))
    assert set(ledger.withdrawn()) == {"b.tif"}
    write_scenes(archive, "b.tif")
    night(archive, "--dry-run")
    assert set(ledger.withdrawn()) == {"b.tif"}, "a dry run wrote"
    seen = []
    look = StoreFault("put", "*.zarr/zarr.json", then=lambda: seen.append(set(ledger.withdrawn())))
    with scripted(look):
        assert night(archive, *scripted_output(out)) == 0
    assert seen == [set()]


def test_an_item_that_lost_its_asset_withdraws_nobody_and_makes_no_scene(night, out, tmp_path, caplog):
    archive = write_scenes(tmp_path / "scenes", "a.tif", "b.tif", "c.tif")
    items = {f"{name}.json": make_item(name, f"./{name}.tif") for name in "abc"}
    documents = {"catalog.json": make_catalog("c", dict.fromkeys(items, "item")), **items}
    write_documents(archive, documents)
    assert night(archive / "catalog.json") == 0
    write_documents(archive, documents | {"a.json": make_item("a", "") | {"assets": {}}})
    assert night(archive / "catalog.json") == 0
    assert shown(out) == ["a.tif", "b.tif", "c.tif"]
    assert set(ObjectLedger(open_store(str(out))).records()) == {"a.tif", "b.tif", "c.tif"}
    assert "not listed: c/a: the item has no GeoTIFF" in caplog.text
    assert "no scene is withdrawn, for the listing is not whole" in caplog.text


def test_taking_a_source_out_withdraws_nobody(night, out, tmp_path):
    first = write_scenes(tmp_path / "x", "a.tif", "b.tif", "e.tif")
    second = write_scenes(tmp_path / "y", "c.tif")
    night(first, also=[{"uri": str(second)}])
    before = shown(out)
    assert len(before) == 4
    assert night(first) == 0
    assert shown(out) == before


def test_two_archives_that_share_an_output_and_ids_are_told(night, out, tmp_path, caplog):
    night(write_scenes(tmp_path / "x", "a.tif"))
    assert "share an output" not in caplog.text
    night(write_scenes(tmp_path / "y", "a.tif"))
    assert caplog.text.count("share an output") == 1
    told = newest_report(out)["run"]["withdrawals"]
    assert told["last_listed_by_another_archive"] == {"scenes": 1, "first": ["a.tif"]}
    assert told["other_archives"] == [str(tmp_path / "x")]


def test_no_secret_is_in_a_report(tmp_path):
    secret = "https://h/stac?token=SECRET"
    rows = [{"scene_id": "a.tif", "state": "failed", "reason": secret, "uri": secret, "seconds": {}}]
    numbers = {"tiles": 0, "valid_px": 0, "salient_px": 0}
    report = build_report(
        "1",
        started_at="now",
        seconds=0.0,
        ending="done",
        config={"archive": {"uri": secret, "also": [{"uri": secret}]}},
        run={"listing": {"missing": {secret: secret}}},
        scenes=[row | numbers for row in rows],
        ignored=[{"path": secret, "reason": secret}],
    )
    uri = write_report(open_store(str(tmp_path)), report)
    assert uri == f"{tmp_path}/report-1.json"
    text = (tmp_path / "report-1.json").read_text()
    assert "SECRET" not in text
    assert json.loads(text)["totals"]["states"] == {"failed": 1}


def test_publishing_reads_back_no_record_that_a_worker_told_of(night, out, tmp_path):
    archive = write_scenes(tmp_path / "scenes", "a.tif", "b.tif", "c.tif")
    (archive / "c.tif").write_bytes(b"no picture" * 9)
    with counted_store_calls() as calls:
        assert night(archive) == Exit.QUARANTINED
    assert shown(out) == ["a.tif", "b.tif"]
    assert not calls.by_kind["read", "_ledger/scenes"], calls.table()
    assert calls.by_kind["write", "_ledger/scenes"] == 3, calls.table()


def test_a_config_that_asks_for_items_has_them_and_a_night_without_change_writes_none(night, out, tmp_path):
    archive = write_scenes(tmp_path / "scenes", "a.tif", "b.tif")
    assert night(archive) == Exit.DONE
    assert json.loads((out / "collection.json").read_text())["id"] == "saliency"
    assert not (out / "_stac").exists()
    assert night(archive, "--set", "catalogue.stac=true") == Exit.DONE
    items = sorted((out / "_stac" / "items").rglob("*.json"))
    assert [item.parent.name for item in items] == ["a.tif", "b.tif"]
    pointer = (out / "_catalogue" / "current.json").read_bytes()
    assert night(archive, "--set", "catalogue.stac=true") == Exit.DONE
    assert (out / "_catalogue" / "current.json").read_bytes() == pointer


def test_times_in_names_are_laid_on_later_without_computing_or_opening_anything(
    night, out, tmp_path, caplog, monkeypatch
):
    names = ["a_20260105.tif", "b_20260106T101500.tif", "c.tif"]
    archive = write_scenes(tmp_path / "scenes", *names)
    more = ("--set", "catalogue.stac=true", "--set", "objects={}")
    assert night(archive, *more) == Exit.DONE
    assert [entry.scene_id for entry in sgddiff_batch.list_mosaics(str(out))] == names
    before = pq.read_table(out / "catalogue.parquet")
    assert before["sgddiff:time_known"].to_pylist() == [False] * 3
    objects = pq.read_table(out / "objects.parquet")
    assert objects["time"].null_count == len(objects) > 0
    stores = sorted(path for path in out.rglob("*.zarr/*") if path.is_file())
    changed = [path.stat().st_mtime_ns for path in stores]
    with counted_store_calls() as counts, monkeypatch.context() as patch:
        patch.setattr(output, "part_of", None)
        assert night(archive, *more, time_pattern=r"_(\d{8})(?:T(\d{6}))?") == Exit.DONE
    assert "mosaic" not in {folder for _, folder in counts.by_kind}
    assert "objects_undrawn" not in newest_report(out)["run"], "no part was read"
    assert [path.stat().st_mtime_ns for path in stores] == changed
    after = pq.read_table(out / "catalogue.parquet")
    begun = [str(time)[:19] for time in after["start_datetime"].to_pylist()]
    assert begun[:2] == ["2026-01-05 00:00:00", "2026-01-06 10:15:00"]
    assert after["sgddiff:time_known"].to_pylist() == [True, True, False]
    same = [
        name
        for name in before.schema.names
        if "datetime" not in name and name[:7] not in ("links", "sgddiff")
    ]
    assert after.select(same).equals(before.select(same)), "the rest, run keys too, is as it was"
    items = [json.loads((out / path).read_text()) for path in after["sgddiff:item"].to_pylist()]
    assert [item["properties"]["start_datetime"][:10] for item in items[:2]] == ["2026-01-05", "2026-01-06"]
    drawn = pq.read_table(out / "objects.parquet")
    assert {str(time)[:10] for time in drawn["time"].to_pylist() if time} == {"2026-01-05", "2026-01-06"}
    assert sorted(drawn["id"].to_pylist()) == sorted(objects["id"].to_pylist())
    news, _ = Published(str(out)).new_since(parse_time("2026-01-05").start_s)
    assert {one.scene for one in news} & set(names[:2]), "though they were matched as of no time"
    assert Published(str(out)).new_since(parse_time("2026-01-07").start_s)[0] == []
    assert newest_report(out)["run"]["listing"]["undated"] == 1
    pointer = (out / "_catalogue" / "current.json").read_bytes()
    assert night(archive, *more, time_pattern="z([0-9]+)z") == Exit.DONE
    assert (out / "_catalogue" / "current.json").read_bytes() == pointer, "what was told stays"
    assert "archive.time_pattern: it finds no time in any id, such as a_20260105.tif" in caplog.text
