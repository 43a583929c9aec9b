"""Tests are shared by whole files, and those with Ray go to one worker."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.kit.sharing import ON_RAY, FilesWithRayTogether, put_long_files_first

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ON_RAY)
def test_a_file_that_is_named_for_its_clusters_is_there(name):
    assert (ROOT / name).is_file()


def test_all_tests_of_a_file_go_to_one_worker_and_those_on_ray_too():
    def scope(nodeid):
        return FilesWithRayTogether._split_scope(SimpleNamespace(), nodeid)

    assert {scope(f"{name}::test_a[x::y]") for name in ON_RAY} == {ON_RAY[0]}
    assert scope("tests/io/test_cog.py::TestA::test_b") == "tests/io/test_cog.py"


def test_files_with_ray_come_first_then_those_with_long_tests_and_a_file_stays_together():
    def item(nodeid, *marks):
        return SimpleNamespace(nodeid=nodeid, get_closest_marker=lambda name: name in marks)

    short, long = ["a.py::one", "a.py::two"], ["b.py::one", "b.py::two"]
    ray = [f"{ON_RAY[1]}::one"]
    items = [*map(item, short), item(long[0], "slow"), item(long[1]), item(ray[0], "slow")]
    put_long_files_first(items)
    assert [each.nodeid for each in items] == [*ray, *long, *short]
