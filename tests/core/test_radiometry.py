import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sgddiff_batch.core.radiometry import Stretch, choose_bands, measure_stretch

REAL = [
    np.uint8,
    np.uint16,
    np.int16,
    np.uint32,
    np.int32,
    np.uint64,
    np.int64,
    np.float16,
    np.float32,
    np.float64,
]
ANY_SAMPLES = hnp.arrays(
    st.sampled_from([np.dtype(kind) for kind in [*REAL, np.bool_]]), hnp.array_shapes(min_side=0, max_side=8)
)


def test_the_ends_of_a_stretch_become_0_and_255_and_the_middle_the_middle():
    stretch = Stretch(100.0, 1100.0)
    samples = np.array([0, 100, 101, 102, 600, 1098, 1100, 9000], dtype=np.uint16)
    assert stretch.apply(samples).tolist() == [0, 0, 0, 1, 128, 254, 255, 255]


@pytest.mark.parametrize("kind", REAL)
def test_integers_and_floats_of_every_size_are_stretched_alike(kind: type):
    samples = np.array([[0, 10, 60], [100, 110, 127]]).astype(kind)
    assert Stretch(10.0, 110.0).apply(samples).tolist() == [[0, 0, 128], [230, 255, 255]]


@given(ANY_SAMPLES, st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_any_samples_become_uint8_of_their_shape_without_a_warning(samples, low: float, width: float):
    before = samples.copy()
    codes = Stretch(low, low + width).apply(samples)
    assert (codes.dtype, codes.shape) == (np.uint8, samples.shape)
    np.testing.assert_array_equal(samples, before)


@given(ANY_SAMPLES, st.floats(-1e300, 1e300), st.floats(1e-3, 1e300))
def test_a_larger_sample_never_gets_a_smaller_code(samples, low: float, width: float):
    if low + width > low:
        known = np.sort(samples[np.isfinite(samples)])
        assert (np.diff(Stretch(low, low + width).apply(known).astype(int)) >= 0).all()


@given(ANY_SAMPLES, st.data())
def test_a_code_depends_on_its_own_sample_alone(samples, data):
    stretch = measure_stretch(samples)
    codes = stretch.apply(samples)
    if samples.size:
        place = tuple(data.draw(st.integers(0, side - 1)) for side in samples.shape)
        assert stretch.apply(samples[place][None])[0] == codes[place]
    assert (stretch.apply(samples.T) == codes.T).all()
    assert (stretch.apply(np.asfortranarray(samples)[..., ::2]) == codes[..., ::2]).all()


def test_a_scene_larger_than_any_buffer_is_stretched_to_its_end():
    samples = np.arange(700_001, dtype=np.uint32)[::-1].reshape(1, -1).repeat(3, axis=0)
    codes = Stretch(0.0, 700_000.0).apply(samples)
    exact = np.floor(samples / 700_000 * 255 + 0.5)
    assert (codes == exact).all()


def test_nan_becomes_0_and_infinities_the_ends():
    samples = np.array([math.nan, math.inf, -math.inf, 5.0])
    for kind in (np.float16, np.float32, np.float64):
        assert Stretch(0.0, 10.0).apply(samples.astype(kind)).tolist() == [0, 255, 0, 128]


def test_large_integers_that_differ_by_little_keep_their_steps():
    samples = (4_000_000_000 + np.arange(0, 256)).astype(np.uint32)
    assert Stretch(4e9, 4e9 + 255).apply(samples).tolist() == list(range(256))


def test_complex_samples_are_refused():
    with pytest.raises(TypeError):
        Stretch(0.0, 1.0).apply(np.zeros(3, dtype=np.complex64))


def test_the_stretch_goes_from_the_2nd_to_the_98th_percentile():
    assert measure_stretch(np.arange(101, dtype=np.uint16)) == Stretch(2.0, 98.0)


@pytest.mark.parametrize("value", [0, 7, 65_535, 4_294_967_295, -5.5, 1e20, -1e300, 5e-324])
def test_a_constant_scene_is_stretched_to_0(value: float):
    samples = np.full((3, 4, 4), value)
    stretch = measure_stretch(samples)
    assert stretch.low == pytest.approx(float(value))
    assert (stretch.apply(samples) == 0).all()


def test_a_constant_scene_gets_a_stretch_of_width_1():
    assert measure_stretch(np.full(9, 7, np.uint8)) == Stretch(7.0, 8.0)
    assert measure_stretch(np.full(9, 0.25, np.float32)) == Stretch(0.25, 1.25)


@pytest.mark.parametrize("samples", [[math.nan] * 4, [], [math.inf, -math.inf]])
def test_a_scene_without_finite_samples_gets_the_stretch_from_0_to_1(samples: list[float]):
    stretch = measure_stretch(np.array(samples))
    assert stretch == Stretch(0.0, 1.0)


def test_samples_that_are_not_finite_do_not_move_the_stretch():
    known = np.linspace(0, 100, 101)
    assert measure_stretch(np.concatenate([known, [math.nan, math.inf, -math.inf]])) == measure_stretch(known)


@given(ANY_SAMPLES)
def test_any_samples_have_a_stretch_and_pass_through_it(samples):
    stretch = measure_stretch(samples)
    codes = stretch.apply(samples)
    assert isinstance(stretch.low, float)
    assert isinstance(stretch.high, float)
    assert codes.shape == samples.shape


def test_the_widest_floats_neither_crash_nor_warn():
    samples = np.array([-1.7e308, -1e300, 0.0, 1e300, 1.7e308])
    codes = measure_stretch(samples).apply(samples)
    assert codes[0] == 0
    assert codes[-1] == 255
    assert (np.diff(codes.astype(int)) >= 0).all()


@pytest.mark.parametrize(
    "ends", [(1.0, 1.0), (2.0, 1.0), (math.nan, 1.0), (0.0, math.inf), (-math.inf, 0.0), (-1.7e308, 1.7e308)]
)
def test_a_stretch_without_finite_width_is_refused(ends: tuple[float, float]):
    with pytest.raises(ValueError, match="finite low < high"):
        Stretch(*ends)


@pytest.mark.parametrize(
    ("interpretation", "bands"),
    [
        (["red", "green", "blue"], (1, 2, 3)),
        (["blue", "green", "red", "undefined"], (3, 2, 1)),
        (["alpha", "red", "green", "blue"], (2, 3, 4)),
        (["Red", "GREEN", "blue", "alpha"], (1, 2, 3)),
        (["gray"], (1, 1, 1)),
        (["palette"], (1, 1, 1)),
        (["gray", "alpha"], (1, 1, 1)),
        (["alpha", "gray"], (2, 2, 2)),
        (["gray", "undefined"], (1, 1, 1)),
        (["gray", "undefined", "undefined"], (1, 2, 3)),
        (["gray", "undefined", "undefined", "undefined"], (1, 2, 3)),
        (["undefined", "alpha", "undefined", "undefined"], (1, 3, 4)),
        (["undefined"] * 13, (1, 2, 3)),
        (["red", "green", "undefined"], (1, 2, 3)),
        (["undefined", "red", "green", "alpha"], (1, 2, 3)),
        (["red", "red", "green", "blue"], (1, 3, 4)),
    ],
)
def test_bands_are_chosen_by_name_else_by_number(interpretation: list[str], bands: tuple[int, int, int]):
    assert choose_bands(interpretation) == bands


@pytest.mark.parametrize("interpretation", [[], ["alpha"], ["alpha", "alpha"]])
def test_a_scene_without_a_band_to_look_at_is_refused(interpretation: list[str]):
    with pytest.raises(ValueError, match="no band to look at"):
        choose_bands(interpretation)


def picture(seed: int = 1, size: int = 40_000) -> np.ndarray:
    return np.random.default_rng(seed).normal(2000, 400, size).round()


def with_fill(share: float, value: float, size: int = 40_000) -> np.ndarray:
    """Samples of a picture, a share of all of which is one value."""
    return np.concatenate([picture(size=size), np.full(round(size * share / (1 - share)), value)])


@pytest.mark.parametrize("value", [0, -9999, 65535, -3.4e38, 2000])
@pytest.mark.parametrize("share", [0.03, 0.4, 0.9, 0.975, 0.999])
def test_a_fill_that_nobody_declared_leaves_a_picture_its_range(value: float, share: float):
    low, high = np.percentile(picture(), (2, 98))
    found = measure_stretch(with_fill(share, value))
    assert found.low <= low + 1e-6 if value < low else found.low == pytest.approx(low, rel=0.2)
    assert found.high >= high - 1e-6 if value > high else found.high == pytest.approx(high, rel=0.2)
    assert (high - low) / (found.high - found.low) > 0.4


def test_two_fills_are_left_out():
    samples = np.concatenate([picture(), np.full(50_000, -9999), np.full(30_000, 65535)])
    found = measure_stretch(samples)
    assert 500 < found.low < found.high < 4000


@pytest.mark.parametrize("ships", [[2600], [2600, 2700], [2000, 2500, 2600, 2700]])
def test_ships_on_a_black_sea_are_bright_and_the_sea_is_black(ships: list[int]):
    samples = np.concatenate([np.zeros(1_000_000), np.repeat(ships, 40)])
    codes = measure_stretch(samples).apply(np.array([0, *ships], dtype=np.float64))
    assert codes[0] == 0
    assert codes[1:].min() >= 180
    assert codes[-1] == 255


def test_lights_of_a_night_do_not_become_white_all_over():
    lights = np.random.default_rng(3).lognormal(2, 1, 3_000)
    codes = measure_stretch(np.concatenate([np.zeros(97_000), lights])).apply(lights)
    assert (codes == 255).mean() < 0.03
    assert len(np.unique(codes)) > 100


def test_dark_things_on_a_white_collar_stay_apart_from_it():
    samples = np.concatenate([np.full(1_000_000, 65535), np.repeat(np.arange(300, 400), 50)])
    codes = measure_stretch(samples).apply(np.array([300, 397, 399, 65535]))
    assert codes.tolist() == [0, 204, 208, 255]


def test_a_scene_of_nothing_but_one_value_is_black():
    assert measure_stretch(np.full(1000, 500)) == Stretch(500.0, 501.0)
    mostly = np.concatenate([np.full(100_000, 500), [501] * 10])
    assert measure_stretch(mostly) == Stretch(500.0, 501.0)


@pytest.mark.parametrize(
    "values", [[0, 1], [0, 100, 200], list(range(0, 300, 10)), list(range(101)), [0, *range(9, 50)]]
)
def test_few_values_with_even_shares_keep_their_whole_range(values: list[int]):
    samples = np.repeat(values, 1000)
    assert measure_stretch(samples) == Stretch(*np.percentile(samples, (2, 98)))


@given(st.lists(st.integers(0, 4000), min_size=300, max_size=400, unique=True))
def test_without_a_value_that_stands_out_it_is_the_percentiles(values: list[int]):
    assert measure_stretch(np.array(values)) == Stretch(*np.percentile(values, (2, 98)))


@given(hnp.arrays(np.int16, st.integers(1, 200), elements=st.integers(-3, 3)), st.randoms())
def test_the_order_of_samples_does_not_matter(samples, random):
    shuffled = samples.tolist()
    random.shuffle(shuffled)
    assert measure_stretch(np.array(shuffled, dtype=np.int16)) == measure_stretch(samples)
