"""The demo: draws a small archive, runs the main job on it, and makes a picture of each mosaic.

    python jobs/demo.py [--folder demo-output]

Everything lies below the folder. Run again, it computes nothing that is there already.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml

from jobs import infer_archive
from jobs.demo.archive import SCENES, draw_archive
from jobs.demo.pictures import picture_of
from sgddiff_batch.errors import SgddiffBatchError
from sgddiff_batch.io.catalogue import list_mosaics

_EXPECTED = (infer_archive.EXIT_DONE, infer_archive.EXIT_QUARANTINED)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the demo; return 0 if everything went as expected, else the main job's exit code."""
    parser = argparse.ArgumentParser(prog="demo", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--folder", type=Path, default=Path("demo-output"), help="default: %(default)s")
    folder: Path = parser.parse_args(argv).folder.resolve()
    try:
        config = prepare(folder)
        print(f"running: python jobs/infer_archive.py --config {_short(config)}", flush=True)
        code = infer_archive.main(["--config", str(config)])
        if code not in _EXPECTED:
            print(f"the main job ended with exit code {code}, and the demo with it", file=sys.stderr)
            return code
        pictures = draw_pictures(folder / "mosaics", folder / "pictures")
    except (SgddiffBatchError, OSError) as error:
        print(f"the demo stopped: {error}", file=sys.stderr)
        return infer_archive.EXIT_FAILED
    print(_farewell(folder, pictures))
    return infer_archive.EXIT_DONE


def prepare(folder: Path) -> Path:
    """Draw the archive where it is not there yet, write the config beside it, and return the config."""
    archive = folder / "archive"
    if not all((archive / scene.path).exists() for scene in SCENES):
        print(f"drawing {len(SCENES)} scenes into {_short(archive)} (about 10 s)", flush=True)
        draw_archive(archive)
    config = folder / "demo.yaml"
    wanted = yaml.safe_dump({"archive": {"uri": "archive"}, "output": {"uri": "mosaics"}}, sort_keys=False)
    config.write_text(f"# All that the main job needs. Relative paths count from this file.\n{wanted}")
    return config


def draw_pictures(output: Path, folder: Path) -> list[Path]:
    """Draw one picture a mosaic of an output folder, and return them."""
    pictures = []
    for entry in list_mosaics(str(output)):
        path = folder / f"{entry.scene_id.replace('/', '-')}.png"
        picture_of(entry.uri, path)
        pictures.append(path)
    return pictures


def _farewell(folder: Path, pictures: Sequence[Path]) -> str:
    broken = ", ".join(scene.path for scene in SCENES if scene.truncated)
    lines = [
        "",
        f"{len(pictures)} pictures to look at, each a scene beside its saliency:",
        *(f"  {_short(path)}" for path in pictures),
        f"mosaics: {_short(folder / 'mosaics')}   archive: {_short(folder / 'archive')}",
        f"{broken} is cut off in the middle on purpose: it is in quarantine, with its reason.",
        "Run it again: nothing is computed twice.",
    ]
    return "\n".join(lines)


def _short(path: Path) -> str:
    """Return a path as seen from the working directory, where it lies below that."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


if __name__ == "__main__":
    sys.exit(main())
