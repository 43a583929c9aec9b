"""How large the page of a run is, and how long it takes: at the end of the run, and made again later.

    python -m tests.bench.report_page [--scenes 1000] [--size 512] [--folder FOLDER]

Scenes of noise with bright squares, spread over Europe, are run over by a network that takes bright for
salient. At the end of a run the pictures are those that its workers made; made again, mosaics and scenes are
read. The last line is one of JSON.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import rasterio

from sgddiff_batch.runs import report_page
from tests.io.pages.page_examples import run_once
from tests.kit.pages import seen


def main() -> int:
    """Make an archive, run over it, and print what its page takes."""
    options = _parser().parse_args()
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        root = Path(folder)
        write_scenes(root / "scenes", options.scenes, options.size)
        start = time.perf_counter()
        # Tasks of whole scenes, as in every archive of scenes of this size.
        run_id = run_once(root, "tiling.block_px=1024", "tiling.task_memory_gib=1", "engine.workers=2")
        found = measured(root / "out", run_id) | {"run_s": round(time.perf_counter() - start, 1)}
    print(json.dumps({"scenes": options.scenes, "size_px": options.size, **found}))
    return 0


def measured(output: Path, run_id: str) -> dict[str, float]:
    """Return the page's bytes, its pictures, and seconds: at the end of its run, and made again."""
    told, page = (output / f"report-{run_id}.{kind}" for kind in ("json", "html"))
    # The page is what a run writes next after its JSON.
    at_end_s = (page.stat().st_mtime_ns - told.stat().st_mtime_ns) / 1e9
    start, cpu = time.perf_counter(), time.process_time()
    again = report_page(str(output), run_id)
    return {
        "page_bytes": page.stat().st_size,
        "pictures": len(seen(page.read_bytes()).all("img")),
        "at_end_s": round(at_end_s, 2),
        "again_s": round(time.perf_counter() - start, 2),
        "again_cpu_s": round(time.process_time() - cpu, 2),
        "again_bytes": len(again.html),
    }


def write_scenes(folder: Path, count: int, size_px: int) -> None:
    """Write scenes of a side of so many pixels, each at another place."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(count):
        pixels = rng.integers(0, 60, (3, size_px, size_px), dtype=np.uint8)
        for row, col in rng.integers(0, size_px - 12, (int(rng.integers(0, 30)), 2)):
            pixels[:, row : row + 12, col : col + 12] += 150
        west, north = rng.uniform((-9, 37), (30, 65))
        place = rasterio.transform.from_origin(west, north, 1e-4, 1e-4)
        profile = {"driver": "GTiff", "height": size_px, "width": size_px, "count": 3, "dtype": "uint8"}
        with rasterio.open(
            folder / f"scene-{number:05}.tif", "w", crs="EPSG:4326", transform=place, **profile
        ) as file:
            file.write(pixels)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--scenes", type=int, default=1000, help="how many; default: 1000")
    parser.add_argument("--size", type=int, default=512, help="side of each in pixels; default: 512")
    parser.add_argument("--folder", help="where they are written for a while; default: the system's")
    return parser


if __name__ == "__main__":
    sys.exit(main())
