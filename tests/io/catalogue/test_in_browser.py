"""A mosaic is drawn by somebody else's program in a real browser, which is given an Item's address alone.

The program is ol-stac, the engine of STAC Browser, as it is; its page lies in page/, and is built by
sgddiff_batch/viewer/source/build_stac.js.
"""

from __future__ import annotations

import io
import itertools
import json
from urllib.parse import quote, unquote

import numpy as np
import pyarrow.parquet as pq
import pytest
from pyproj import Transformer

from sgddiff_batch.core.grid import Grid, Transform
from sgddiff_batch.io.storage import open_store
from tests.io.catalogue.stac_page import PAGE, codes_at, drawn, given, seen
from tests.io.mosaic_examples import stored_codes
from tests.kit.file_server import FileServer, serving
from tests.kit.s3 import new_bucket
from tests.kit.stac_schemas import check
from tests.viewer.page.examples import show, wkt

TALL, WIDE = 256, 384
ODD = "süd #1?/50%25 "
LAEA = (
    'PROJCRS["of nobody\'s list",BASEGEOGCRS["WGS 84",DATUM["World Geodetic System 1984",'
    'ELLIPSOID["WGS 84",6378137,298.257223563]]],CONVERSION["around Bonn",'
    'METHOD["Lambert Azimuthal Equal Area",ID["EPSG",9820]],'
    'PARAMETER["Latitude of natural origin",50.5,ANGLEUNIT["degree",0.0174532925199433]],'
    'PARAMETER["Longitude of natural origin",7.25,ANGLEUNIT["degree",0.0174532925199433]],'
    'PARAMETER["False easting",100000,LENGTHUNIT["metre",1]],'
    'PARAMETER["False northing",200000,LENGTHUNIT["metre",1]]],'
    'CS[Cartesian,2],AXIS["(E)",east],AXIS["(N)",north],LENGTHUNIT["metre",1]]'
)
GRIDS = {
    "EPSG:32633": Grid(TALL, WIDE, Transform(10, 0, 499980, 0, -10, 5800040), wkt(32633)),
    "EPSG:32721": Grid(TALL, WIDE, Transform(0.5, 0, 366000, 0, -0.5, 7376000), wkt(32721)),
    "EPSG:3857": Grid(TALL, WIDE, Transform(38.2, 0, 1489000, 0, -38.2, 6894000), wkt(3857)),
    "EPSG:4326": Grid(TALL, WIDE, Transform(0.0002, 0, 13.1, 0, -0.0002, 52.6), wkt(4326)),
    "LAEA": Grid(TALL, WIDE, Transform(20, 0, 103000, 0, -20, 204000), LAEA),
}


