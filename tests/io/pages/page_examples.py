"""A small output as a run leaves it, for pages: made once for a module of tests, and not changed by them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sgddiff_batch.config import load_config
from sgddiff_batch.runs import leased_bench, run_all
from tests.kit import jobs
from tests.kit.networks import BrightNetwork, KeptView


def run_once(folder: Path, *assignments: str) -> str:
    """Run over the scenes of a folder with a network that takes bright for salient; return the run's id."""
    config = folder / "run.yaml"
    if not config.exists():
        jobs.write_config(config, folder / "scenes", folder / "out", Path("/nowhere"))
    with leased_bench(load_config(str(config), assignments), BrightNetwork()) as bench:
        run_all(bench, KeptView())
    return bench.run_id


def made_output(folder: Path) -> Path:
    """Return an output of three sound scenes, one of them with a collar, and a broken one."""
    jobs.write_archive(folder / "scenes")
    jobs.write_broken(folder / "scenes" / "bad.tif")
    run_once(folder)
    return folder / "out"


def store_of(output: Path, scene_id: str) -> str:
    """Return the path of a scene's mosaic below an output."""
    (report,) = jobs.reports(output)
    return next(row["store"] for row in report["scenes"] if row["scene_id"] == scene_id)


def row(name: str, state: str = "done", **more: Any) -> dict[str, Any]:
    """Return a row of a report."""
    facts = {
        "reason": None, "store": f"{name}/v-k.zarr", "height_px": 40, "width_px": 30, "valid_px": 1000,
        "salient_px": 10, "tiles": 2, "seconds": {"read": 1.0}, "notes": [], "mask_rule": "none",
    }  # fmt: skip
    return {"scene_id": name, "uri": f"/scenes/{name}", "state": state, **facts, **more}
