"""The catalogue of a page: what the first picture takes of a large one, and what follows that."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.kit.file_server import FileServer, serving
from tests.viewer.page.examples import PAGE, config_of, first_picture, seen, settle, write_catalogue

MOST_REQUESTS, MOST_BYTES = 15, 2_000_000


@pytest.fixture(scope="module")
def footprints(tmp_path_factory):
    """The folder of an output with 20,000 footprints, and nothing of their mosaics."""
    folder = tmp_path_factory.mktemp("footprints")
    write_catalogue(folder, 20_000)
    return folder


@pytest.fixture
def many(footprints):
    with serving(
        FileServer({"page": PAGE, "output": footprints}, {"/page/config.json": config_of()})
    ) as server:
        yield f"{server.address}/page/index.html"


def test_the_first_picture_of_20000_footprints_too_and_the_rest_follows_it(visit, many):
    one = visit(many)
    first = first_picture(one)
    assert first.requests <= MOST_REQUESTS
    assert first.bytes <= MOST_BYTES
    assert one.page.inner_text("#count") == "20,000 mosaics"
    assert "% salient" in one.page.inner_text("#list li >> nth=0")
    one.page.fill("#least", "99")
    assert re.fullmatch(r"\d{3} of 20,000 mosaics", one.page.inner_text("#count"))


def test_a_link_that_filters_by_what_follows_is_kept(visit, many):
    one = visit(f"{many}#percent=99")
    settle(one)
    assert re.fullmatch(r"(\d{3} of )?20,000 mosaics", one.page.inner_text("#count"))
    first_picture(one)
    assert re.fullmatch(r"\d{3} of 20,000 mosaics", one.page.inner_text("#count"))
    assert "percent=99" in one.page.url


def test_until_the_outlines_are_there_boxes_stand_for_them(visit, many, footprints):
    """Each footprint is a turned square, which touches the corners of its box nowhere."""
    table = pq.read_table(footprints / "catalogue.parquet", columns=["bbox"])
    box = table["bbox"][0].as_py()
    where = f"#view={box['xmin']},{box['ymax']},0.001"
    one = visit(many.replace("index.html", "LICENSES.txt"))
    one.page.route("**/catalogue.parquet", without_outlines(footprints / "catalogue.parquet"))
    one.page.goto(f"{many}{where}")
    assert "Outlines and measures of the mosaics could not be read" in notice_of(one)
    one.expected("failed")
    boxes = seen(one, lines=True).pixels
    again = visit(f"{many}{where}")
    first_picture(again)
    outlines = seen(again, lines=True).pixels
    height, width = boxes.shape[:2]
    corner = (slice(height // 2 - 2, height // 2 + 6), slice(width // 2 - 2, width // 2 + 10))
    assert len(np.unique(boxes[corner].reshape(-1, 3), axis=0)) > 1, "the edges of a box meet here"
    assert len(np.unique(outlines[corner].reshape(-1, 3), axis=0)) == 1


def without_outlines(path):
    """Return what answers a page's requests for a catalogue, but for those of outlines."""
    metadata = pq.read_metadata(path)
    (column,) = (
        place
        for place in range(metadata.num_columns)
        if metadata.row_group(0).column(place).path_in_schema == "geometry"
    )
    start = metadata.row_group(0).column(column).dictionary_page_offset

    def answer(route):
        if route.request.headers.get("range", "").startswith(f"bytes={start}-"):
            route.abort()
        else:
            route.continue_()

    return answer


def notice_of(one):
    one.page.wait_for_selector("#notice.error")
    return one.page.inner_text("#notice")


def test_in_two_parts_a_catalogue_shows_what_it_does_in_one(visit, grids, tmp_path):
    """Footprints of all kinds of grids, one of no place, and a period, in the order of their times."""
    table = pq.read_table(grids[0] / "catalogue.parquet")
    times = {name: table[name].to_pylist() for name in ("datetime", "start_datetime", "end_datetime")}
    times["datetime"][2] = None
    times["start_datetime"][2], times["end_datetime"][2] = (
        datetime(2026, month, 1, tzinfo=UTC) for month in (4, 5)
    )
    times["sgddiff:time_known"] = [number in (2, 5) for number in range(table.num_rows)]
    for name, values in times.items():
        place = table.schema.get_field_index(name)
        table = table.set_column(place, name, pa.array(values, table.schema.field(name).type))
    looks = []
    for size in (0, 2**19):
        folder = tmp_path / str(size)
        folder.mkdir()
        padded = table.replace_schema_metadata({"padding": os.urandom(size).hex()})
        pq.write_table(padded, folder / "catalogue.parquet")
        looks.append(look(visit, folder))
    assert looks[1]["requests"] > looks[0]["requests"]
    assert "2026-04-01 to 2026-05-01" in looks[0]["list"]
    assert looks[1]["list"] == looks[0]["list"]
    np.testing.assert_array_equal(looks[1]["map"], looks[0]["map"])


def look(visit, folder):
    with serving(FileServer({"page": PAGE, "output": folder}, {"/page/config.json": config_of()})) as server:
        one = visit(f"{server.address}/page/index.html", window=(760, 560))
        first_picture(one)
        shown = {"list": one.page.inner_text("#list"), "map": seen(one, lines=True).pixels}
        one.page.close()
        return shown | {"requests": len(server.log)}
