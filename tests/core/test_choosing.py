"""Choosing: no scene twice, none lost without a reason, and never by the order of the sources."""

from __future__ import annotations

import random
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.core.boxes import Box
from sgddiff_batch.core.choosing import choose, dated, keep_newest, only_in, reconcile
from sgddiff_batch.core.selection import Candidate, Duplicates, Facts, Filters
from sgddiff_batch.core.times import TimeSpan, parse_span
from tests.core.candidate_examples import BOXES, candidates, scene
from tests.core.test_candidate_table import tables


@given(candidates(), st.randoms())
def test_the_order_of_sources_and_scenes_does_not_matter(
    found: list[Candidate], shuffler: random.Random
) -> None:
    shuffled = list(found)
    shuffler.shuffle(shuffled)
    assert reconcile(found) == reconcile(shuffled)


@given(candidates())
def test_every_object_is_kept_once_or_clashes(found: list[Candidate]) -> None:
    kept, clashing = reconcile(found)
    places = [one.scene.uri for one in kept]
    assert len(set(places)) == len(places)
    assert len({one.scene.scene_id for one in kept}) == len(kept)
    assert set(places) | set(clashing) == {one.scene.uri for one in found}
    assert not set(places) & set(clashing)
    for one in kept:
        assert one.sources == frozenset().union(*(c.sources for c in found if c.scene.uri == one.scene.uri))


@given(candidates())
def test_reconciling_again_changes_nothing(found: list[Candidate]) -> None:
    kept, _ = reconcile(found)
    assert reconcile(kept) == (kept, {})


RULES = st.sampled_from(["name", "datetime", "modified"]).map(
    lambda rule: Duplicates(re.compile(r"(?P<key>T\d\d)_N(?P<version>\d+)"), rule)
)


@given(candidates(), RULES, st.randoms())
def test_newest_wins_in_any_order_and_again(
    found: list[Candidate], rule: Duplicates, shuffler: random.Random
) -> None:
    unique, _ = reconcile(found)
    kept, superseded = keep_newest(unique, rule)
    assert keep_newest(kept, rule) == (kept, {})
    shuffled = list(unique)
    shuffler.shuffle(shuffled)
    again, same = keep_newest(shuffled, rule)
    assert set(again) == set(kept)
    assert same == superseded
    ids = {one.scene.scene_id for one in kept}
    assert ids | set(superseded) == {one.scene.scene_id for one in unique}
    assert set(superseded.values()) <= ids
    keys = [rule.key_of(one.name) for one in kept]
    assert len(set(keys)) == len(keys)


@given(tables(), RULES | st.none(), st.integers(0, 4), st.sampled_from([None, "a", ".*2.*"]))
def test_a_table_is_chosen_from_as_its_candidates_are(table, rule, least, name) -> None:
    filters = Filters(size_bytes=(least or None, None), names=(re.compile(name),) if name else ())
    objects = tuple(table)
    assert reconcile(table) == reconcile(objects)
    choice, wanted = choose(table, filters), choose(objects, filters)
    assert (choice.kept, choice.left_out, choice.unknown) == (wanted.kept, wanted.left_out, wanted.unknown)
    kept, superseded = keep_newest(choice.kept, rule)
    assert (kept, superseded) == keep_newest(wanted.kept, rule)
    assert type(kept) is type(table)


class TestNewest:
    KEY = re.compile(r"(?P<tile>S2[AB]_T\d\d[A-Z]{3}_\d{8})_N(?P<version>\d{4})")

    def test_versions_are_compared_as_numbers_and_other_scenes_are_left_alone(self) -> None:
        old, new = scene("S2A_T32TPS_20260101_N0509.tif"), scene("S2A_T32TPS_20260101_N0510.tif")
        other, none = scene("S2B_T32TPS_20260101_N0509.tif"), scene("harbour.tif")
        kept, superseded = keep_newest([old, new, other, none], Duplicates(self.KEY))
        assert kept == (new, other, none)
        assert superseded == {old.name: new.name}
        natural = Duplicates(re.compile(r"(\w+)_v\d+"))
        assert keep_newest([scene("a_v9.tif"), scene("a_v10.tif")], natural)[0][0].name == "a_v10.tif"

    def test_the_time_of_the_picture_or_of_the_file_decides_where_asked(self) -> None:
        early = scene("a_2.tif", time=TimeSpan(1, 1), modified_s=9.0)
        late = scene("a_1.tif", time=TimeSpan(2, 2), modified_s=8.0)
        unknown = scene("a_3.tif")
        key = re.compile(r"(\w)_")
        assert keep_newest([early, late, unknown], Duplicates(key, "datetime"))[0] == (late,)
        assert keep_newest([early, late, unknown], Duplicates(key, "modified"))[0] == (early,)
        assert keep_newest([early, late, unknown], Duplicates(key))[0] == (unknown,)

    def test_a_pattern_without_groups_takes_what_it_matched(self) -> None:
        key = Duplicates(re.compile(r"^[a-z]+"))
        assert [one.name for one in keep_newest([scene("a1"), scene("a2"), scene("b1")], key)[0]] == [
            "a2",
            "b1",
        ]

    def test_without_a_rule_everything_stays(self) -> None:
        twice = [scene("a_v1.tif"), scene("a_v2.tif")]
        assert keep_newest(twice, None) == (twice, {})


