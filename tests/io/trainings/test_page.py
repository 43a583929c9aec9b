"""The page of a training tells what its storage holds, whatever is missing or broken there."""

from __future__ import annotations

import json
import shutil

import pytest

from sgddiff_batch.io.storage import open_store
from sgddiff_batch.io.trainings import is_training, training_page_of
from tests.io.trainings.training_examples import left_by_a_training, png
from tests.kit.outputs import output_on
from tests.kit.pages import seen

NASTY = '</pre><img src=x onerror="alert(1)">{{ 7*7 }}'


@pytest.fixture
def storage(tmp_path):
    return left_by_a_training(tmp_path / "runs")


def page_of(storage):
    page = seen(training_page_of(open_store(str(storage))))
    assert (page.wrong, page.reaching_out()) == ([], [])
    return page


def test_each_stage_has_its_curves_scores_pictures_card_settings_and_time(storage):
    page = page_of(storage)
    assert [one["id"] for one in page.all("section")] == ["seed-0-student", "seed-0-teacher"] or [
        one["id"] for one in page.all("section")
    ] == ["seed-0-teacher", "seed-0-student"]
    assert len(page.all("svg")) == 12
    assert len(page.all("img")) == 2
    for words in ("0.8123", "steps of 400", "2.0 h", "10 %", "CPU <x>", "A <b>network</b>.", "best 0.9"):
        assert words in page.text
    assert "training.settings.batch" in page.text
    assert "<!-- made" not in page.text


def test_what_a_training_says_of_itself_is_text(storage):
    place = storage / "seed-0" / "teacher"
    rows = [{"step": 1, NASTY: 1.0}, {"step": 2, NASTY: 0.5}]
    (place / "history.json").write_text(json.dumps({"losses": rows, "scores": rows}))
    (place / "best" / "README.md").write_text(NASTY + "\x1b[31m")
    facts = {"digest": NASTY, "preset": NASTY, "training": {"settings": {NASTY: NASTY}}}
    (place / "best" / "checkpoint.json").write_text(json.dumps(facts))
    page = page_of(storage)
    assert page.text.count("{{ 7*7 }}") >= 3
    assert "\x1b" not in page.html


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"3", b'{"losses": 3, "scores": {"a": 1}}', b'{"losses": [1, {"step": "x"}]}'],
)
def test_a_broken_file_leaves_its_place_with_a_word(storage, content):
    for path in storage.rglob("*.json"):
        path.write_bytes(content)
    if content in (b"", b"{"):
        with pytest.raises(FileNotFoundError, match="no history"):
            training_page_of(open_store(str(storage)))
    else:
        assert len(page_of(storage).all("section")) == 2


@pytest.mark.parametrize("content", [b"", b"no picture", png()[:60], b"GIF89a" + bytes(40)])
def test_a_broken_contact_sheet_is_told(storage, content):
    (storage / "seed-0" / "teacher" / "contact-sheet.png").write_bytes(content)
    page = page_of(storage)
    assert len(page.all("img")) == 1
    assert "The contact sheet cannot be read" in page.text


def test_a_sheet_that_would_fill_the_memory_is_not_drawn(storage):
    (storage / "seed-0" / "teacher" / "contact-sheet.png").write_bytes(png(9000, 9000))
    assert "The contact sheet is too large: 9000 x 9000 px." in page_of(storage).text


def test_a_large_sheet_is_drawn_smaller(storage):
    (storage / "seed-0" / "teacher" / "contact-sheet.png").write_bytes(png(3200, 1000))
    assert {(one["width"], one["height"]) for one in page_of(storage).all("img")} == {
        ("300", "200"), ("1600", "500"),
    }  # fmt: skip


def test_what_is_no_training_has_no_page(tmp_path):
    for place in (tmp_path, tmp_path / "none"):
        assert not is_training(open_store(str(place)))
        with pytest.raises(FileNotFoundError, match="no history of a training"):
            training_page_of(open_store(str(place)))


def test_a_stage_that_has_only_begun_has_a_place(storage):
    shutil.rmtree(storage / "seed-0" / "student" / "best")
    (storage / "seed-0" / "student" / "contact-sheet.png").unlink()
    assert "nothing was validated yet" in page_of(storage).text


def test_a_training_in_a_bucket_has_the_page_of_one_in_a_folder(storage, request):
    with output_on("s3", "training-bucket", request) as uri:
        store = open_store(uri)
        for path in storage.rglob("*"):
            if path.is_file():
                store.write(str(path.relative_to(storage)), path.read_bytes())
        assert is_training(store)
        there = seen(training_page_of(store))
    assert len(there.all("img")) == 2
