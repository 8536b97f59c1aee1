"""Values that options and files beside a generator give for its steps."""

from collections.abc import Mapping, Sequence

from ganinv_cli.formats.interface import MAX_SIDE, UnreadableError
from ganinv_cli.formats.weights.step import Value, parse_activation
from ganinv_cli.settings.conventions import CONVENTIONS, Conventions

_LIMITS = {"strides": (1, MAX_SIDE), "padding": (0, MAX_SIDE), "epsilon": (1e-300, 1)}


class Given:
    """Given values by name: one per layer that has the convention, or one for all of them."""

    def __init__(self, conventions: Conventions, convolutions: int, norms: int) -> None:
        """Raise UnreadableError for numbers of values, or values, that no layer can have."""
        texts = conventions.activation.split(",") if conventions.activation.strip() else []
        self._values: Mapping[str, Sequence[Value]] = {
            "activation": [text.strip() for text in texts]
        } | {name: getattr(conventions, name) for name in (*_LIMITS, "upsampling", "norm")}
        for text in texts:
            parse_activation(text)
        for name in ("strides", "padding", "upsampling"):
            self._check_count(name, convolutions, "convolutions")
        for name in ("epsilon", "norm"):
            self._check_count(name, norms, "batch norms")
        for name, (least, most) in _LIMITS.items():
            if not all(least <= value <= most for value in getattr(conventions, name)):
                raise UnreadableError(
                    f"{self._show(name)} does not fit; give numbers from {least:g} to {most:g}"
                )
        for name in ("upsampling", "norm"):
            if not {*self._values[name]} <= {*CONVENTIONS[name].choices}:
                known = " or ".join(CONVENTIONS[name].choices)
                raise UnreadableError(f"{self._show(name)} does not fit; give {known}")

    def find(self, name: str, index: int, possible: Sequence[Value]) -> Value | None:
        """Return the value for one layer, or None if none is given.

        `index` counts the layers that have this convention. A value that is not `possible` for this
        layer is left out if it is for all layers. Raises UnreadableError if it is for this one.
        """
        values = self._values[name]
        if not values or index >= len(values) > 1:
            return None
        value = values[0 if len(values) == 1 else index]
        if name in ("upsampling", "norm") and value not in possible:
            if len(values) == 1:
                return None
            raise UnreadableError(
                f"{name} {value} does not fit layer {index + 1} of its kind, whose weights allow "
                f"only {' or '.join(map(str, possible))}"
            )
        return value

    def check_activations(self, count: int) -> None:
        """Raise UnreadableError unless there is one activation, or one for each place."""
        self._check_count("activation", count, "places between its layers")

    def _check_count(self, name: str, count: int, layers: str) -> None:
        is_for_all = name not in ("strides", "padding")
        values = self._values[name]
        if values and len(values) != count and not (is_for_all and len(values) == 1):
            raise UnreadableError(
                f"{self._show(name)} does not fit; give {count}, one for each of its {layers}"
                + (", or one for all" if is_for_all else "")
            )

    def _show(self, name: str) -> str:
        return f"--{name} {','.join(str(value)[:20] for value in self._values[name][:20])}"


def count_labels(conventions: Conventions, inputs: int) -> int:
    """Return how many of the first layer's inputs are the label; they follow z.

    Raises UnreadableError.
    """
    count = 0 if conventions.labels == -1 else conventions.labels
    if count and not 2 <= count < inputs:
        raise UnreadableError(
            f"takes {inputs:,} values, which cannot be z and {str(count)[:20]} labels behind it; "
            "--labels says how many of them are a label's, at least 2"
        )
    return count
