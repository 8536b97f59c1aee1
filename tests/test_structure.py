"""The layout is kept: imports go one way, libraries have their places, functions are verbs."""

import ast
import functools
import graphlib
import importlib
import os
import platform
import re
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "ganinv_cli"
MODULES = sorted(PACKAGE.rglob("*.py"))
SOURCES = [
    path
    for folder in (PACKAGE, *(ROOT / name for name in ("benchmarks", "checks", "docs", "tests")))
    for path in sorted(folder.rglob("*.py"))
]

# A part imports from its own level and from lower ones.
LEVELS = {
    part: int(level)
    for level, parts in re.findall(
        r"^\| (\d+) \| (.+) \|$", (ROOT / "docs" / "architecture.md").read_text("utf-8"), re.M
    )
    for part in re.findall(r"`(\w+)", parts)
}
PLACES = {
    "click": ("cli",),
    "h5py": ("results/store", "generators/formats"),
    "matplotlib": ("results/report",),
    "onnx": ("generators/formats/onnx",),
    "ray": ("engine/ray_cluster", "engine/ray_worker"),
}
PRIVATE = re.compile(r"from (tensorflow\.python\S*|keras\.src\S*) import (\w+)|\b(pickle)\.(_\w+)")
MAX_LINES = 350
LONGER = {  # file -> why it is longer
    "ganinv_cli/cli/generators.py": "the manuals and options of two commands",
    "ganinv_cli/results/store/hdf5.py": "",
}
MAX_FILES = 20  # in a folder

_WORDS = (
    "begun bent born bound broken brought built caught chosen dealt done drawn driven fallen "
    "felt forgotten fought found frozen given gone grown heard held hidden kept known laid "
    "left lost made meant met paid said seen sent shown sold sought spent split spoken stolen "
    "stuck swept taken taught thrown told torn understood worn written "
)
IRREGULAR = frozenset(_WORDS.split())
NOT_PARTICIPLES = {"bed", "embed", "exceed", "feed", "heed", "led", "need", "seed", "speed"}


def test_imports_go_one_way():
    unplaced = {_part(module) for module in MODULES} - LEVELS.keys()
    assert not unplaced, f"{unplaced} have no place in the layout"
    upwards = [
        f"{module.relative_to(ROOT)} imports {other}"
        for module in MODULES
        for other in _parts_imported(module)
        if LEVELS[other] > LEVELS[_part(module)]
    ]
    assert not upwards


def test_files_and_folders_do_not_import_one_another_in_circles():
    """Of each folder; imports inside functions and for type checkers count."""
    modules = {_dotted(module): module for module in MODULES}
    graphs: dict[Path, dict[str, set[str]]] = {}
    for module in MODULES:
        for name in _names_imported(module):
            other = modules.get(name) or modules.get(name.rpartition(".")[0])
            if other not in (None, module):
                folder = Path(os.path.commonpath([module, other]))
                child, imported = (each.relative_to(folder).parts[0] for each in (module, other))
                graphs.setdefault(folder, {}).setdefault(child, set()).add(imported)
    for graph in graphs.values():
        graphlib.TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


@pytest.mark.parametrize("library", PLACES)
def test_a_library_is_used_in_its_place_alone(library):
    users = [module for module in MODULES if library in _libraries_imported(module)]
    strays = [m for m in users if not any(_is_in(m, place) for place in PLACES[library])]
    assert not strays


def test_a_private_name_of_a_library_has_one_place_and_is_still_there():
    """A version of the library that no longer has it is named."""
    found = [match for module in MODULES for match in PRIVATE.findall(module.read_text("utf-8"))]
    names = [(a or c, b or d) for a, b, c, d in found]
    assert names and max(Counter(names).values()) == 1
    for module, name in names:
        with suppress(ImportError):
            importlib.import_module(module)
        library = module.partition(".")[0]
        version = getattr(sys.modules[library], "__version__", platform.python_version())
        assert hasattr(sys.modules.get(module), name), f"{library} {version} lacks {module}.{name}"


def test_a_file_is_one_subject():
    lines = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in SOURCES
    }
    longer = {name for name, count in lines.items() if count > MAX_LINES}
    assert longer <= LONGER.keys()


def test_a_folder_can_be_taken_in_at_a_glance():
    files = Counter(path.parent.relative_to(ROOT) for path in SOURCES)
    assert not {str(folder): count for folder, count in files.items() if count > MAX_FILES}


def test_tests_have_the_packages_tree():
    """Beside the parts there are tests of benchmarks and checks, and what tests share."""
    folders = {path.parent.relative_to(ROOT / "tests") for path in (ROOT / "tests").rglob("*.py")}
    others = [
        folder
        for folder in folders
        if folder.parts[:1] not in (("benchmarks",), ("checks",), ("support",))
        and not (PACKAGE / folder).is_dir()
    ]
    assert not others


def test_functions_are_named_by_verbs_rather_than_participles():
    """`read_rows` says what it does and returns; `read` and `made` do not.

    A property is a value, and so may be an adjective: `unused`.
    """
    assert not [
        f"{module.relative_to(ROOT)}:{node.lineno} {node.name}"
        for module in MODULES
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and _is_participle(node.name.strip("_"))
        if not any("property" in ast.unparse(each) for each in node.decorator_list)
    ]


def _is_participle(name: str) -> bool:
    regular = name.endswith("ed") and name not in NOT_PARTICIPLES
    return "_" not in name and (regular or name in IRREGULAR)


def _part(module: Path) -> str:
    """`inversion` for ganinv_cli/inversion/solvers/gd.py."""
    return module.relative_to(PACKAGE).parts[0].removesuffix(".py")


def _is_in(module: Path, place: str) -> bool:
    """Whether a module is the file or in the folder `place`, such as `network/layers`."""
    name = module.relative_to(PACKAGE)
    return name.is_relative_to(place) or name == Path(place).with_suffix(".py")


def _dotted(module: Path) -> str:
    return ".".join(module.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@functools.cache
def _names_imported(module: Path) -> list[str]:
    """Dotted names of all imports."""
    names = []
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, f"{module} has a relative import"
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


def _parts_imported(module: Path) -> set[str]:
    names = (name.split(".") for name in _names_imported(module))
    return {
        name[1] for name in names if name[0] == "ganinv_cli" and len(name) > 1 and name[1] in LEVELS
    }


def _libraries_imported(module: Path) -> set[str]:
    return {name.split(".")[0] for name in _names_imported(module)}


def test_no_code_compares_words_of_a_chain():
    """What a chain is, its columns say; its words are for people."""
    named = re.compile(r"\b(chain|words|tried)\b(\.\w+)?\.(startswith|endswith|find|split)\(")
    asked = re.compile(r"[\"'] (not )?in \w*\.?(chain|words|tried)\b|\b(chain|words) == [\"']")
    found = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in MODULES
        if {"reenact", "results", "experiments"} & set(path.parts)
        for line in path.read_text(encoding="utf-8").splitlines()
        if named.search(line) or asked.search(line)
    ]
    assert not found
