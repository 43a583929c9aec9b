"""The recipes of docs/recipes.md, run as they stand over an output of the main job."""

from __future__ import annotations

import io
import shlex
from types import SimpleNamespace

import duckdb
import numpy as np
import pytest
import rasterio
from PIL import Image

import sgddiff_batch
from jobs import cli, infer_archive
from tests.docs.blocks import blocks_of
from tests.io.mosaic_examples import stored_codes
from tests.kit import jobs
from tests.kit.entry_points import installed

PLACE = "s3://my-bucket/saliency"
PAGE = blocks_of("recipes.md")

pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning"),  # what is experimental in rio-tiler says so
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    """An output of two scenes, the first of 301 x 417 px, with a pyramid of four levels."""
    folder = tmp_path_factory.mktemp("recipes")
    jobs.write_scene(folder / "archive" / "a.tif", 301, 417, 1, collar_px=40)
    jobs.write_scene(folder / "archive" / "b.tif", 90, 80, 2)
    checkpoint = jobs.save_tiny_checkpoint(folder / "tiny")
    config = jobs.write_config(folder / "run.yaml", folder / "archive", folder / "out", checkpoint)
    assert infer_archive.main(["--config", str(config)]) == 0
    return folder / "out"


@pytest.fixture
def names(output, tmp_path, monkeypatch):
    """The names that the blocks run so far have made; they run in a folder of their own."""
    monkeypatch.chdir(tmp_path)
    found: dict[str, object] = {}
    run("", found, output)
    return found


def run(heading: str, names: dict[str, object], output) -> SimpleNamespace:
    """Run the blocks below a heading, and return what they have made."""
    for language, code in PAGE[heading]:
        placed = code.replace(PLACE, str(output)).replace("MOSAIC_URI", str(names.get("uri")))
        if language == "python":
            exec(compile(placed, f"docs/recipes.md: {heading}", "exec"), names)
            continue
        if language == "sql":
            continue
        for line in placed.splitlines():
            words = shlex.split(line)
            assert (words[0], cli.main(words[1:])) == ("sgddiff", 0)
    return SimpleNamespace(**names)


TESTED = {
    *("", "xarray", "rioxarray", "rio-tiler", "TiTiler", "GDAL and QGIS", "DuckDB", "geopandas"),
    "Pixels of your own",
}


def test_every_recipe_of_the_page_is_tested_here():
    assert {heading for heading, blocks in PAGE.items() if blocks} == TESTED


def test_xarray_unpacks_codes_and_finds_all_levels(names, output):
    codes = stored_codes(names["uri"])
    made = run("xarray", names, output)
    np.testing.assert_allclose(made.saliency, np.where(codes == 255, np.nan, codes / 254), atol=1e-6)
    assert made.north_west.shape == (256, 256)
    assert made.tree["/1"].saliency.shape == (151, 209)
    np.testing.assert_allclose(sgddiff_batch.open_mosaic(names["uri"]), made.saliency, atol=1e-6)


def test_rioxarray_finds_the_place_and_cuts_and_turns_it(names, output):
    run("xarray", names, output)
    made = run("rioxarray", names, output)
    assert made.crs.to_epsg() == 32633
    assert made.transform[:6] == (2, 0, 500_000, 0, -2, 5_000_000)
    assert made.part.shape == (151, 209)
    with rasterio.open("part.tif") as raster:
        assert raster.crs.to_epsg() == 4326
        assert raster.bounds.left == pytest.approx(15.0, abs=1e-3)


def test_rio_tiler_chooses_a_level_and_masks_no_data(names, output):
    made = run("rio-tiler", names, output)
    np.testing.assert_array_equal(made.image.array.mask[0], stored_codes(names["uri"], 1) == 255)
    np.testing.assert_array_equal(made.image.array.data[0], stored_codes(names["uri"], 1))
    assert int(made.middle.array[0]) in stored_codes(names["uri"])[148:153, 206:211]
    with Image.open(io.BytesIO(made.png)) as picture:
        assert picture.size == (209, 151)


def test_titiler_serves_tilejson_and_the_tiles_that_it_names(names, output):
    testclient = pytest.importorskip("starlette.testclient")
    made = run("TiTiler", names, output)
    client = testclient.TestClient(made.app)
    told = client.get("/WebMercatorQuad/tilejson.json", params={"scene": "a.tif", "rescale": "0,254"}).json()
    west, south, _, _ = told["bounds"]
    assert (west, south) == pytest.approx((15.0, 45.148), abs=1e-3)
    x, y = (0.5 + west / 360) * 2, 0
    tile = client.get(told["tiles"][0].format(z=1, x=int(x), y=y).removeprefix("http://testserver"))
    assert tile.headers["content-type"] == "image/png"
    with Image.open(io.BytesIO(tile.content)) as picture:
        assert picture.size == (512, 512)
    assert client.get("/WebMercatorQuad/tilejson.json", params={"scene": "/etc"}).status_code == 404


def test_the_commands_write_what_gdal_and_people_open(names, output, tmp_path):
    made = run("GDAL and QGIS", names, output)
    codes = stored_codes(names["uri"])
    np.testing.assert_array_equal(made.codes, codes)
    np.testing.assert_allclose(made.probability.filled(np.nan), np.where(codes == 255, np.nan, codes / 254))
    np.testing.assert_array_equal(made.halved, stored_codes(names["uri"], 1))
    assert made.colour_of_code[254][:3] == (252, 255, 200)
    with Image.open("saliency.png") as picture:
        assert picture.size == (417, 301)
    assert sorted(path.name for path in (tmp_path / "exported").iterdir()) == ["a.tif.tif", "b.tif.tif"]


def test_duckdb_and_geopandas_read_the_catalogue_and_the_objects(names, output):
    made = run("DuckDB", names, output)
    busiest = made.busiest
    assert sorted(row[0] for row in busiest) == ["a.tif", "b.tif"]
    assert busiest[0][1] >= busiest[1][1] > 0
    assert {row[2] for row in busiest} == {mosaic.uri for mosaic in names["mosaics"]}
    made_here = run("geopandas", names, output)
    scenes, objects = made_here.scenes, made_here.objects
    assert scenes.salient_km2["a.tif"] == pytest.approx(dict(row[:2] for row in busiest)["a.tif"])
    assert scenes.geometry["a.tif"].bounds[0] == pytest.approx(15.0, abs=1e-3)
    assert {row[0] for row in made.newest} <= set(objects.id)
    assert len(made.newest) == min(10, objects[objects.state == "seen"].id.nunique()) > 0
    assert set(objects.scene) <= {"a.tif", "b.tif"}
    assert (made_here.perimeter_m > 0).all()


def test_duckdb_understands_the_statements_for_a_private_bucket():
    """Its extensions come from a host of its own, so what the secrets hold is not asked of a bucket here."""
    [sql] = [code for language, code in PAGE["DuckDB"] if language == "sql"]
    said = duckdb.extract_statements(sql)
    assert [one.query.split()[0] for one in said] == ["INSTALL", "LOAD"] * 2 + ["CREATE", "CREATE"]
    with duckdb.connect(config={"autoinstall_known_extensions": False}) as connection:
        for one in said[4:]:
            with pytest.raises(duckdb.Error, match=r"required extension '(aws|httpfs)"):
                connection.execute(one)


def test_pixels_of_your_own_are_one_call(names, output, tmp_path, monkeypatch):
    installed(tmp_path / "installed", monkeypatch)
    codes = run("Pixels of your own", names, output).codes
    assert (codes.shape, codes.dtype, codes.max() < 255) == ((200, 300), np.uint8, True)
