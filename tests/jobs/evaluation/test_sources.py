import numpy as np
import rasterio
from PIL import Image

from jobs import infer_archive
from jobs.evaluation.sources import codes_to_bytes
from sgddiff_batch.core.tiling import OVERLAP_PX, TILE_PX
from tests.kit import jobs
from tests.kit.pictures import run, write


def test_a_map_equals_the_mosaic_of_the_main_job(tmp_path, checkpoint):
    scene = jobs.write_scene(tmp_path / "scenes" / "s.tif", TILE_PX + 70, 300, 5)
    config = jobs.write_config(tmp_path / "run.yaml", scene.parent, tmp_path / "out", checkpoint)
    defaults = [
        "--set",
        f"tiling.tile_px={TILE_PX}",
        "--set",
        f"tiling.overlap_px={OVERLAP_PX}",
        "--set",
        "tiling.block_px=1024",
    ]
    assert infer_archive.main(["--config", str(config), *defaults, "--set", "tiling.task_memory_gib=1"]) == 0
    codes = next(level for name, level in jobs.decoded(tmp_path / "out").items() if name.endswith("/0"))
    with rasterio.open(scene) as opened:
        write(tmp_path / "images" / "s.png", opened.read().transpose(1, 2, 0))
    student = ["--checkpoint", checkpoint, "--device", "cpu"]
    assert run("--images", tmp_path / "images", *student, "--maps", tmp_path / "maps") == 0
    with Image.open(tmp_path / "maps" / "s.png") as saliency:
        np.testing.assert_array_equal(np.asarray(saliency), codes_to_bytes(codes))
    assert codes.max() > codes.min()


def test_codes_become_bytes_by_rounding_and_one_half_is_128():
    codes = np.arange(255, dtype=np.uint8)
    np.testing.assert_array_equal(
        codes_to_bytes(codes), np.floor(codes.astype(int) * 255 / 254 + 0.5).astype(np.uint8)
    )
    assert codes_to_bytes(codes)[[0, 127, 254]].tolist() == [0, 128, 255]
