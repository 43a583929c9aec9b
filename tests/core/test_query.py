"""What is asked of an archive, where nobody says more: everything, with the environment's credentials."""

import pickle
import re
from dataclasses import replace
from typing import get_args

import pytest

from sgddiff_batch.core.query import OWN, Access, ArchiveQuery, AssetRule, BucketAccess, Source
from sgddiff_batch.core.selection import Duplicates, Facts, Filters
from sgddiff_batch.core.times import TimeSpan


def test_a_bucket_is_asked_as_it_is_named_and_all_others_with_ones_own_credentials():
    access = BucketAccess({"public": "anonymous", "paid": "requester-pays"})
    assert access.of("s3://public/a/b.tif") == "anonymous"
    assert access.of("s3://paid") == "requester-pays"
    assert access.of("s3://other/public/a.tif") == "own"
    assert {OWN.of(uri) for uri in ("s3://public/a.tif", "/public/a.tif", "https://public/a")} == {"own"}


@pytest.mark.parametrize("uri", ["/public/a.tif", "public", "https://public/a.tif", "gs://public/a.tif"])
def test_what_is_in_no_bucket_is_never_asked_as_one(uri):
    assert BucketAccess({"public": "anonymous"}).of(uri) == "own"


def test_a_source_of_which_nothing_else_is_said_is_told_by_its_looks_and_wants_everything():
    source = Source("s3://bucket/scenes")
    assert (source.kind, source.collections, source.asset) == ("auto", (), AssetRule(None, None))
    assert source.headers_from_env == ()


def test_a_query_of_sources_alone_filters_nothing_and_lets_links_lead_nowhere_else():
    query = ArchiveQuery((Source("scenes"),))
    assert query.filters.unwanted(Facts()) is query.filters.unwanted_file("a.tif", 0) is None
    assert not query.filters.ask_catalogues
    assert (query.duplicates, query.hosts, query.folders, query.buckets) == (None, (), (), {})
    assert query.access is OWN


def test_a_query_can_be_sent_to_a_worker_and_is_changed_by_nobody():
    query = ArchiveQuery((Source("s3://b/x"),), access=BucketAccess({"b": "anonymous"}))
    assert pickle.loads(pickle.dumps(query)) == query
    assert replace(query, hosts=("h",)) != query
    with pytest.raises(AttributeError):
        query.sources = ()


def test_ones_own_credentials_are_a_way_to_ask():
    assert get_args(Access)[0] == "own"


def test_times_are_asked_for_by_a_filter_and_by_the_rule_of_what_is_newest():
    sources, key = (Source("s3://bucket/scenes"),), re.compile("(a)")
    assert not ArchiveQuery(sources, duplicates=Duplicates(key)).asks_times
    assert ArchiveQuery(sources, duplicates=Duplicates(key, "datetime")).asks_times
    assert ArchiveQuery(sources, Filters(time=TimeSpan(0.0, 1.0))).asks_times
