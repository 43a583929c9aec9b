"""Deaths of processes: who is suspect, who is to blame, and who is only started again."""

import pytest

from sgddiff_batch.core.scene import Scene
from sgddiff_batch.engine.deaths import MAX_STARTS, MOST_DEATHS, DeathBook
from sgddiff_batch.engine.work import Lost, SceneWork
from sgddiff_batch.protocols import Left

A, B, C = (SceneWork(Scene(name, name, "v", 1), f"{name}/v-k.zarr") for name in "abc")
LIVING = {"one", "two"}
UNKNOWN = Left()


def reading(*names):
    return Left(frozenset(names), is_known=True)


def computing(*names):
    return Left(computing=frozenset(names), is_known=True)


def test_of_what_never_died_nothing_is_held_against():
    book = DeathBook()
    assert not book.is_suspect(A)
    assert book.judged(A, LIVING) is None


@pytest.mark.parametrize(
    ("left", "suspects"),
    [
        (reading("a"), [A]),
        (reading("a", "b"), [A, B]),
        (Left(frozenset("a"), frozenset("b"), is_known=True), [A]),
        (computing("b"), [B]),
        (computing("b", "c"), [B, C]),
        (reading(), []),
        (UNKNOWN, []),
    ],
    ids=["read", "two read", "read and computed", "computed", "two computed", "neither", "nobody knows"],
)
def test_suspect_is_what_was_read_or_else_what_was_computed(left, suspects):
    book = DeathBook()
    book.died([A, B, C], left, "one")
    assert [work for work in (A, B, C) if book.is_suspect(work)] == suspects


def test_two_deaths_with_nothing_else_in_the_process_are_the_scene_s():
    book = DeathBook()
    book.died([A, B], reading("a"), "one")
    for node in ("one", "two"):
        assert book.judged(A, LIVING) is None
        book.died([A], reading("a"), node)
    lost = book.judged(A, LIVING)
    assert lost == Lost(A, lost.reason, is_own=True)
    assert lost.reason.startswith("its worker process died 3 times, 2 of them with no other task in it: ")


@pytest.mark.parametrize("nodes", [("one", "gone"), ("gone", "gone")])
def test_deaths_with_a_machine_are_left_to_the_next_run(nodes):
    book = DeathBook()
    book.died([A, B], reading("a"), "one")
    for node in nodes:
        book.died([A], reading("a"), node)
    lost = book.judged(A, LIVING)
    assert not lost.is_own
    assert lost.reason.startswith("its worker process died 3 times: ")


def test_a_first_death_alone_proves_nothing_for_it_was_not_handed_out_alone():
    book = DeathBook()
    for _ in range(2):
        book.died([A], reading("a"), "one")
    assert book.judged(A, LIVING) is None


def test_a_death_alone_that_was_not_the_scene_s_clears_all_scenes():
    book = DeathBook()
    for _ in range(MAX_STARTS):
        book.died([A], reading("a"), "one")
    book.ended(A)
    for _ in range(MAX_STARTS):
        book.died([B], reading("b"), "one")
    assert not book.judged(B, LIVING).is_own


def test_what_ends_well_after_a_death_in_company_proves_nothing_and_is_forgotten():
    book = DeathBook()
    book.died([A, B], reading("a"), "one")
    book.ended(A)
    assert not book.is_suspect(A)
    for _ in range(MAX_STARTS):
        book.died([B], reading("b"), "one")
    assert book.judged(B, LIVING).is_own


def test_where_nobody_knows_what_a_process_did_only_the_second_death_makes_suspects():
    book = DeathBook()
    book.died([A, B], UNKNOWN, "one")
    assert not book.is_suspect(A)
    book.died([A, C], UNKNOWN, "two")
    assert [work for work in (A, B, C) if book.is_suspect(work)] == [A]


def test_what_is_never_suspect_is_given_up_at_last_and_not_blamed():
    book = DeathBook()
    for _ in range(MOST_DEATHS):
        assert book.judged(A, LIVING) is None
        book.died([A, B], reading("b"), "one")
    lost = book.judged(A, LIVING)
    assert not lost.is_own
