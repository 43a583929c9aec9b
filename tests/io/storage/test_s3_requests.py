"""Requests to S3: one each, names to the letter, and a condition that holds or is told of."""

import shutil

import pytest

from sgddiff_batch.errors import ConfigError, RetryableError
from sgddiff_batch.io.storage.backend import PART
from sgddiff_batch.io.storage.errors import ConflictError, RefusedError
from sgddiff_batch.io.storage.s3 import S3Backend
from sgddiff_batch.io.storage.s3_client import s3_client
from sgddiff_batch.io.storage.s3_objects import S3Objects
from tests.kit.broken_s3 import Rule, run_broken_s3

pytestmark = pytest.mark.timeout(60)


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with run_broken_s3(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def server(running, monkeypatch):
    """A server without objects or a script, which the environment leads to."""
    shutil.rmtree(running.folder / "data", ignore_errors=True)
    for name, value in running.environment.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    running.script()
    return running


@pytest.fixture(params=["obstore", "s3fs"])
def backend(server, request):
    """S3 as it is asked, and as what obstore cannot ask for."""
    client = s3_client("own", server.environment)
    return S3Backend(client, S3Objects(client) if request.param == "obstore" else None)


def put(server, *paths):
    for path in paths:
        server.object(path).write_bytes(path.encode())


class TestPut:
    def test_an_object_is_made_once(self, server, backend):
        version = backend.put("make/a", b"1", None)
        assert backend.read_versioned("make/a").version == version
        with pytest.raises(RefusedError):
            backend.put("make/a", b"2", None)
        assert server.object("make/a").read_bytes() == b"1"

    def test_only_the_version_that_is_named_is_replaced(self, server, backend):
        put(server, "replace/a")
        first = backend.read_versioned("replace/a").version
        second = backend.put("replace/a", b"2", first)
        assert second != first
        with pytest.raises(RefusedError):
            backend.put("replace/a", b"3", first)
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
    def test_an_answer_is_told_by_its_code(self, server, backend, fault, error):
        put(server, "told/x")
        server.script(Rule("PUT", "told/*", fault, calls=None))
        with pytest.raises(error):
            backend.put("told/a", b"1", None)

    @pytest.mark.parametrize("code", ["NotImplemented", "501"])
    def test_a_store_that_knows_no_conditions_is_told_and_what_to_do(self, server, backend, code):
        put(server, "old/x")
        server.script(Rule("PUT", "old/*", f"code {code}", calls=None))
        with pytest.raises(ConfigError, match=r"s3://old/a: this store does not know .* use a bucket whose"):
            backend.put("old/a", b"1", None)


class TestReading:
    def test_a_body_that_ends_early_is_asked_for_again(self, server, backend):
        put(server, "cut/a")
        server.script(Rule("GET", "cut/a", "cut"))
        assert backend.read_versioned("cut/a").data == b"cut/a"
        assert server.requests()["GET cut/a"] == 2

    def test_but_not_for_ever(self, server, backend):
        put(server, "cut/b")
        server.script(Rule("GET", "cut/b", "cut", calls=None))
        with pytest.raises(RetryableError), backend.translated("cut/b"):
            backend.read_versioned("cut/b")
        assert 2 <= server.requests()["GET cut/b"] <= 3

    def test_many_are_one_request_each_and_one_that_is_gone_is_left_out(self, server, backend):
        names = ["many/a[1].tif", "many/b*", "many/c c"]
        put(server, *names, "many/a1.tif", "many/bb")
        found = dict(backend.read_many([*names, "many/gone"]))
        assert found == {name: name.encode() for name in names}
        assert server.requests() == {f"GET {name}": 1 for name in (*names, "many/gone")}

    def test_none_is_no_request(self, server, backend):
        assert list(backend.read_many([])) == []
        assert server.requests() == {}


class TestDeleteTree:
    def test_what_is_at_a_path_and_below_it_goes_and_nothing_else(self, server, backend):
        put(server, "tree/a[1]/x", "tree/a[1]/y/z", "tree/a[1].tif", "tree/a1/x")
        backend.delete_tree("tree/a[1]", "tree", lambda: None)
        left = [name for name, _ in backend.listed("tree")]
        assert left == ["tree/a1/x", "tree/a[1].tif"]

    def test_who_may_not_go_on_is_stopped_between_two_parts(self, server, backend):
        put(server, *(f"parts/x/{number:03}" for number in range(PART + 1)))
        asked = []

        def check():
            asked.append(1)
            if len(asked) == 2:
                raise PermissionError

        with pytest.raises(PermissionError):
            backend.delete_tree("parts/x", "parts", check)
        assert [name for name, _ in backend.listed("parts")] == [f"parts/x/{PART:03}"]

    def test_nothing_is_asked_for_a_tree_that_is_not_there(self, server, backend):
        put(server, "bare/a")
        backend.delete_tree("bare/none", "bare", lambda: pytest.fail("it was asked"))
        assert "DELETE_MANY bare" not in server.requests()
