"""The user's log: our lines, what libraries warn of in a line each, and nothing of GDAL's and PROJ's talk."""

from __future__ import annotations

import io
import logging
import os
import re
import struct
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import rasterio
import yaml
from rasterio.transform import Affine

from jobs.logs import OURS, start_log
from sgddiff_batch.errors import ConfigError
from sgddiff_batch.io.areas.members import parse_crs
from tests.kit import jobs
from tests.kit.scenes import noise, write_scene

OF_LIBRARIES = re.compile(
    r"PROJ: |CPLE_|GDAL signalled|TIFF\w+:\s*Warning|ERROR \d+:"
    r"|\.pyx?:\d+|\w+Warning: |\(\w+Warning\)|site-packages|Traceback"
)


@pytest.fixture
def told():
    """Start the log as a command does; return what it was told, as lines, whenever it is called."""
    root, hook, stream = logging.getLogger(), warnings.showwarning, io.StringIO()
    handlers, level = root.handlers[:], root.level
    root.handlers.clear()
    start_log(stream=stream)
    yield lambda: stream.getvalue().splitlines()
    root.handlers[:], warnings.showwarning = handlers, hook
    root.setLevel(level)


class TestLines:
    def test_our_own_are_shown_from_info_on_as_they_are(self, told):
        for name in ("__main__", "jobs.verbs.run", "sgddiff_batch.engine.driver", "models.predictor"):
            logging.getLogger(name).info("of %s", name)
            logging.getLogger(name).debug("detail")
        assert [line[9:] for line in told()] == [
            "INFO of __main__",
            "INFO of jobs.verbs.run",
            "INFO of sgddiff_batch.engine.driver",
            "INFO of models.predictor",
        ]

    @pytest.mark.parametrize("name", ["botocore.credentials", "numexpr.utils", "s3fs", "urllib3", "asyncio"])
    def test_libraries_are_heard_from_warning_on_in_one_line_with_their_name(self, told, name):
        logging.getLogger(name).info("found credentials")
        logging.getLogger(name).warning("the pool\n  is full")
        assert [line[9:] for line in told()] == [f"WARNING {name.partition('.')[0]}: the pool is full"]

    def test_a_library_shows_its_error_and_no_traceback(self, told):
        try:
            raise OSError("no\nspace")
        except OSError:
            logging.getLogger("asyncio").exception("a task failed")
        assert [line[9:] for line in told()] == ["ERROR asyncio: a task failed (OSError: no space)"]

    @pytest.mark.parametrize("name", ["rasterio._env", "rasterio._err", "pyproj", "osgeo.gdal"])
    def test_gdal_and_proj_are_not_heard_at_all(self, told, name):
        logging.getLogger(name).error("CPLE_AppDefined in PROJ: push: Invalid latitude")
        assert told() == []

    def test_every_logger_of_ours_is_known_as_ours(self):
        named = set()
        for folder in ("jobs", "models", "sgddiff_batch"):
            for path in (jobs.ROOT / folder).rglob("*.py"):
                named |= set(re.findall(r"^log = logging\.getLogger\((.+)\)", path.read_text(), re.M))
        assert named == {"__name__"}
        assert {"jobs", "models", "sgddiff_batch"} <= OURS


class TestWarnings:
    def test_a_warning_of_python_is_one_line_without_source(self, told):
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            np.float32(3e38) * np.float32(10)
            warnings.warn("as a\nrule", UserWarning, stacklevel=1)
        first, second = (line[9:] for line in told())
        assert first == "WARNING tests: overflow encountered in scalar multiply (RuntimeWarning)"
        assert second == "WARNING tests: as a rule (UserWarning)"

    def test_rasterios_is_not_shown_where_another_thread_turned_the_filters_back(self, told, tmp_path):
        path = write_scene(tmp_path / "a.tif", noise(1, 8, 9), crs=None, transform=None)
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            with rasterio.open(path):
                pass
        assert told() == []

    def test_what_gdal_writes_to_standard_error_itself_is_not_shown(self):
        code = (
            "from jobs.logs import start_log; start_log()\n"
            "from rasterio.crs import CRS\n"
            "try: CRS.from_epsg(999999)\n"
            "except Exception as error: print('raised', error)"
        )
        ended = subprocess.run(
            [sys.executable, "-c", code], check=False, capture_output=True, text=True, cwd=jobs.ROOT
        )
        assert ended.stdout.startswith("raised")
        assert ended.stderr == ""


def test_the_error_of_an_areas_crs_is_in_our_words():
    with pytest.raises(ConfigError, match=r"'EPSG:999999' is no CRS that GDAL knows: .* unknown\.$"):
        parse_crs("EPSG:999999")


