"""The layout holds: imports go one way, each library has its place, a file is one subject."""

import ast
import graphlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "ganinv_cli"
MODULES = sorted(PACKAGE.rglob("*.py"))
SOURCES = [
    p
    for folder in (PACKAGE, ROOT / "benchmarks", ROOT / "docs", ROOT / "tests")
    for p in sorted(folder.rglob("*.py"))
]

# A part imports from its own row and the rows above it.
LAYOUT = (
    {"errors", "outcome", "jobs", "randomness"},
    {"files", "images", "prior", "settings"},
    {"clipping", "network", "statistics", "store"},
    {"encoder", "engine", "formats", "ground_truth", "preconditioner", "report"},
    {"inspection", "problem", "training"},
    {"conversion", "refine", "solvers"},
    {"loop"},
    {"experiments"},
    {"cli", "__main__"},
)
RANKS = {part: rank for rank, parts in enumerate(LAYOUT) for part in parts}
PLACES = {
    "click": ("cli",),
    "h5py": ("store", "formats/keras"),
    "matplotlib": ("report",),
    "ray": ("engine/ray",),
}
WITHOUT_TENSORFLOW = (  # files, and folders with all that is in them
    *("errors", "outcome", "jobs", "prior", "settings", "files", "images", "store", "statistics"),
    *("report", "cli"),
    *("network/layers", "network/shapes", "network/graph", "network/folding", "network/checkpoint"),
)
LONGEST = 350  # lines
LONGER: set[str] = set()  # files with a reason to be longer, as "ganinv_cli/cli/train.py"


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_one_way(module: Path) -> None:
    part = _part(module)
    assert part in RANKS, f"{part} has no place in the layout"
    upwards = {other for other in _parts_imported(module) if RANKS[other] > RANKS[part]}
    assert not upwards


def test_parts_do_not_import_one_another_in_circles() -> None:
    graph: dict[str, set[str]] = {}
    for module in MODULES:
        graph.setdefault(_part(module), set()).update(_parts_imported(module) - {_part(module)})
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


@pytest.mark.parametrize("library", PLACES)
def test_a_library_is_used_in_its_place_alone(library: str) -> None:
    users = [module for module in MODULES if library in _libraries_imported(module)]
    strays = [m for m in users if not any(_is_in(m, place) for place in PLACES[library])]
    assert not strays


def test_what_needs_no_tensorflow_does_not_load_it() -> None:
    names = [_dotted(m) for m in MODULES if any(_is_in(m, place) for place in WITHOUT_TENSORFLOW)]
    code = (
        "import importlib, sys\n"
        "for name in sys.argv[1:]:\n"
        "    importlib.import_module(name)\n"
        "    assert 'tensorflow' not in sys.modules, name + ' loads TensorFlow'\n"
    )
    run = subprocess.run([sys.executable, "-c", code, *names], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_is_one_subject(source: Path) -> None:
    lines = len(source.read_text().splitlines())
    assert lines <= LONGEST or str(source.relative_to(ROOT)) in LONGER


def test_no_exception_is_caught_blindly() -> None:
    blind = [
        f"{module.relative_to(ROOT)}:{node.lineno}"
        for module in MODULES
        for node in ast.walk(ast.parse(module.read_text()))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or ast.unparse(node.type) in ("Exception", "BaseException"))
        and ast.unparse(node.body[-1]) != "raise"  # tidied up and passed on is not caught
    ]
    assert not blind


def _part(module: Path) -> str:
    """`solvers` for ganinv_cli/solvers/gd.py, `errors` for the package's own `__init__`."""
    name = module.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return "errors" if name == "__init__" else name


def _is_in(module: Path, place: str) -> bool:
    """Whether a module is the file or in the folder `place`, such as `network/layers`."""
    name = module.relative_to(PACKAGE)
    return name.is_relative_to(place) or name == Path(place).with_suffix(".py")


def _dotted(module: Path) -> str:
    return ".".join(module.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def _imported(module: Path) -> Iterator[str]:
    """Dotted names of all imports, those inside functions and for type checkers alike."""
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, f"{module} has a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _parts_imported(module: Path) -> set[str]:
    names = (name.split(".") for name in _imported(module))
    return {
        name[1] for name in names if name[0] == "ganinv_cli" and len(name) > 1 and name[1] in RANKS
    }


def _libraries_imported(module: Path) -> set[str]:
    return {name.split(".")[0] for name in _imported(module)}
