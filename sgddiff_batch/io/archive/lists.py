"""Lists of scenes: text, CSV and Parquet files that name the scenes of an archive one by one."""

from __future__ import annotations

import csv
import io
import posixpath

from sgddiff_batch.core.query import OWN, BucketAccess
from sgddiff_batch.core.source_kinds import SOURCE_KINDS
from sgddiff_batch.errors import ConfigError, RetryableError
from sgddiff_batch.io import storage
from sgddiff_batch.io.archive.file_names import SCENE_SUFFIXES

_COLUMNS = ("uri", "path")


def is_list(uri: str) -> bool:
    """Whether a URI names a list file, by its suffix; a local folder of such a name is none."""
    if not uri.lower().endswith(SOURCE_KINDS["list"].suffixes):
        return False
    path = storage.local_path(uri)
    return path is None or not path.is_dir()


def read_list(uri: str, access: BucketAccess = OWN) -> list[str]:
    """Return the entries of a list as they are written, blank ones left out.

    .txt: one a line, UTF-8, lines that begin with ``#`` are comments. .csv and .parquet: the column ``uri``,
    else ``path``, else the only column there is (a .csv of one column needs no header).

    Raises:
        ConfigError: if there is no such list, or it cannot be understood.
        RetryableError: if the storage failed.
    """
    data = _content(uri, access)
    try:
        if uri.lower().endswith(".parquet"):
            entries = _parquet_entries(data)
        else:
            text = data.decode("utf-8-sig")
            entries = _csv_entries(text) if uri.lower().endswith(".csv") else _text_entries(text)
    except UnicodeDecodeError as error:
        raise ConfigError(f"archive.uri: the list {uri!r} is not UTF-8: {error}") from None
    except (ValueError, OSError, csv.Error) as error:  # ValueError: pyarrow's too
        raise ConfigError(f"archive.uri: the list {uri!r} cannot be understood: {error}") from None
    return [entry.strip() for entry in entries if entry.strip()]


def _content(uri: str, access: BucketAccess) -> bytes:
    folder, name = posixpath.split(uri if "://" in uri else storage.open_store(uri).root)
    try:
        return storage.open_store(folder, access).read(name)
    except FileNotFoundError:
        raise ConfigError(f"archive.uri: there is no list at {uri!r}") from None
    except PermissionError as error:
        raise ConfigError(f"archive.uri: the list {uri!r} cannot be read: {error}") from None
    except OSError as error:
        raise RetryableError(f"reading the list {uri!r} failed: {error}") from None


def _text_entries(text: str) -> list[str]:
    return [line for line in text.split("\n") if not line.startswith("#")]


def _csv_entries(text: str) -> list[str]:
    rows = [row for row in csv.reader(io.StringIO(text)) if any(cell.strip() for cell in row)]
    if not rows:
        return []
    header = [cell.strip().lower() for cell in rows[0]]
    if len(header) == 1 and header[0].endswith(SCENE_SUFFIXES):
        return [row[0] for row in rows]
    column = _column(header)
    return [row[column] for row in rows[1:] if column < len(row)]


def _parquet_entries(data: bytes) -> list[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = pq.ParquetFile(pa.BufferReader(data))
    names = file.schema_arrow.names
    column = names[_column([name.lower() for name in names])]
    # By its place: of two columns of one name there is no telling by it.
    values = file.read(columns=[column], use_threads=False).column(0).to_pylist()
    if wrong := [value for value in values if not isinstance(value, str | None)]:
        raise ValueError(f"its column {column!r} holds no text but {wrong[0]!r}")
    return [value for value in values if value is not None]


def _column(header: list[str]) -> int:
    for name in _COLUMNS:
        if name in header:
            return header.index(name)
    if len(header) == 1:
        return 0
    raise ValueError(f"its columns are {header}; one must be called 'uri' or 'path'")
