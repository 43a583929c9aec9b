"""`sgddiff view` to its end: an output of the job as a browser shows it, from here, a bucket, and disk."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from pathlib import Path

import numpy as np

import sgddiff_batch
from jobs.cli import main
from jobs.exits import Exit
from sgddiff_batch.io.storage import open_store
from sgddiff_batch.runs.checking import explain_pixel, open_explained
from sgddiff_batch.viewer import LoopbackServer, open_site
from tests.docs.test_viewing import json_of
from tests.kit.file_server import FileServer, serving
from tests.kit.s3 import new_bucket

ROW, COL = 75, 100
"""The pixel in the middle of a.tif."""


@contextmanager
def viewed(output):
    """Serve an output as the verb does; yield the address."""

    def explain(uri, row, col):
        return explain_pixel(open_explained(uri), row, col)

    with LoopbackServer(open_site(str(output), explain=explain)) as server:
        yield server.url


def look_at_a(page):
    """Open the mosaic of a.tif as a user does, ask for the pixel in its middle, and return what is told."""
    page.wait_for_selector("html[data-ready=true]", state="attached")
    assert page.locator("#list li").count() == 2
    page.locator("#list").get_by_text("a.tif").first.click()
    page.wait_for_selector("#mosaic-name:has-text('a.tif')")
    page.locator("#map").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#pixel:not([hidden])")
    return page.locator("#pixel").inner_text()


def code_in_the_middle(night):
    """The code that is stored there."""
    value = float(sgddiff_batch.open_mosaic(night.uri("a.tif"), level=0)[ROW, COL])
    return int(np.rint(value * 254))


def assert_told(words, code):
    assert re.search(rf"code\s+{code} of 254", words)
    assert re.search(rf"row {ROW}, column {COL}", words)


def test_an_output_of_this_machine_is_shown_with_its_scene_and_what_explain_says(night, visit):
    with viewed(night.output) as url:
        one = visit(url)
        assert_told(look_at_a(one.page), code_in_the_middle(night))
        one.page.wait_for_selector("#explained:not([hidden])")
        one.page.locator("#explained summary").click()
        told = one.page.locator("#explained-facts").inner_text()
        facts = explain_pixel(open_explained(night.uri("a.tif")), ROW, COL)
        assert facts["run_key"][:12] in told.replace("\n", "")
        assert any("/scene/" in address for address in one.requests)
        assert {address.split("/")[3] for address in one.requests} == {url.split("/")[3]}
        one.page.close()  # before its server goes


def in_bucket(night, filesystem, bucket):
    """Put a night's output and its scenes into a bucket, and return the address of the output."""
    filesystem.put(f"{night.output}/", f"{bucket}/out", recursive=True)
    return f"s3://{bucket}/out"


def test_a_private_bucket_is_shown_by_the_users_own_credentials(night, visit, s3_server, monkeypatch):
    with new_bucket(s3_server, "seen", monkeypatch) as filesystem:
        output = in_bucket(night, filesystem, "seen")
        with viewed(output) as url:
            one = visit(url)
            assert_told(look_at_a(one.page), code_in_the_middle(night))
            assert all(address.startswith(url) for address in one.requests)
            one.page.close()


def test_an_export_reads_its_bucket_from_there_and_from_another_origin(
    night, visit, s3_server, monkeypatch, tmp_path, capsys
):
    with new_bucket(s3_server, "shared", monkeypatch) as filesystem:
        output = in_bucket(night, filesystem, "shared")
        for place in (f"{output}/_view", str(tmp_path / "map")):
            assert main(["view", output, "--export", place]) == Exit.DONE
        there = capsys.readouterr().out.splitlines()[0]
        policy = json.dumps(json_of("policy")).replace("viewing/saliency", "shared/out")
        filesystem.call_s3("put_bucket_policy", Bucket="shared", Policy=policy.replace("viewing", "shared"))
        first = visit(there)
        assert_told(look_at_a(first.page), code_in_the_middle(night))
        first.page.close()
        with serving(FileServer({"map": tmp_path / "map"})) as server:
            cors = json_of("cors")
            cors["CORSRules"][0]["AllowedOrigins"] = [server.address]
            filesystem.call_s3("put_bucket_cors", Bucket="shared", CORSConfiguration=cors)
            one = visit(f"{server.address}/map/index.html")
            assert_told(look_at_a(one.page), code_in_the_middle(night))
            assert any(address.startswith(f"{s3_server.endpoint}/shared/out/") for address in one.requests)
            one.page.close()


def test_an_export_on_disk_shows_the_folder_that_is_chosen(night, visit, tmp_path):
    target = tmp_path / "map"
    assert main(["view", str(night.output), "--export", str(target)]) == Exit.DONE
    one = visit((target / "index.html").as_uri())
    one.page.locator("#folder").set_input_files(Path(night.output))
    assert_told(look_at_a(one.page), code_in_the_middle(night))


def test_a_page_that_is_open_tells_of_a_mosaic_that_is_gone(night, visit):
    with viewed(night.output) as url:
        one = visit(url)
        one.page.wait_for_selector("html[data-ready=true]", state="attached")
        store = open_store(str(night.output))
        store.delete_tree(night.uri("a.tif").removeprefix(f"{night.output}/"))
        one.page.locator("#list").get_by_text("a.tif").first.click()
        one.page.wait_for_selector("#notice:not([hidden])")
        assert one.expected("404")
        one.page.locator("#list").get_by_text("b.tif").first.click()
        one.page.wait_for_selector("#mosaic-name:has-text('b.tif')")
        one.page.close()
