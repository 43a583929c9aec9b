"""Objects are counted from what readers have, as far as it can be read; what became of them is told apart."""

from __future__ import annotations

import shlex

import pyarrow.parquet as pq
import pytest

from jobs.cli import build_parser
from sgddiff_batch.core.object_settings import ObjectSettings
from sgddiff_batch.io.catalogue import read_pointer
from sgddiff_batch.io.objects import find_objects
from sgddiff_batch.io.pages import drawn_objects
from sgddiff_batch.io.pages.drawn_objects import object_news
from sgddiff_batch.io.pages.seen import read_seen
from sgddiff_batch.io.storage import open_store
from sgddiff_batch.runs import report_page
from tests.io.catalogue_examples import dying_store
from tests.io.objects.examples import put_scene
from tests.io.objects.test_generation import PIER, SHIP, night, picture
from tests.io.pages.page_examples import made_output
from tests.kit import jobs
from tests.kit.pages import seen

WORDS = [
    "objects", "objects that no run before has shown", "of these were split from others",
    "objects seen again", "objects merged into others", "objects vanished",
]  # fmt: skip


@pytest.fixture
def output(tmp_path):
    """Two nights: a pier and a ship, then the pier alone."""
    store = open_store(str(tmp_path / "out put"))
    for run, codes in (("a", picture(PIER, SHIP)), ("b", picture(PIER))):
        put_scene(store, f"{run}.tif", codes, run_id=run)
        night(store, run)
    return store


def told(store, run_id, of_run):
    news = object_news(store, read_seen(store), run_id, of_run)
    assert [row["words"] for row in news["object_counts"]] in ([], WORDS)
    return [row["count"] for row in news["object_counts"]], news["object_steps"]


def test_each_thing_that_became_of_objects_has_its_number_and_commands_list_them(output):
    counts, (states, *steps) = told(output, "b", {"b.tif"})
    assert counts == ["2", "0", "0", "1", "0", "1"]
    assert states["words"] == "Of all objects, by what is known of them now: 1 seen, 1 vanished."
    for step, flag in zip(steps, ("new_since", "vanished_since"), strict=True):
        options = build_parser(["objects"]).parse_args(shlex.split(step["command"])[1:])
        assert (options.output, str(step["command"]).split()[-1]) == (output.uri, "2026-01-02")
        assert getattr(options, flag) is not None
    assert told(output, "a", {"a.tif"})[0] == ["2", "2", "0", "0", "0", "0"]
    assert told(output, "none", set()) == (["2", "0", "0", "0", "0", "0"], [states])


def test_where_no_time_is_known_no_command_is_shown(tmp_path):
    store = open_store(str(tmp_path))
    put_scene(store, "z.tif", picture(PIER), run_id="z")
    night(store, "z")
    (_, step) = told(store, "z", {"z.tif"})[1]
    assert (step["command"], "is not known" in step["words"]) == (None, True)


def test_without_objects_not_one_request_is_made_for_them(tmp_path):
    store = open_store(str(tmp_path))
    put_scene(store, "a.tif", picture(PIER))
    night(store, "1", drawn=False)
    found, counted = read_seen(store), dying_store(store.uri)
    assert object_news(counted, found, "1", {"a.tif"}) == {"object_counts": [], "object_steps": []}
    assert object_news(counted, None, "1", None) == {"object_counts": [], "object_steps": []}
    assert counted.reads == []


@pytest.mark.parametrize("harm", [b"", b"PAR1", b"PAR1" + bytes(100) + b"PAR1", None])
def test_a_damaged_or_lost_file_costs_the_counts(output, harm, caplog):
    key = read_pointer(output).generation.objects.file
    output.delete(key)
    if harm is not None:
        output.write(key, harm)
    assert told(output, "b", {"b.tif"}) == ([], [])
    assert "the objects could not be read" in caplog.text


def test_damaged_ids_cost_the_counts(output, caplog):
    (key,) = (key for key in output.keys("_objects/ids") if key.endswith("current.json"))
    output.write(key, b"{")
    assert told(output, "b", {"b.tif"}) == ([], [])
    assert "the objects could not be read" in caplog.text


def test_of_very_many_only_their_number_is_told(output, monkeypatch):
    monkeypatch.setattr(drawn_objects, "_MOST_ROWS", 1)
    news = object_news(output, read_seen(output), "b", {"b.tif"})
    assert news["object_counts"] == [{"count": "3", "words": "sightings of objects"}]
    assert len(news["object_steps"]) == 2


def test_the_page_counts_what_the_command_has_drawn(tmp_path):
    output = made_output(tmp_path)
    find_objects(str(output), ObjectSettings())
    ids = set(pq.read_table(output / "objects.parquet")["id"].to_pylist())
    (report,) = jobs.reports(output)
    store = open_store(str(output))
    counts, _ = told(store, report["run_id"], {row["scene_id"] for row in report["scenes"]})
    assert counts[:2] == [f"{len(ids):,}"] * 2
    text = seen(report_page(str(output)).html).text
    assert "objects that no run before has shown" in text
    assert "Of all objects, by what is known of them now:" in text
