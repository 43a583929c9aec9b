"""Requests counted where they pass are those that the clients make, and are charged by their kind."""

from __future__ import annotations

import pytest

from tests.bench import prices
from tests.kit import jobs
from tests.kit.counting_proxy import kind_of


@pytest.mark.parametrize(
    ("method", "target", "expected"),
    [
        ("GET", "/bucket?list-type=2&prefix=out%2F_ledger", ("LIST", "out/_ledger")),
        ("GET", "/bucket/", ("LIST", "")),
        ("GET", "/bucket/out/a%20b.tif?x-id=GetObject", ("GET", "out/a b.tif")),
        ("POST", "/bucket?delete", ("POST", "")),
        ("PUT", "/bucket/a/zarr.json", ("PUT", "a/zarr.json")),
    ],
)
def test_a_request_is_charged_by_what_it_asks(method, target, expected):
    assert kind_of(method, target) == expected


def test_prices_are_those_of_the_kinds():
    assert prices.dollars({("PUT", "mosaic"): 1000, ("GET", "scenes"): 1000}) == pytest.approx(0.0054)
    assert prices.dollars({("DELETE", "mosaic"): 10}) == 0


def test_client_libraries_add_no_request_to_a_run_over_small_scenes(tmp_path):
    passed, called = prices.count(jobs.write_scene(tmp_path / "one.tif", 200, 200, 1), 2)
    assert passed == called
    assert passed["PUT", "mosaic"] == 20
