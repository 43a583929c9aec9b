"""How fast the page of the map viewer is: `python -m tests.bench.viewer`; nothing of it is asserted.

A mosaic of 30,000 x 30,000 px of smooth noise with holes (about a minute to write), and 20,000 footprints; a
window of 1000 x 700 px in a Chromium without a GPU. Frames are those that the browser drew while the mouse
dragged the map.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
from numpy.typing import NDArray

from sgddiff_batch.core.grid import Grid, Transform
from sgddiff_batch.core.planning import Tiling
from sgddiff_batch.io.ledger import ObjectLedger
from sgddiff_batch.io.storage import open_store
from tests.io.catalogue_examples import publish_all, record_of, store_of
from tests.io.mosaic_examples import build, mosaic_of
from tests.kit.browser import Visit, run_browser, visits
from tests.kit.file_server import FileServer, serving
from tests.viewer.page.examples import PAGE, config_of, first_picture, settle, wkt, write_catalogue

CUT = Tiling(576, 64, 4096)
DRAGS = 4
STEPS = 40
COUNTER = """() => {
  window.frames_ = []; window.counting_ = true;
  const tick = (at) => { window.frames_.push(at); if (window.counting_) requestAnimationFrame(tick); };
  requestAnimationFrame(tick);
}"""


def smooth(side_px: int) -> NDArray[np.uint8]:
    """Return smooth noise (side, side), with holes of no data."""
    rng = np.random.default_rng(0)
    small = rng.integers(0, 255, (-(-side_px // 64), -(-side_px // 64)), dtype=np.uint8)
    small[rng.random(small.shape) < 0.02] = 255
    codes = small.repeat(64, 0).repeat(64, 1)[:side_px, :side_px]
    return np.where(
        codes == 255, codes, np.minimum(codes, 254) ^ (rng.integers(0, 8, codes.shape, dtype=np.uint8))
    )


def large_output(folder: Path, side_px: int) -> str:
    """Write an output of one mosaic, and return its store."""
    store = store_of("large.tif")
    grid = Grid(side_px, side_px, Transform(0.5, 0, 499980, 0, -0.5, 5800040), wkt(32633))
    build(folder, mosaic_of(grid, CUT, store), np.minimum(smooth(side_px), 255).astype(np.uint8))
    ObjectLedger(open_store(str(folder))).finish(record_of("large.tif", height_px=side_px, width_px=side_px))
    publish_all(open_store(str(folder)))
    return store


def cpu_s() -> dict[str, float]:
    """Return the seconds of CPU that each process of the browser has taken, by its kind and number."""
    spent = {}
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            kind = next((word[7:] for word in child.cmdline() if word.startswith("--type=")), "")
            spent[f"{kind} {child.pid}"] = sum(child.cpu_times()[:2])
    return spent


def dragged(visit: Visit) -> str:
    """Drag the map to and fro, and say how many frames a second that gave.

    On a busy machine that tells of the machine; the CPU of the busiest process a frame tells of the page.
    """
    before = cpu_s()
    visit.page.evaluate(COUNTER)
    visit.page.mouse.move(660, 350)
    visit.page.mouse.down()
    for number in range(DRAGS):
        visit.page.mouse.move(660 + (250 if number % 2 == 0 else -250), 350 + 40 * (number % 3), steps=STEPS)
    visit.page.mouse.up()
    at = np.diff(visit.page.evaluate("() => { window.counting_ = false; return window.frames_ }"))
    spent = {name: 1000 * (now - before.get(name, 0)) / len(at) for name, now in cpu_s().items()}
    busiest = sorted(((ms, name) for name, ms in spent.items() if not name.startswith(" ")), reverse=True)[:2]
    costs = ", ".join(f"{name.split()[0]} {ms:.0f} ms" for ms, name in busiest)
    return (
        f"{1000 / at.mean():.0f} frames/s, 95 % within {np.percentile(at, 95):.0f} ms; CPU a frame: {costs}"
    )


def measured(output: Path, words: str) -> None:
    """Open the page of an output, and print what it cost and how it moves."""
    server = FileServer({"page": PAGE, "output": output}, {"/page/config.json": config_of()})
    with serving(server), run_browser() as browser, visits(browser) as visit:
        one = visit(f"{server.address}/page/index.html#{words}", window=(1000, 700))
        settle(one)
        first = first_picture(one)
        whole = sum(count for *_, count in server.log) / 1e6
        print(
            f"  first picture {first.after_s:.1f} s, {first.requests} requests, {first.bytes / 1e6:.2f} MB; "
            f"with what follows it {len(server.log)} requests, {whole:.2f} MB",
            flush=True,
        )
        for zoom in range(3):
            print(f"  panning, zoomed in {zoom} times: {dragged(one)}", flush=True)
            one.page.click("#zoom-in")
            settle(one)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side-px", type=int, default=30_000)
    parser.add_argument("--footprints", type=int, default=20_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = large_output(Path(folder) / "large", options.side_px)
        print(f"a mosaic of {options.side_px} px")
        measured(Path(folder) / "large", f"mosaic={store}&threshold=0")
        write_catalogue(Path(folder) / "many", options.footprints)
        print(f"{options.footprints} footprints")
        measured(Path(folder) / "many", "")
    return 0


if __name__ == "__main__":
    sys.exit(main())
