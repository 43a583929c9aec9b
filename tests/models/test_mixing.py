import math

import numpy as np
import pytest

from models.crops import CropSettings, draw_windows
from models.data import make_pair
from models.mixing import Mix, draw_pair


def _named(*names):
    return [make_pair(n, np.zeros((3, 40, 40), np.uint8), np.zeros((40, 40), bool)) for n in names]


def test_a_mix_follows_its_weights_and_each_set_is_drawn_evenly():
    mix = Mix((_named("a"), _named("b0", "b1"), _named("c0", "c1", "c2")), (1.0, 3.0, 6.0))
    rng, draws = np.random.default_rng(0), 6000
    names = [mix.draw(rng).name for _ in range(draws)]
    expected = {"a": 0.1, "b0": 0.15, "b1": 0.15, "c0": 0.2, "c1": 0.2, "c2": 0.2}
    squares = sum((names.count(n) - draws * p) ** 2 / (draws * p) for n, p in expected.items())
    assert squares < 20.5  # chi-square, 5 degrees of freedom, 1 in 1000


@pytest.mark.parametrize(
    ("sizes", "weights", "message"),
    [
        ((), (), "at least one set"),
        ((1, 2), (1.0,), "2 sets, 1 weights"),
        ((1, 0), (1.0, 1.0), "set 1 of 2"),
        ((1, 1), (1.0, 0.0), "weight 1 .* found 0.0"),
        ((1, 1), (-1.0, 1.0), "weight 0"),
        ((1, 1), (1.0, math.nan), "weight 1"),
        ((1, 1), (1.0, math.inf), "weight 1"),
    ],
)
def test_a_mix_refuses_nonsense_and_says_which(sizes, weights, message):
    with pytest.raises(ValueError, match=message):
        Mix(tuple(_named(*"xyz"[:size]) for size in sizes), weights)


def test_weights_of_any_size_are_relative():
    mix = Mix((_named("a"), _named("b")), (1.7e308, 1.7e308))
    rng = np.random.default_rng(0)
    assert {mix.draw(rng).name for _ in range(50)} == {"a", "b"}


def test_a_set_without_pictures_is_refused():
    with pytest.raises(ValueError, match="no pictures"):
        draw_pair([], np.random.default_rng(0))


def test_crops_are_drawn_from_all_sets_of_a_mix():
    dark, bright = (
        _named("dark")[0],
        make_pair("b", np.full((3, 40, 40), 200, np.uint8), np.zeros((40, 40), bool)),
    )
    windows = draw_windows(Mix(([dark], [bright]), (1.0, 1.0)), 30, CropSettings(32), 0, 0)
    assert {int(w.pixels.max()) for w in windows} == {0, 200}
