"""Single objects of S3 through obstore: asked as s3fs would, told as s3fs would, or left to it."""

import json
import pickle
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from sgddiff_batch.errors import ConfigError, RetryableError
from sgddiff_batch.io.storage import s3_client as client_module
from sgddiff_batch.io.storage import s3_objects
from sgddiff_batch.io.storage.errors import RefusedError
from sgddiff_batch.io.storage.s3 import S3Backend
from sgddiff_batch.io.storage.s3_client import code_of
from sgddiff_batch.io.storage.s3_objects import NotAskedError, S3Objects
from sgddiff_batch.io.storage.store import open_store
from tests.kit.broken_s3 import Rule, run_broken_s3
from tests.kit.guarded_buckets import guarded_buckets

pytestmark = pytest.mark.timeout(120)

VARIABLES = ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3")


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with run_broken_s3(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def server(running, monkeypatch):
    """A server with one object and without a script, which the environment leads to."""
    for name, value in running.environment.items():
        monkeypatch.setenv(name, value)
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    shutil.rmtree(running.folder / "data", ignore_errors=True)
    running.object("bk/a").write_bytes(b"0123456789")
    running.script()
    return running


@pytest.fixture
def store(server):
    return open_store("s3://bk")


VERBS = {
    "read": ("GET", lambda backend: backend.read("bk/a")),
    "read_part": ("GET", lambda backend: backend.read_part("bk/a", 2, 5)),
    "read_versioned": ("GET", lambda backend: backend.read_versioned("bk/a")),
    "stat": ("HEAD", lambda backend: backend.stat("bk/a")),
    "write": ("PUT", lambda backend: backend.write("bk/w", b"1")),
    "put": ("PUT", lambda backend: backend.put("bk/p", b"1", None)),
    "delete": ("DELETE", lambda backend: backend.delete("bk/a", "bk")),
}
NETWORK = ("reset", "cut", "lost")
LOST_PUT = ("PUT", "lost", VERBS["put"][1])
"""The first put arrives, and the second, which the client makes, is refused for it."""


def told(backend, call):
    """What a call answers, or the type, words and code of what it raises."""
    try:
        with backend.translated("bk/a"):
            return call(backend)
    except Exception as error:
        words = str(error).partition(" (reached max retries")[0]
        return type(error), words, code_of(error)


@pytest.mark.parametrize(
    "fault",
    ["", "400", "403", "404", "409", "412", "429", "500", "503", "code ExpiredToken", "code SlowDown",
     "code NoSuchBucket", "code SignatureDoesNotMatch", "code InvalidAccessKeyId", "code InvalidObjectState",
     "code RequestTimeTooSkewed", *NETWORK],
)  # fmt: skip
@pytest.mark.parametrize(("operation", "call"), VERBS.values(), ids=VERBS)
def test_a_cause_has_the_same_error_in_the_same_words_as_by_s3fs(
    store, server, monkeypatch, operation, call, fault
):
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    rules = [Rule(operation, "bk/*", fault, None)] if fault else []
    answers = []
    for backend in (store.backend, S3Backend(store.backend.filesystem)):
        server.object("bk/a").write_bytes(b"0123456789")
        server.object("bk/p").unlink(missing_ok=True)
        server.script(*rules)
        answers.append(told(backend, call))
        assert server.requests().total() > 0
    if fault in NETWORK and isinstance(answers[0], tuple):
        # How botocore and aiohttp say it differs from call to call.
        assert answers[0][0] is answers[1][0]
        assert answers[0][0] is (RefusedError if (operation, fault, call) == LOST_PUT else RetryableError)
    else:
        assert answers[0] == answers[1]


def test_one_request_is_made_of_each_call_and_a_look_at_nothing_is_one_too(store, server):
    for operation, call in VERBS.values():
        server.script()
        server.object("bk/a").write_bytes(b"0123456789")
        call(store.backend)
        assert list(server.requests().values()) == [1], operation
    server.script()
    assert store.stat("none") is None
    assert server.requests() == {"HEAD bk/none": 1}


@pytest.mark.parametrize(
    "key", ["a b", "a+b", "a%20b", "ü/日", "q?r#h", "*[1]", "~a:b=c&d", "a\\b", "x/.y/..z", "'\"<>", "%"]
)
def test_an_odd_name_is_asked_for_to_the_letter(store, server, key):
    store.write(key, b"odd")
    server.script()
    assert store.backend.objects.read(f"bk/{key}") == store.read(key) == b"odd"
    assert store.stat(key).path == f"bk/{key}"
    assert server.requests() == {f"GET bk/{key}": 2, f"HEAD bk/{key}": 1}
    assert store.keys() == sorted(["a", key])
    assert set(store.read_all("")) == {"a", key}
    store.delete(key)
    assert store.keys() == ["a"]


@pytest.mark.parametrize("key", ["x//a", "/a", "a/", "a\tb", "a\u200bb"])
def test_a_name_that_obstore_changes_or_refuses_is_asked_for_to_the_letter_by_s3fs(store, server, key):
    with pytest.raises(NotAskedError):
        store.backend.objects.read(f"bk/{key}")
    server.script()
    for ask in (store.read, store.read_versioned, lambda key: store.read_part(key, 0, 1)):
        with suppress(FileNotFoundError):
            ask(key)
    assert server.requests() == {f"GET bk/{key}": 3}


@pytest.mark.parametrize("key", ["./a", "../a", "x/./a", "x/..", ""])
def test_a_name_with_segments_of_dots_is_left_to_s3fs(store, key):
    with pytest.raises(NotAskedError):
        store.backend.objects.read(f"bk/{key}")


@pytest.mark.parametrize(
    "bucket", ["arn:aws:s3:us-west-2:1:accesspoint", "b--usw2-az1--x-s3", "user:word@bk", "UP"]
)
def test_a_bucket_that_is_asked_in_another_way_is_left_to_s3fs(store, bucket):
    with pytest.raises(NotAskedError):
        store.backend.objects.read(f"{bucket}/a")


def test_large_objects_are_put_by_s3fs_and_read_by_either(store):
    large = bytes(s3_objects._LARGEST_BYTES + 1)
    with pytest.raises(NotAskedError):
        store.backend.objects.write("bk/large", large)
    store.write("large", large)
    assert store.backend.objects.read("bk/large") == large
    store.backend.objects.write("bk/large", large[1:])
    assert store.stat("large").size_bytes == len(large) - 1


def test_variables_that_only_obstore_knows_change_nothing(store, server, monkeypatch):
    for name, value in {
        "AWS_SKIP_SIGNATURE": "true", "AWS_ENDPOINT": "http://127.0.0.1:9", "AWS_ALLOW_HTTP": "false",
        "AWS_VIRTUAL_HOSTED_STYLE_REQUEST": "false", "AWS_BUCKET": "another", "AWS_REQUEST_PAYER": "true",
        "AWS_REGION": "eu-nowhere-9", "AWS_S3_EXPRESS": "true", "AWS_CONDITIONAL_PUT": "dynamo:x",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    server.script(Rule("GET", "bk/*", "region us-east-1", None))
    objects = S3Objects(store.backend.filesystem)
    s3_objects._buckets.cache_clear()
    assert objects.read("bk/a") == b"0123456789"
    assert objects.put("bk/new", b"1", None)


def test_a_bucket_of_another_region_is_asked_there_from_then_on(store, server):
    s3_objects._buckets.cache_clear()
    rules = [Rule(verb, "bk*", "region eu-west-9", None) for verb in ("GET", "HEAD", "PUT")]
    server.script(*rules)
    assert store.read("a") == b"0123456789"
    assert server.requests()["GET bk/a"] == 2
    server.script(*rules)
    assert store.read("a") == b"0123456789"
    assert store.stat("a").size_bytes == 10
    store.write("b", b"1")
    assert server.requests() == {"GET bk/a": 1, "HEAD bk/a": 1, "PUT bk/b": 1}
    s3_objects._buckets.cache_clear()


def test_threads_share_one_client_of_a_bucket(server, monkeypatch):
    made = []
    make = client_module.bucket_client

    def counted(filesystem, name, region=None):
        made.append(name)
        return make(filesystem, name, region)

    monkeypatch.setattr(s3_objects, "bucket_client", counted)
    s3_objects._buckets.cache_clear()
    server.object("other/a").write_bytes(b"1")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda bucket: open_store(f"s3://{bucket}").read("a"), ["bk", "other"] * 20))
    assert sorted(made) == ["bk", "other"]


