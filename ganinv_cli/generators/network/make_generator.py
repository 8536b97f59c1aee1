"""From the definition of a generator to one that computes."""

from ganinv_cli.generators.network.definition import Definition
from ganinv_cli.generators.network.generator import BatchNormMode, Generator
from ganinv_cli.generators.network.graph import TracedNetwork
from ganinv_cli.generators.network.layered import LayeredGenerator
from ganinv_cli.generators.network.operations.generator import TracedGenerator


def make_generator(
    definition: Definition, batch_norm: BatchNormMode = "frozen", label: int | None = None
) -> Generator:
    """Return the generator of a definition on the current device.

    With `label` that label is fixed, and the generator is unconditional. `batch_norm="batch"` needs
    layers.
    """
    network, prior, origin = definition.network, definition.prior, definition.origin
    generator: Generator
    if isinstance(network, TracedNetwork):
        generator = TracedGenerator(network, prior, label, origin)
    else:
        generator = LayeredGenerator(network, prior, batch_norm, label, origin)
    generator.reach, generator.draws = definition.reach, definition.draws
    return generator
