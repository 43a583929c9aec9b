from __future__ import annotations

import pytest

from jobs.checks.libraries import check_cuda, check_drivers, check_scan, gdal_drivers


@pytest.mark.parametrize(
    ("drivers", "state"),
    [(["GTiff", "COG"], "ok"), (["GTiff"], "note"), (["COG"], "failed"), ([], "failed")],
)
def test_gdal_must_read_scenes_and_should_write_cogs(drivers, state):
    assert check_drivers(drivers).state == state


def test_this_gdal_has_them():
    assert check_drivers(gdal_drivers()).state == "ok"


@pytest.mark.parametrize(
    ("gpus", "device", "local", "state"),
    [
        (["H100"], "cuda", True, "ok"),
        ([], "auto", True, "ok"),
        ([], "cpu", True, "ok"),
        ([], "cuda", True, "failed"),
        ([], "cuda", False, "ok"),
    ],
)
def test_a_gpu_must_be_here_only_where_the_config_wants_it_on_this_machine(gpus, device, local, state):
    assert check_cuda(gpus, device, local).state == state


def absent():
    raise ModuleNotFoundError("No module named 'mamba_ssm'")


def of_another_torch():
    raise ImportError("selective_scan_cuda.so: undefined symbol: _ZN3c10")


def broken():
    raise RuntimeError("CUDA driver\nversion is insufficient")


@pytest.mark.parametrize(
    ("has_gpu", "load", "state"),
    [
        (True, lambda: None, "ok"),
        (False, absent, "ok"),
        (True, absent, "note"),
        (True, of_another_torch, "note"),
        (True, broken, "note"),
    ],
)
def test_a_compiled_scan_that_does_not_load_costs_speed_and_stops_nothing(has_gpu, load, state):
    check = check_scan(has_gpu, load)
    assert check.state == state
    assert "\n" not in check.found