def test_a_store_goes_to_another_process_and_asks_there(store, tmp_path):
    copy = pickle.loads(pickle.dumps(store))
    assert copy.read("a") == b"0123456789"
    (tmp_path / "store").write_bytes(pickle.dumps(store))
    code = "import pickle,sys; print(pickle.load(open(sys.argv[1],'rb')).read('a').decode())"
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "store"], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "0123456789", done.stderr


FORKED = """
import os, sys, warnings
from sgddiff_batch.io.storage.store import open_store
assert open_store("s3://bk").read("a") == b"0123456789"
pid = os.fork()
if pid == 0:
    store = open_store("s3://bk")
    store.write("forked", store.read("a"))
    os._exit(0 if store.stat("forked").size_bytes == 10 else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


def test_a_process_that_is_forked_from_one_that_asked_is_answered(server):
    done = subprocess.run(
        [sys.executable, "-c", FORKED], timeout=60, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert server.object("bk/forked").read_bytes() == b"0123456789"


@pytest.fixture
def guarded(tmp_path, monkeypatch):
    """A bucket that logs who asks; credentials are those that a program names in a file."""
    (tmp_path / "data/mine").mkdir(parents=True)
    (tmp_path / "data/mine/a").write_bytes(b"1")
    (tmp_path / "config").write_text(
        f"[profile p]\nregion = eu-west-1\ncredential_process = cat {tmp_path}/now\n"
    )
    with guarded_buckets(tmp_path / "data") as endpoint:
        for name in (*VARIABLES, "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield tmp_path


def name_key(folder, key):
    end = (datetime.now(UTC) + timedelta(minutes=9)).isoformat()
    told = {"Version": 1, "AccessKeyId": key, "SecretAccessKey": "s", "SessionToken": "t", "Expiration": end}
    (folder / "now").write_text(json.dumps(told))


def test_credentials_of_a_profile_are_refreshed_before_they_end(guarded, monkeypatch):
    monkeypatch.setattr(client_module, "_LEFT_OF_A_CREDENTIAL_S", 0.0)
    monkeypatch.setenv("AWS_PROFILE", "p")
    store = open_store("s3://mine")
    for key in ("first", "second"):
        name_key(guarded, key)
        assert store.read("a") == b"1"
    (guarded / "now").unlink()
    with pytest.raises((ConfigError, RetryableError)) as error:
        store.read("a")
    assert "Error when retrieving credentials" in str(error.value)
    rows = [json.loads(line) for line in (guarded / "data/requests.jsonl").read_text().splitlines()]
    assert [row["key"] for row in rows] == ["first", "second"]


def test_without_credentials_it_is_a_mistake_of_the_config(guarded):
    with pytest.raises(ConfigError, match="Unable to locate credentials"):
        open_store("s3://mine").read("a")
