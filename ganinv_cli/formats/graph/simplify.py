"""A network without the layers that nothing needs, and with chains of scalings as one."""

from collections import Counter
from collections.abc import Sequence

from ganinv_cli.network.graph import LABEL, Node, Z
from ganinv_cli.network.layers import Affine


def simplify_network(nodes: Sequence[Node], output: int) -> tuple[Node, ...]:
    """What leads to the node numbered `output`, which becomes the last."""
    joined = list(nodes)
    uses = Counter(each for n in _find_needed_nodes(nodes, output) for each in nodes[n].inputs)
    for number in _find_needed_nodes(nodes, output):
        layer, inputs, name = joined[number]
        before = joined[inputs[0]] if inputs and inputs[0] >= 0 else None
        first = before.layer if before and uses[inputs[0]] == 1 else None
        if before and isinstance(layer, Affine) and isinstance(first, Affine):
            both = Affine(first.scale * layer.scale, first.shift * layer.scale + layer.shift)
            joined[number] = Node(both, before.inputs, name)
    kept = _find_needed_nodes(joined, output)
    places = {old: new for new, old in enumerate(kept)} | {Z: Z, LABEL: LABEL}
    return tuple(
        joined[n]._replace(inputs=tuple(places[each] for each in joined[n].inputs)) for n in kept
    )


def _find_needed_nodes(nodes: Sequence[Node], output: int) -> list[int]:
    needed: set[int] = set()
    ahead = [output]
    while ahead:
        number = ahead.pop()
        if number >= 0 and number not in needed:
            needed.add(number)
            ahead.extend(nodes[number].inputs)
    return sorted(needed)
