"""The arrows between packages, what core may know, and how large a file may grow."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import pytest

from sgddiff_batch.core.schemes import SCHEMES

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("sgddiff_batch", "models", "jobs")
LONGEST_FILE, LONGEST_FUNCTION = 300, 50

_CORE = ("sgddiff_batch.core", "sgddiff_batch.errors")
_BASE = (*_CORE, "sgddiff_batch.protocols")
_IO = "sgddiff_batch.io"

LAYERS: dict[str, tuple[str, ...]] = {
    "sgddiff_batch.errors": (),
    "sgddiff_batch.core": ("sgddiff_batch.errors",),
    "sgddiff_batch.config": _CORE,
    "sgddiff_batch.protocols": _CORE,
    "sgddiff_batch.pipeline": _BASE,
    "sgddiff_batch.lifecycle": _BASE,
    "sgddiff_batch.costs": _CORE,
    f"{_IO}.calls": (),
    f"{_IO}.storage": (*_CORE, f"{_IO}.calls"),
    f"{_IO}.reports": (*_CORE, f"{_IO}.storage"),
    f"{_IO}.arrow": _CORE,
    f"{_IO}.together": (),
    f"{_IO}.archive": (*_CORE, f"{_IO}.storage"),
    f"{_IO}.stac": (*_CORE, f"{_IO}.storage", f"{_IO}.archive"),
    f"{_IO}.sources": (*_CORE, f"{_IO}.storage", f"{_IO}.archive", f"{_IO}.stac"),
    f"{_IO}.scenes": (*_BASE, f"{_IO}.storage", f"{_IO}.archive"),
    f"{_IO}.ledger": (*_BASE, f"{_IO}.arrow", f"{_IO}.together", f"{_IO}.storage"),
    f"{_IO}.mosaics": (*_BASE, f"{_IO}.together", f"{_IO}.storage"),
    f"{_IO}.geodesy": _CORE,
    f"{_IO}.catalogue": (
        *_BASE,
        *(f"{_IO}.{room}" for room in ("arrow", "storage", "ledger", "mosaics", "geodesy", "reports")),
    ),
    f"{_IO}.objects": (
        *_BASE,
        *(f"{_IO}.{room}" for room in ("arrow", "storage", "mosaics", "geodesy", "catalogue")),
    ),
    f"{_IO}.vectors": (*_CORE, *(f"{_IO}.{room}" for room in ("arrow", "storage", "mosaics", "catalogue"))),
    f"{_IO}.pages": (
        *_CORE,
        *(f"{_IO}.{room}" for room in ("storage", "scenes", "mosaics", "catalogue", "objects", "reports")),
    ),
    f"{_IO}.trainings": (*_CORE, *(f"{_IO}.{room}" for room in ("storage", "pages"))),
    f"{_IO}.areas": (
        *_BASE,
        *(f"{_IO}.{room}" for room in ("storage", "scenes", "ledger", "mosaics", "geodesy")),
        *(f"{_IO}.{room}" for room in ("catalogue", "objects", "reports")),
        "sgddiff_batch.lifecycle",
    ),
    f"{_IO}.upkeep": (
        *_BASE,
        *(f"{_IO}.{room}" for room in ("storage", "archive", "ledger", "mosaics", "catalogue", "reports")),
        f"{_IO}.objects",
    ),
    _IO: (),
    "sgddiff_batch.engine": (
        *_BASE,
        *(f"sgddiff_batch.{module}" for module in ("pipeline", "lifecycle", "costs")),
    ),
    "sgddiff_batch.viewer": (
        *_CORE,
        *(f"{_IO}.{room}" for room in ("arrow", "storage", "archive", "catalogue", "objects")),
    ),
    "sgddiff_batch.runs": (
        *_BASE,
        *(f"sgddiff_batch.{package}" for package in ("config", "pipeline", "lifecycle", "costs", "engine")),
        *(f"{_IO}.{room}" for room in ("storage", "archive", "sources", "scenes", "ledger", "mosaics")),
        *(f"{_IO}.{room}" for room in ("arrow", "catalogue", "objects", "upkeep", "reports", "pages")),
        f"{_IO}.trainings",
    ),
    "sgddiff_batch.runs.checking": (
        *_BASE,
        *(f"sgddiff_batch.{package}" for package in ("pipeline", "runs")),
        *(f"{_IO}.{room}" for room in ("storage", "archive", "scenes", "ledger", "mosaics", "catalogue")),
        *(f"{_IO}.{room}" for room in ("upkeep", "reports")),
    ),
    "sgddiff_batch.runs.areas": (
        *_BASE,
        *(f"sgddiff_batch.{package}" for package in ("config", "costs", "engine", "runs")),
        *(f"{_IO}.{room}" for room in ("storage", "ledger", "catalogue", "areas", "reports")),
    ),
    "sgddiff_batch.networks": _BASE,
    "sgddiff_batch.arrays": (
        *_BASE,
        *(f"sgddiff_batch.{package}" for package in ("config", "pipeline", "networks")),
        f"{_IO}.scenes",
    ),
    "sgddiff_batch": (
        *(f"{_IO}.catalogue", f"{_IO}.mosaics"),
        *(f"sgddiff_batch.{module}" for module in ("arrays", "networks", "protocols")),
    ),
    "models": ("models.kernels",),
    "models.kernels": (),
    "jobs.console": (),
    "jobs.files": (),
    "jobs.printing": ("sgddiff_batch", "jobs.console"),
    "jobs.logs": _CORE,
    "jobs": ("models", "sgddiff_batch", "jobs.files", "jobs.logs", "jobs.printing"),
    "jobs.demo.drawing": (),
    "jobs.demo": ("sgddiff_batch", "jobs.demo.drawing"),
    "jobs.evaluation": ("models", "sgddiff_batch", "jobs.console", "jobs.files"),
    "jobs.training.retries": ("sgddiff_batch",),
    "jobs.training.storage": ("models", "sgddiff_batch", "jobs.training.retries"),
    "jobs.training.pictures": ("models", "sgddiff_batch", "jobs.evaluation", "jobs.training.retries"),
    "jobs.training.results": (
        *("models", "sgddiff_batch", "jobs.evaluation"),
        *(f"jobs.training.{low}" for low in ("retries", "storage")),
    ),
    "jobs.training": (
        *("models", "sgddiff_batch", "jobs.logs", "jobs.evaluation"),
        *(f"jobs.training.{low}" for low in ("retries", "storage", "pictures", "results")),
    ),
    "jobs.checks": ("models", "sgddiff_batch", "jobs"),
    "jobs.verbs": (
        *(
            "models",
            "sgddiff_batch",
            "jobs",
            "jobs.files",
            "jobs.logs",
            "jobs.printing",
            "jobs.checks",
            "jobs.demo",
        ),
        *("jobs.evaluation", "jobs.training", "jobs.training.storage"),
    ),
}
"""Who may import whom, besides itself; a line a room. A module belongs to the longest name it starts with."""

DOORLESS: dict[str, str] = {
    "jobs.training": "people's classes import its events, which load no PyTorch; a door would",
    "jobs.evaluation": "a wrong command, and scores of somebody's maps, load neither PyTorch nor SciPy",
    "jobs.verbs": "a verb is imported by its name, when it is asked for",
    "jobs.demo.drawing": "a file for each thing that is drawn, for one reader: the archive of the demo",
}
"""Rooms of jobs whose modules are taken by name, each with the argument for it."""

MOST_MODULES = 15
ROOMY: dict[str, str] = {
    "sgddiff_batch/core": "pure and flat: every name tells its content, and imports few others",
    "models": "flat: a part of the network or of its training a file, each named by the paper's word",
    "jobs/verbs": "a verb of the command a module, each short",
}
"""Folders that may hold more modules, each with the argument for it."""

STORAGE = {"rasterio", "zarr", "fsspec", "s3fs", "obstore", "aiobotocore", "boto3", "botocore"}
CORE_MAY_IMPORT = {
    "__future__", "abc", "bisect", "collections", "dataclasses", "enum", "fractions", "functools", "hashlib",
    "heapq", "itertools", "json", "math", "numpy", "operator", "re", "struct", "typing", "urllib.parse",
}  # fmt: skip
"""Named one by one: what is pure. Clocks, randomness, files, processes, the environment and logs are not."""
CORE_MAY_NOT_USE = {"numpy.random", "np.random", "np.load", "np.save", "np.memmap", "open", "print", "input"}

SIZE_EXEMPTIONS: dict[str, str] = {}
"""Files and functions ("path" or "path::function") that may be longer, each with the argument for it."""


@dataclass(frozen=True)
class Module:
    """A module's dotted name and its source, which is parsed and walked once."""

    name: str
    source: str
    is_package: bool = False

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.source)

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        return tuple(ast.walk(self.tree))

    @cached_property
    def imports(self) -> tuple[str, ...]:
        """The full names that it imports, wherever in it."""
        return tuple(_imported(self))


