"""The measurement of full batches: it counts what the predictor did."""

from __future__ import annotations

from tests.bench import packing


def test_it_prints_both_rates_and_their_share(capsys):
    assert packing.main(["--scenes", "40", "--threads", "8", "--batch", "4", "--seconds", "0.001"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["big_scene_rate", "small_scene_rate", "share"]


def test_rates_and_fill_are_of_the_tiles_that_were_there():
    packed = packing.Packed(tiles=30, batches=4, seconds=2.0)
    assert (packed.rate, packed.fill(10)) == (15.0, 0.75)
