"""Generators in TensorFlow SavedModels, and in frozen graphs: translated, nothing of them is run.

What Keras' `export`, `tf.saved_model.save`, and TensorFlow 1's builder write. The graph behind the
signature is followed from z to the picture, and each operation becomes a layer or is refused.
"""

from pathlib import Path
from typing import Any

from ganinv_cli.errors import to_printable
from ganinv_cli.formats.detect import Evidence, FileFacts, Format
from ganinv_cli.formats.interface import UnfinishedGenerator, UnreadableError
from ganinv_cli.settings.conventions import Conventions

GRAPH_FILE = "saved_model.pb"
MAX_BYTES = 1 << 29  # with 100 million weights as constants
SERVING_SIGNATURES = ("serving_default", "default", "serve")
SERVING_TAG = "serve"


def read(path: Path, conventions: Conventions) -> UnfinishedGenerator:
    """The generator of a SavedModel's folder, of its saved_model.pb, or of a frozen .pb.

    The signature is serving_default, or the only one. Its variables that the picture does not need
    are ignored, and listed. Raises UnreadableError.
    """
    from google.protobuf.message import DecodeError
    from tensorflow.core.framework.graph_pb2 import GraphDef
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    file = path / GRAPH_FILE if path.is_dir() else path
    content = _read_bytes(file)
    for kind, graphs, reader in (
        (SavedModel, "meta_graphs", _read_saved_model),
        (GraphDef, "node", _read_frozen_graph),
    ):
        try:
            message = kind.FromString(content)
            if getattr(message, graphs):
                return reader(file, message)
        except DecodeError:
            continue
        except UnreadableError as error:  # with names from the file
            raise UnreadableError(to_printable(str(error)[:1000])) from None
    raise UnreadableError(
        f"{file.name} is no graph of TensorFlow, or damaged; copy the SavedModel again"
    )


def _read_bytes(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            content = opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise UnreadableError(
            f"{file.name} cannot be read ({error.strerror}); name the folder that holds "
            f"{GRAPH_FILE}"
        ) from None
    if len(content) > MAX_BYTES:
        raise UnreadableError(f"{file.name} has more than {MAX_BYTES:,} bytes; is it a generator?")
    return content


def _read_saved_model(file: Path, model: Any) -> UnfinishedGenerator:
    from ganinv_cli.formats.graph import network as graph_network
    from ganinv_cli.formats.graph.tensors import Budget
    from ganinv_cli.formats.graph.variables import Variables, handles

    meta = _choose_meta_graph(model)
    name = _choose_signature(meta)
    signature = meta.signature_def[name]
    if len(signature.outputs) != 1:
        outputs = ", ".join(sorted(signature.outputs)) or "none"
        raise UnreadableError(
            f"its signature {name!r} has {len(signature.outputs)} outputs ({outputs[:200]}); "
            "expected one, the picture; export a function that returns it alone"
        )
    (output,) = signature.outputs.values()
    budget = Budget()
    variables = Variables(file.parent, budget)
    graph = graph_network.graph_of(
        meta.graph_def, handles(meta.graph_def, meta.object_graph_def, variables)
    )
    inputs = [
        graph_network.Input(called, each.name, each.dtype, _to_shape(each.tensor_shape))
        for called, each in sorted(signature.inputs.items())
    ]
    network = graph_network.network(graph, inputs, output.name, variables, budget)
    return UnfinishedGenerator(
        network, "TensorFlow SavedModel", name, str(file.parent), variables.unused
    )


def _read_frozen_graph(file: Path, graph: Any) -> UnfinishedGenerator:
    """A graph whose variables are constants: from its placeholder to what nothing in it uses."""
    from ganinv_cli.formats.graph import network as graph_network
    from ganinv_cli.formats.graph.tensors import Budget

    placeholders = [node for node in graph.node if node.op == "Placeholder"]
    inputs = [
        graph_network.Input(
            node.name, node.name, node.attr["dtype"].type, _to_shape(node.attr["shape"].shape)
        )
        for node in placeholders
    ]
    used = {each.lstrip("^").split(":")[0] for node in graph.node for each in node.input}
    ignored_ops = ("NoOp", "Const", "Placeholder", "Assert")
    output_names = [
        node.name for node in graph.node if node.name not in used and node.op not in ignored_ops
    ]
    if len(output_names) != 1:
        raise UnreadableError(
            f"is a graph with {len(output_names)} outputs ({', '.join(output_names[:5])}); "
            "expected one, the "
            "picture; save it as a SavedModel with a signature"
        )

    def refuse_variable(key: str) -> Any:
        raise UnreadableError(
            f"needs the variable {key!r}, which a graph alone does not hold; freeze it, or save it "
            "as a SavedModel"
        )

    network = graph_network.network(
        graph_network.graph_of(graph, {}), inputs, output_names[0], refuse_variable, Budget()
    )
    return UnfinishedGenerator(network, "TensorFlow graph", "frozen", str(file))


def _choose_meta_graph(model: Any) -> Any:
    """The one for serving, or the only one."""
    graphs = list(model.meta_graphs)
    tags = [set(each.meta_info_def.tags) for each in graphs]
    chosen = [g for g, tag in zip(graphs, tags, strict=True) if SERVING_TAG in tag]
    chosen = chosen or [g for g, tag in zip(graphs, tags, strict=True) if not tag]
    chosen = chosen or (graphs if len(graphs) == 1 else [])
    if not chosen:
        shown = "; ".join(",".join(sorted(tag)) for tag in tags[:5])
        raise UnreadableError(f"has graphs with the tags {shown}, none for {SERVING_TAG!r}")
    return chosen[0]


def _choose_signature(meta: Any) -> str:
    names: list[str] = sorted(name for name in meta.signature_def if not name.startswith("__"))
    for name in (*SERVING_SIGNATURES, *names):
        if name in names and (name in SERVING_SIGNATURES or len(names) == 1):
            return name
    if names:
        raise UnreadableError(
            f"has the signatures {', '.join(names[:5])}; expected {SERVING_SIGNATURES[0]!r}, or "
            "only one"
        )
    raise UnreadableError(
        "has no signature that says what goes in and out; save it with "
        "tf.saved_model.save(model, folder, signatures=function)"
    )


def _to_shape(shape: Any) -> tuple[int, ...] | None:
    if shape.unknown_rank:
        return None
    return tuple(axis.size for axis in shape.dim)


def _recognises(facts: FileFacts) -> bool:
    if facts.path.is_dir():
        return (facts.path / GRAPH_FILE).is_file()
    return facts.path.suffix == ".pb"


FORMAT = Format(
    "saved_model",
    read,
    _recognises,
    Evidence.NAME,
    folder_patterns=(GRAPH_FILE,),
    needs_tensorflow=True,
    is_whole_model=True,
    title="SavedModel",
)
