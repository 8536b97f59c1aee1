"""The settings of a layer in a Keras config, each checked when it is read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ganinv_cli.formats.interface import UnreadableError

MAX_SIZE = 1 << 24  # of any size in a config
MAX_NUMBER = 1e30  # of any number in a config
DTYPE_POLICIES = "float16", "bfloat16", "float32", "float64", "mixed_float16", "mixed_bfloat16"
PADDINGS = ("valid", "same")
DATA_FORMATS = ("channels_last", "channels_first")


class UntranslatedError(UnreadableError):
    """A valid config with a feature that ganinv does not translate."""


@dataclass(frozen=True)
class LayerSettings:
    """The settings of a layer. Each method raises UnreadableError for an invalid value."""

    name: str  # of the layer
    kind: str
    values: Mapping[str, Any]

    def read_int(self, key: str, default: int | None = None, minimum: int = 1) -> int:
        value = self.values.get(key, default)
        if (
            isinstance(value, bool)
            or not isinstance(value, int)
            or not minimum <= value <= MAX_SIZE
        ):
            raise self._invalid_setting_error(
                key, value, f"a whole number from {minimum} to {MAX_SIZE:,}"
            )
        return value

    def read_float(self, *keys: str, default: float) -> float:
        """Return the value of the first key that is set; Keras 3 renamed some."""
        key = next((key for key in keys if self.values.get(key) is not None), keys[0])
        value = self.values.get(key, default)
        value = default if value is None else value
        while isinstance(value, Mapping):  # a NumPy number in a config of Keras 2
            value = value.get("config") or value.get("value")
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not abs(value) < MAX_NUMBER
        ):
            raise self._invalid_setting_error(key, value, "a finite number")
        return float(value)

    def read_bool(self, key: str, default: bool) -> bool:
        value = self.values.get(key, default)
        if not isinstance(value, bool):
            raise self._invalid_setting_error(key, value, "true or false")
        return value

    def read_choice(self, key: str, choices: tuple[str, ...], default: str) -> str:
        value = self.values.get(key)
        value = default if value is None else value
        if value not in choices:
            raise self.untranslated_error(
                f"{key} {str(value)[:60]!r}", f"supports {', '.join(choices)}"
            )
        return str(value)

    def read_pair(self, key: str, default: int = 1, minimum: int = 1) -> tuple[int, int]:
        """Return a value for height and one for width; one number is used for both."""
        value = self.values.get(key)
        value = default if value is None else value
        both = value if isinstance(value, list) else [value, value]
        if len(both) != 2 or not all(_is_int(each, minimum) for each in both):
            raise self._invalid_setting_error(
                key, value, f"one or two whole numbers from {minimum}"
            )
        return both[0], both[1]

    def read_ints(self, key: str) -> list[int]:
        """Return a list of whole numbers; one number becomes a list."""
        value = self.values.get(key)
        listed = value if isinstance(value, list) else [value]
        if not (listed and all(_is_int(each, -MAX_SIZE) for each in listed)):
            raise self._invalid_setting_error(key, value, "whole numbers")
        return list(listed)

    def read_sides(self, key: str, default: int) -> tuple[tuple[int, int], tuple[int, int]]:
        """Return ((top, bottom), (left, right))."""
        value = self.values.get(key, default)
        both = value if isinstance(value, list) else [value, value]
        if len(both) != 2:
            raise self._invalid_setting_error(key, value, "one, two or four whole numbers")
        up, left = (each if isinstance(each, list) else [each, each] for each in both)
        if not (len(up) == len(left) == 2 and all(_is_int(each, 0) for each in (*up, *left))):
            raise self._invalid_setting_error(key, value, "one, two or four whole numbers from 0")
        return (up[0], up[1]), (left[0], left[1])

    @property
    def channels_first(self) -> bool:
        """Whether channels come before height and width."""
        return self.read_choice("data_format", DATA_FORMATS, DATA_FORMATS[0]) == "channels_first"

    def check_dtype_policy(self) -> None:
        """Raise UnreadableError if the weights are quantised."""
        policy = self.values.get("dtype")
        if isinstance(policy, Mapping):
            inner = policy.get("config")
            policy = inner.get("name") if isinstance(inner, Mapping) else None
        quantisation = self.values.get("quantization_config") or self.values.get(
            "quantization_mode"
        )
        if quantisation or (isinstance(policy, str) and policy not in DTYPE_POLICIES):
            raise UnreadableError(
                f"{self.name} is quantised ({policy or 'by a setting'}); use a model in floats"
            )

    def untranslated_error(self, feature: str, supported: str = "") -> UntranslatedError:
        """Return the error for a feature of the layer that is not translated."""
        supported = f"ganinv {supported or 'reads none such'}"
        return UntranslatedError(
            f"{self.name} is a {self.kind} with {feature}; {supported}; --trust loads it with Keras"
        )

    def _invalid_setting_error(self, key: str, value: object, expected: str) -> UnreadableError:
        return UnreadableError(
            f"{self.name} ({self.kind}) has {key} {str(value)[:60]!r}, but {expected} was "
            "expected; the config is damaged or not one that Keras wrote"
        )


def _is_int(value: object, minimum: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and minimum <= value <= MAX_SIZE
