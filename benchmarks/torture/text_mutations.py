"""Mutations of JSON and TOML, and of any nested object that is written as JSON."""

import json
import random
from pathlib import Path
from typing import Any

from .subject import Material

DEEP = 100_000  # brackets, more than a recursive parser bears
ODD_TEXTS = (
    *("", " ", "\0", "\x1b[31mred\x1b[0m", "a\nb", "../../etc/passwd", "/etc/passwd", "=1+1"),
    *("\u202eabc", "\udcff", "x" * 100_000, "%s%n", "{0.__class__}", "nan", "NaN", "1e999"),
)
ODD_NUMBERS = (0, -1, 1, 2**31, 2**63, 2**64, -(2**63), 10**30, 0.5, -0.0, 1e308, 1e-320)
ODD_VALUES: tuple[Any, ...] = (
    *ODD_TEXTS,
    *ODD_NUMBERS,
    *(None, True, False, [], {}, [[]], [None], {"": None}, float("nan"), float("inf"), [1] * 5000),
)
_TOML_VALUES = (
    *("1" * 5000, "[" * DEEP, "{a=" * 2000, '""', '"\\u0000"', '"\\u001b[31m"', "nan", "-inf"),
    *("1979-05-27", "07:32:00", "0x7fffffffffffffff", "1e400", "[1, 'a', []]", "{}", "true"),
    *("'''", '"' + "x" * 100_000 + '"', "-1", "0", "10_000_000_000_000", '"../../etc/passwd"'),
)
_TOML_LINES = ("[a]" * 3, "[[b]]", "a.b.c = 1", "= 1", "[", "\0", "\ufeff", "'k' = 1", "x" * 70000)
_JSON_TEXTS = ("[" * DEEP, '{"a":' * DEEP, "1" * 5000, '{"a":1,"a":2}', "[1e999]", "NaN", "")


def edit_object(random: random.Random, root: Any) -> str:
    """Change one place of a nested object of dictionaries and lists, in place."""
    places = list(_list_places(root))
    if not places:
        return "nothing to edit"
    holder, key = random.choice(places)
    where = str(key)[:40]
    change = random.choice(("value", "value", "value", "delete", "rename", "double", "alike"))
    if change == "delete":
        del holder[key]
    elif change == "rename" and isinstance(holder, dict):
        holder[random.choice((*ODD_TEXTS, where.upper(), f"{where}_"))] = holder.pop(key)
    elif change == "double" and isinstance(holder, list):
        holder.extend([holder[key]] * random.choice((1, 10, 1000)))
    elif change == "alike":  # of the same type, so that it passes a check of types alone
        holder[key] = _change_value(random, holder[key])
    else:
        change = "value"
        holder[key] = random.choice(ODD_VALUES)
    return f"{change} of {where!r}"


def dump_json(value: Any) -> str:
    """Return JSON, whatever text is in it."""
    return json.dumps(value, ensure_ascii=True)


def mutate_json_text(random: random.Random, text: str) -> tuple[str, str]:
    """Return JSON with another content, and what was done."""
    if random.random() < 0.1:
        return random.choice(_JSON_TEXTS), "other JSON"
    value = json.loads(text)
    done = [edit_object(random, value) for _ in range(random.choice((1, 1, 2, 5)))]
    return dump_json(value), ", ".join(done)


def edit_json_file(random: random.Random, path: Path, material: Material) -> str:
    """Change the content of a JSON file."""
    text, done = mutate_json_text(random, path.read_text(encoding="utf-8"))
    path.write_text(text, encoding="utf-8")
    return done


def edit_toml_file(random: random.Random, path: Path, material: Material) -> str:
    """Change a line of a TOML file, or add one."""
    lines = path.read_text(encoding="utf-8").splitlines()
    place = random.randrange(len(lines))
    change = random.choice(("value", "value", "value", "delete", "double", "insert", "key"))
    key, equals, _ = lines[place].partition("=")
    if change == "value" and equals:
        lines[place] = f"{key}= {random.choice(_TOML_VALUES)}"
    elif change == "key" and equals:
        lines[place] = random.choice(('"\\u0000"', "a.b", "'x y'", "é", "x" * 9999)) + " = 1"
    elif change == "delete":
        del lines[place]
    elif change == "double":
        lines.insert(place, lines[place])
    else:
        change = "insert"
        lines.insert(place, random.choice(_TOML_LINES))
    path.write_bytes("\n".join(lines).encode("utf-8", "surrogatepass") + b"\n")
    return f"{change} in line {place + 1}"


def _list_places(root: Any) -> Any:
    items: Any = ()
    if isinstance(root, dict):
        items = list(root.items())
    elif isinstance(root, list):
        items = list(enumerate(root))
    for key, value in items:
        yield root, key
        yield from _list_places(value)


def _change_value(random: random.Random, value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + random.choice((1, -1, 10**6, -value, -value - 1))
    if isinstance(value, float):
        return value * random.choice((-1, 0, 1e30, 1e-30))
    if isinstance(value, str):
        return random.choice((value[1:], value + "x", value.upper(), value * 2))
    if isinstance(value, list):
        return random.choice((value[1:], value * 2, value[::-1]))
    return {}
