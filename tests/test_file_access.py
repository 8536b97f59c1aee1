"""Files, streams, sockets and programs are opened by few modules, which check what they open.

Other modules call these, and give parsers bytes or files that are already open.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "ganinv_cli"

FUNCTIONS = (  # that open what they are given; a dot at the end: all of a module
    *("open", "io.open", "io.FileIO", "os.open", "os.fdopen", "codecs.open", "mmap.mmap"),
    *("numpy.load", "numpy.save", "numpy.savez", "numpy.savez_compressed", "numpy.savetxt"),
    *("numpy.loadtxt", "numpy.genfromtxt", "numpy.fromfile", "numpy.memmap", "h5py.File"),
    *("json.load", "json.dump", "pickle.load", "pickle.dump", "tomllib.load", "PIL.Image.open"),
    *("zipfile.ZipFile", "zipfile.is_zipfile", "tarfile.open", "gzip.", "bz2.", "lzma."),
    *("tensorflow.io.", "tensorflow.saved_model.", "tensorflow.train.", "keras.models."),
    *("keras.saving.", "onnx.load", "onnx.load_model", "onnx.save", "onnx.save_model"),
    *("tempfile.mkdtemp", "tempfile.mkstemp", "tempfile.NamedTemporaryFile"),
    *("tempfile.TemporaryDirectory", "tempfile.TemporaryFile", "tempfile.SpooledTemporaryFile"),
    *("shutil.copy", "shutil.copy2", "shutil.copyfile", "shutil.copytree", "shutil.move"),
    *("sqlite3.", "shelve.", "socket.create_connection", "socket.create_server"),
    *("socket.socket", "socket.socketpair", "urllib.request.", "http.", "requests."),
    *("subprocess.", "os.system", "os.popen", "webbrowser.open"),
)
METHODS = ("open", "read_text", "read_bytes", "write_text", "write_bytes", "tofile", "savefig")
OPEN_FILES = ("io.BytesIO", "ganinv_cli.files.regular_file.open_regular_file")
ARCHIVES = (
    "zipfile.ZipFile",
    "ganinv_cli.files.zip_archive.open_archive",
)  # their method `open` reads a member
ENCODINGS = ("utf-8", "ascii")

ALLOWED = {
    "files/hdf5": {"h5py.File", ".open"},
    "files/regular_file": {"open", "os.open"},
    "files/temporary": {"os.open", "tempfile.mkdtemp"},
    "files/write": {"os.open", ".write_bytes"},
    "streams": {"open", "os.open"},  # the standard streams
    # What no helper can do, each in one place.
    "api/tensorflow_start": {"tempfile.TemporaryFile"},  # for what TensorFlow prints
    "cli/publish": {"webbrowser.open"},  # --open
    "engine/ray/connect": {".open"},  # /dev/null in place of stdout
    "experiments/provenance": {"subprocess.run"},  # git
    "formats/keras/files": {"tempfile.TemporaryFile"},  # for the weights in an archive
    "progress/interrupts": {"socket.socketpair"},  # wakes the thread that answers signals
    # Libraries that take a path alone, after the file has been checked or in a folder of ganinv.
    "conversion/write": {".write_bytes", ".write_text", "shutil.copyfile"},
    "encoder/model": {".open", "numpy.savez"},
    "formats/keras/trace": {"keras.models.load_model", "keras.saving.deserialize_keras_object"},
    "formats/tensorflow/tensors": {"tensorflow.train.load_checkpoint"},
    "store/damage": {".open"},
    "store/hdf5": {".open", "h5py.File"},
    "store/log": {".open", "mmap.mmap", "os.open"},
    "training/export": {"shutil.copy2"},
    "training/train": {"tensorflow.train.Checkpoint", "tensorflow.train.CheckpointManager"},
}


@pytest.mark.parametrize("module", sorted(PACKAGE.rglob("*.py")), ids=str)
def test_only_the_allowed_modules_open_files(module: Path) -> None:
    name = str(module.relative_to(PACKAGE).with_suffix(""))
    calls = set(list_opening_calls(module.read_text(encoding="utf-8")))
    allowed = ALLOWED.get(name, set())
    assert not calls - allowed, f"{name} opens files; call ganinv_cli/files instead"
    assert not allowed - calls, f"{name} no longer calls these; remove them from ALLOWED"


def test_every_allowed_module_exists() -> None:
    assert not [name for name in ALLOWED if not (PACKAGE / f"{name}.py").exists()]


@pytest.mark.parametrize(
    ("source", "calls"),
    [
        ("open('x')", ["open"]),
        ("import numpy as np\nnp.load(path)", ["numpy.load"]),
        ("from PIL import Image\nImage.open(path)", ["PIL.Image.open"]),
        ("from tempfile import TemporaryFile as T\nT()", ["tempfile.TemporaryFile"]),
        ("import tensorflow as tf\ntf.io.gfile.GFile(path)", ["tensorflow.io.gfile.GFile"]),
        ("path.read_text('utf-8')", [".read_text"]),
        ("Path('x').open()", [".open"]),
        ("subprocess.run(command)", []),  # without its import it is another thing
        ("import subprocess\nsubprocess.run(command)", ["subprocess.run"]),
        ("import io, numpy\nfile = io.BytesIO()\nnumpy.savez(file, a=1)", []),
        ("import zipfile\nwith zipfile.ZipFile(path) as z:\n    z.open(m)", ["zipfile.ZipFile"]),
        ("import zipfile\ndef f(file: BinaryIO): zipfile.ZipFile(file)", []),
        ("group.read_text('model_config')", []),
    ],
)
def test_what_opens_a_file_is_recognised(source: str, calls: list[str]) -> None:
    assert list(list_opening_calls(source)) == calls


def list_opening_calls(source: str) -> Iterator[str]:
    """Yield the calls that open something, as `numpy.load`, or `.read_text` if it is a method.

    A call that gets a file that is already open is left out.
    """
    tree = ast.parse(source)
    imported = dict(_list_imported_names(tree))
    opened = set(_list_bound_names(tree, imported, OPEN_FILES, ("BinaryIO", "IO[bytes]")))
    archives = set(_list_bound_names(tree, imported, ARCHIVES, ARCHIVES))
    for call in [node for node in ast.walk(tree) if isinstance(node, ast.Call)]:
        first = ast.unparse(call.args[0]) if call.args else ""
        if first in opened or first.startswith("io.BytesIO("):
            continue
        name = _resolve(call.func, imported)
        if any(name.startswith(each) if each[-1] == "." else name == each for each in FUNCTIONS):
            yield name
        elif isinstance(call.func, ast.Attribute) and call.func.attr in METHODS:
            receiver = ast.unparse(call.func.value)
            is_attribute = call.func.attr == "read_text" and first.strip("'") not in (
                "",
                *ENCODINGS,
            )
            if receiver != "self" and receiver not in archives and not is_attribute:
                yield f".{call.func.attr}"


def _list_imported_names(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield each name that imports define, and what it stands for."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for each in node.names:
                top = each.name.partition(".")[0]
                yield (each.asname, each.name) if each.asname else (top, top)
        elif isinstance(node, ast.ImportFrom):
            yield from (
                (each.asname or each.name, f"{node.module}.{each.name}") for each in node.names
            )
    yield "open", "open"


def _list_bound_names(
    tree: ast.AST, imported: dict[str, str], calls: tuple[str, ...], types: tuple[str, ...]
) -> Iterator[str]:
    """Yield variables that hold what one of `calls` returns, and arguments of one of `types`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            values, targets = node.value, node.targets
        elif isinstance(node, ast.withitem):
            values, targets = node.context_expr, [node.optional_vars] if node.optional_vars else []
        elif isinstance(node, ast.arg):
            if node.annotation and ast.unparse(node.annotation) in types:
                yield node.arg
            continue
        else:
            continue
        # stack.enter_context(open_regular_file(path)) counts too
        found = [each for each in ast.walk(values) if isinstance(each, ast.Call)]
        if any(_resolve(each.func, imported) in calls for each in found):
            yield from map(ast.unparse, targets)


def _resolve(function: ast.expr, imported: dict[str, str]) -> str:
    """Return `numpy.load` for `np.load`; empty if the first name was not imported."""
    rest = ""
    while isinstance(function, ast.Attribute):
        rest, function = f".{function.attr}{rest}", function.value
    known = isinstance(function, ast.Name) and function.id in imported
    return imported[function.id] + rest if known else ""
