"""A verdict gathers what is wrong; what could not be looked at is no damage."""

from __future__ import annotations

from sgddiff_batch.io.upkeep.verdict import Problem, Verdict


def test_problems_are_kept_in_the_order_in_which_they_were_found():
    verdict = Verdict("a.tif/v-key.zarr", "a.tif")
    verdict.found("0/saliency/c/0/0", "cannot be decoded")
    verdict.found("", "is gone")
    assert verdict.problems == [Problem("0/saliency/c/0/0", "cannot be decoded"), Problem("", "is gone")]


def test_a_new_verdict_knows_of_nothing():
    verdict = Verdict("a.tif/v-key.zarr", "a.tif")
    assert (verdict.blocks, verdict.problems, verdict.notes, verdict.pixels_version) == (0, [], [], None)


def test_two_verdicts_share_nothing_and_a_note_is_no_problem():
    one, other = Verdict("a", "a.tif"), Verdict("b", "b.tif")
    one.found("", "is gone")
    one.notes.append("no digests were kept")
    assert (other.problems, other.notes) == ([], [])
    assert one.problems == [Problem("", "is gone")]