def project_modules() -> list[Module]:
    return [module_at(path) for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def module_at(path: Path) -> Module:
    parts = path.relative_to(ROOT).with_suffix("").parts
    is_package = parts[-1] == "__init__"
    return Module(".".join(parts[:-1] if is_package else parts), path.read_text(), is_package)


def _imported(module: Module) -> Iterator[str]:
    for node in module.nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _base(module, node)
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _base(module: Module, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    package = module.name.split(".") if module.is_package else module.name.split(".")[:-1]
    parents = package[: len(package) - node.level + 1]
    return ".".join([*parents, *([node.module] if node.module else [])])


@cache
def layer_of(name: str) -> str | None:
    owners = [layer for layer in LAYERS if name == layer or name.startswith(f"{layer}.")]
    return max(owners, key=len, default=None)


def wrong_arrows(module: Module) -> list[str]:
    """Return the imports of a module that point the wrong way."""
    own = layer_of(module.name)
    if own is None:
        return [f"{module.name} belongs to no layer"]
    wrong = []
    for name in module.imports:
        target = layer_of(name)
        if target is not None and target != own and not _allowed(own, target):
            wrong.append(f"{module.name} imports {name}")
    return wrong


@cache
def doors_in_order() -> dict[str, list[str]]:
    """Return the names of each room's door as they stand: the ``__all__`` of a package."""
    doors = {}
    for module in MODULES:
        if module.is_package and module.name in LAYERS and module.name != "sgddiff_batch":
            names = [
                node.value
                for node in module.tree.body
                if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
            ]
            if names:
                doors[module.name] = ast.literal_eval(names[0])
    return doors


@cache
def rooms() -> dict[str, set[str]]:
    """Return the names of each room's door."""
    return {room: set(names) for room, names in doors_in_order().items()}


def past_doors(module: Module, doors: dict[str, set[str]]) -> list[str]:
    """Return what a module takes from rooms, its own apart, that is no name of their doors."""
    own = layer_of(module.name)
    taken = [name for name in module.imports if layer_of(name) in doors and layer_of(name) != own]
    wrong = [name for name in taken if not _is_at_door(name, doors)]
    local = {name.rpartition(".")[2]: name for name in taken if name in doors}
    for node in module.nodes:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in local:
            name = f"{local[node.value.id]}.{node.attr}"
            wrong += [] if _is_at_door(name, doors) else [name]
    return [f"{module.name} takes {name}" for name in wrong]


def _is_at_door(name: str, doors: dict[str, set[str]]) -> bool:
    room, _, last = name.rpartition(".")
    return name in doors or last in doors.get(room, set())


def circles(names: dict[str, set[str]]) -> list[list[str]]:
    """Return the groups of modules that import each other in a circle."""
    reach = {name: _reached(name, names) for name in names}
    groups = {frozenset(o for o in reach[name] if name in reach[o]) for name in names if name in reach[name]}
    return sorted(sorted(group) for group in groups)


def _reached(start: str, names: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = [start]
    while waiting:
        for target in names.get(waiting.pop(), set()) - found:
            found.add(target)
            waiting.append(target)
    return found


def graph(modules: list[Module]) -> dict[str, set[str]]:
    """Return what each module imports of the others, by the longest name that is a module."""
    known = {module.name for module in modules}

    def owner(name: str) -> str | None:
        while name and name not in known:
            name = name.rpartition(".")[0]
        return name or None

    return {
        module.name: {target for name in module.imports if (target := owner(name))} - {module.name}
        for module in modules
    }


def crowded() -> list[str]:
    """Return the folders with more modules than a newcomer can take in at once."""
    counts = Counter(str(Path(*m.name.split("."))).rpartition("/")[0] for m in MODULES if not m.is_package)
    return [
        f"{folder} has {n} modules"
        for folder, n in sorted(counts.items())
        if n > MOST_MODULES and folder not in ROOMY
    ]


def _allowed(own: str, target: str) -> bool:
    joins = own.split(".", maxsplit=1)[0] == "jobs" and "sgddiff_batch" in LAYERS[own]
    return target in LAYERS[own] or (joins and target.startswith("sgddiff_batch."))


def misplaced_libraries(module: Module) -> list[str]:
    """Return the imports of libraries that belong to other packages."""
    in_io = module.name.startswith("sgddiff_batch.io")
    wrong = []
    for name in module.imports:
        top = name.split(".")[0]
        ours = module.name.split(".")[0]
        storage = ours == "sgddiff_batch" and top in STORAGE and not in_io
        network = ours == "sgddiff_batch" and top in {"torch", "safetensors", "mamba_ssm", "kornia"}
        cluster = top == "ray" and (ours == "models" or in_io)
        shown = ours == "sgddiff_batch" and top in {"argparse", "rich"}
        if storage or network or cluster or shown:
            wrong.append(f"{module.name} imports {name}")
    return wrong


def impurities(module: Module) -> list[str]:
    """Return what a module of core imports or uses that is not pure."""
    wrong = []
    for name in module.imports:
        if not any(
            name == pure or name.startswith(f"{pure}.") for pure in CORE_MAY_IMPORT | {"sgddiff_batch"}
        ):
            wrong.append(f"{module.name} imports {name}")
    used = {ast.unparse(node) for node in module.nodes if isinstance(node, (ast.Attribute, ast.Name))}
    wrong += [
        f"{module.name} uses {name}" for name in sorted((used | set(module.imports)) & CORE_MAY_NOT_USE)
    ]
    return wrong


def oversized(path: str, source: str) -> list[str]:
    """Return the file if it is too long, and its functions that are."""
    long = []
    lines = len(source.splitlines())
    if lines > LONGEST_FILE and path not in SIZE_EXEMPTIONS:
        long.append(f"{path} has {lines} lines")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            lines = (node.end_lineno or 0) - node.lineno + 1
            if lines > LONGEST_FUNCTION and f"{path}::{node.name}" not in SIZE_EXEMPTIONS:
                long.append(f"{path}::{node.name} has {lines} lines")
    return long


def work_at_load(module: Module) -> list[str]:
    """Return the calls that importing a module makes as bare statements.

    A job may extend sys.path: it is started as a file, also where the project is not installed.
    """
    calls = [n for n in module.tree.body if isinstance(n, ast.Expr) and isinstance(n.value, ast.Call)]
    found = {node.lineno: ast.unparse(node) for node in calls}
    is_job = module.name.startswith("jobs.")
    return [
        f"{module.name}:{line} {call}"
        for line, call in found.items()
        if not (is_job and call.startswith("sys.path.insert("))
    ]


MODULES = project_modules()
TESTS = [module_at(path) for path in sorted((ROOT / "tests").rglob("*.py"))]


def test_the_project_is_found() -> None:
    names = {module.name for module in MODULES}
    assert {
        "sgddiff_batch.core.tiling",
        "sgddiff_batch.io.storage.store",
        "models.config",
        "jobs.training.events",
    } <= names


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_imports_go_one_way(module: Module) -> None:
    assert wrong_arrows(module) == []


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_only_names_of_a_door_cross_it(module: Module) -> None:
    assert past_doors(module, rooms()) == []


@pytest.mark.parametrize("room", sorted(rooms()))
def test_a_door_is_sorted_says_what_is_inside_and_has_no_name_that_nobody_takes(room: str) -> None:
    door = next(module for module in MODULES if module.name == room)
    assert "\n\n" in (ast.get_docstring(door.tree) or ""), "a paragraph on what is inside"
    names = doors_in_order()[room]
    assert names == sorted(names, key=_place)
    taken = {name for module in [*MODULES, *TESTS] if layer_of(module.name) != room for name in used(module)}
    assert [name for name in names if f"{room}.{name}" not in taken] == []


def _place(name: str) -> tuple[int, str]:
    """Return where a name stands at a door: constants, then classes, then functions, each by the alphabet."""
    return 0 if name.isupper() else 1 if name[0].isupper() else 2, name


def test_every_room_of_jobs_has_a_door_or_an_argument() -> None:
    inside = {m.name for m in MODULES if m.is_package and m.name.startswith("jobs.")}
    without = {name for name in inside if name not in rooms()}
    assert {name for name in without if name in DOORLESS} == without
    assert set(DOORLESS) <= without
    assert all(len(why) > 20 for why in DOORLESS.values())


@cache
def used(module: Module) -> set[str]:
    """Return the full names that a module imports, or takes from rooms that it imports."""
    found = set(module.imports)
    local = {name.rpartition(".")[2]: name for name in found if name in LAYERS}
    for node in module.nodes:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in local:
            found.add(f"{local[node.value.id]}.{node.attr}")
    return found


def test_no_module_imports_itself_by_others() -> None:
    inner = [m for m in MODULES if not m.is_package]
    assert circles(graph(inner)) == []


@pytest.mark.parametrize(
    "module",
    [m for m in MODULES if layer_of(m.name) != f"{_IO}.storage" and m.name != "sgddiff_batch.core.schemes"],
    ids=lambda module: module.name,
)
def test_nobody_asks_which_kind_of_storage_it_has(module: Module) -> None:
    assert storage_kinds_asked(module) == []


def storage_kinds_asked(module: Module) -> list[str]:
    """Return where a module looks past the verbs of storage at what serves them."""
    names = (
        {"filesystem", "is_local"} if _is_of_networks(module.name) else {"filesystem", "backend", "is_local"}
    )
    return [
        f"{module.name}:{node.lineno} {ast.unparse(node)}"
        for node in module.nodes
        if (isinstance(node, ast.Attribute) and node.attr in names)
        or (isinstance(node, ast.Name) and node.id == "is_local")
        or _tells_schemes_apart(node)
    ]


def _is_of_networks(name: str) -> bool:
    """Whether a `backend` in a module is what computes the network: `model.backend` of a config."""
    return name.startswith("models.") or name in {
        "sgddiff_batch.config.job",
        "jobs.network",
        "jobs.evaluation.request",
        "jobs.verbs.evaluate",
    }


def _tells_schemes_apart(node: ast.AST) -> bool:
    """Whether a scheme of object storage is compared with, or looked for in, something."""
    if isinstance(node, ast.Compare):
        parts: list[ast.AST] = [node.left, *node.comparators]
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _LOOKS:
        parts = [*node.args]
    else:
        return False
    words = [each.value for part in parts for each in ast.walk(part) if isinstance(each, ast.Constant)]
    schemes = tuple(f"{scheme}://" for scheme in SCHEMES)
    return any(isinstance(word, str) and (word in SCHEMES or word.startswith(schemes)) for word in words)


_LOOKS = {"startswith", "removeprefix", "partition", "split", "match", "fullmatch"}


@pytest.mark.parametrize(
    "source",
    [
        "store.filesystem.ls('a')",
        "if is_local(uri): pass",
        "store.backend",
        "x = store.is_local",
        "if any(uri.startswith('s3://') for uri in uris): pass",
        "uri.startswith(('s3://', 'https://'))",
        "if scheme_of(uri) == 's3': pass",
        "if uri[:5] in {'s3://'}: pass",
    ],
)
def test_a_look_past_the_verbs_of_storage_is_found(source: str) -> None:
    assert storage_kinds_asked(Module("sgddiff_batch.io.ledger.made_up", source))


@pytest.mark.parametrize(
    "source", ["log.info('as in s3://bucket')", "uri.startswith('https://')", "f's3://{bucket}'"]
)
def test_a_scheme_may_be_named_in_words(source: str) -> None:
    assert not storage_kinds_asked(Module("sgddiff_batch.io.ledger.made_up", source))


def prints(module: Module) -> list[str]:
    """Return the calls by which a module speaks to its terminal, but for its log."""
    calls = (ast.unparse(node.func) for node in module.nodes if isinstance(node, ast.Call))
    return [f"{module.name} calls {call}" for call in calls if call in ("print", "input")]


@pytest.mark.parametrize(
    "module", [m for m in MODULES if m.name.startswith("sgddiff_batch")], ids=lambda module: module.name
)
def test_the_library_prints_nothing(module: Module) -> None:
    assert prints(module) == []


def test_a_print_is_found() -> None:
    assert prints(Module("sgddiff_batch.runs.made_up", "def f():\n    print('x')"))
    assert not prints(Module("sgddiff_batch.runs.made_up", "log.info('print')"))


def test_no_folder_is_a_hall() -> None:
    assert crowded() == []
    assert all(len(why) > 20 for why in ROOMY.values())


@pytest.mark.parametrize(
    "source",
    [
        "from sgddiff_batch.io.storage.store import Store",
        "from sgddiff_batch.io import storage\n\nstorage.store.Store",
        "from sgddiff_batch.io.storage import _TEMPORARY",
        "import sgddiff_batch.io.storage.store as s",
    ],
)
def test_a_way_past_a_door_is_found(source: str) -> None:
    assert past_doors(Module("sgddiff_batch.io.ledger.made_up", source), rooms())
    assert not past_doors(Module("sgddiff_batch.io.storage.made_up", source), rooms())


def test_a_circle_is_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]
    assert circles({"a": {"b"}, "b": {"c"}, "c": set()}) == []


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_libraries_stay_in_the_packages_that_own_them(module: Module) -> None:
    assert misplaced_libraries(module) == []


@pytest.mark.parametrize(
    "module", [m for m in MODULES if layer_of(m.name) == "sgddiff_batch.core"], ids=lambda module: module.name
)
def test_core_is_pure(module: Module) -> None:
    assert impurities(module) == []


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_importing_a_module_does_no_work(module: Module) -> None:
    assert work_at_load(module) == []


def test_files_and_functions_stay_short() -> None:
    paths = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    long = [line for path in paths for line in oversized(str(path.relative_to(ROOT)), path.read_text())]
    assert long == []


def test_every_size_exemption_is_argued_and_names_something() -> None:
    for key, reason in SIZE_EXEMPTIONS.items():
        path, _, function = key.partition("::")
        assert len(reason) > 20, key
        assert function in (ROOT / path).read_text(), key


def test_importing_the_package_loads_nothing_heavy() -> None:
    heavy = (
        "rasterio",
        "zarr",
        "ray",
        "torch",
        "xarray",
        "fsspec",
        "s3fs",
        "obstore",
        "pyarrow",
        "PIL",
        "pydantic",
    )
    code = f"import sys, sgddiff_batch; print([name for name in {heavy} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("sgddiff_batch.errors", "import sgddiff_batch.core.window"),
        ("sgddiff_batch.core.made_up", "from sgddiff_batch.protocols import Ledger"),
        ("sgddiff_batch.core.made_up", "from sgddiff_batch import protocols"),
        ("sgddiff_batch.core.made_up", "from ..io import stores"),
        ("sgddiff_batch.protocols", "from sgddiff_batch import pipeline"),
        ("sgddiff_batch.pipeline", "def late():\n    from sgddiff_batch.engine import local"),
        ("sgddiff_batch.io.made_up", "from sgddiff_batch.engine.local import run_local"),
        ("sgddiff_batch.io.made_up", "from ..engine.local import run_local"),
        ("sgddiff_batch.engine.made_up", "import sgddiff_batch.io.mosaics.writer as m"),
        ("sgddiff_batch.engine.made_up", "from models import predictor"),
        ("sgddiff_batch.made_up", "import jobs.demo"),
        ("sgddiff_batch.made_up", "import models"),
        ("sgddiff_batch.networks", "from jobs.network import network_called"),
        ("sgddiff_batch.arrays", "from sgddiff_batch.runs import open_bench"),
        ("models.made_up", "from sgddiff_batch.core.window import Window"),
        ("models.made_up", "import jobs"),
        ("sgddiff_batch.runs.made_up", "from jobs.logs import start_log"),
        ("sgddiff_batch.runs.made_up", "from models import predictor"),
        ("sgddiff_batch.engine.made_up", "from sgddiff_batch.runs import plan_run"),
        ("sgddiff_batch.runs.made_up", "from sgddiff_batch.runs.areas import plan_area"),
        ("jobs.printing.made_up", "from models import predictor"),
        ("jobs.printing.made_up", "from jobs.flags import write_json"),
        ("jobs.demo.made_up", "from models import predictor"),
        ("jobs.training.results.made_up", "from jobs.training.plan import TrainingPlan"),
        ("jobs.training.pictures.made_up", "from jobs.training import results"),
        ("jobs.evaluation.made_up", "from jobs.training import events"),
        ("jobs.training.made_up", "from jobs.verbs import train"),
        ("elsewhere", "import os"),
    ],
)
def test_a_wrong_arrow_is_found(name: str, source: str) -> None:
    assert wrong_arrows(Module(name, source))


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("sgddiff_batch.core.made_up", "from sgddiff_batch.core.window import Window"),
        ("sgddiff_batch.io.ledger.made_up", "from sgddiff_batch.protocols import BlockRecord"),
        ("sgddiff_batch.engine.made_up", "from sgddiff_batch.pipeline import read_task"),
        ("jobs.made_up", "from models import predictor\nfrom sgddiff_batch.engine.local import run_local"),
    ],
)
def test_a_right_arrow_is_let_through(name: str, source: str) -> None:
    assert wrong_arrows(Module(name, source)) == []


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("sgddiff_batch.engine.made_up", "import torch"),
        ("sgddiff_batch.io.made_up", "def late():\n    import torch.nn"),
        ("sgddiff_batch.core.made_up", "import rasterio"),
        ("sgddiff_batch.engine.made_up", "from zarr.storage import LocalStore"),
        ("sgddiff_batch.made_up", "import s3fs"),
        ("models.made_up", "import ray"),
        ("sgddiff_batch.io.made_up", "import ray.data"),
        ("sgddiff_batch.runs.made_up", "import argparse"),
        ("sgddiff_batch.runs.made_up", "from rich.table import Table"),
        ("sgddiff_batch.runs.made_up", "def late():\n    import torch"),
    ],
)
def test_a_misplaced_library_is_found(name: str, source: str) -> None:
    assert misplaced_libraries(Module(name, source))


