"""Translation of a Keras model to a network, inner models included."""

from collections.abc import Callable
from pathlib import Path

from ganinv_cli.formats.interface import UnfinishedGenerator, UnreadableError
from ganinv_cli.formats.keras import activations, convolutions, layers, merging
from ganinv_cli.formats.keras.config import Call, CallKey, LayerConfig, Model, parse_config
from ganinv_cli.formats.keras.files import KerasFile
from ganinv_cli.formats.keras.inputs import add_inputs
from ganinv_cli.formats.keras.layer_settings import UntranslatedError
from ganinv_cli.formats.keras.network_builder import NetworkBuilder, Value
from ganinv_cli.formats.keras.weights import ROOT_GROUPS, Weights, choose_layout
from ganinv_cli.network.graph import Network

CODE_LAYERS = {"Lambda", "TFOpLambda", "SlicingOpLambda", "TFSMLayer"}
RANDOM_LAYERS = ("Dropout", "SpatialDropout2D", "GaussianNoise", "GaussianDropout", "AlphaDropout")
IDENTITY_LAYERS = {*RANDOM_LAYERS, "ActivityRegularization", "InputLayer"}
LABEL_LAYERS = {"Embedding", "CategoryEncoding", "Reshape", "Flatten", *IDENTITY_LAYERS}

Translator = Callable[[NetworkBuilder, LayerConfig, list[Value]], Value]


def translate_file(path: Path, file: KerasFile) -> UnfinishedGenerator:
    """Return the generator of an open file. Raises UnreadableError."""
    model = parse_config(file.config)
    _refuse_unknown(model)
    version = file.major_version
    generator, assumed = _translate_model(
        model, Weights(choose_layout(file.weights, model)), version
    )
    return UnfinishedGenerator(
        network=generator,
        format=f"Keras {version} ({file.file_type})",
        layout=model.kind,
        path=str(path),
        ignored=_list_ignored_names(file),
        assumed=assumed,
    )


def _translate_model(
    model: Model, weights: Weights, version: int
) -> tuple[Network, tuple[str, ...]]:
    """Return the network and the assumptions. Raises UnreadableError."""
    growing = NetworkBuilder(weights, version)
    latent, input_values = add_inputs(growing, model)
    if len(model.outputs) != 1:
        raise UnreadableError(
            f"has {len(model.outputs)} outputs; expected one, the picture; save a model of that "
            "output alone"
        )
    output = _apply_model(growing, model, input_values)
    return growing.build_network(latent, output), tuple(dict.fromkeys(growing.assumptions))


def _list_ignored_names(file: KerasFile) -> tuple[str, ...]:
    """Return names in the file that are not the model's, such as an optimizer's state."""
    known = {
        *ROOT_GROUPS,
        "vars",
        "top_level_model_weights",
        *file.weights.read_texts("layer_names"),
    }
    return tuple(sorted({*file.other_names, *file.weights.names} - known))


def _refuse_unknown(model: Model) -> None:
    """Raise UntranslatedError for an unknown layer, before any weight is read."""
    for layer in model.layers:
        if layer.inner_model:
            _refuse_unknown(layer.inner_model)
        elif layer.wrapped_layer:
            _refuse_unknown_layer(layer.wrapped_layer)
        else:
            _refuse_unknown_layer(layer)


def _refuse_unknown_layer(layer: LayerConfig) -> None:
    kind, name = layer.kind[:60], layer.name[:60]
    if layer.wrapped_layer or kind in TRANSLATORS or kind in FUNCTIONS:
        return
    article = "an" if kind[:1] in "AEIOU" else "a"
    if kind in CODE_LAYERS or "." in kind.removeprefix("ops.") or ">" in kind:
        what = "which is code; ganinv runs none"
    else:
        what = "which ganinv does not know"
    raise UntranslatedError(
        f"{name} is {article} {kind} layer, {what}; --trust loads it with Keras"
    )


