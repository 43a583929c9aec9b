"""The page of a report: all of it in one file that asks nobody for anything, whatever the report says."""

from __future__ import annotations

import time

import numpy as np
import pytest

from sgddiff_batch.core.previews import Preview
from sgddiff_batch.core.window import Window
from sgddiff_batch.io.pages import page_of
from sgddiff_batch.io.reports import StoredReport, build_report, open_report, write_report
from sgddiff_batch.io.storage import open_store
from tests.io.pages.page_examples import made_output, row
from tests.kit import jobs
from tests.kit.faulty import StoreFault
from tests.kit.pages import seen
from tests.kit.scripted import scripted, scripted_uri

NASTY = '</script><img src=x onerror="alert(1)">{{ 7*7 }}\x1b[31m'
SECTIONS = ["state", "new", "pictures", "map", "still-right", "time", "made", "made-with"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return made_output(tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="module")
def page(made):
    store = open_store(str(made))
    return seen(page_of(store, open_report(store)))


def page_without_outputs(tmp_path, report, rows=(), **more):
    store = open_store(str(tmp_path / "empty"))
    facts = {"run_id": "1"} | report
    return seen(page_of(store, StoredReport("uri", facts, rows), **more))


def test_sections_stand_in_the_order_in_which_people_ask(page):
    assert [section["id"] for section in page.all("section")] == SECTIONS
    assert page.wrong == []


def test_it_asks_nobody_for_anything_and_runs_nothing(page):
    assert page.reaching_out() == []
    (policy,) = (meta for meta in page.all("meta") if "http-equiv" in meta)
    assert policy["http-equiv"] == "Content-Security-Policy"
    assert policy["content"] == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    assert {"name": "color-scheme", "content": "light dark"} in page.all("meta")


def test_each_mosaic_is_drawn_as_scene_saliency_and_both_with_its_size(page):
    images = page.all("img")
    assert len(images) == 9
    assert {image["alt"].partition(":")[0] for image in images} == {"scene", "saliency", "overlay"}
    assert all(image["width"].isdigit() and image["height"].isdigit() for image in images)


def test_it_tells_the_end_the_reason_and_the_command(page, made):
    assert "Exit code 3." in page.text
    assert f"sgddiff quarantine replay --output {made} bad.tif" in page.text
    assert "3 mosaics have a place on the globe" in page.text
    assert "3 of 3" in page.text


def test_whatever_a_report_says_is_text(tmp_path):
    rows = [
        row(NASTY, state, reason=NASTY, notes=[NASTY], mask_rule=NASTY) for state in ("done", "quarantined")
    ]
    report = {
        "run_id": "1", "ending": "done", "started_at": NASTY, "seconds": 1.0,
        "totals": {"states": {NASTY: 1}, "seconds_by_stage": {NASTY: 1.0}},
        "run": {
            "area": NASTY, "device": NASTY, "withdrawals": {"withdrawn": {"scenes": 1, "first": [NASTY]}},
        },
        "config": {NASTY: NASTY}, "versions": {"python": NASTY}, "ignored": [{"path": "x", "reason": NASTY}],
    }  # fmt: skip
    page = page_without_outputs(tmp_path, report, rows, notes=[NASTY])
    assert (page.wrong, page.reaching_out()) == ([], [])
    assert "onerror" in page.text
    assert page.text.count("{{ 7*7 }}") > 5, "no template of somebody else is filled in"
    assert "\x1b" not in page.html


@pytest.mark.parametrize(
    "report",
    [
        {},
        {"run_id": None, "totals": None, "run": [], "config": "x", "versions": 3, "ignored": {}},
        {"ending": "done", "totals": {"states": {}}, "config": {"report": {"pictures": 0}}},
        {"seconds": "long", "started_at": None, "totals": {"made": {"classes": [1]}}, "run": {"deaths": [1]}},
    ],
)
def test_a_report_that_lacks_or_garbles_things_has_a_page_with_all_sections(tmp_path, report):
    page = page_without_outputs(tmp_path, report)
    assert [section["id"] for section in page.all("section")] == SECTIONS
    assert page.wrong == []


def test_rows_of_a_former_version_are_shown_as_far_as_they_go(tmp_path):
    rows = [{"scene_id": "a", "state": "done", "store": "a/v.zarr"}, {"scene_id": "b", "state": "failed"}]
    page = page_without_outputs(tmp_path, {}, rows)
    assert "the mosaic cannot be read" in page.text
    assert page.all("img") == []


def test_pictures_are_as_many_as_the_config_says(made):
    store = open_store(str(made))
    report = open_report(store)
    fewer = StoredReport(report.uri, report.facts | {"config": {"report": {"pictures": 2}}}, report.rows)
    assert len(seen(page_of(store, fewer)).all("img")) == 6


def test_a_broken_mosaic_and_a_scene_that_is_gone_leave_their_places(tmp_path):
    output = made_output(tmp_path)
    (tmp_path / "scenes" / "a.tif").unlink()
    (report,) = jobs.reports(output)
    (broken,) = (one["store"] for one in report["scenes"] if one["scene_id"] == "c.tif")
    (output / broken / "zarr.json").write_text("{")
    store = open_store(str(output))
    page = seen(page_of(store, open_report(store)))
    assert len(page.all("img")) == 3 + 1
    assert "the mosaic cannot be read" in page.text
    assert "the scene cannot be read" in page.text


def test_a_thousand_scenes_are_a_small_page_made_at_once_without_their_pictures(tmp_path):
    store = open_store(str(tmp_path))
    rows = [row(f"north/scene-{number:04}.tif", salient_px=number % 97) for number in range(1000)]
    report = build_report(
        "1", started_at="now", seconds=1.0, ending="done", config={}, run={}, scenes=rows, ignored=[]
    )
    write_report(store, report)
    start = time.process_time()
    html = page_of(store, open_report(store))
    assert time.process_time() - start < 3
    assert len(html) < 300_000
    assert "200 of 1,000" in seen(html).text


def test_an_output_that_cannot_be_read_beside_its_report_still_has_a_page(tmp_path, made):
    report = open_report(open_store(str(made)))
    (tmp_path / "file").write_text("")
    page = seen(page_of(open_store(str(tmp_path / "file")), report))
    assert "There is no catalogue" in page.text


def test_previews_are_shown_of_mosaics_and_scenes_that_nobody_can_read(tmp_path):
    rows = [row(name) for name in "ab"]
    codes = np.full((20, 30), 200, dtype=np.uint8)
    whole, part = Window(0, 20, 0, 30), Window(768, 788, 0, 30)
    previews = {
        rows[n]["store"]: Preview(codes, np.full((3, 20, 30), 9, np.uint8), window, window == whole, 1)
        for n, window in enumerate((whole, part))
    }
    page = page_without_outputs(tmp_path, {}, rows, previews=previews)
    assert len(page.all("img")) == 6
    assert "rows 768 to 788" in page.text
    assert "cannot be read" not in page.text


def test_a_preview_without_a_scene_says_that_it_is_made_of_several(tmp_path):
    codes, whole = np.full((20, 30), 200, dtype=np.uint8), Window(0, 20, 0, 30)
    previews = {row("a")["store"]: Preview(codes, None, whole, True, 1)}
    page = page_without_outputs(tmp_path, {}, [row("a")], previews=previews)
    assert [image["alt"].partition(":")[0] for image in page.all("img")] == ["saliency"]
    assert "it is made of several scenes" in page.text


def test_a_broken_preview_leaves_its_place_with_a_word(tmp_path):
    broken = Preview(np.zeros((0, 3), np.uint8), np.zeros((3, 1, 9), np.uint8), Window(0, 1, 0, 1), True, 0)
    page = page_without_outputs(tmp_path, {}, [row("a")], previews={row("a")["store"]: broken})
    assert page.all("img") == []
    assert "the mosaic cannot be read" in page.text


def test_a_store_that_fails_at_every_call_costs_a_page_what_it_would_have_read(tmp_path):
    whole = Window(0, 20, 0, 30)
    ready = Preview(np.zeros((20, 30), np.uint8), np.zeros((3, 20, 30), np.uint8), whole, True, 0)
    rows = [row("a"), row("b")]
    with scripted(StoreFault("*", "*", None)):
        store = open_store(scripted_uri(tmp_path / "out"))
        report = StoredReport("uri", {"run_id": "1"}, rows)
        page = seen(page_of(store, report, previews={rows[0]["store"]: ready}))
    assert [section["id"] for section in page.all("section")] == SECTIONS
    assert len(page.all("img")) == 3
    assert "the mosaic cannot be read" in page.text
