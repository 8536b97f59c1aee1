"""Generators in TensorFlow 2 object checkpoints: tf.train.Checkpoint, Keras 2's save_weights."""

from pathlib import Path

from ganinv_cli.formats.interface import (
    DISCRIMINATOR,
    IMAGE_NETWORK,
    UnfinishedGenerator,
    UnreadableError,
)
from ganinv_cli.formats.tensorflow.dcgan_names import OBJECT_GRAPH
from ganinv_cli.formats.tensorflow.object_graph import (
    ObjectGraph,
    ObjectLayer,
    make_weighted_layers,
)
from ganinv_cli.formats.tensorflow.tensors import CheckpointTensors
from ganinv_cli.formats.weights.candidates import Candidate, choose_generator, is_generator_name
from ganinv_cli.formats.weights.description import describe_generator
from ganinv_cli.formats.weights.layers import Framework
from ganinv_cli.formats.weights.sequence import plan_generator
from ganinv_cli.formats.weights.weight import Weight
from ganinv_cli.settings.conventions import Conventions

MAX_MODELS = 50  # per checkpoint; further objects are not read


def find_generator(
    prefix: Path, tensors: CheckpointTensors, conventions: Conventions
) -> UnfinishedGenerator:
    """Return the generator among the models of a checkpoint. Raises UnreadableError."""
    models = _ModelSearch(ObjectGraph(tensors.read_text(OBJECT_GRAPH)), tensors, conventions)
    try:
        generator = choose_generator(models.list_candidates())
    except UnreadableError as error:
        if str(error) in (DISCRIMINATOR, IMAGE_NETWORK):
            raise
        raise UnreadableError(
            "is a TensorFlow 2 object checkpoint (tf.train.Checkpoint, Keras save_weights) that "
            f"{error}; if this is the state/ of a training run, name the folder above it"
        ) from None
    described = describe_generator(generator.plan)
    return UnfinishedGenerator(
        network=described.plan.build_network(),
        format="TensorFlow 2",
        layout=generator.path or "weights",
        path=str(prefix),
        ignored=tuple(sorted(set(tensors.shapes) - generator.names - {OBJECT_GRAPH})),
        assumed=(*generator.assumed, *described.assumed),
        conventions=described.conventions,
        prior=described.prior,
        notes=described.notes,
    )


class _ModelSearch:
    """Finds the models among the objects of a checkpoint."""

    def __init__(
        self, graph: ObjectGraph, tensors: CheckpointTensors, conventions: Conventions
    ) -> None:
        self._graph, self._tensors, self._conventions = graph, tensors, conventions

    def list_candidates(self) -> list[Candidate]:
        """Return the checkpoint as one model, or else its objects and the generators in them."""
        whole_checkpoint = self._make_candidate(0, "")
        if whole_checkpoint is None or whole_checkpoint.plan:
            return [whole_checkpoint] if whole_checkpoint else []
        models = []
        for path, node_id in self._list_objects(0, ""):
            model = self._make_candidate(node_id, path)
            inner = [
                self._make_candidate(deeper, where)
                for where, deeper in self._list_objects(node_id, path)
                if model and not model.plan and is_generator_name(where.rpartition("/")[2])
            ]
            generators = [each for each in inner if each and each.plan]
            models += generators or ([model] if model else [])
        return models or [whole_checkpoint]

    def _list_objects(self, node_id: int, path: str) -> list[tuple[str, int]]:
        """Return the objects in an object that are not single layers."""
        inside = self._graph.list_children(node_id).items()
        where = [(f"{path}/{name}".lstrip("/"), child) for name, child in inside]
        return [each for each in where if not self._graph.is_layer(each[1])][:MAX_MODELS]

    def _make_candidate(self, node_id: int, path: str) -> Candidate | None:
        layers = self._graph.list_layers(node_id, path)
        names = frozenset(key for layer in layers for key in layer.keys.values())
        try:
            weighted_layers = make_weighted_layers(layers, self._make_weight)
            matrices = sum(len(part.shape) > 1 for part in weighted_layers)
            if matrices < 2 and path:  # a layer or an optimizer of a model, not a model
                return None
            return Candidate(
                path,
                names,
                plan_generator(weighted_layers, _guess_framework(layers), self._conventions),
            )
        except UnreadableError as error:
            return Candidate(path, names, None, str(error))

    def _make_weight(self, key: str) -> Weight:
        if key not in self._tensors.shapes:
            raise UnreadableError(f"the checkpoint lacks {key:.80}; copy it again from its source")
        return Weight(self._tensors.shapes[key], lambda: self._tensors[key])


def _guess_framework(layers: list[ObjectLayer]) -> Framework:
    """Return Keras' defaults; layers without weights in between are likely LeakyReLU."""
    has_gaps = any(layer.weightless_before for layer in layers)
    return Framework(
        is_torch=False, epsilon=1e-3, activation="leaky_relu:0.3" if has_gaps else "relu"
    )
