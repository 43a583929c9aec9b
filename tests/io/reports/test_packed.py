"""Packed rows: a fraction of the memory, in the order in which they were added, from several threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.io.reports import Packed
from tests.io.reports.report_examples import Row


@given(st.lists(st.integers(), max_size=1100))
def test_values_come_out_as_they_went_in(values):
    packed = Packed(values)
    assert list(packed) == values
    assert len(packed) == len(values)
    assert -1 in packed or -1 not in values


def test_rows_of_one_kind_take_a_fraction_of_what_they_take_as_objects():
    packed = Packed(Row(f"north/scene{number:06}.tif") for number in range(10_240))
    assert sum(map(len, packed._blocks)) < 60 * len(packed)
    assert Row("north/scene005000.tif") in packed


def test_who_goes_through_it_sees_what_was_there_when_it_began():
    packed = Packed(range(300))
    rows = iter(packed)
    assert next(rows) == 0
    packed.extend(range(300, 1000))
    assert list(rows) == list(range(1, 300))


def test_many_threads_add_and_read_and_nothing_is_lost_or_twice():
    packed = Packed[int]()

    def work(first):
        for number in range(first, 4000, 8):
            packed.append(number)
            if number % 512 == first:
                assert number in packed

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert sorted(packed) == list(range(4000))
