"""Withdrawals: what a run reads of the catalogue, what it tells, and what it calls an archive."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.config import load_config
from sgddiff_batch.core.query import AssetRule, Source
from sgddiff_batch.core.scene import Scene
from sgddiff_batch.io.archive import IgnoredFile
from sgddiff_batch.io.catalogue import PublishContext
from sgddiff_batch.io.catalogue.generations import POINTER, publish, rollback
from sgddiff_batch.io.sources import Listing
from sgddiff_batch.runs import open_bench
from sgddiff_batch.runs.withdrawals import archive_name, listed_ids, plan_withdrawals
from tests.io.catalogue_examples import finish
from tests.kit import jobs
from tests.kit.networks import BrightNetwork

ALL = ("a.tif", "b.tif", "c.tif")


@pytest.fixture
def bench(tmp_path):
    """An output whose catalogue has three scenes of the archive of the config."""
    config = jobs.write_config(tmp_path / "run.yaml", tmp_path / "scenes", tmp_path / "out", Path("/nowhere"))
    bench = open_bench(load_config(str(config)), BrightNetwork())
    for scene_id in ALL:
        finish(bench.output, scene_id)
    published(bench, str(tmp_path / "scenes"), ALL)
    return bench


def published(bench, archive, listed, run_id="run"):
    context = PublishContext(run_id, archive, frozenset(listed))
    publish(bench.output, bench.ledger.records(), bench.ledger.withdrawn().keys(), context)


def listing(*names, **more):
    return Listing(tuple(Scene(name, f"/scenes/{name}", "v", 1) for name in names), **more)


def planned(bench, found, *, allow=False):
    return plan_withdrawals(bench, found, allow=allow)


def test_a_scene_of_the_catalogue_that_is_not_listed_any_more_leaves(bench, caplog):
    found = planned(bench, listing("a.tif", "c.tif"))
    assert (found.withdrawn, found.returned, found.refusal) == (("b.tif",), (), None)
    assert planned(bench, listing(*ALL)).withdrawn == ()
    assert caplog.text == ""


@pytest.mark.parametrize(
    "more",
    [
        {"left_out": {"b.tif": "it is too cloudy"}},
        {"missing": (IgnoredFile("b.tif", "there is no such file"),)},
        {"superseded": {"b.tif": "a.tif"}},
    ],
)
def test_a_scene_that_is_there_or_should_be_stays(bench, more):
    assert planned(bench, listing("a.tif", "c.tif", **more)).withdrawn == ()


def test_a_listing_that_is_not_whole_withdraws_nobody_and_says_what_was_not_seen(bench, caplog):
    lost = tuple(IgnoredFile(f"folder{number}", "it cannot be looked at") for number in range(12))
    found = planned(bench, listing("a.tif", is_whole=False, not_listed=lost))
    assert found.withdrawn == ()
    assert "not listed: folder0: it cannot be looked at" in caplog.text
    assert caplog.text.count("not listed: folder") == 10, "a long list says nothing more"
    assert "the listing is not whole (12 parts not listed)" in caplog.text


def test_a_refusal_is_warned_of_and_an_operator_s_word_ends_it(bench, caplog):
    assert planned(bench, listing("a.tif")).withdrawn == ()
    assert "2 of the 3 scenes" in caplog.text
    assert planned(bench, listing("a.tif"), allow=True).withdrawn == ("b.tif", "c.tif")


def test_a_scene_that_is_back_is_told(bench, tmp_path):
    bench.ledger.withdraw("b.tif", "2026-01-02T00:00:00+00:00")
    assert planned(bench, listing(*ALL)).returned == ("b.tif",)
    assert planned(bench, listing("a.tif", "c.tif")).withdrawn == (), "it is gone already"


def test_two_archives_with_equal_ids_in_one_output_are_warned_of(bench, caplog):
    published(bench, "s3://other/scenes", ["b.tif"])
    found = planned(bench, listing(*ALL))
    assert found.claimed == {"b.tif": "s3://other/scenes"}
    assert "last listed by another archive, s3://other/scenes, and are this one's now: b.tif" in caplog.text
    assert planned(bench, listing("a.tif", "c.tif")).withdrawn == (), "the other one has it"


def test_a_rollback_says_nothing_of_the_archive(bench):
    finish(bench.output, "d.tif")
    published(bench, archive_name(bench.query.sources), [*ALL, "d.tif"], "another run")
    rollback(bench.output)
    assert planned(bench, listing(*ALL)).withdrawn == ("d.tif",)


@pytest.mark.parametrize("damage", ["pointer", "file"])
def test_a_catalogue_that_cannot_be_read_withdraws_nobody(bench, damage, caplog):
    if damage == "pointer":
        bench.output.write(POINTER, b"{")
    else:
        for key in bench.output.keys("_catalogue/generations"):
            bench.output.delete(key)
    assert planned(bench, listing("a.tif", "c.tif")).withdrawn == ()
    assert "no scene is withdrawn, for the catalogue cannot be read: " in caplog.text


def test_all_that_an_archive_names_is_listed():
    found = listing("a.tif", left_out={"b.tif": "why"}, missing=(IgnoredFile("north/c d.tif", "gone"),))
    assert listed_ids(found) == {"a.tif", "b.tif", "north/c%20d.tif"}


class TestNames:
    def test_one_source_of_which_nothing_else_is_said_is_its_uri(self):
        assert archive_name([Source("s3://b/x/")]) == "s3://b/x"

    def test_whatever_decides_what_is_listed_makes_another_name(self):
        uri = "https://h/stac"
        sources = [
            [Source(uri)],
            [Source(uri, "stac-api")],
            [Source(uri, collections=("a",))],
            [Source(uri, collections=("a", "b"))],
            [Source(uri, asset=AssetRule(role="data"))],
            [Source(uri), Source("s3://b/x")],
            [Source("s3://b/x"), Source(uri)],
            [Source(f"{uri}?map=1")],
            [Source(f"{uri}?map=2")],
        ]
        assert len(set(map(archive_name, sources))) == len(sources)

    @given(st.permutations(["a", "b", "c", "d"]), st.permutations(["x", "y", "z"]))
    def test_the_order_of_the_others_and_of_collections_does_not_matter(self, others, collections):
        def name(uris, parts):
            return archive_name([Source("first"), *(Source(uri, collections=tuple(parts)) for uri in uris)])

        assert name(others, collections) == name("abcd", "xyz")

    def test_a_header_of_a_private_source_is_no_part_of_it(self):
        private = Source("https://h/stac", headers_from_env=(("Authorization", "TOKEN"),))
        assert archive_name([private]) == "https://h/stac"

    def test_no_secret_is_in_it(self):
        assert "SECRET" not in archive_name([Source("https://h/stac?token=SECRET"), Source("x")])
        assert "SECRET" not in archive_name([Source("https://me:SECRET@h/stac")])


def test_a_loss_that_was_refused_stays_refused_where_a_run_goes_on_after_a_death(bench):
    assert planned(bench, listing("a.tif", "x.tif", "y.tif")).refusal
    for scene_id in ("x.tif", "y.tif"):
        finish(bench.output, scene_id)
    published(bench, archive_name(bench.query.sources), ["a.tif", "x.tif", "y.tif"], bench.run_id)
    assert planned(bench, listing("a.tif", "x.tif", "y.tif")).refusal
    assert planned(replace(bench, run_id="the next night"), listing(*ALL, "x.tif")).withdrawn == ("y.tif",)
