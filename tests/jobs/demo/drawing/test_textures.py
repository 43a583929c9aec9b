"""Random fields with the statistics of ground and water."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.demo.drawing.textures import fractal_noise, mottled, swell


def _rng(seed=0):
    return np.random.default_rng(seed)


def _neighbours(field, axis):
    """How alike neighbours are along an axis: the correlation."""
    one, other = np.delete(field, -1, axis), np.delete(field, 0, axis)
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


@given(height=st.integers(2, 40), width=st.integers(2, 40), roughness=st.floats(0, 2))
def test_noise_has_the_size_the_mean_and_the_deviation_that_it_says(height, width, roughness):
    field = fractal_noise(_rng(), (height, width), roughness)
    assert (field.shape, field.dtype) == ((height, width), np.float32)
    assert float(field.mean()) == pytest.approx(0, abs=1e-4)
    assert float(field.std()) == pytest.approx(1, rel=1e-3)


def test_noise_of_one_pixel_is_nothing():
    assert fractal_noise(_rng(), (1, 1)).tolist() == [[0.0]]


def test_noise_is_a_function_of_its_generator():
    first, again, other = (fractal_noise(_rng(seed), (30, 20)) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_more_the_amplitude_falls_the_smoother_is_the_noise():
    alike = [_neighbours(fractal_noise(_rng(), (128, 128), roughness), 0) for roughness in (0.0, 1.0, 2.0)]
    assert alike == sorted(alike)
    assert abs(alike[0]) < 0.1 < 0.9 < alike[2]


def test_waves_run_along_their_heading_and_are_as_long_as_said():
    waves = swell(_rng(), (256, 256), 0.0, 32.0)
    assert _neighbours(waves, 0) > _neighbours(waves, 1)
    spectrum = np.abs(np.fft.rfft(waves, axis=1)).mean(axis=0)
    assert 256 / 32 * 0.5 < spectrum.argmax() < 256 / 32 * 2


def test_a_heading_across_turns_the_waves():
    along, across = (swell(_rng(), (128, 128), heading, 16.0) for heading in (0.0, 90.0))
    assert _neighbours(along, 0) > _neighbours(along, 1)
    assert _neighbours(across, 0) < _neighbours(across, 1)


def test_low_noise_takes_the_first_colour_high_the_last_and_none_leaves_them():
    colours = [(0, 10, 20), (100, 100, 100), (200, 250, 240)]
    noise = np.array([[-9.0, -1.6, 0.0, 1.6, 9.0]], dtype=np.float32)
    found = mottled(noise, colours)
    np.testing.assert_allclose(
        found[0], [colours[0], colours[0], colours[1], colours[2], colours[2]], atol=1e-3
    )
    between = mottled(np.array([[0.8]], dtype=np.float32), colours)[0, 0]
    np.testing.assert_allclose(between, [150, 175, 170], atol=1e-3)