def _apply_model(builder: NetworkBuilder, model: Model, inputs: list[Value]) -> Value:
    """Return the output of a model for its inputs."""
    if len(inputs) != len(model.inputs):
        raise UnreadableError(
            f"{model.name} takes {len(model.inputs)} inputs, found {len(inputs)}; the config is "
            "damaged"
        )
    if len(model.outputs) != 1:
        raise UnreadableError(f"{model.name} has {len(model.outputs)} outputs; expected one")
    keys = [key for key, _ in model.inputs]
    values: dict[CallKey, Value] = dict(zip(keys, inputs, strict=True))
    by_name = {layer.name: layer for layer in model.layers}
    pending = list(model.calls)
    while pending:
        ready = [call for call in pending if all(key in values for key in call.inputs)]
        if not ready:
            raise UnreadableError(_describe_missing_input(pending[0], values))
        for call in ready:
            values[call.key] = _apply_layer(builder, by_name[call.key[0]], call, values)
        finished_keys = {call.key for call in ready}
        pending = [call for call in pending if call.key not in finished_keys]
    (output,) = model.outputs
    if output not in values:
        raise UnreadableError(
            f"has an output {output[0]!r} that is not there; the config is damaged"
        )
    return values[output]


def _describe_missing_input(call: Call, values: dict[CallKey, Value]) -> str:
    missing = next(name for name, number in call.inputs if (name, number) not in values)
    return (
        f"{call.key[0]} takes the output of {missing}, which is missing or itself depends on "
        f"{call.key[0]}; the config is damaged"
    )


def _apply_layer(
    builder: NetworkBuilder, layer: LayerConfig, call: Call, values: dict[CallKey, Value]
) -> Value:
    builder.count_call()
    arguments = [a if isinstance(a, float) else values[a] for a in call.arguments]
    has_numbers = any(isinstance(each, float) for each in arguments)
    # the config does not distinguish the function Add from the layer, which takes no numbers
    function = "ops." + layer.kind.removeprefix("ops.") if has_numbers else layer.kind
    has_label_index = any(isinstance(each, Value) and each.integer for each in arguments)
    if has_label_index and not layer.inner_model and layer.kind not in LABEL_LAYERS:
        raise layer.settings.untranslated_error(
            "a label by its number for its input", "knows Embedding and CategoryEncoding"
        )
    if function in FUNCTIONS:
        return FUNCTIONS[function](builder, layer, arguments)
    tensors = [each for each in arguments if isinstance(each, Value)]
    if has_numbers or not tensors:
        raise layer.settings.untranslated_error("a number for its input")
    if layer.inner_model:
        return _apply_model(builder, layer.inner_model, tensors)
    if call.training and layer.kind in (*RANDOM_LAYERS, "BatchNormalization"):
        builder.assumptions.append(_describe_training_call(layer))
    inside = layer.wrapped_layer or layer
    if len(tensors) > 1 and inside.kind not in MERGE_LAYERS:
        raise layer.settings.untranslated_error(f"{len(tensors)} inputs", "knows those of one")
    return TRANSLATORS[inside.kind](builder, inside, tensors)


def _describe_training_call(layer: LayerConfig) -> str:
    what = "the moving statistics" if layer.kind == "BatchNormalization" else "no noise"
    return f"{what} in {layer.name}, which the model uses as in training"


MERGE_LAYERS: dict[str, Translator] = {
    "Add": merging.add,
    "Multiply": merging.multiply,
    "Subtract": merging.subtract,
    "Average": merging.average,
    "Concatenate": merging.concatenate,
}
TRANSLATORS: dict[str, Translator] = {
    **MERGE_LAYERS,
    **dict.fromkeys(IDENTITY_LAYERS, layers.pass_through),
    **dict.fromkeys(activations.ACTIVATION_LAYERS, activations.translate_activation_layer),
    "Activation": activations.translate_activation,
    "Dense": layers.dense,
    "Reshape": layers.reshape,
    "Flatten": layers.flatten,
    "Permute": layers.permute,
    "RepeatVector": layers.repeat_vector,
    "BatchNormalization": layers.batch_normalization,
    "LayerNormalization": layers.layer_normalization,
    "GroupNormalization": layers.group_normalization,
    "PReLU": layers.prelu,
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
FUNCTIONS: dict[str, Callable[[NetworkBuilder, LayerConfig, list[Value | float]], Value]] = {
    "ops.Add": merging.add_operands,
    "ops.Subtract": merging.subtract_operands,
    "ops.Multiply": merging.multiply_operands,
    **dict.fromkeys(
        ("ops.Divide", "ops.TrueDivide", "Divide", "TrueDivide"), merging.divide_by_number
    ),
}
