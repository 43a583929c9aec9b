"""Lists and catalogues as a run takes them: bad entries end in quarantine, useless catalogues in an error."""

import json
import re

import pytest

from jobs import infer_archive
from jobs.exits import Exit
from tests.kit import jobs
from tests.kit.logs import enable_our_loggers
from tests.kit.stac import make_item, write_documents

MANY = {key: {"href": f"{key}.tif", "type": "image/tiff", "roles": ["data"]} for key in ("B02", "B03")}


@pytest.fixture(autouse=True)
def _loud(caplog):
    enable_our_loggers()
    caplog.set_level("INFO")


@pytest.fixture
def run(tmp_path, checkpoint):
    """Run the job in this process over what a list or a catalogue names."""

    def run_job(source, **archive):
        path = jobs.write_config(tmp_path / "run.yaml", source, tmp_path / "out", checkpoint)
        flags = [f"archive.{key}={json.dumps(value)}" for key, value in archive.items()]
        return infer_archive.main(["--config", str(path), *(f for flag in flags for f in ("--set", flag))])

    return run_job


def states(output):
    return {row["scene_id"]: row["state"] for row in jobs.reports(output)[-1]["scenes"]}


def test_bad_entries_are_told_of_once_and_never_stop_the_others(run, tmp_path):
    jobs.write_scene(tmp_path / "good.tif", 40, 50, 1)
    (tmp_path / "d.tif").mkdir()
    bad = ["S3://bucket/a.tif", "s3://my bucket/a.tif", "s3://[x/a.tif", "http://h/a.tif", "gs://b/a.tif"]
    bad += ["://a.tif", "a\0.tif", "d.tif", "http://[::1/a.tif"]
    (tmp_path / "list.txt").write_text("\n".join([*bad, "good.tif"]))
    assert run(tmp_path / "list.txt") == Exit.QUARANTINED
    found = states(tmp_path / "out")
    assert found["good.tif"] == "done"
    assert list(found.values()).count("quarantined") == len(bad)
    assert run(tmp_path / "list.txt") == Exit.DONE


def test_a_catalogue_of_nothing_usable_is_an_error_each_night(run, tmp_path, capsys):
    items = [make_item(name, "", assets=MANY) for name in "abc"]
    write_documents(tmp_path, {"items.json": {"type": "FeatureCollection", "features": items}})
    for _ in range(2):
        assert run(tmp_path / "items.json") == Exit.WRONG
    assert "more than one GeoTIFF that is plainly the scene (3 times)" in capsys.readouterr().err


def test_a_part_that_cannot_be_used_is_in_the_plan_and_the_report(run, tmp_path, capsys):
    jobs.write_scene(tmp_path / "the scene", 40, 50, 1)
    items = [make_item("a", "./the%20scene"), *(make_item(name, "", assets=MANY) for name in "bc")]
    write_documents(tmp_path, {"items.json": {"type": "FeatureCollection", "features": items}})
    assert run(tmp_path / "items.json") == Exit.DONE
    report = jobs.reports(tmp_path / "out")[-1]
    reason = "the item has more than one GeoTIFF that is plainly the scene"
    assert report["totals"]["catalogue_items_left_out"] == {reason: 2}
    assert states(tmp_path / "out") == {"the%20scene": "done"}
    assert re.search(rf"catalogue items left out: {reason}\s*│\s*2", capsys.readouterr().out)


def test_an_archive_without_catalogues_leaves_no_items_out(run, tmp_path):
    jobs.write_scene(tmp_path / "scenes" / "a.tif", 40, 50, 1)
    assert run(tmp_path / "scenes") == Exit.DONE
    assert jobs.reports(tmp_path / "out")[-1]["totals"]["catalogue_items_left_out"] == {}


def test_links_into_allowed_folders_become_mosaics_of_their_own_names(run, tmp_path):
    jobs.write_scene(tmp_path / "else" / "a.tif", 40, 50, 1)
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / "more").symlink_to("../else")
    (tmp_path / "archive" / "b.tif").symlink_to("../else/a.tif")
    assert run(tmp_path / "archive", allow_folders=[str(tmp_path / "else")]) == Exit.DONE
    assert states(tmp_path / "out") == {"b.tif": "done", "more/a.tif": "done"}


@pytest.mark.parametrize("name", ["a.tif.msk", "a.tif.ovr", "a.tif.aux.xml"])
def test_a_scene_with_a_sidecar_from_elsewhere_is_in_quarantine_until_that_is_allowed(run, tmp_path, name):
    jobs.write_scene(tmp_path / "archive" / "a.tif", 40, 50, 1)
    jobs.write_scene(tmp_path / "archive" / "b.tif", 40, 50, 2)
    jobs.write_scene(tmp_path / "else" / "m.tif", 40, 50, 3)
    (tmp_path / "archive" / name).symlink_to("../else/m.tif")
    assert run(tmp_path / "archive") == Exit.QUARANTINED
    assert states(tmp_path / "out") == {"a.tif": "quarantined", "b.tif": "done"}
    assert run(tmp_path / "archive") == Exit.DONE
    allowed = [str(tmp_path / "else")]
    assert run(tmp_path / "archive", allow_folders=allowed) == Exit.DONE
    assert states(tmp_path / "out") == {"a.tif": "done"}