@pytest.mark.parametrize(
    "source",
    [
        "import time",
        "import random",
        "import logging",
        "import os",
        "from os import environ",
        "from datetime import datetime",
        "from pathlib import Path",
        "import scipy",
        "from urllib import request",
        "import numpy as np\nnoise = np.random.default_rng(1)",
        "from numpy import random",
        "def f():\n    return open('x')",
        "def f():\n    import time",
    ],
)
def test_an_impurity_of_core_is_found(source: str) -> None:
    assert impurities(Module("sgddiff_batch.core.made_up", source))


def test_a_long_file_and_a_long_function_are_found() -> None:
    assert oversized("made_up.py", "x = 1\n" * (LONGEST_FILE + 1))
    assert oversized("made_up.py", "def f():\n" + "    x = 1\n" * LONGEST_FUNCTION)
    assert not oversized("made_up.py", "def f():\n" + "    x = 1\n" * (LONGEST_FUNCTION - 1))


def test_work_at_import_is_found() -> None:
    assert work_at_load(Module("models.made_up", "import torch\ntorch.set_num_threads(1)"))
    assert work_at_load(Module("models.made_up", "import sys\nsys.path.insert(0, '.')"))
    assert not work_at_load(Module("jobs.made_up", "import sys\nif __name__ == '__main__':\n    sys.exit(0)"))
