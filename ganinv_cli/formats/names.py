"""Names in files: their order, and how messages list them."""

import re
from collections.abc import Collection


def natural_key(name: str) -> list[tuple[int, str]]:
    """Return a sort key that orders numbers in names by value: main.3 before main.10."""
    parts = re.split(r"([0-9]{1,9})", name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def format_names(names: Collection[str], most: int = 6) -> str:
    """Return the first few names, sorted, and how many more there are."""
    shown = [name[:80] for name in sorted(names)[:most]]
    more = len(names) - len(shown)
    return (", ".join(shown) or "nothing") + (f" and {more} more" if more > 0 else "")
