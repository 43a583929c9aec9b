"""Mutated TIFFs: each is done or in quarantine, whatever its bytes; and what the fuzzer found stays found."""

import pytest
import rasterio

from sgddiff_batch.core.scene import Scene
from sgddiff_batch.errors import UnreadableSceneError, UnsupportedSceneError
from sgddiff_batch.io.scenes.geotiff import GeoTiffReader
from tests.faults import fuzz
from tests.kit.fuzz import Mutator, parse, sound_files
from tests.kit.scenes import TRANSFORM, noise, scene_of, write_scene

COUNT, SEED = 200, 11


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    return sound_files(tmp_path_factory.mktemp("sound"))


def test_the_files_to_mutate_are_sound_and_of_many_kinds(sound, tmp_path):
    for number, data in enumerate(sound):
        path = tmp_path / f"{number}.tif"
        path.write_bytes(data)
        verdict = fuzz.judge(path, number)
        assert verdict.state == "done", verdict
    layouts = [parse(data) for data in sound]
    assert {layout.order for layout in layouts} == {"<", ">"}
    assert {layout.is_big for layout in layouts} == {True, False}
    assert max(len(layout.directories) for layout in layouts) >= 3


def test_a_mutant_is_the_same_whatever_was_made_before(sound):
    first, second = Mutator(sound, 3), Mutator(sound, 3)
    assert [first.mutant(n) for n in (0, 1, 2)] == [second.mutant(n) for n in (2, 1, 0)][::-1]
    assert Mutator(sound, 4).mutant(0) != first.mutant(0)


def test_mutants_are_done_or_in_quarantine():
    verdicts = list(fuzz.verdicts(COUNT, SEED))
    assert [verdict for verdict in verdicts if verdict.is_finding] == []
    assert [verdict.number for verdict in verdicts] == list(range(COUNT))
    states = [verdict.state for verdict in verdicts]
    assert min(states.count("done"), states.count("quarantine")) > COUNT // 20


def test_a_mutant_that_ends_its_process_is_told_and_the_next_one_is_read(tmp_path):
    source = (
        "import os, signal, sys\n"
        "from tests.faults import fuzz\n"
        "judge = fuzz.judge\n"
        "fuzz.judge = lambda path, n: os.kill(os.getpid(), signal.SIGSEGV) if n == 1 else judge(path, n)\n"
        "sys.exit(fuzz.main(sys.argv[1:]))\n"
    )
    found = list(fuzz.verdicts(3, SEED, keep=tmp_path / "kept", child=["-c", source]))
    assert [verdict.number for verdict in found] == [0, 1, 2]
    assert [verdict.is_finding for verdict in found] == [False, True, False]
    assert (found[1].state, found[1].reason.split()[1].rstrip(":")) == ("died", "-11")
    assert [path.name for path in (tmp_path / "kept").iterdir()] == [f"{SEED}-1.tif"]


class TestFound:
    """By 10,000 mutants of seed 1."""

    def test_a_palette_without_colours(self, tmp_path):
        path = write_scene(tmp_path / "a.tif", noise(1, 48, 48), colormap={0: (1, 2, 3, 255)})
        data = bytearray(path.read_bytes())
        table = next(f for f in parse(bytes(data)).directories[0].fields if f.tag == 320)
        data[table.entry : table.entry + 2] = (65000).to_bytes(2, "little")
        path.write_bytes(data)
        with pytest.raises(UnreadableSceneError, match="palette, and it has none"):
            GeoTiffReader().profile(scene_of(path))

    def test_samples_of_32_bits_that_index_a_palette(self, tmp_path):
        """GDAL calls them so, and a table of 2**32 colours would take 12 GiB."""
        path = write_scene(tmp_path / "a.tif", noise(1, 48, 48), colormap={0: (1, 2, 3, 255)})
        data = bytearray(path.read_bytes())
        bits = next(f for f in parse(bytes(data)).directories[0].fields if f.tag == 258)
        data[bits.values] = 32
        path.write_bytes(data)
        with pytest.raises((UnreadableSceneError, UnsupportedSceneError), match="palette"):
            GeoTiffReader().profile(scene_of(path))


@pytest.mark.parametrize("side", [200_000, 120_000])
def test_a_small_file_that_claims_a_huge_scene_is_refused_before_any_pixel(tmp_path, side):
    options = {"tiled": True, "blockxsize": 4096, "blockysize": 4096, "SPARSE_OK": "TRUE", "BIGTIFF": "YES"}
    path = tmp_path / "bomb.tif"
    profile = {"width": side, "height": side, "count": 3, "dtype": "uint8", "compress": "deflate"}
    profile["transform"] = TRANSFORM
    with rasterio.open(path, "w", driver="GTiff", crs="EPSG:32633", **profile, **options):
        pass
    size = path.stat().st_size
    assert size < 2**20
    with pytest.raises(UnsupportedSceneError, match=f"{side} x {side}"):
        GeoTiffReader().profile(Scene("bomb.tif", str(path), "v1", size))