def harbour(seed):
    """Return codes of a dark sea with bright ships, and places without data; a ship in each corner."""
    rng = np.random.default_rng(seed)
    codes = np.kron(rng.integers(0, 25, (TALL // 4, WIDE // 4)), np.ones((4, 4))).astype(np.uint8)
    for row, col in rng.integers(0, (TALL - 12, WIDE - 20), (30, 2)):
        codes[row : row + 4, col : col + 9] = rng.integers(180, 255)
    for row, col in rng.integers(0, (TALL - 40, WIDE - 40), (4, 2)):
        codes[row : row + 31, col : col + 17] = 255
    for rows, cols in itertools.product((slice(0, 3), slice(-3, None)), repeat=2):
        codes[rows, cols] = 254
    return codes


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    """The folder of an output with a mosaic on each grid, of scenes whose names are no URI references."""
    folder = tmp_path_factory.mktemp("stac") / "out"
    mosaics = {f"{ODD}{name}.tif": (grid, harbour(seed)) for seed, (name, grid) in enumerate(GRIDS.items())}
    show(folder, mosaics, uri="s3://archive/scene.tif", stac=True)
    return folder


@pytest.fixture(scope="module")
def address(output):
    """Where another origin serves the output, as a bucket does that lets other pages read it."""
    with serving(FileServer({"out": output}, shared=True)) as server:
        yield f"{server.address}/out"


@pytest.fixture(scope="module")
def page():
    with serving(FileServer({"page": PAGE})) as server:
        yield f"{server.address}/page/index.html"


@pytest.fixture(scope="module")
def rows(output):
    """What the published Parquet says of each mosaic, by the name of its grid."""
    table = pq.read_table(output / "catalogue.parquet").to_pylist()
    found = {row["id"].removeprefix(ODD).removesuffix(".tif"): row for row in table}
    assert [name for name, row in found.items() if row["proj:code"] != name] == ["LAEA"]
    return found


def close_up(name, level):
    """Return the words that ask for a map with the mosaic's middle, on which each pixel is one of a level."""
    transform = GRIDS[name].transform
    x, y = transform.apply(WIDE / 2, TALL / 2)
    return {"crs": name, "view": f"{x!r},{y!r},{transform.a * 2**level!r}"}


@pytest.mark.parametrize(
    ("name", "level"),
    [
        ("EPSG:32633", 0),
        ("EPSG:32633", 1),
        ("EPSG:32633", 2),
        *((f"EPSG:{code}", 0) for code in (32721, 3857, 4326)),
    ],
)
def test_every_code_of_a_static_item_is_where_it_lies_as_its_shade_of_grey(
    visit, page, address, output, rows, name, level
):
    shown = drawn(visit, page, f"{address}/{quote(rows[name]['sgddiff:item'])}", **close_up(name, level))
    codes = stored_codes(f"{output}/{rows[name]['store']}", level)
    wanted = codes_at(codes, GRIDS[name].transform.scaled(2**level), *shown.places)
    assert wanted.max() > 180 > 25 > wanted[wanted >= 0].min(), "ships on a dark sea"
    np.testing.assert_array_equal(shown.codes, wanted)


@pytest.mark.parametrize("name", ["EPSG:32633", "EPSG:4326", "LAEA"])
def test_an_item_alone_is_found_and_drawn_on_a_web_map_within_half_a_pixel(
    visit, page, address, output, rows, name
):
    shown = drawn(visit, page, f"{address}/{quote(rows[name]['sgddiff:item'])}")
    codes, transform = stored_codes(f"{output}/{rows[name]['store']}"), GRIDS[name].transform
    to_grid = Transformer.from_crs(3857, GRIDS[name].crs_wkt, always_xy=True)
    x, y = to_grid.transform(*np.broadcast_arrays(*shown.places))
    errors = {}
    for right, down in itertools.product((-1, -0.5, 0, 0.5, 1), repeat=2):
        wanted = codes_at(codes, transform, x + right * transform.a, y + down * transform.e)
        errors[right, down] = np.abs(shown.codes - wanted).mean()
    assert max(map(abs, min(errors, key=errors.get))) <= 0.5, errors
    wanted = codes_at(codes, transform, x, y)
    assert ((shown.codes == -1) == (wanted == -1)).mean() > 0.9
    assert (shown.codes >= 0).mean() > 0.5


def test_a_row_of_the_parquet_is_an_item_that_is_drawn_just_so(visit, page, output, rows):
    arrow = pytest.importorskip("stac_geoparquet.arrow")
    items = arrow.stac_table_to_items(pq.read_table(output / "catalogue.parquet"))
    (item,) = (item for item in items if item["id"] == rows["EPSG:32633"]["id"])
    check(item)
    # Hrefs of rows count from the output's root: so that is where whoever serves a row has it lie.
    row = {"/out/a-row.json": json.dumps(item).encode()}
    with serving(FileServer({"out": output}, row, shared=True)) as server:
        shown = drawn(visit, page, f"{server.address}/out/a-row.json", **close_up("EPSG:32633", 0))
    codes = stored_codes(f"{output}/{rows['EPSG:32633']['store']}")
    np.testing.assert_array_equal(shown.codes, codes_at(codes, GRIDS["EPSG:32633"].transform, *shown.places))


@pytest.fixture
def changed(visit, page, output, rows):
    """What gives ol-stac an Item that a function has changed, and returns its page and what it says."""

    def give(change):
        item = json.loads((output / rows["EPSG:32633"]["sgddiff:item"]).read_bytes())
        base = f"/out/{quote(rows['EPSG:32633']['sgddiff:item'])}"
        change(item)
        here = {unquote(base): json.dumps(item).encode()}
        with serving(FileServer({"out": output}, here, shared=True)) as server:
            return given(visit, page, f"{server.address}{base}")

    return give


def test_an_asset_of_another_type_is_not_drawn(changed):
    _, state = changed(lambda item: item["assets"]["saliency"].update(type="application/zarr"))
    assert state == "error: ol-stac finds nothing to draw in the Item"


@pytest.mark.parametrize(
    "change",
    [
        lambda render: render.pop("bands"),
        lambda render: render.update(colormap_name="inferno"),
    ],
    ids=["no bands", "colours by name"],
)
def test_without_the_words_of_a_render_there_is_one_colour_for_all_codes(changed, change):
    one, state = changed(lambda item: change(item["properties"]["renders"]["codes"]))
    assert state == "drawn"
    assert len(np.unique(seen(one).picture.reshape(-1, 3), axis=0)) == 2, "that of the page and another one"


def test_an_item_whose_mosaic_is_gone_is_an_error_and_no_empty_map(changed):
    one, state = changed(lambda item: item["assets"]["saliency"].update(href="../gone.zarr"))
    assert state.startswith("error: ")
    assert one.expected(r"^404: .*/gone\.zarr/")


def test_a_mosaic_without_any_data_is_drawn_as_nothing(visit, page, tmp_path):
    show(
        tmp_path / "out",
        {"empty.tif": (GRIDS["EPSG:32633"], np.full((TALL, WIDE), 255, np.uint8))},
        stac=True,
    )
    (row,) = pq.read_table(tmp_path / "out" / "catalogue.parquet").to_pylist()
    with serving(FileServer({"out": tmp_path / "out"}, shared=True)) as server:
        item = f"{server.address}/out/{row['sgddiff:item']}"
        # Blocks without data are not stored, and a reader asks for them all the same.
        shown = drawn(visit, page, item, expected=r"^404: (GET|HEAD) .*\.zarr/(\.z|\d/saliency/c/)")
    assert (shown.codes == -1).all()


@pytest.fixture
def public_bucket(s3_server, monkeypatch):
    """A bucket that all pages of the world may read, and its address."""
    with new_bucket(s3_server, "items", monkeypatch) as filesystem:
        anybody = {
            "Effect": "Allow",
            "Principal": "*",
            "Action": "s3:GetObject",
            "Resource": "arn:aws:s3:::items/*",
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [anybody]})
        rule = {"AllowedOrigins": ["*"], "AllowedMethods": ["GET", "HEAD"], "AllowedHeaders": ["range"]}
        filesystem.call_s3("put_bucket_policy", Bucket="items", Policy=policy)
        filesystem.call_s3("put_bucket_cors", Bucket="items", CORSConfiguration={"CORSRules": [rule]})
        yield "s3://items/out", f"{s3_server.endpoint}/items/out"


def test_an_item_in_a_public_bucket_is_drawn_from_there(visit, page, public_bucket):
    (output, address), grid, codes = public_bucket, GRIDS["EPSG:32633"], harbour(7)
    show(output, {f"{ODD}.tif": (grid, codes)}, stac=True)
    (row,) = pq.read_table(io.BytesIO(open_store(output).read("catalogue.parquet"))).to_pylist()
    missing = r"^40[34]: GET .*\.zarr/\.z(attrs|group)$"
    item = f"{address}/{quote(row['sgddiff:item'])}"
    shown = drawn(visit, page, item, expected=missing, **close_up("EPSG:32633", 0))
    np.testing.assert_array_equal(shown.codes, codes_at(codes, grid.transform, *shown.places))


WRONGLY = {
    "rows that go up": Grid(TALL, WIDE, Transform(10, 0, 499980, 0, 10, 5800040), wkt(32633)),
    "turned": Grid(TALL, WIDE, Transform(8, 6, 499980, 6, -8, 5800040), wkt(32633)),
    "oblong pixels": Grid(TALL, WIDE, Transform(10, 0, 499980, 0, -5, 5800040), wkt(32633)),
}


def test_grids_that_the_readme_says_ol_stac_cannot_draw_are_not_drawn_in_their_places(visit, page, tmp_path):
    show(tmp_path / "out", {name: (grid, harbour(8)) for name, grid in WRONGLY.items()}, stac=True)
    table = pq.read_table(tmp_path / "out" / "catalogue.parquet").to_pylist()
    with serving(FileServer({"out": tmp_path / "out"}, shared=True)) as server:
        for row in table:
            grid = WRONGLY[row["id"]]
            x, y = grid.transform.apply(WIDE / 2, TALL / 2)
            item = f"{server.address}/out/{quote(row['sgddiff:item'])}"
            shown = drawn(visit, page, item, crs="EPSG:32633", view=f"{x},{y},10")
            right = codes_at(harbour(8), grid.transform, *shown.places)
            assert (shown.codes == right)[right >= 0].mean() < 0.5, (
                f"{row['id']}: the README says that ol-stac cannot"
            )
