"""Outputs with codes to look at, and what a browser shows of them."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray
from PIL import Image
from rasterio.crs import CRS

from sgddiff_batch.core.grid import Grid, Transform
from sgddiff_batch.core.planning import SceneMosaic, Tiling
from sgddiff_batch.core.scene import Scene, SceneProfile
from sgddiff_batch.core.times import TimeSpan
from sgddiff_batch.io.catalogue.files import encode
from sgddiff_batch.io.catalogue.schema import LEAN, TIME_KNOWN
from sgddiff_batch.io.catalogue.update import PublishContext
from sgddiff_batch.io.ledger import ObjectLedger
from sgddiff_batch.io.mosaics import ZarrBlockWriter
from sgddiff_batch.io.storage import open_store
from tests.io.catalogue_examples import publish_all, record_of, store_of, version_of
from tests.io.mosaic_examples import write_blocks
from tests.kit.browser import DESKTOP, Visit, visits
from tests.kit.mosaics import begun, committed
from tests.viewer.site_examples import served

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PAGE = Path(__file__).parents[3] / "sgddiff_batch" / "viewer" / "page"
CUT = Tiling(80, 16, 128)
"""Chunks of 64 px in shards of 128: many of each in a small mosaic."""
TALL, WIDE = 301, 427


def wkt(code: int) -> str:
    """Return the WKT of an EPSG code."""
    return str(CRS.from_epsg(code).to_wkt())


GRIDS = {
    "UTM north": Grid(TALL, WIDE, Transform(10, 0, 499980, 0, -10, 5800040), wkt(32633)),
    "UTM south": Grid(TALL, WIDE, Transform(0.5, 0, 366000, 0, -0.5, 7376000), wkt(32721)),
    "web mercator": Grid(TALL, WIDE, Transform(38.2, 0, 1489000, 0, -38.2, 6894000), wkt(3857)),
    "across the antimeridian": Grid(TALL, WIDE, Transform(0.01, 0, 178.2, 0, -0.01, -16.1), wkt(4326)),
    "rotated": Grid(TALL, WIDE, Transform(8, 6, 499980, 6, -8, 5800040), wkt(32633)),
    "oblong pixels": Grid(TALL, WIDE, Transform(0.0002, 0, 13.1, 0, -0.0001, 52.6), wkt(4326)),
    "rows that go up": Grid(TALL, WIDE, Transform(10, 0, 499980, 0, 10, 5800040), wkt(32633)),
    "no CRS": Grid(TALL, WIDE),
    "Swiss": Grid(TALL, WIDE, Transform(2, 0, 2600000, 0, -2, 1200000), wkt(2056)),
}


def codes_in_squares(grid: Grid, seed: int = 0, side_px: int = 8) -> NDArray[np.uint8]:
    """Return random codes, the same in each square, with a tenth of no data and a mark in each corner."""
    rng = np.random.default_rng(seed)
    small = rng.integers(
        0, 255, (-(-grid.height_px // side_px), -(-grid.width_px // side_px)), dtype=np.uint8
    )
    small[rng.random(small.shape) < 0.1] = 255
    codes = np.kron(small, np.ones((side_px, side_px), np.uint8))[: grid.height_px, : grid.width_px]
    for row, col in ((0, 0), (0, -1), (-1, 0), (-1, -1)):
        codes[row, col] = 254
    return codes


def show(
    output: Path | str,
    mosaics: Mapping[str, tuple[Grid, NDArray[np.uint8]]],
    times: Mapping[str, TimeSpan] | None = None,
    uri: str = "",
    stretch: list[float] | None = None,
    stac: bool = False,
) -> dict[str, str]:
    """Write mosaics by the names of their scenes, and publish them; return the store of each.

    uri: of the scene of all of them; "": it lies nowhere, and no page asks for it. stac: whether they get
    static Items.
    """
    store = open_store(str(output))
    stores = {}
    for number, (name, (grid, codes)) in enumerate(mosaics.items(), 1):
        stores[name] = store_of(name, number)
        scene = Scene(name, uri, version_of(number), 1)
        mosaic = SceneMosaic.at(stores[name], scene, SceneProfile(grid, (1, 2, 3), "uint8", 1), CUT)
        write(output, mosaic, codes, stretch)
        size = {"height_px": grid.height_px, "width_px": grid.width_px}
        counts = {
            "valid_px": int((codes != 255).sum()),
            "salient_px": int(((codes >= 127) & (codes != 255)).sum()),
        }
        ObjectLedger(store).finish(record_of(name, number, **(size | counts)))
    publish_all(store, PublishContext("run", times=times or {}, stac=stac))
    return stores


def write(
    output: Path | str, mosaic: SceneMosaic, codes: NDArray[np.uint8], stretch: list[float] | None = None
) -> None:
    """Write a mosaic as a run does, with all that it tells of its scene."""
    scene = mosaic.scene
    provenance = {
        **{"scene_id": scene.scene_id, "source_uri": scene.uri, "source_version": scene.version},
        **{"source_size_bytes": 1, "bands": [1, 2, 3], "stretch": stretch, "notes": [], "run_key": "a" * 12},
        **{"run_id": "run", "created": "2026-11-24T12:00:00+00:00"},
        "pixel_settings": {"model": {"digest": "d" * 64}, "tile_px": 80, "overlap_px": 16},
    }
    writer = ZarrBlockWriter(open_store(str(output)))
    claim = begun(writer, mosaic, provenance)
    write_blocks(writer, mosaic, codes)
    committed(writer, mosaic, claim)


def go(visit: Visit, words: str) -> None:
    """Give the page another state by its link, and wait until it is there."""
    visit.page.evaluate(_GO, words)
    settle(visit)


_GO = """(words) => new Promise((done) => {
  if (location.hash === `#${words}` || location.hash === words) done();
  addEventListener('hashchange', done, {once: true});
  setTimeout(done, 5000);
  location.hash = words;
})"""
"""An address that is there already changes nothing, and nobody is told."""


@dataclass(frozen=True)
class Screen:
    """What the map showed: its pixels (h, w, 3), and where it was."""

    pixels: NDArray[np.uint8]

    @property
    def codes(self) -> NDArray[np.int16]:
        """(h, w) codes by their shades of grey; -1 where it is no grey, and so no saliency."""
        red, green, blue = (self.pixels[..., band].astype(np.int16) for band in range(3))
        is_grey = (red == green) & (green == blue)
        return np.where(is_grey, np.round(red * (254 / 255)).astype(np.int16), -1)


GREY = "colours=grey&threshold=0&opacity=1&scene=0"
"""The part of a link that shows codes as shades of grey, without anything below."""


@contextmanager
def on_a_map(browser: Browser, folder: Path, window: tuple[int, int] = DESKTOP) -> Iterator[Visit]:
    """Serve an output, and yield its page in a browser, once all that was asked for is on the map."""
    with served(str(folder), PAGE) as asker, visits(browser) as visit:
        one = visit(asker.server.url, window=window)
        settle(one)
        yield one


def settle(visit: Visit) -> None:
    """Wait until all that was asked for is on the map."""
    visit.page.wait_for_selector("#map[aria-busy=false]", state="attached")
    visit.page.evaluate(
        "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
    )
    visit.page.wait_for_selector("#map[aria-busy=false]", state="attached")


def seen(visit: Visit, *, lines: bool = False) -> Screen:
    """Return what the map shows; without the lines drawn above it, unless they are asked for."""
    settle(visit)
    above = "#map-buttons, #attribution, #scale, #notice, #divider" + ("" if lines else ", .drawn")
    show = (
        "([above, way]) => document.querySelectorAll(above).forEach((one) => { one.style.visibility = way })"
    )
    visit.page.evaluate(show, [above, "hidden"])
    data = visit.page.locator("main").screenshot()
    visit.page.evaluate(show, [above, ""])
    return Screen(np.asarray(Image.open(io.BytesIO(data)).convert("RGB")))


def words_of(**state: object) -> str:
    """Return a link's part after "#" that shows codes as they are."""
    return "&".join([*(f"{name}={value}" for name, value in state.items()), GREY])


