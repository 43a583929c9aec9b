"""What is printed of garbage: what would go and why, and what is left alone and why."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jobs.printing import mebibytes, print_garbage
from sgddiff_batch.io.upkeep import Garbage, Inventory

OLD = Garbage("store", "a.tif/x.zarr", "superseded", 12, 3 * 2**20)


def said_of(inventory, capsys, what="dry run"):
    print_garbage(inventory, "s3://b/[out]", what)
    return capsys.readouterr().out


def test_garbage_is_a_row_each_and_its_size_is_summed(capsys):
    said = said_of(Inventory((OLD, Garbage("marks", "_ledger/[x]", "of no store", 1, 2**19)), (), ()), capsys)
    assert "garbage: 2 items, 3.50 MiB" in said
    rows = [[c.strip() for c in line.split("│")[1:-1]] for line in said.splitlines() if "│" in line]
    assert rows == [
        ["store", "a.tif/x.zarr", "12", "3.00", "superseded"],
        ["marks", "_ledger/[x]", "1", "0.50", "of no store"],
    ]
    assert said.endswith("dry run; output: s3://b/[out]\n")


def test_without_garbage_nothing_is_said_to_become_of_it(capsys):
    said = said_of(Inventory((), (), ()), capsys, "to be removed")
    assert said == "nothing to remove below s3://b/[out]\n"


def test_what_is_left_alone_is_told_in_lines(capsys):
    young = (OLD, OLD, Garbage("temporary", "x", "nobody's"))
    lines = said_of(Inventory((), young, ("lost.zarr",), ("odd.zarr",)), capsys).splitlines()[-4:]
    assert lines == [
        "left alone for now, too young: 2 of kind store",
        "left alone for now, too young: 1 of kind temporary",
        "named, but not there: lost.zarr; `sgddiff verify --mark-for-redo` lets the next run make it anew",
        "left alone, complete, but the ledger does not know it: odd.zarr",
    ]


@given(st.lists(st.integers(0, 2**40)))
def test_sizes_are_mebibytes_of_the_sum(sizes):
    told = mebibytes(Garbage("store", "x", "y", 1, size) for size in sizes)
    number, unit = told.split()
    assert unit == "MiB"
    assert abs(float(number) * 2**20 - sum(sizes)) <= 0.005 * 2**20 + 1


def test_names_cannot_move_the_cursor(capsys):
    name = "a\x1b[2J.zarr"
    item = Garbage("store", name, f"{name} is newer")
    said = said_of(Inventory((item,), (), (name,), (name,)), capsys)
    assert "\x1b" not in said
    assert said.count(r"a\x1b[2J.zarr") == 4