@given(candidates(), BOXES | st.none(), st.none() | st.floats(1, 100), st.integers(0, 100))
def test_filters_tell_of_every_scene_that_they_leave_out(
    found: list[Candidate], box: Box | None, cloud: float | None, least: int
) -> None:
    unique, _ = reconcile(found)
    filters = Filters(TimeSpan(10, 5e5), box, cloud, (least, None))
    choice = choose(unique, filters)
    kept = {one.scene.scene_id for one in choice.kept}
    groups = [kept, set(choice.left_out), set(choice.unknown)]
    assert set().union(*groups) == {one.scene.scene_id for one in unique}
    assert sum(map(len, groups)) == len(unique)
    assert all(one.facts.time is not None for one in choice.kept)


KNOWN = scene("d/a.tif", time=TimeSpan(5, 6), boxes=(Box(10, 0, 11, 1),), cloud_percent=20.0)


class TestFilters:
    @pytest.mark.parametrize(
        ("filters", "reason"),
        [
            (Filters(time=TimeSpan(7, 9)), "its time is not asked for"),
            (Filters(time=TimeSpan(0, 5)), None),
            (Filters(box=Box(11.5, 0, 12, 1)), "it lies outside the area"),
            (Filters(box=Box(11, 1, 12, 2)), None),
            (Filters(cloud_below_percent=20), "it is too cloudy"),
            (Filters(cloud_below_percent=20.5), None),
            (Filters(size_bytes=(11, None)), "its size is not asked for"),
            (Filters(size_bytes=(None, 9)), "its size is not asked for"),
            (Filters(size_bytes=(10, 10)), None),
            (Filters(names=(re.compile("x"), re.compile(".*/a.*"))), None),
            (Filters(names=(re.compile("a.tif"),)), "its name is not asked for"),
            (Filters(excluded=(re.compile("d/.*"),)), "its name is excluded"),
        ],
    )
    def test_each_has_its_reason(self, filters: Filters, reason: str | None) -> None:
        choice = choose([KNOWN], filters)
        assert choice.left_out == ({} if reason is None else {"d/a.tif": reason})
        assert choice.unknown == {}

    def test_what_is_not_known_is_told_unless_the_rest_rules_the_scene_out(self) -> None:
        filters = Filters(time=TimeSpan(0, 9), cloud_below_percent=50)
        bare, cloudy = scene("bare.tif"), scene("cloudy.tif", cloud_percent=80.0)
        choice = choose([KNOWN, bare, cloudy], filters)
        assert choice.kept == (KNOWN,)
        assert choice.left_out == {"cloudy.tif": "it is too cloudy"}
        assert choice.unknown == {
            "bare.tif": "its time and cloud cover is not known, and archive.filters asks for it"
        }


def test_what_only_one_source_names_is_counted_for_it() -> None:
    both = replace(scene("a"), sources=frozenset({0, 1}))
    alone = [replace(scene(name), sources=frozenset({at})) for name, at in [("b", 0), ("d", 1), ("c", 1)]]
    assert only_in([both, *alone], 2) == (("b",), ("c", "d"))
    assert only_in([scene("a")], 1) == ((),)


def test_a_pattern_dates_those_of_which_no_catalogue_knows_a_time():
    known = TimeSpan(1.0, 2.0)
    found = [scene("a_20260131.tif"), scene("b_20260131.tif", modified_s=3.0, time=known), scene("c.tif")]
    first, second, third = dated(found, re.compile(r"_(\d{8})"))
    assert first == replace(found[0], facts=Facts(time=parse_span("2026-01-31")))
    assert (second, third) == (found[1], found[2])
