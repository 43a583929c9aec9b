from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image
from rasterio.enums import ColorInterp
from rasterio.transform import Affine

from jobs.demo.pictures import LONGEST_PX, draw_picture, picture_of
from sgddiff_batch.core.grid import Grid, Transform
from sgddiff_batch.core.planning import Mosaic, SceneMosaic, Tiling
from sgddiff_batch.core.scene import Scene, SceneProfile
from sgddiff_batch.errors import UnreadableSceneError
from sgddiff_batch.io.mosaics.writer import ZarrBlockWriter
from sgddiff_batch.io.storage.store import open_store
from tests.kit.mosaics import begun, committed

TILING = Tiling(tile_px=288, overlap_px=32, block_px=512)


def make_codes(height: int, width: int) -> np.ndarray:
    """Return codes with a salient square in the upper left quarter and no data in the lower right corner."""
    codes = np.zeros((height, width), dtype=np.uint8)
    codes[height // 8 : height // 4, width // 8 : width // 4] = 254
    codes[height * 3 // 4 :, width * 3 // 4 :] = 255
    return codes


def drawn(path: Path, height: int, width: int) -> np.ndarray:
    codes = make_codes(height, width)
    pixels = np.full((3, height, width), 90, dtype=np.uint8)
    draw_picture(pixels, codes != 255, codes, path, name="a scene.tif")
    with Image.open(path) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB"))


@pytest.mark.parametrize(
    "shape", [(1, 1), (3, 2000), (2000, 3), (40, 60), (700, 650), (2500, 1800), (300, 5000)], ids=str
)
def test_no_side_is_longer_than_stated_and_the_picture_is_wide_enough_for_its_caption(tmp_path, shape):
    picture = drawn(tmp_path / "p.png", *shape)
    assert max(picture.shape[:2]) <= LONGEST_PX
    assert picture.shape[1] >= 560


def test_the_scene_is_left_and_its_saliency_right(tmp_path):
    picture = drawn(tmp_path / "p.png", 600, 600).astype(int)
    middle = picture.shape[1] // 2
    left, right = picture[60:600, 10 : middle - 10], picture[60:600, middle + 10 : -10]
    assert np.median(left) == 90
    assert (right.sum(axis=2) > 600).any(), "the salient square is bright"
    assert np.median(right) < 40, "what is not salient is dark"


def test_no_data_is_neutral_grey_in_both_halves_and_no_colour_of_saliency(tmp_path):
    picture = drawn(tmp_path / "p.png", 600, 600)
    for col in (550, picture.shape[1] - 60):
        patch = picture[540:580, col : col + 30]
        assert set(np.unique(patch)) == {178, 206}


def test_a_scene_of_no_data_alone_is_drawn(tmp_path):
    nothing = np.full((30, 30), 255, dtype=np.uint8)
    pixels = np.zeros((3, 30, 30), dtype=np.uint8)
    draw_picture(pixels, nothing != 255, nothing, tmp_path / "p.png", name="empty.tif")
    assert (tmp_path / "p.png").stat().st_size > 0


@pytest.mark.parametrize(
    "name",
    ["", "x" * 5000, "港\n\x00\u202e.tif", "\udcff.tif", "%s{}"],
    ids=["none", "long", "odd", "no text", "format"],
)
def test_no_name_breaks_the_caption(tmp_path, name):
    codes = make_codes(64, 64)
    draw_picture(np.zeros((3, 64, 64), np.uint8), codes != 255, codes, tmp_path / "p.png", name=name)


@pytest.mark.parametrize("shape", [(3, 10, 11), (1, 10, 10), (3, 10)], ids=str)
def test_shapes_that_do_not_agree_are_refused(tmp_path, shape):
    codes = np.zeros((10, 10), dtype=np.uint8)
    with pytest.raises(ValueError, match="a picture needs"):
        draw_picture(np.zeros(shape, np.uint8), codes == 0, codes, tmp_path / "p.png")


def test_an_existing_picture_is_replaced_and_nothing_else_is_left_beside_it(tmp_path):
    path = tmp_path / "new folder" / "p.png"
    drawn(path, 40, 40)
    first = path.read_bytes()
    drawn(path, 80, 40)
    assert path.read_bytes() != first
    assert [file.name for file in path.parent.iterdir()] == ["p.png"]


def write_scene(
    path: Path, samples: np.ndarray, colormap: dict[int, tuple[int, ...]] | None = None
) -> SceneMosaic:
    """Write a scene and its complete mosaic beside it, and return what the mosaic was made from."""
    count, height, width = samples.shape
    with rasterio.open(
        path, "w", driver="GTiff", count=count, height=height, width=width, dtype=samples.dtype.name,
        crs="EPSG:32633", transform=Affine(1, 0, 500_000, 0, -1, 5_000_000),
    ) as dataset:  # fmt: skip
        dataset.write(samples)
        if colormap:
            dataset.write_colormap(1, colormap)
            dataset.colorinterp = [ColorInterp.palette]
    grid = Grid(height, width, Transform(1, 0, 500_000, 0, -1, 5_000_000), "EPSG:32633")
    scene = Scene(path.name, str(path), "v1", path.stat().st_size)
    bands = (1, 2, 3) if count >= 3 else (1, 1, 1)
    return SceneMosaic.at(
        f"{path.name}/v1-key.zarr", scene, SceneProfile(grid, bands, samples.dtype.name, 1), TILING
    )


def write_mosaic(folder: Path, mosaic: Mosaic, stretch: list[float] | None = None) -> str:
    writer = ZarrBlockWriter(open_store(str(folder)))
    provenance = {
        "scene_id": mosaic.id,
        "source_uri": mosaic.scene.uri,
        "bands": list(mosaic.profile.bands),
        "stretch": stretch,
        **{"source_version": "v1", "source_size_bytes": 0, "notes": [], "pixel_settings": {}},
    }
    claim = begun(writer, mosaic, provenance)
    codes = make_codes(mosaic.grid.height_px, mosaic.grid.width_px)
    for block in mosaic.blocks():
        writer.write_block(mosaic, block, np.ascontiguousarray(codes[block.slices]))
    committed(writer, mosaic, claim)
    return f"{folder}/{mosaic.path}"


def picture_beside(tmp_path: Path, mosaic: Mosaic, stretch: list[float] | None = None) -> np.ndarray:
    uri = write_mosaic(tmp_path / "out", mosaic, stretch)
    picture_of(uri, tmp_path / "p.png")
    with Image.open(tmp_path / "p.png") as image:
        return np.asarray(image.convert("RGB"))


def test_a_mosaic_is_drawn_beside_its_scene(tmp_path):
    samples = np.stack([np.full((600, 600), value, np.uint8) for value in (30, 120, 60)])
    picture = picture_beside(tmp_path, write_scene(tmp_path / "s.tif", samples))
    assert picture[300, 100].tolist() == [30, 120, 60]
    assert picture[100, picture.shape[1] // 2 + 110].sum() > 600


def test_a_mosaic_larger_than_a_picture_is_read_at_a_coarser_level(tmp_path):
    samples = np.full((3, 1700, 2600), 77, dtype=np.uint8)
    picture = picture_beside(tmp_path, write_scene(tmp_path / "s.tif", samples))
    assert max(picture.shape[:2]) <= LONGEST_PX
    assert picture[200, 100].tolist() == [77, 77, 77]


def test_the_scene_is_shown_with_the_stretch_of_the_mosaic(tmp_path):
    samples = np.full((4, 300, 300), 3000, dtype=np.uint16)
    picture = picture_beside(tmp_path, write_scene(tmp_path / "s.tif", samples), [1000.0, 5000.0])
    assert picture[150, picture.shape[1] // 4].tolist() == [128, 128, 128]


def test_a_palette_is_shown_in_its_colours(tmp_path):
    samples = np.full((1, 300, 300), 5, dtype=np.uint8)
    mosaic = write_scene(tmp_path / "s.tif", samples, {5: (200, 40, 10, 255)})
    picture = picture_beside(tmp_path, mosaic)
    assert picture[150, picture.shape[1] // 4].tolist() == [200, 40, 10]


def test_a_scene_that_is_gone_is_named_with_its_mosaic(tmp_path):
    mosaic = write_scene(tmp_path / "s.tif", np.zeros((3, 300, 300), np.uint8))
    uri = write_mosaic(tmp_path / "out", mosaic)
    (tmp_path / "s.tif").unlink()
    with pytest.raises(UnreadableSceneError, match=r"cannot draw 's\.tif'"):
        picture_of(uri, tmp_path / "p.png")
    assert not (tmp_path / "p.png").exists()


def test_a_mosaic_that_is_not_complete_is_refused(tmp_path):
    mosaic = write_scene(tmp_path / "s.tif", np.zeros((3, 300, 300), np.uint8))
    begun(ZarrBlockWriter(open_store(str(tmp_path / "out"))), mosaic, {"scene_id": "s.tif"})
    with pytest.raises(ValueError, match="not complete"):
        picture_of(f"{tmp_path}/out/{mosaic.path}", tmp_path / "p.png")