def size_of(visit: Visit) -> tuple[int, int]:
    """Return the height and width of the map, in pixels."""
    box = visit.page.locator("#map").bounding_box()
    assert box is not None
    return round(box["height"]), round(box["width"])


def facts(visit: Visit, part: str) -> dict[str, str]:
    """Return what the panel tells of a "pixel", "mosaic" or "object", by its names; wait until it does."""
    settle(visit)
    visit.page.wait_for_selector(f"#{part}-facts dd")
    rows = visit.page.locator(f"#{part}-facts")
    return dict(zip(rows.locator("dt").all_inner_texts(), rows.locator("dd").all_inner_texts(), strict=True))


def write_catalogue(folder: Path, count: int) -> None:
    """Write a catalogue of scenes over a continent, each a turned square of 0.1 degrees, of which no two
    are equal in anything that differs among real ones. There are no mosaics to it.
    """
    rng = np.random.default_rng(0)
    west, south = rng.uniform(-120, -80, count), rng.uniform(25, 50, count)
    corners = np.array([(0.01, 0), (0.1, 0.01), (0.09, 0.1), (0, 0.09), (0.01, 0)])
    shapes = shapely.polygons(np.stack([west, south], -1)[:, None] + corners)
    boxes = shapely.bounds(shapes).tolist()
    times = (rng.uniform(1.6e9, 1.8e9, count).astype("int64") * 1_000_000).tolist()
    rows = []
    for number, (shape, box, time) in enumerate(zip(shapely.to_wkb(shapes), boxes, times, strict=True)):
        name, version, share = f"2026/scene-{number}.tif", f"{rng.integers(2**63):016x}", rng.random()
        edges = dict(zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True))
        facts = {"id": name, "geometry": shape, "bbox": edges, TIME_KNOWN: True, "state": "done"}
        facts |= dict.fromkeys(("datetime", "start_datetime", "end_datetime", "created"), time)
        facts |= {"scene_uri": f"s3://archive/{name}", "scene_version": version, "model_digest": "d" * 64}
        facts |= {"run_key": "a" * 12, "salient_share": share, "salient_km2": 100 * share}
        rows.append(facts | {"store": f"{name}/{version}-aaaaaaaaaaaa.zarr"})
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "catalogue.parquet").write_bytes(encode(pa.Table.from_pylist(rows, LEAN), str(folder)))


@dataclass(frozen=True)
class FirstPicture:
    """What a page had asked for when its first picture was there."""

    requests: int
    bytes: int
    after_s: float


def first_picture(visit: Visit) -> FirstPicture:
    """Return what the first picture took, as the browser has noted it; wait until all of it is there."""
    visit.page.wait_for_selector("html[data-whole=true]", state="attached")
    return FirstPicture(**visit.page.evaluate(_FIRST_PICTURE))


_FIRST_PICTURE = """() => {
  const at = performance.getEntriesByName('picture')[0].startTime;
  const asked = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
    .filter((one) => one.startTime < at && !one.name.startsWith('data:'));
  const bytes = asked.reduce((sum, one) => sum + one.encodedBodySize, 0);
  return { requests: asked.length, bytes, after_s: at / 1000 };
}"""


def config_of(**changes: object) -> bytes:
    """Return a config.json for a page whose output lies at /output/."""
    tree = {
        **{"format_version": 1, "title": "Mosaics", "output": "/output/", "catalogue": "catalogue.parquet"},
        **{"objects": None, "areas": [], "scenes": [], "explain": None, "basemap": None},
    }
    return json.dumps(tree | changes).encode()
