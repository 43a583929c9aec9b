"""The recipes of docs/viewing.md, against a real S3 server: who may read a bucket, and from which page."""

from __future__ import annotations

import json
import re
import shlex
import urllib.error
import urllib.request
from urllib.parse import urljoin

import pytest

from jobs import cli
from tests.docs.blocks import DOCS
from tests.kit.s3 import new_bucket
from tests.viewer.site_examples import SHARD, add_scene

TEXT = (DOCS / "viewing.md").read_text(encoding="utf-8")
BUCKET, ORIGIN = "viewing", "https://maps.example.org"


def json_of(name):
    """Return a block of the page, with the name of the bucket put in."""
    (found,) = re.findall(rf"^```json {name}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    return json.loads(found.replace("my-bucket", BUCKET))


def ask(url, method="GET", **headers):
    """Return status and headers of an answer, as a page of another origin gets it."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, method=method, headers={"Origin": ORIGIN} | named)
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:
            return reply.status, reply.headers, reply.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


@pytest.fixture(scope="module")
def bucket(s3_server):
    with pytest.MonkeyPatch.context() as patch, new_bucket(s3_server, BUCKET, patch) as filesystem:
        add_scene(f"s3://{BUCKET}/saliency", "a.tif", f"s3://{BUCKET}/scenes/a.tif")
        yield filesystem


@pytest.fixture(scope="module")
def opened(bucket, s3_server):
    """The address of the bucket, once it is as the page wants it; and what it answered before."""
    address = f"{s3_server.endpoint}/{BUCKET}"
    before = ask(f"{address}/saliency/{SHARD}")[0]
    bucket.call_s3("put_bucket_policy", Bucket=BUCKET, Policy=json.dumps(json_of("policy")))
    bucket.call_s3("put_bucket_cors", Bucket=BUCKET, CORSConfiguration=json_of("cors"))
    return address, before


def test_what_is_exported_by_the_command_of_the_page_is_read_by_everybody(bucket, opened, capsys):
    (line,) = re.findall(r"^sgddiff view .*$", TEXT, re.MULTILINE)
    assert cli.main(shlex.split(line.replace("my-bucket", BUCKET))[1:]) == 0
    address, before = opened
    printed = capsys.readouterr().out.strip()
    assert (before, printed) == (403, f"{address}/saliency/_view/index.html")
    status, headers, page = ask(printed)
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert b"<!doctype html>" in page
    config = json.loads(ask(urljoin(printed, "config.json"))[2])
    assert ask(urljoin(printed, f"{config['output']}{config['catalogue']}"))[0] == 200


def test_another_origin_may_ask_for_a_range_and_see_its_place(opened):
    address, _ = opened
    asks = {"Access_Control_Request_Method": "GET", "Access_Control_Request_Headers": "range"}
    status, headers, _ = ask(f"{address}/saliency/{SHARD}", "OPTIONS", **asks)
    assert status in (200, 204)
    assert headers["Access-Control-Allow-Origin"] in (ORIGIN, "*")
    assert "range" in headers["Access-Control-Allow-Headers"].lower()
    status, headers, body = ask(f"{address}/saliency/{SHARD}", Range="bytes=1-2")
    assert (status, body) == (206, b"od")
    assert headers["Access-Control-Allow-Origin"] in (ORIGIN, "*")
    exposed = headers["Access-Control-Expose-Headers"].lower()
    assert all(name in exposed for name in ("content-length", "content-range", "etag"))


def test_other_origins_other_verbs_and_other_objects_stay_out(opened, bucket):
    address, _ = opened
    foreign = ask(f"{address}/saliency/{SHARD}", Origin="https://evil.example")[1]
    assert foreign["Access-Control-Allow-Origin"] is None
    asks = {"Access_Control_Request_Method": "PUT"}
    allowed = ask(f"{address}/saliency/{SHARD}", "OPTIONS", **asks)[1]["Access-Control-Allow-Methods"]
    assert "PUT" not in (allowed or "")
    bucket.pipe_file(f"{BUCKET}/private/x", b"x")
    assert ask(f"{address}/private/x")[0] == 403
    assert ask(f"{address}/?list-type=2")[0] == 403
