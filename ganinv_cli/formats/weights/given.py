"""Values that options and files beside a generator give for the layers of weights alone."""

from collections.abc import Sequence

from ganinv_cli.formats.interface import UnreadableError
from ganinv_cli.formats.weights import overrides
from ganinv_cli.prior import format_number
from ganinv_cli.settings.conventions import Conventions


class GivenValues:
    """Given values by name, one per layer that has them, or one for all. Raises UnreadableError."""

    def __init__(self, conventions: Conventions, kinds: Sequence[str]) -> None:
        convolutions, norms = kinds.count("convolution"), kinds.count("norm")
        epsilons = overrides.check_epsilons(conventions, norms)
        self._values = {
            "activation": overrides.split_activations(conventions.activation),
            "strides": list(map(str, overrides.check_strides(conventions, convolutions))),
            "padding": list(map(str, overrides.check_padding(conventions, convolutions))),
            "epsilon": list(map(format_number, epsilons)),
            "upsampling": overrides.check_names(
                "upsampling", conventions.upsampling, convolutions, "convolutions"
            ),
            "norm": overrides.check_names("norm", conventions.norm, norms, "batch norms"),
        }

    def find(self, name: str, index: int, possible: Sequence[str]) -> str:
        """Return the value for one layer, or "" if none is given.

        `index` counts the layers that have this convention. A single value is for all layers;
        if `possible` lists values, it is only for layers that can have it. Raises UnreadableError.
        """
        values = self._values[name]
        if not values:
            return ""
        if len(values) > 1 and index >= len(values):
            return values[-1]  # refused when all layers have been counted
        value = values[0 if len(values) == 1 else index]
        if possible and value not in possible and name in ("upsampling", "norm"):
            if len(values) == 1:
                return ""
            raise UnreadableError(
                f"{name} {value} does not fit layer {index + 1} of its kind, whose weights allow "
                f"only {' or '.join(possible)}"
            )
        return value

    def check_activations(self, count: int) -> None:
        """Raise UnreadableError unless there is one activation, or one for each place."""
        values = self._values["activation"]
        if len(values) > 1 and len(values) != count:
            raise UnreadableError(
                f"the activation {','.join(values)[:80]} does not fit; give one, or {count}, one "
                "for each place between its layers"
            )
