"""Listing: what a plan prints and a report keeps of it, in numbers and never without end."""

from __future__ import annotations

import math
import re

from sgddiff_batch.core.periods import span_of_digits
from sgddiff_batch.core.selection import Facts
from sgddiff_batch.core.texts import Texts
from sgddiff_batch.core.times import TimeSpan
from sgddiff_batch.io.archive import IgnoredFile
from sgddiff_batch.io.sources.result import Listing, times_of

MANY = [f"{number:03}.tif" for number in range(250)]


def test_of_an_empty_listing_nothing_is_printed() -> None:
    assert Listing().rows() == []
    assert Listing(only_in={"/a": ()}).rows() == []


def test_a_plan_prints_a_number_for_each_thing_that_there_is() -> None:
    listing = Listing(
        missing=(IgnoredFile("x.tif", "it is gone"),),
        not_listed=(IgnoredFile("d", "denied", lost=True), IgnoredFile("e", "denied", lost=True)),
        left_out={"a.tif": "it is too cloudy", "b.tif": "its name is excluded", "c.tif": "it is too cloudy"},
        superseded={"t1.tif": "t2.tif"},
        only_in={"/one": ("a.tif", "b.tif"), "/two": ()},
        items_left_out={"it is no STAC item": 3},
    )
    assert listing.rows() == [
        ("only in /one", "2"),
        ("left out: it is too cloudy", "2"),
        ("left out: its name is excluded", "1"),
        ("superseded by newer versions", "1"),
        ("named, but missing", "1"),
        ("not listed", "2"),
        ("catalogue items left out: it is no STAC item", "3"),
    ]


def test_the_most_frequent_reasons_are_told_first_and_the_rest_as_one() -> None:
    counts = Listing(items_left_out={f"reason {n}": n for n in range(1, 121)}).item_counts()
    assert list(counts.items())[:2] == [("reason 120", 120), ("reason 119", 119)]
    assert len(counts) == 101
    assert counts["other reasons"] == sum(range(1, 21))
    assert "other reasons" not in Listing(items_left_out={"a": 1}).item_counts()


def test_a_report_names_the_first_scenes_of_each_number_in_order() -> None:
    listing = Listing(
        left_out=dict.fromkeys(reversed(MANY), "it is too cloudy"),
        superseded={name: f"{name}.new" for name in reversed(MANY)},
        only_in={"/one": tuple(MANY), "/two": ()},
    )
    report = listing.report()
    first = {"scenes": 250, "first": MANY[:100]}
    assert report["left_out"] == {"it is too cloudy": first}
    assert report["only_in"] == {"/one": first, "/two": {"scenes": 0, "first": []}}
    assert report["superseded"] == {"scenes": 250, "first": {name: f"{name}.new" for name in MANY[:100]}}


def test_a_report_counts_what_is_ignored_by_reason_and_names_what_was_not_listed() -> None:
    ignored = [IgnoredFile(name, "it is a Zarr store") for name in MANY]
    ignored += [IgnoredFile(name, f"reason {name}") for name in MANY]
    listing = Listing(
        ignored=tuple(ignored), not_listed=(IgnoredFile("d", "denied", lost=True),), is_whole=False
    )
    report = listing.report()
    counts = report["ignored"]
    assert isinstance(counts, dict)
    assert (counts["it is a Zarr store"], len(counts)) == (250, 100)
    assert report["not_listed"] == {"d": "denied"}
    assert report["is_whole"] is False


def test_the_keys_of_a_report_are_a_format() -> None:
    assert list(Listing().report()) == [
        "is_whole", "ignored", "only_in", "left_out", "superseded", "missing", "not_listed",
    ]  # fmt: skip


def test_scenes_without_a_time_are_told_only_where_a_pattern_was_to_find_it() -> None:
    assert Listing(undated=None).rows() == Listing(undated=(0, "")).rows() == []
    assert Listing(undated=(3, "a\nb.tif")).rows() == [(r"time_pattern finds no time, as in a\nb.tif", "3")]
    assert "undated" not in Listing().report()
    assert Listing(undated=(3, "a.tif")).report()["undated"] == 3


def test_what_is_open_at_an_end_is_no_time_and_its_name_is_asked() -> None:
    facts = {"a_2026.tif": Facts(time=TimeSpan(0.0, math.inf)), "b.tif": Facts(time=TimeSpan(0.0, 1.0))}
    ids = Texts.of(sorted(facts))
    assert times_of(ids, facts, None) == ({"b.tif": TimeSpan(0.0, 1.0)}, None)
    times, undated = times_of(ids, facts, re.compile(r"_(\d{4})"))
    assert dict(times) == {"a_2026.tif": span_of_digits("2026"), "b.tif": TimeSpan(0.0, 1.0)}
    assert undated == (0, "")
