"""Has GDAL end the process that opens certain scenes; each process with this folder on its path loads it.

``TEST_DEADLY`` is a folder with a file for each of them, by the scene's file name: a line a death that is
still to come, the name of its signal. "hang" is none: who opens the scene notes its number in a file
``.opened`` beside that one, and waits until the file is emptied. No such folder: nothing is done.
"""

import os
import signal
import time
from pathlib import Path

_FOLDER = os.environ.get("TEST_DEADLY")


def _meet(note):
    if not note.is_file():
        return
    first, *later = note.read_text().splitlines() or [""]
    if first == "hang":
        note.with_suffix(".part").write_text(str(os.getpid()))
        note.with_suffix(".part").rename(note.with_suffix(".opened"))
        while note.read_text():
            time.sleep(0.02)
    elif first:
        note.write_text("\n".join(later))
        os.kill(os.getpid(), signal.Signals[first])
        signal.pause()


if _FOLDER:
    import rasterio

    _open = rasterio.open

    def _deadly_open(path, *args, **options):
        _meet(Path(_FOLDER) / Path(str(path)).name)
        return _open(path, *args, **options)

    rasterio.open = _deadly_open