def talkative(folder: Path) -> Path:
    """Write scenes over which GDAL, PROJ and rasterio talk; the dates are for areas."""
    write_scene(folder / "plain_20240101.tif", noise(3, 40, 50))
    write_scene(folder / "no_place_20240101.tif", noise(3, 40, 50), crs=None, transform=None)
    write_scene(folder / "crs_only_20240101.tif", noise(3, 40, 50), transform=None)
    write_scene(folder / "nan_20240101.tif", noise(3, 40, 50), transform=Affine(np.nan, 0, 0, 0, 1, 0))
    write_scene(
        folder / "far_20240101.tif", noise(3, 40, 50), crs="EPSG:4326", transform=Affine(9, 0, 0, 0, -9, 400)
    )
    write_scene(folder / "local_20240101.tif", noise(3, 40, 50), crs='LOCAL_CS["x",UNIT["metre",1]]')
    data = (folder / "plain_20240101.tif").read_bytes()
    code = struct.pack("<HHHH", 3072, 0, 1, 32633)
    (folder / "unknown_epsg_20240101.tif").write_bytes(
        data.replace(code, struct.pack("<HHHH", 3072, 0, 1, 32599))
    )
    (folder / "unknown_tags_20240101.tif").write_bytes(with_unknown_tags(data))
    write_scene(folder / "bad_crs_20240101.tif", noise(3, 40, 50))
    (folder / "bad_crs_20240101.tif.aux.xml").write_text('<PAMDataset><SRS>PROJCS["broken</SRS></PAMDataset>')
    jobs.write_broken(folder / "torn_20240101.tif")
    return folder


def with_unknown_tags(data: bytes) -> bytes:
    """Return a little-endian TIFF with two more entries: a private one, and one of a type that is none."""
    (at,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, at)
    entries = data[at + 2 : at + 2 + 12 * count]
    entries += struct.pack("<HHII", 65123, 2, 4, 0x00616263) + struct.pack("<HHII", 65124, 77, 4, 0)
    padded = data + b"\0" * (len(data) % 2)
    directory = struct.pack("<H", count + 2) + entries + struct.pack("<I", 0)
    return padded[:4] + struct.pack("<I", len(padded)) + padded[8:] + directory


def run_talkative(tmp_path: Path, checkpoint: Path, kind: str, *, compose: bool) -> list[str]:
    """Make the mosaics, and if asked an area of them; return the lines on standard error."""
    config = jobs.write_config(
        tmp_path / "run.yaml",
        talkative(tmp_path / "scenes"),
        tmp_path / "out",
        checkpoint,
        kind=kind,
        workers=1,
    )
    tree = yaml.safe_load(config.read_text())
    tree["areas"] = [
        {
            "name": "web",
            "crs": "EPSG:3857",
            "resolution": 2,
            "cell_px": 512,
            "time_pattern": r"_(\d{8})\.tif$",
        }
    ]
    config.write_text(yaml.safe_dump(tree))
    verbs = ("run", "compose") if compose else ("run",)
    code = (
        "import sys; from jobs import cli\n"
        f"sys.exit(int(''.join(str(int(cli.main([verb, *sys.argv[1:]]))) for verb in {verbs})))"
    )
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONWARNINGS"}
    ended = subprocess.run(
        [sys.executable, "-c", code, "--config", str(config)],
        check=False,
        capture_output=True,
        text=True,
        cwd=jobs.ROOT,
        env=environment,
    )
    assert ended.returncode == int("3" * len(verbs)), ended.stderr
    return ended.stderr.splitlines()


def test_a_run_over_scenes_that_libraries_talk_of_has_our_lines_alone(tmp_path, checkpoint):
    lines = run_talkative(tmp_path, checkpoint, "local", compose=True)
    assert [line for line in lines if not re.match(r"\d\d:\d\d:\d\d (INFO|WARNING|ERROR) ", line)] == []
    assert [line for line in lines if OF_LIBRARIES.search(line)] == []
    assert any("torn_20240101.tif: quarantined" in line for line in lines)
    assert any("the catalogue is at generation 1: 9 mosaics" in line for line in lines)


@pytest.mark.slow
def test_workers_of_ray_tell_nothing_of_gdal_either(tmp_path, checkpoint):
    # An area's workers are the same actors with the same log: a second cluster would show no more.
    lines = run_talkative(tmp_path, checkpoint, "ray", compose=False)
    assert [line for line in lines if OF_LIBRARIES.search(line)] == []
    assert any("torn_20240101.tif: quarantined" in line for line in lines)
