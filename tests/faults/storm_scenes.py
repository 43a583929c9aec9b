"""The archive of a storm: scenes in a bucket, some of them truly bad, replaced and removed while it blows."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path

import s3fs

from tests.kit import jobs

SMALLEST_PX, LARGEST_PX = 40, 220
SEVERAL_TASKS_PX = (300, 400)


@dataclass
class StormArchive:
    """Scenes below ``prefix`` (bucket/folder): ``names`` are there, and ``bad`` of them are broken."""

    filesystem: s3fs.S3FileSystem
    prefix: str
    folder: Path
    rng: random.Random
    names: set[str] = field(default_factory=set)
    bad: set[str] = field(default_factory=set)

    def fill(self, count: int) -> None:
        """Write ``count`` scenes, every eighth of them bad, and at least three."""
        bad = set(self.rng.sample(range(count), max(3, count // 8)))
        for number in range(count):
            name = f"part-{number % 3}/scene-{number:03d}.tif"
            self.names.add(name)
            if number in bad:
                self.bad.add(name)
                self._send(name, self._broken(number))
            else:
                self._send(name, self._sound())

    def replace(self) -> str:
        """Give a sound scene, or a bad one, other pixels; the scene is sound then. Return its name."""
        name = self.rng.choice(sorted(self.names))
        self.bad.discard(name)
        self._send(name, self._sound())
        return name

    def remove(self) -> str:
        """Let a sound scene vanish; return its name."""
        name = self.rng.choice(sorted(self.names - self.bad))
        self.names.discard(name)
        self.filesystem.rm_file(f"{self.prefix}/{name}")
        return name

    def _send(self, name: str, data: bytes) -> None:
        self.filesystem.pipe_file(f"{self.prefix}/{name}", data)

    def _sound(self) -> bytes:
        height, width = (self.rng.randrange(SMALLEST_PX, LARGEST_PX) for _ in range(2))
        if self.rng.randrange(12) == 0:
            height, width = SEVERAL_TASKS_PX
        path = jobs.write_scene(self.folder / "scene.tif", height, width, self.rng.randrange(10**6))
        return path.read_bytes()

    def _broken(self, number: int) -> bytes:
        kind = ("truncated", "corrupt", "text", "empty")[number % 4]
        if kind == "text":
            return b"no raster at all"
        if kind == "empty":
            return b""
        data = jobs.write_broken(self.folder / "torn.tif").read_bytes()
        if kind == "truncated":
            return data
        whole = bytearray(self._sound())
        middle = len(whole) // 2
        whole[middle : middle + 400] = self.rng.randbytes(400)
        return bytes(whole)
