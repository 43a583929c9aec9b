"""Requests to S3: one each, names to the letter, and a condition that holds or is told of."""

import pytest

from sgddiff_batch.errors import ConfigError, RetryableError
from sgddiff_batch.io.storage import s3_requests
from sgddiff_batch.io.storage.backend import PART
from sgddiff_batch.io.storage.errors import ConflictError, RefusedError
from sgddiff_batch.io.storage.s3 import S3Backend
from sgddiff_batch.io.storage.s3_client import s3_client
from tests.kit.broken_s3 import Rule, run_broken_s3

pytestmark = pytest.mark.timeout(60)


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with run_broken_s3(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def server(running, monkeypatch):
    """A server without a script, which the environment leads to."""
    for name, value in running.environment.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    running.script()
    return running


@pytest.fixture
def client(server):
    return s3_client("own", server.environment)


def put(server, *paths):
    for path in paths:
        server.object(path).write_bytes(path.encode())


class TestPut:
    def test_an_object_is_made_once(self, server, client):
        version = s3_requests.put(client, "make/a", b"1", None)
        assert s3_requests.read_versioned(client, "make/a").version == version
        with pytest.raises(RefusedError):
            s3_requests.put(client, "make/a", b"2", None)
        assert server.object("make/a").read_bytes() == b"1"

    def test_only_the_version_that_is_named_is_replaced(self, server, client):
        put(server, "replace/a")
        first = s3_requests.read_versioned(client, "replace/a").version
        second = s3_requests.put(client, "replace/a", b"2", first)
        assert second != first
        with pytest.raises(RefusedError):
            s3_requests.put(client, "replace/a", b"3", first)
        assert server.object("replace/a").read_bytes() == b"2"

    @pytest.mark.parametrize(
        ("fault", "error"),
        [
            ("412", RefusedError),
            ("404", RefusedError),
            ("409", ConflictError),
            ("code ConditionalRequestConflict", ConflictError),
            ("code AccessDenied", PermissionError),
        ],
    )
    def test_an_answer_is_told_by_its_code(self, server, client, fault, error):
        put(server, "told/x")
        server.script(Rule("PUT", "told/*", fault, calls=None))
        with pytest.raises(error):
            s3_requests.put(client, "told/a", b"1", None)

    @pytest.mark.parametrize("code", ["NotImplemented", "501"])
    def test_a_store_that_knows_no_conditions_is_told_and_what_to_do(self, server, client, code):
        put(server, "old/x")
        server.script(Rule("PUT", "old/*", f"code {code}", calls=None))
        with pytest.raises(ConfigError, match=r"s3://old/a: this store does not know .* use a bucket whose"):
            s3_requests.put(client, "old/a", b"1", None)


class TestReading:
    def test_a_body_that_ends_early_is_asked_for_again(self, server, client):
        put(server, "cut/a")
        server.script(Rule("GET", "cut/a", "cut"))
        assert s3_requests.read_versioned(client, "cut/a").data == b"cut/a"
        assert server.requests()["GET cut/a"] == 2

    def test_but_not_for_ever(self, server, client):
        put(server, "cut/b")
        server.script(Rule("GET", "cut/b", "cut", calls=None))
        with pytest.raises(RetryableError), S3Backend(client).translated("cut/b"):
            s3_requests.read_versioned(client, "cut/b")
        assert server.requests()["GET cut/b"] == client.retries

    def test_many_are_one_request_each_and_one_that_is_gone_is_left_out(self, server, client):
        names = ["many/a[1].tif", "many/b*", "many/c c"]
        put(server, *names, "many/a1.tif", "many/bb")
        found = dict(s3_requests.read_many(client, [*names, "many/gone"]))
        assert found == {name: name.encode() for name in names}
        assert server.requests() == {f"GET {name}": 1 for name in (*names, "many/gone")}

    def test_none_is_no_request(self, server, client):
        assert list(s3_requests.read_many(client, [])) == []
        assert server.requests() == {}


class TestDeleteTree:
    def test_what_is_at_a_path_and_below_it_goes_and_nothing_else(self, server, client):
        put(server, "tree/a[1]/x", "tree/a[1]/y/z", "tree/a[1].tif", "tree/a1/x")
        s3_requests.delete_tree(client, "tree/a[1]", lambda: None)
        left = [name for name, _ in S3Backend(client).listed("tree")]
        assert left == ["tree/a1/x", "tree/a[1].tif"]

    def test_who_may_not_go_on_is_stopped_between_two_parts(self, server, client):
        put(server, *(f"parts/x/{number:03}" for number in range(PART + 1)))
        asked = []

        def check():
            asked.append(1)
            if len(asked) == 2:
                raise PermissionError

        with pytest.raises(PermissionError):
            s3_requests.delete_tree(client, "parts/x", check)
        assert [name for name, _ in S3Backend(client).listed("parts")] == [f"parts/x/{PART:03}"]

    def test_nothing_is_asked_for_a_tree_that_is_not_there(self, server, client):
        put(server, "bare/a")
        s3_requests.delete_tree(client, "bare/none", lambda: pytest.fail("it was asked"))
        assert "DELETE_MANY bare" not in server.requests()
