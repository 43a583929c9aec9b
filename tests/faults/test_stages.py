"""A worker is killed at each stage of a scene that it owns: no scene is lost, blamed, or made twice."""

import json
import re
import signal
import socket
import subprocess
import sys
import time

import pytest

from jobs import cli
from jobs.exits import Exit
from sgddiff_batch.io.catalogue.generations import read_catalogue
from sgddiff_batch.io.storage.store import open_store
from tests.faults.storm_ambush import STAGES, Ambush, stage_of
from tests.faults.storm_nodes import is_worker
from tests.faults.storm_proxy import run_storm_proxy
from tests.kit import jobs
from tests.kit.processes import ended
from tests.kit.s3 import lead_to

SIDES = {f"{number:02d}.tif": (300, 400) if number in (0, 12) else (40 + number, 50) for number in range(48)}
"""So many that there is work left for the last kill, however fast the workers are."""
SMALL = ("--set", "tiling.block_px=64", "--set", "tiling.task_memory_gib=0.003")
"""So that the larger scenes have several tasks, and with them marks."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def quiet(tmp_path_factory, checkpoint):
    """The scenes, and what a run that nothing happened to makes of them."""
    folder = tmp_path_factory.mktemp("quiet")
    for seed, (name, (height, width)) in enumerate(SIDES.items()):
        jobs.write_scene(folder / "scenes" / name, height, width, seed)
    config = jobs.write_config(folder / "run.yaml", folder / "scenes", folder / "out", checkpoint)
    assert jobs.run_job(config, *SMALL) == 0, config.with_suffix(".log").read_text()
    return folder


@pytest.fixture
def storm(s3_server, quiet, monkeypatch):
    """A proxy before a bucket with the scenes, to which this process is led."""
    s3_server.filesystem.mkdir("stages")
    for path in (quiet / "scenes").iterdir():
        s3_server.filesystem.put_file(str(path), f"stages/scenes/{path.name}")
    with run_storm_proxy(s3_server.endpoint, 0, 0) as proxy:
        lead_to({**s3_server.environment, "AWS_ENDPOINT_URL": proxy.endpoint}, monkeypatch)
        yield proxy
    s3_server.filesystem.rm("stages", recursive=True)


def assert_all_is_as_if_nothing_had_happened(config, quiet):
    names = sorted(path.name for path in (quiet / "scenes").iterdir())
    jobs.assert_equal_mosaics(by_scene("s3://stages/out"), by_scene(quiet / "out"))
    store = open_store("s3://stages/out")
    assert sorted(read_catalogue(store)["id"].to_pylist()) == names
    assert not list(store.listed("_ledger/blocks/"))
    (report,) = [
        json.loads(store.read(name))
        for name in store.entries()
        if name.startswith("report-") and name.endswith(".json")
    ]
    assert sorted((row["scene_id"], row["state"]) for row in report["scenes"]) == [
        (name, "done") for name in names
    ]
    assert cli.main(["verify", "--config", str(config)]) == Exit.DONE


# What is after a stage is before the next, so no state of a scene is met twice; the two lists have them all.
# The largest scenes come first, and they alone have marks.
LOCAL = [
    ("mark", "before"),
    ("read", "after"),
    ("metadata", "after"),
    ("commit", "after"),
    ("digests", "after"),
]
ON_RAY = [("mark", "after"), ("claim", "after"), ("block", "after"), ("record", "after")]


@pytest.mark.parametrize(("kind", "kills"), [("local", LOCAL), ("ray", ON_RAY)])
def test_a_process_that_dies_at_every_stage_costs_no_scene_and_no_byte(
    tmp_path, checkpoint, quiet, storm, kind, kills
):
    config = jobs.write_config(
        tmp_path / "run.yaml", "s3://stages/scenes", "s3://stages/out", checkpoint, kind=kind, workers=2
    )
    with ended(jobs.start_job(config, *SMALL)) as process:
        is_prey = is_worker if kind == "ray" else lambda prey: prey.pid != process.pid
        for stage, when in kills:
            storm.ambush.lay(stage, when, is_prey)
            wait_while(process, lambda: storm.ambush.is_laid)
            recorded = storm.ambush.answered["record"]  # of some scene, so that no process dies in vain
            wait_while(process, lambda recorded=recorded: storm.ambush.answered["record"] == recorded)
        code = process.wait()
    log = config.with_suffix(".log").read_text()
    assert storm.ambush.killed == [f"{when} {stage}" for stage, when in kills], log
    assert code == 0, log
    assert "Traceback" not in log
    assert_all_is_as_if_nothing_had_happened(config, quiet)


def wait_while(process, holds):
    """Wait while that holds, and the process runs."""
    while process.poll() is None and holds():
        time.sleep(0.02)


def by_scene(output):
    """All levels by scene alone: the same scene has another version in a folder than in a bucket."""
    return {re.sub(r"/[^/]+[.]zarr", "", name): codes for name, codes in jobs.decoded(output).items()}


def test_every_stage_is_told_by_its_request():
    mosaic, ledger = "/bucket/out/a.tif/v-k.zarr", "/bucket/out/_ledger"
    asked = {
        "read": ("GET", "/bucket/scenes/a.tif", {}),
        "claim": ("PUT", f"{mosaic}/zarr.json", {"If-None-Match": "*"}),
        "metadata": ("PUT", f"{mosaic}/0/saliency/zarr.json", {}),
        "block": ("PUT", f"{mosaic}/0/saliency/c/0/0", {}),
        "mark": ("PUT", f"{ledger}/blocks/a.tif/v-k.zarr/0~.json", {}),
        "commit": ("PUT", f"{mosaic}/zarr.json", {"If-Match": "x"}),
        "record": ("PUT", f"{ledger}/scenes/a.tif~.json", {}),
        "digests": ("PUT", f"{ledger}/mosaics/a.tif/v-k.zarr~.json", {}),
    }
    assert {stage_of(*each) for each in asked.values()} == set(STAGES) == set(asked)
    assert all(stage_of(*each) == stage for stage, each in asked.items())
    assert stage_of("GET", "/bucket?list-type=2&prefix=scenes/", {}) == ""
    assert stage_of("GET", f"{ledger}/scenes/a.tif~.json", {}) == ""
    assert stage_of("PUT", f"{ledger}/lease~.json", {}) == ""


LISTENS = """
import socket, sys, time
sockets = [socket.create_server(("127.0.0.1", 0))]
print(sockets[0].getsockname()[1], flush=True)
sockets.append(sockets[0].accept()[0])
time.sleep(60)
"""


def test_only_who_asks_is_killed_and_not_who_uses_the_same_port_elsewhere():
    with (
        ended(python(LISTENS)) as server,
        server.stdout,
        socket.create_server(("127.0.0.1", 0)) as proxy,
        socket.socket() as other,
    ):
        at, elsewhere = proxy.getsockname()[1], int(server.stdout.readline())
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        other.connect(("127.0.0.1", elsewhere))
        ambush = Ambush()
        ambush.lay("read", "before", lambda _: True)
        # The server has a connection of these ports, to this process and not to the proxy.
        assert not ambush.strikes("GET", "/bucket/scenes/a.tif", {}, (elsewhere, at), "before")
        assert ambush.strikes("GET", "/bucket/scenes/a.tif", {}, (elsewhere, port), "before")
        assert server.wait() == -signal.SIGKILL
        assert ambush.killed == ["before read"]


def python(code):
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
