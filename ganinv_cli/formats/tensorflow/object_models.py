"""Generators in TensorFlow 2 object checkpoints: tf.train.Checkpoint, Keras 2's save_weights."""

from pathlib import Path

from ganinv_cli.formats.reading import Conventions, Found, UnreadableError
from ganinv_cli.formats.tensorflow.dcgan_names import OBJECT_GRAPH
from ganinv_cli.formats.tensorflow.objects import Graph, Layer, parts
from ganinv_cli.formats.tensorflow.tensors import Tensors
from ganinv_cli.formats.weights.choosing import Candidate, chosen, named
from ganinv_cli.formats.weights.parts import Style
from ganinv_cli.formats.weights.sequence import plan
from ganinv_cli.formats.weights.weight import Weight

MOST_MODELS = 50  # of a checkpoint; the objects behind them are not looked at


def found(prefix: Path, tensors: Tensors, conventions: Conventions) -> Found:
    """The one generator among the models of a checkpoint. Raises UnreadableError."""
    models = _Models(Graph(tensors.text(OBJECT_GRAPH)), tensors, conventions)
    try:
        generator = chosen(models.judged())
    except UnreadableError as error:
        raise UnreadableError(
            "is a TensorFlow 2 object checkpoint (tf.train.Checkpoint, Keras save_weights) that "
            f"{error}; if this is the state/ of a training run, name the folder above it"
        ) from None
    return Found(
        network=generator.plan.network(),
        format="TensorFlow 2",
        layout=generator.path or "weights",
        path=str(prefix),
        ignored=tuple(sorted(set(tensors.shapes) - generator.names - {OBJECT_GRAPH})),
        assumed=generator.assumed,
    )


class _Models:
    """The models among the objects of a checkpoint."""

    def __init__(self, graph: Graph, tensors: Tensors, conventions: Conventions) -> None:
        self._graph, self._tensors, self._conventions = graph, tensors, conventions

    def judged(self) -> list[Candidate]:
        """The checkpoint as one model, or else the objects in it and the generators in these."""
        whole = self._candidate(0, "")
        if whole is None or whole.plan:
            return [whole] if whole else []
        models = []
        for path, number in self._inside(0, ""):
            model = self._candidate(number, path)
            inner = [
                self._candidate(deeper, where)
                for where, deeper in self._inside(number, path)
                if model and not model.plan and named(where.rpartition("/")[2])
            ]
            better = [each for each in inner if each and each.plan]
            models += better or ([model] if model else [])
        return models or [whole]

    def _inside(self, number: int, path: str) -> list[tuple[str, int]]:
        """The objects in one, other than single layers."""
        inside = self._graph.children(number).items()
        where = [(f"{path}/{name}".lstrip("/"), child) for name, child in inside]
        return [each for each in where if not self._graph.is_layer(each[1])][:MOST_MODELS]

    def _candidate(self, number: int, path: str) -> Candidate | None:
        layers = self._graph.layers(number, path)
        names = frozenset(key for layer in layers for key in layer.keys.values())
        try:
            made = parts(layers, self._weight)
            matrices = sum(len(part.shape) > 1 for part in made)
            if matrices < 2 and path:  # a layer or an optimizer of a model, not a model
                return None
            return Candidate(path, names, plan(made, _style(layers), self._conventions))
        except UnreadableError as error:
            return Candidate(path, names, None, str(error))

    def _weight(self, key: str) -> Weight:
        if key not in self._tensors.shapes:
            raise UnreadableError(f"the checkpoint lacks {key:.80}; copy it again from its source")
        return Weight(self._tensors.shapes[key], lambda: self._tensors[key])


def _style(layers: list[Layer]) -> Style:
    """Keras' own defaults; layers between those with weights are likely LeakyReLU."""
    between = any(layer.before for layer in layers)
    return Style(torch=False, epsilon=1e-3, activation="leaky_relu:0.3" if between else "relu")
