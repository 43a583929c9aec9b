"""Schemes: what URIs may start with, and which of them name buckets."""

import pytest

from sgddiff_batch.core.query import BucketAccess
from sgddiff_batch.core.schemes import SCHEMES, bucket_of, examples, scheme_of, split_uri, spoken
from sgddiff_batch.errors import ConfigError


def test_a_path_has_no_scheme_and_no_bucket():
    for path in ("/data/a", "a.tif", "s3:/a", "C:\\a", "a/s3://b"):
        assert scheme_of(path) == ""
        assert split_uri(path) == ("", "", "")


def test_a_uri_is_its_scheme_its_bucket_and_its_key():
    assert scheme_of("s3://b/a/c.tif") == "s3"
    assert split_uri("s3://b/a/c.tif") == ("s3", "b", "a/c.tif")
    assert bucket_of("s3://b") == "b"


@pytest.mark.parametrize("uri", ["gs://b/a", "S3://b/a", "https://h/a", "file:///a"])
def test_a_scheme_without_a_row_is_refused_with_those_that_there_are(uri):
    assert bucket_of(uri) == ""
    with pytest.raises(ConfigError, match="allowed are local paths and s3://"):
        scheme_of(uri)


def test_a_row_is_all_that_a_scheme_needs_to_be_spoken(monkeypatch):
    monkeypatch.setitem(SCHEMES, "gs", "nowhere:Nothing")
    assert scheme_of("gs://b/a") == "gs"
    assert spoken() == "local paths, s3:// and gs://"
    assert examples() == "s3://bucket/... or gs://bucket/..."
    assert BucketAccess({"b": "anonymous"}).of("gs://b/a") == "anonymous"
