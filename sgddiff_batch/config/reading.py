"""Reading a config: a YAML file with `--set key=value` laid over it, and mistakes told by their keys."""

from __future__ import annotations

import difflib
import re
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from sgddiff_batch.core.schemes import SCHEMES, examples
from sgddiff_batch.core.words import on_one_line
from sgddiff_batch.errors import ConfigError


class Section(BaseModel):
    """A part of a config: frozen, and without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


_QUERY = re.compile(r"\?[^/]*=")
"""A single ``?`` is a wildcard of globs; with a key and a value behind it, it is a query."""


def check_no_login(uri: str) -> str:
    """Return a URI that holds no user, password or signed query, which logs and reports would show."""
    scheme, separator, rest = uri.partition("://")
    if separator and _QUERY.search(rest):
        shown = _QUERY.split(uri, maxsplit=1)[0].rpartition("@")[2].removeprefix(f"{scheme}://")
        raise ValueError(f"must not hold a query, got {scheme}://{shown}?***; use the environment to sign")
    if separator and "@" in rest.partition("/")[0]:
        raise ValueError(f"must not hold a user or password, got {scheme}://***@...; use the environment")
    return uri


def _check_scheme(uri: str) -> str:
    check_no_login(uri)
    scheme, separator, rest = uri.partition("://")
    if separator and (scheme not in SCHEMES or not rest.strip("/")):
        raise ValueError(f"must be a local path or {examples()}, got {uri!r}")
    return uri


Uri = Annotated[str, Field(min_length=1), AfterValidator(_check_scheme)]
"""A local path, or a bucket by one of :data:`sgddiff_batch.core.schemes.SCHEMES`."""


def _check_pattern(text: str) -> str:
    try:
        groups = re.compile(text).groups
    except re.error as error:
        raise ValueError(f"must be a regular expression ({error}), got {text!r}") from None
    if not groups:
        raise ValueError(f"must have a group (...) around the digits of the time, got {text!r}")
    return text


TimePattern = Annotated[str, AfterValidator(_check_pattern)]
"""A regular expression whose groups hold the digits of a time: 2026, 202601, 20260131, 20260131120000."""

Config = TypeVar("Config", bound=BaseModel)

_NO_YAML = (yaml.YAMLError, ValueError, RecursionError)
"""What a text raises that is no YAML, or looks like a value and is none: 2026-02-30 is no date."""


def read_config(kind: type[Config], path: str, assignments: Sequence[str] = ()) -> Config:
    """Read a config file and lay ``key=value`` assignments (dotted keys, YAML values) over it.

    Raises:
        ConfigError: naming the key, what was found, and what is allowed.
    """
    tree = _read_yaml(path)
    for assignment in assignments:
        _assign(tree, assignment)
    try:
        return kind.model_validate(tree)
    except ValidationError as error:
        raise ConfigError(_explain(error, kind)) from None


class _UniqueKeyLoader(yaml.SafeLoader):
    """Refuses a key that is given twice, of which YAML would silently keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [key.value for key, _ in node.value]
        twice = sorted({str(key) for key in keys if keys.count(key) > 1})
        if twice:
            raise yaml.constructor.ConstructorError(None, None, f"{twice[0]} is given twice", node.start_mark)
        return super().construct_mapping(node, deep)


def _read_yaml(path: str) -> dict[str, Any]:
    try:
        tree = yaml.load(Path(path).read_text(encoding="utf-8"), Loader=_UniqueKeyLoader)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"--config {path}: cannot be read: {error}") from None
    except _NO_YAML as error:
        raise ConfigError(f"--config {path}: is not a YAML config: {on_one_line(error)}") from None
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise ConfigError(f"--config {path}: must hold keys and values, found a {type(tree).__name__}")
    return tree


def _assign(tree: dict[str, Any], assignment: str) -> None:
    key, equals, text = assignment.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"--set {assignment!r}: must be key=value, such as tiling.block_px=1024")
    try:
        value = yaml.safe_load(text)
    except _NO_YAML:
        raise ConfigError(f"--set {assignment!r}: {text!r} is not a YAML value") from None
    *sections, name = key.strip().split(".")
    for section in sections:
        branch = tree.setdefault(section, {})
        if branch is None:
            branch = tree[section] = {}
        if not isinstance(branch, dict):
            # Not what it is: it may hold a secret.
            raise ConfigError(f"--set {assignment!r}: {section} holds a {type(branch).__name__}, not keys")
        tree = branch
    tree[name] = value


def _explain(error: ValidationError, kind: type[BaseModel]) -> str:
    """Return one sentence a problem: the dotted key, what was found, what is allowed, the nearest key."""
    sentences = {}
    for problem in error.errors(include_url=False):
        location = tuple(str(part) for part in problem["loc"])
        key = ".".join(_known_part(location, kind))
        if problem["type"] == "extra_forbidden":
            sentences[key] = f"{key}: unknown key{_nearest(location, kind)}"
        elif problem["type"] == "missing" and len(location) <= 2:
            sentences[key] = f"{key}: required, but not given"
        else:
            message = problem["msg"].removeprefix("Value error, ")
            message = message[0].lower() + message[1:]
            found = "" if "got" in message else f", got {_shown(problem['input'])}"
            earlier = sentences.get(key)
            sentences[key] = f"{earlier}; or {message}" if earlier else f"{key}: {message}{found}"
    return "; ".join(sentences.values())


def _shown(value: object) -> str:
    """Return a value without logins, queries of URLs and what is said of headers, which may hold secrets."""
    text = re.sub(r"('headers_from_env': )\{[^}]*\}", r"\1***", repr(value))
    return re.sub(r"\?[^'\s]*", "?***", re.sub(r"://[^/\s']*@", "://***@", text))


def _known_part(location: tuple[str, ...], kind: type[BaseModel]) -> tuple[str, ...]:
    """Drop pydantic's own words for the members of a union, which follow the key of a plain value."""
    section, known = kind, []
    for part in location:
        known.append(part)
        if part.isdigit():
            continue
        field = section.model_fields.get(part)
        inside = _section_of(field.annotation) if field is not None else None
        if inside is None:
            break
        section = inside
    return tuple(known)


def _section_of(annotation: object) -> type[BaseModel] | None:
    """The section that a key holds, one or a list of them."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    members = [m for m in map(_section_of, get_args(annotation)) if m is not None]
    return members[0] if members else None


def _nearest(location: tuple[str, ...], kind: type[BaseModel]) -> str:
    known = _known_keys(kind)
    wanted = ".".join(location)
    match = difflib.get_close_matches(wanted, known, n=1, cutoff=0.5)
    same_name = [key for key in known if key.rsplit(".", 1)[-1] == location[-1]]
    nearest = same_name or match
    return f"; the nearest known key is {nearest[0]}" if nearest else f"; known are {', '.join(known)}"


def _known_keys(kind: type[BaseModel], prefix: str = "") -> list[str]:
    keys = []
    for name, field in kind.model_fields.items():
        inside = _section_of(field.annotation)
        keys += [prefix + name, *(_known_keys(inside, f"{prefix}{name}.") if inside else ())]
    return keys
