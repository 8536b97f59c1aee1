"""The settings of one layer in a Keras config, each checked when it is asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ganinv_cli.formats.reading import UnreadableError

MOST = 1 << 24  # of any size in a config
LARGE = 1e30  # beyond any number in one
POLICIES = "float16", "bfloat16", "float32", "float64", "mixed_float16", "mixed_bfloat16"
PADDINGS = ("valid", "same")
FORMATS = ("channels_last", "channels_first")


class UntranslatedError(UnreadableError):
    """The config is right and says more than ganinv can read."""


@dataclass(frozen=True)
class Settings:
    """What the config says of a layer. Raises UnreadableError where it cannot be so."""

    name: str  # of the layer
    kind: str
    values: Mapping[str, Any]

    def whole(self, key: str, default: int | None = None, least: int = 1) -> int:
        value = self.values.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= MOST:
            raise self._wrong(key, value, f"a whole number from {least} to {MOST:,}")
        return value

    def real(self, *keys: str, default: float) -> float:
        """Under the first of the keys that is there; Keras 3 renamed some."""
        key = next((key for key in keys if self.values.get(key) is not None), keys[0])
        value = self.values.get(key, default)
        value = default if value is None else value
        while isinstance(value, Mapping):  # a NumPy number in a config of Keras 2
            value = value.get("config") or value.get("value")
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < LARGE:
            raise self._wrong(key, value, "a finite number")
        return float(value)

    def flag(self, key: str, default: bool) -> bool:
        value = self.values.get(key, default)
        if not isinstance(value, bool):
            raise self._wrong(key, value, "true or false")
        return value

    def choice(self, key: str, among: tuple[str, ...], default: str) -> str:
        value = self.values.get(key)
        value = default if value is None else value
        if value not in among:
            raise self.untranslated(f"{key} {str(value)[:60]!r}", f"knows {', '.join(among)}")
        return str(value)

    def pair(self, key: str, default: int = 1, least: int = 1) -> tuple[int, int]:
        """Of height and width; one number stands for both."""
        value = self.values.get(key)
        value = default if value is None else value
        both = value if isinstance(value, list) else [value, value]
        if len(both) != 2 or not all(_whole(each, least) for each in both):
            raise self._wrong(key, value, f"one or two whole numbers from {least}")
        return both[0], both[1]

    def wholes(self, key: str) -> list[int]:
        """A number or a list of them, of any sign."""
        value = self.values.get(key)
        listed = value if isinstance(value, list) else [value]
        if not (listed and all(_whole(each, -MOST) for each in listed)):
            raise self._wrong(key, value, "whole numbers")
        return list(listed)

    def sides(self, key: str, default: int) -> tuple[tuple[int, int], tuple[int, int]]:
        """Of rows and columns at the top, bottom, left and right."""
        value = self.values.get(key, default)
        both = value if isinstance(value, list) else [value, value]
        if len(both) != 2:
            raise self._wrong(key, value, "one, two or four whole numbers")
        up, left = (each if isinstance(each, list) else [each, each] for each in both)
        if not (len(up) == len(left) == 2 and all(_whole(each, 0) for each in (*up, *left))):
            raise self._wrong(key, value, "one, two or four whole numbers from 0")
        return (up[0], up[1]), (left[0], left[1])

    @property
    def first(self) -> bool:
        """Whether channels come before height and width."""
        return self.choice("data_format", FORMATS, FORMATS[0]) == "channels_first"

    def check_policy(self) -> None:
        """That weights are floats as they are."""
        policy = self.values.get("dtype")
        if isinstance(policy, Mapping):
            inner = policy.get("config")
            policy = inner.get("name") if isinstance(inner, Mapping) else None
        quantised = self.values.get("quantization_config") or self.values.get("quantization_mode")
        if quantised or (isinstance(policy, str) and policy not in POLICIES):
            raise UnreadableError(
                f"{self.name} is quantised ({policy or 'by a setting'}); use a model in floats"
            )

    def untranslated(self, what: str, known: str = "") -> UntranslatedError:
        """What of the layer is not known here."""
        known = f"ganinv {known or 'reads none such'}"
        return UntranslatedError(
            f"{self.name} is a {self.kind} with {what}; {known}; --trust loads it with Keras"
        )

    def _wrong(self, key: str, value: object, expected: str) -> UnreadableError:
        return UnreadableError(
            f"{self.name} ({self.kind}) has {key} {str(value)[:60]!r} where {expected} was "
            "expected; the config is damaged or not one that Keras wrote"
        )


def _whole(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= MOST
