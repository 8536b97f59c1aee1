"""From the layers of a Keras model to a network, models in models included."""

from collections.abc import Callable

from ganinv_cli.formats.keras import activations, convolutions, layers, merging
from ganinv_cli.formats.keras.calls import Call, Key
from ganinv_cli.formats.keras.config import Described, Model
from ganinv_cli.formats.keras.inputs import inputs
from ganinv_cli.formats.keras.settings import UntranslatedError
from ganinv_cli.formats.keras.values import Growing, Value
from ganinv_cli.formats.keras.weights import Weights
from ganinv_cli.formats.reading import UnreadableError
from ganinv_cli.network.graph import Network

CODE = {"Lambda", "TFOpLambda", "SlicingOpLambda", "TFSMLayer"}
RANDOM = ("Dropout", "SpatialDropout2D", "GaussianNoise", "GaussianDropout", "AlphaDropout")
KEPT = {*RANDOM, "ActivityRegularization", "InputLayer"}
OF_LABELS = {"Embedding", "CategoryEncoding", "Reshape", "Flatten", *KEPT}

Translate = Callable[[Growing, Described, list[Value]], Value]


def network(model: Model, weights: Weights, version: int) -> tuple[Network, tuple[str, ...]]:
    """And what was assumed. Raises UnreadableError."""
    refuse_unknown(model)
    if len(model.outputs) != 1:
        raise UnreadableError(
            f"has {len(model.outputs)} outputs; expected one, the picture; save a model of that "
            "output alone"
        )
    growing = Growing(weights, version)
    latent, given = inputs(growing, model)
    made = _run(growing, model, given)
    return growing.network(latent, made), tuple(dict.fromkeys(growing.assumed))


def refuse_unknown(model: Model) -> None:
    """Before any weight is read."""
    for layer in model.layers:
        if layer.inner:
            refuse_unknown(layer.inner)
        elif layer.wrapped:
            _refuse(layer.wrapped)
        else:
            _refuse(layer)


def _refuse(layer: Described) -> None:
    kind, name = layer.kind[:60], layer.name[:60]
    if layer.wrapped or kind in TRANSLATE or kind in FUNCTIONS:
        return
    article = "an" if kind[:1] in "AEIOU" else "a"
    if kind in CODE or "." in kind.removeprefix("ops.") or ">" in kind:
        what = "which is code; ganinv runs none"
    else:
        what = "which ganinv does not know"
    raise UntranslatedError(
        f"{name} is {article} {kind} layer, {what}; --trust loads it with Keras"
    )


def _run(growing: Growing, model: Model, given: list[Value]) -> Value:
    """The output of a model for its inputs."""
    if len(given) != len(model.inputs):
        raise UnreadableError(
            f"{model.name} takes {len(model.inputs)} inputs, found {len(given)}; the config is "
            "damaged"
        )
    if len(model.outputs) != 1:
        raise UnreadableError(f"{model.name} has {len(model.outputs)} outputs; expected one")
    keys = [key for key, _ in model.inputs]
    known: dict[Key, Value] = dict(zip(keys, given, strict=True))
    by_name = {layer.name: layer for layer in model.layers}
    waiting = list(model.calls)
    while waiting:
        ready = [call for call in waiting if all(key in known for key in call.sources)]
        if not ready:
            raise UnreadableError(_stuck(waiting[0], known))
        for call in ready:
            known[call.key] = _applied(growing, by_name[call.key[0]], call, known)
        done = {call.key for call in ready}
        waiting = [call for call in waiting if call.key not in done]
    (output,) = model.outputs
    if output not in known:
        raise UnreadableError(
            f"has an output {output[0]!r} that is not there; the config is damaged"
        )
    return known[output]


def _stuck(call: Call, known: dict[Key, Value]) -> str:
    missing = next(name for name, number in call.sources if (name, number) not in known)
    return (
        f"{call.key[0]} takes what {missing} makes, which is not there or takes in turn what "
        f"{call.key[0]} makes; the config is damaged"
    )


def _applied(growing: Growing, layer: Described, call: Call, known: dict[Key, Value]) -> Value:
    growing.step()
    arguments = [a if isinstance(a, float) else known[a] for a in call.arguments]
    numbers = any(isinstance(each, float) for each in arguments)
    # HDF5 does not tell the function Add from the layer, which takes no numbers
    function = "ops." + layer.kind.removeprefix("ops.") if numbers else layer.kind
    integer = any(isinstance(each, Value) and each.integer for each in arguments)
    if integer and not layer.inner and layer.kind not in OF_LABELS:
        raise layer.settings.untranslated(
            "a label by its number for its input", "knows Embedding and CategoryEncoding"
        )
    if function in FUNCTIONS:
        return FUNCTIONS[function](growing, layer, arguments)
    values = [each for each in arguments if isinstance(each, Value)]
    if numbers or not values:
        raise layer.settings.untranslated("a number for its input")
    if layer.inner:
        return _run(growing, layer.inner, values)
    if call.training and layer.kind in (*RANDOM, "BatchNormalization"):
        growing.assumed.append(_asked(layer))
    inside = layer.wrapped or layer
    if len(values) > 1 and inside.kind not in MERGING:
        raise layer.settings.untranslated(f"{len(values)} inputs", "knows those of one")
    return TRANSLATE[inside.kind](growing, inside, values)


def _asked(layer: Described) -> str:
    what = "the moving statistics" if layer.kind == "BatchNormalization" else "no noise"
    return f"{what} in {layer.name}, which the model uses as in training"


MERGING: dict[str, Translate] = {
    "Add": merging.add,
    "Multiply": merging.multiply,
    "Subtract": merging.subtract,
    "Average": merging.average,
    "Concatenate": merging.concatenate,
}
TRANSLATE: dict[str, Translate] = {
    **MERGING,
    **dict.fromkeys(KEPT, layers.unchanged),
    **dict.fromkeys(activations.LAYERS, activations.alone),
    "Activation": activations.activation,
    "Dense": layers.dense,
    "Reshape": layers.reshape,
    "Flatten": layers.flatten,
    "Permute": layers.permute,
    "RepeatVector": layers.repeat_vector,
    "BatchNormalization": layers.batch_normalization,
    "LayerNormalization": layers.layer_normalization,
    "GroupNormalization": layers.group_normalization,
    "PReLU": layers.p_re_lu,
    "Rescaling": layers.rescaling,
    "Embedding": layers.embedding,
    "CategoryEncoding": layers.category_encoding,
    "Conv2D": convolutions.conv2d,
    "DepthwiseConv2D": convolutions.depthwise_conv2d,
    "SeparableConv2D": convolutions.separable_conv2d,
    "Conv2DTranspose": convolutions.conv2d_transpose,
    "UpSampling2D": convolutions.upsampling2d,
    "ZeroPadding2D": convolutions.zero_padding2d,
    "Cropping2D": convolutions.cropping2d,
}
FUNCTIONS: dict[str, Callable[[Growing, Described, list[Value | float]], Value]] = {
    "ops.Add": merging.added_up,
    "ops.Subtract": merging.subtracted,
    "ops.Multiply": merging.multiplied,
    **dict.fromkeys(("ops.Divide", "ops.TrueDivide", "Divide", "TrueDivide"), merging.divided),
}
