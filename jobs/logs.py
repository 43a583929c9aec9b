"""What reaches the user's log: our own lines, and of libraries what they warn of, a line each."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from typing import TextIO

from sgddiff_batch.core.words import on_one_line, printable

OURS = frozenset({"__main__", "jobs", "models", "sgddiff_batch"})
"""The first parts of the names of our own loggers; all others are libraries'."""

_UNHEARD = frozenset({"fiona", "osgeo", "pyogrio", "pyproj", "rasterio"})
"""GDAL and PROJ by their Python names. What they tell of a scene is overheard where it is read, and is in its
notes or in the reason of its quarantine; what fails is raised. The rest (a point that has no place in a CRS,
a tag that nobody knows) is nothing that anybody could act on, and may come once a pixel."""

_LINE, _TIME_OF_DAY = "%(asctime)s %(levelname)s %(message)s", "%H:%M:%S"


def start_log(
    level: int = logging.INFO,
    line: str = _LINE,
    times: str | None = _TIME_OF_DAY,
    stream: TextIO | None = None,
    *,
    force: bool = False,
) -> None:
    """Log from ``level`` on, a line each, to ``stream`` (standard error) and nowhere else.

    Libraries are heard from WARNING on; GDAL and PROJ not at all. ``times`` None: dates, too. Where there is
    a log, it stays; ``force`` takes its place.
    """
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_OneLine(line, times))
    handler.addFilter(_is_for_users)
    logging.basicConfig(level=level, handlers=[handler], force=force)
    # By the hook, not by filters: `catch_warnings` of any thread turns filters of all threads back.
    warnings.showwarning = _log_warning
    # GDAL, where no rasterio.Env is, and PROJ below it write to standard error themselves.
    os.environ.setdefault("CPL_LOG", os.devnull)


class _OneLine(logging.Formatter):
    """Our records as they are; a library's on one line, with its name and without its traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        name = _first_part(record.name)
        if name in OURS:
            return super().format(record)
        words = record.getMessage()
        if record.exc_info and record.exc_info[1] is not None:
            words += f" ({type(record.exc_info[1]).__name__}: {record.exc_info[1]})"
        told = f"{name}: {printable(on_one_line(words))}"
        return super().format(logging.makeLogRecord({**_plain(record), "msg": told}))


def _plain(record: logging.LogRecord) -> dict[str, object]:
    return {**record.__dict__, "args": (), "exc_info": None, "exc_text": None, "stack_info": None}


def _is_for_users(record: logging.LogRecord) -> bool:
    name = _first_part(record.name)
    return name in OURS or (name not in _UNHEARD and record.levelno >= logging.WARNING)


def _log_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Take the place of :func:`warnings.showwarning`, which prints a line of the library's source."""
    library = _first_part(category.__module__)
    if library == "builtins":
        library = _package_of(filename)
    logging.getLogger(library).warning("%s (%s)", message, category.__name__)


def _package_of(filename: str) -> str:
    """Return the name of the package that a source file belongs to, "python" where it is in none."""
    for name, module in list(sys.modules.items()):
        if getattr(module, "__file__", None) == filename:
            return _first_part(name)
    return "python"


def _first_part(name: str) -> str:
    return name.partition(".")[0]
