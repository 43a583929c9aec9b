"""Textures: random fields with the statistics of ground and water, float32 of any (height, width)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from jobs.demo.drawing.shapes import Colour

Field = NDArray[np.float32]


def fractal_noise(
    rng: np.random.Generator, shape: tuple[int, int], roughness: float = 1.0, largest_px: float = 400.0
) -> Field:
    """Return noise of mean 0 and deviation 1 whose amplitude falls as frequency to the ``-roughness``.

    ``largest_px`` bounds the size of its features; 0 roughness is white noise, 2 is soft clouds.
    """
    rows, cols = _frequencies(shape)
    frequency = np.maximum(np.hypot(rows, cols), 1.0 / largest_px)
    return _filtered(rng, shape, frequency**-roughness)


def swell(
    rng: np.random.Generator,
    shape: tuple[int, int],
    heading_deg: float,
    length_px: float,
    spread: float = 2.0,
) -> Field:
    """Return the slopes of waves about ``length_px`` long that run along a heading; deviation 1.

    A wind spectrum: no waves longer than the peak, ever smaller ones below it, most along the wind.
    """
    rows, cols = _frequencies(shape)
    frequency = np.maximum(np.hypot(rows, cols), 1e-6)
    angle = np.deg2rad(heading_deg)
    along = np.abs(cols * np.cos(angle) + rows * np.sin(angle)) / frequency
    peak = 1.0 / length_px
    amplitude = frequency**-1.0 * np.exp(-0.625 * (peak / frequency) ** 4) * (0.08 + along**spread)
    return _filtered(rng, shape, amplitude)


def mottled(noise: Field, colours: Sequence[Colour]) -> Field:
    """Return (h, w, 3) colours, mixed by a noise of deviation 1: the first where it is low."""
    stops = np.linspace(-1.6, 1.6, len(colours))
    table = np.asarray(colours, dtype=np.float64)
    return np.stack([np.interp(noise, stops, channel) for channel in table.T], axis=2).astype(np.float32)


def _frequencies(shape: tuple[int, int]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rows: NDArray[np.float64] = np.asarray(np.fft.fftfreq(shape[0]), dtype=np.float64)[:, None]
    cols: NDArray[np.float64] = np.asarray(np.fft.rfftfreq(shape[1]), dtype=np.float64)[None, :]
    return rows, cols


def _filtered(rng: np.random.Generator, shape: tuple[int, int], amplitude: NDArray[np.float64]) -> Field:
    spectrum = np.fft.rfft2(rng.standard_normal(shape, dtype=np.float32)) * amplitude
    spectrum[0, 0] = 0.0
    field = np.fft.irfft2(spectrum, s=shape).astype(np.float32)
    return field / max(float(field.std()), 1e-9)
