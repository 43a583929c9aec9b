"""Objects over S3: drawn by a run, asked, exported, turned back and looked after as on a local disk."""

from __future__ import annotations

import io
import json
from pathlib import Path

import geopandas
import pytest

from jobs import cli
from sgddiff_batch.config import load_config
from sgddiff_batch.io.storage.store import open_store
from sgddiff_batch.runs import Ending, leased_bench, run_all
from tests.kit import jobs
from tests.kit.networks import BrightNetwork, KeptView
from tests.kit.s3 import new_bucket

OUT = "s3://objects-bucket/out"


@pytest.fixture
def bucket(s3_server, monkeypatch):
    """A new bucket, and an environment in which this process reaches it."""
    with new_bucket(s3_server, "objects-bucket", monkeypatch) as filesystem:
        yield filesystem


@pytest.mark.slow
def test_objects_on_s3_are_those_of_a_local_disk(bucket, tmp_path, capsys):
    def night(output, *names):
        for seed, name in enumerate(names):
            jobs.write_scene(tmp_path / "scenes" / name, 150, 200, seed)
        path = jobs.write_config(tmp_path / "run.yaml", tmp_path / "scenes", output, Path("/nowhere"))
        with leased_bench(load_config(str(path), ["objects.threshold=0.6"]), BrightNetwork()) as bench:
            assert run_all(bench, KeptView()) is Ending.DONE

    def ids(data):
        frame = geopandas.read_parquet(io.BytesIO(data))
        return sorted(zip(frame["scene"], frame["pixels"], frame["area_m2"], frame["state"], strict=True))

    store, local = open_store(OUT), tmp_path / "out"
    night(OUT, "a.tif")
    first = store.read("objects.parquet")
    night(local)
    assert ids(first) == ids((local / "objects.parquet").read_bytes())
    night(OUT, "a.tif", "b.tif")
    second = store.read("objects.parquet")
    assert {scene for scene, *_ in ids(second)} == {"a.tif", "b.tif"}
    assert cli.main(["catalogue", "rollback", OUT]) == 0
    assert store.read("objects.parquet") == first
    assert cli.main(["catalogue", "rollback", OUT, "--to", "2"]) == 0
    assert store.read("objects.parquet") == second
    capsys.readouterr()

    assert cli.main(["objects", OUT, "--threshold", "0.6", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert not any(mosaic["is_new"] for mosaic in facts["mosaics"])
    own = geopandas.read_parquet(io.BytesIO(second))["id"][0]
    assert cli.main(["objects", OUT, "--history", own, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["id"] == own
    for name in ("o.fgb", "o.geojson"):
        assert cli.main(["export", "objects", OUT, f"s3://objects-bucket/{name}"]) == 0
        assert bucket.size(f"objects-bucket/{name}") > 100
    assert cli.main(["gc", OUT]) == 0
    assert "_objects" not in capsys.readouterr().out
