from __future__ import annotations

import pytest

from sgddiff_batch.errors import ConfigError
from sgddiff_batch.networks import find_network, load_network
from tests.kit.entry_points import installed
from tests.kit.networks import Brightness, BrightNetwork

ASKED: list[tuple[str, str]] = []


def bright(name: str, device: str) -> BrightNetwork:
    """What a package of somebody registers."""
    ASKED.append((name, device))
    return BrightNetwork()


def test_an_installation_registers_what_loads_the_networks_that_ship_and_folders(tmp_path, monkeypatch):
    installed(tmp_path, monkeypatch)
    source = find_network("bundled", "cpu")
    assert source.device() == "cpu"
    assert source.describe("cpu").model["digest"]
    with pytest.raises(ConfigError, match="no-such-folder"):
        load_network(str(tmp_path / "no-such-folder"), "cpu")


def test_a_network_of_somebody_is_found_by_the_name_it_is_registered_with(tmp_path, monkeypatch):
    installed(tmp_path, monkeypatch, bright="tests.test_networks:bright")
    assert isinstance(load_network("bright", "cpu"), Brightness)
    assert ASKED[-1] == ("bright", "cpu")


def test_without_an_installation_the_error_says_what_to_do(monkeypatch):
    monkeypatch.setattr("sgddiff_batch.networks.entry_points", lambda group: ())
    with pytest.raises(ConfigError, match=r"'bundled'.*'sgddiff\.networks'.*pip install"):
        find_network("bundled", "auto")


def test_a_network_whose_package_is_gone_is_told_with_its_entry_point(tmp_path, monkeypatch):
    installed(tmp_path, monkeypatch, gone="no_such_package:network", wrong="tests.test_networks:no_such_name")
    for name in ("gone", "wrong"):
        with pytest.raises(ConfigError, match=rf"entry point '{name}'.*cannot be imported"):
            find_network(name, "auto")


def test_a_device_that_there_is_none_of_is_refused(tmp_path, monkeypatch):
    installed(tmp_path, monkeypatch)
    with pytest.raises(ConfigError, match="auto, cpu or cuda, got 'tpu'"):
        load_network("bundled", "tpu")
