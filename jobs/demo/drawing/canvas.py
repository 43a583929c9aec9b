"""Canvas: a picture that shapes are painted on, with grain, and shadows of one sun."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from jobs.demo.drawing.raster import drawn
from jobs.demo.drawing.shapes import Shape, Thing, placed
from jobs.demo.drawing.textures import Field, fractal_noise

_SHADOW_TINT = np.array([1.0, 0.97, 0.9], dtype=np.float32)
"""How much of a shadow each colour gets: the sky lights it, so it is a little blue."""


class Canvas:
    """A picture in the making.

    ``pixels`` is (h, w, 3) float32, 0..255; ``grain`` a noise of deviation 1 that nothing painted escapes,
    because nothing on the ground is of one colour. ``sun`` is the way of a shadow for a pixel of height.
    ``frame`` is where the origin of all that is painted lies (x, y), and its heading in degrees.
    """

    def __init__(
        self, rng: np.random.Generator, ground: Field, sun: tuple[float, float] = (-0.62, -0.5)
    ) -> None:
        self.pixels = ground
        self.rng = rng
        self.sun = sun
        self.frame = (0.0, 0.0, 0.0)
        self.grain = fractal_noise(rng, self.shape, roughness=0.7, largest_px=120.0)

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.pixels.shape[0], self.pixels.shape[1]

    @property
    def frame_sun(self) -> tuple[float, float]:
        """The sun, as it is in the frame."""
        angle = np.deg2rad(self.frame[2])
        x, y = self.sun
        return float(x * np.cos(angle) + y * np.sin(angle)), float(y * np.cos(angle) - x * np.sin(angle))

    def paint(
        self, shapes: Iterable[Shape], grain: float = 0.04, opacity: float = 1.0, blur_px: float = 0.0
    ) -> None:
        """Paint shapes, the later ones on top; ``grain`` is the relative deviation of their brightness."""
        for window, colour, cover in drawn(placed(shapes, *self.frame), self.shape, blur_px):
            rough = colour * (1.0 + grain * self.grain[window])[..., None]
            self._mix(window, rough, cover * opacity)

    def shade(self, shapes: Iterable[Shape], strength: float = 0.6, blur_px: float = 0.6) -> None:
        """Darken what lies below shapes."""
        for window, _, cover in drawn(placed(shapes, *self.frame), self.shape, blur_px):
            self.pixels[window] *= 1.0 - strength * cover[..., None] * _SHADOW_TINT

    def foam(self, shapes: Iterable[Shape], opacity: float, blur_px: float) -> None:
        """Paint shapes as foam is: broken up by the grain."""
        for window, colour, cover in drawn(placed(shapes, *self.frame), self.shape, blur_px):
            broken = np.clip((0.55 + 0.6 * self.grain[window]) * opacity, 0.0, 1.0)
            self._mix(window, colour, broken * cover)

    def texture(self, area: Iterable[Shape], texture: Field, blur_px: float = 0.0) -> None:
        """Fill an area with a texture (h, w, 3) of the canvas's own size."""
        for window, _, cover in drawn(placed(area, *self.frame), self.shape, blur_px):
            self._mix(window, texture[window], cover)

    def put(self, things: Sequence[Thing], grain: float = 0.03, shadow: float = 0.6) -> None:
        """Put things on the ground: all their shadows first, then the things."""
        self.shade([part for thing in things for part in self._cast(thing)], shadow)
        self.paint([shape for thing in things for shape in thing.shapes], grain)

    def develop(self, blur_px: float = 0.55, noise: float = 1.6, haze: float = 8.0) -> NDArray[np.uint8]:
        """Return the picture as a camera sees it, (3, h, w) uint8, 1..255: soft, hazy, a little noisy."""
        image = Image.fromarray(_to_uint8(self.pixels)).filter(ImageFilter.GaussianBlur(blur_px))
        seen = np.asarray(image, dtype=np.float32) * (1.0 - haze / 255.0) + haze
        seen += noise * self.rng.standard_normal(self.shape, dtype=np.float32)[..., None]
        return np.ascontiguousarray(np.maximum(_to_uint8(seen), 1).transpose(2, 0, 1))

    def _mix(self, window: tuple[slice, slice], colour: Field, cover: Field) -> None:
        self.pixels[window] += cover[..., None] * (colour - self.pixels[window])

    def _cast(self, thing: Thing) -> list[Shape]:
        steps = max(1, round(thing.height_px / 1.5))
        ways = [thing.height_px * (step + 1) / steps for step in range(steps)]
        x, y = self.frame_sun
        return [shape for way in ways for shape in placed(thing.outline, way * x, way * y)]


def _to_uint8(values: Field) -> NDArray[np.uint8]:
    return np.clip(values + 0.5, 0.0, 255.0).astype(np.uint8)
