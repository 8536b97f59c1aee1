"""Format the facts that `ganinv inspect` prints, in 80 columns."""

import io
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from rich import box
from rich.console import Console
from rich.table import Table

from ganinv_cli.inspection.certainty import (
    NO_BREAK,
    describe_conventions,
    describe_next_step,
    describe_size_source,
    describe_source,
    describe_verdict,
)
from ganinv_cli.results.report.render import replace_control_characters
from ganinv_cli.settings.shipped import shorten_path

WIDTH = 80  # columns of text
NAME_WIDTH = 24  # of the name of a layer in a table with many columns
SHOWN_DIGITS = 12  # of a hash, as reports show it
MAX_NAMES = 6  # of ignored variables
KINDS_WITHOUT_SETTINGS = ("Reshape", "Transpose")  # their output shape is enough

Facts = Mapping[str, Any]


def format_facts(facts: Facts, verbose: bool = False) -> str:
    """Return the facts as text that ends in a newline.

    `verbose` lists the layers or operations, the batch norms and every ignored name, too.
    """
    lines = [
        _wrap_text(f"{name:<14} {said}", 15) for name, said in _describe_generator(facts, verbose)
    ]
    parts = ["\n".join(lines)]
    if verbose and facts["layers"]:
        parts.append(_make_layer_table(facts["layers"]))
    elif verbose:
        counts = [f"{count:,}{NO_BREAK}{name}" for name, count in facts["operations"].items()]
        parts.append(_wrap_text(", ".join(counts)))  # a count stays with its name
    if facts["norms"] and (verbose or facts["doubt"]):
        parts.append(_make_norm_table(facts["norms"]))
    if "spectrum" in facts:
        parts.append("\n".join(map(_wrap_text, describe_spectrum(facts["spectrum"]))))
    if "checks" in facts:
        parts.append("\n".join(_wrap_text(describe_check(each), 7) for each in facts["checks"]))
    return replace_control_characters("\n\n".join(parts).replace(NO_BREAK, " ")) + "\n"


def _describe_generator(facts: Facts, verbose: bool) -> Iterator[tuple[str, str]]:
    image, prior, norms = facts["image"], facts["prior"], facts["batch_norm"]["layers"]
    colour = "grey" if image["channels"] == 1 else "colour"
    yield "verdict", describe_verdict(facts)
    yield "next step", describe_next_step(facts)
    for clause in facts["notes"]:
        yield "note", clause
    for file in facts["stated"]:
        yield "stated", f"by {file}"
    yield "file", shorten_path(facts["path"])
    yield "format", f"{facts['format']}, layout {facts['layout']}"
    yield "latent vector", f"{facts['latent']:,} components{_describe_shape(facts)}"
    ends = f"from {prior['low']:.4g} to {prior['high']:.4g}"
    yield "prior", f"{prior['name']}, {ends}{describe_source(facts, 'prior')}"
    if facts["labels"]:
        yield "labels", f"{facts['labels']:,}, from 0"
    size = f"{image['height']} x {image['width']} pixels{describe_size_source(facts)}"
    yield "pictures", f"{size}, {colour}"
    seen = _describe_seen_range(facts["range"])
    yield "range", _describe_range(facts["range"]) + describe_source(facts, "range") + seen
    yield from describe_conventions(facts)
    more = "" if verbose else " (-v lists them)"
    if facts["layers"]:
        yield "layers", f"{len(facts['layers']):,}{more}"
        yield "batch norm", f"{norms} layers, by their moving statistics" if norms else "none"
    else:
        yield "operations", f"{sum(facts['operations'].values()):,}, computed in float32{more}"
        yield "largest output", f"{facts['largest_layer']:,} values for a picture"
    if verbose and facts["intermediates"]:
        named = (
            f"{x['name']} ({' x '.join(map(str, x['shape']))})" for x in facts["intermediates"]
        )
        yield "in place of z", ", ".join(named) + " (--latent NAME)"
    yield "parameters", f"{facts['parameters']:,}"
    yield "multiply-adds", f"{facts['multiply_adds']:,} for a picture"
    what = "layers" if facts["layers"] else "operations"
    sha256 = facts["sha256"] if verbose else facts["sha256"][:SHOWN_DIGITS]
    yield "hash", f"sha256 of {what} and weights, {sha256}"
    if facts["ignored"]:
        yield "ignored", _join_ignored(facts["ignored"], verbose)


def _describe_shape(facts: Facts) -> str:
    shape = facts["latent_shape"]
    return f", of the shape {' x '.join(map(str, shape))}" if len(shape) > 1 else ""


def _describe_range(facts: Facts) -> str:
    ends = f"from {facts['black']:g} to {facts['white']:g}"
    said = f"{facts['function']}, {ends}" if facts["function"] else ends
    return said + (", mapped to -1 to 1" if facts["mapped"] else "")


def _describe_seen_range(facts: Facts) -> str:
    if facts["seen"] is None:
        return ""
    low, high = facts["seen"]
    is_beyond = low < facts["black"] or high > facts["white"]
    clipped = ", which storing them clips" if is_beyond else ""
    return f"; random z make {low:.3g} to {high:.3g}{clipped}"


def _join_ignored(names: list[str], verbose: bool) -> str:
    shown = names if verbose else names[:MAX_NAMES]
    more = len(names) - len(shown)
    said = f"{len(names):,}: {', '.join(shown)}"
    return f"{said} and {more:,} more (-v names them)" if more else said


def _make_layer_table(layers: list[Facts]) -> str:
    start = _find_common_start([layer["name"] for layer in layers if layer["name"]])
    rows = [
        {
            "#": str(layer["number"]),
            "layer": _shorten(layer["name"].removeprefix(start)),
            "kind": describe_layer(layer),
            "makes": " x ".join(map(str, layer["shape"])) or "1",
            "weights": f"{layer['parameters']:,}" if layer["parameters"] else "",
            "takes": ""
            if _follows_previous(layer)
            else " ".join(map(str, layer["inputs"])) or "nothing",
        }
        for layer in layers
    ]
    columns = [name for name in rows[0] if any(row[name] for row in rows) or name == "weights"]
    table = _make_table(columns, numbers=("#", "makes", "weights"), wrapped=("kind", "takes"))
    for row in rows:
        table.add_row(*(row[name] for name in columns))
    return _render_table(table) + (f"\n\nNames of layers begin with {start}" if start else "")


def _make_norm_table(norms: list[Facts]) -> str:
    numbers = ("variance", "mean")
    table = _make_table(("norm", *numbers, "statistics"), numbers)
    for norm in norms:
        values = ["-" if norm[name] is None else f"{norm[name]:.3f}" for name in numbers]
        fits = "fit" if norm["fits"] else "do not fit"
        table.add_row(_shorten(norm["name"], 40), *values, fits)
    return _render_table(table)


def _follows_previous(layer: Facts) -> bool:
    before = layer["number"] - 1
    return bool(layer["inputs"] == [before or "z"])


def describe_layer(layer: Facts) -> str:
    """Return a layer's kind and the settings that matter."""
    name, settings = str(layer["kind"]), layer["settings"]
    if name == "Activation":
        slope = f" {settings['slope']:g}" if "slope" in settings else ""
        return f"{settings['name']}{slope}"
    if name in KINDS_WITHOUT_SETTINGS:
        return name
    return ", ".join([name, *_describe_settings(settings)])


def _describe_settings(settings: Facts) -> Iterator[str]:
    if "kernel" in settings:
        yield "{} x {}".format(*settings["kernel"])
    if settings.get("stride", [1, 1]) != [1, 1]:
        yield f"stride {_format_sides(settings['stride'])}"
    if "crop" in settings and not settings["same"]:
        yield f"crop {_format_sides(settings['crop'])}"
    for name in ("padding", "sides"):
        if name in settings and settings[name] != [[0, 0], [0, 0]]:
            yield f"{name} {_format_sides(settings[name])}"
    for name in ("factor", "method", "epsilon"):
        if name in settings:
            value = settings[name]
            yield f"{name} {_format_sides(value) if isinstance(value, list) else value}"


def _format_sides(value: list[Any]) -> str:
    flat = [x for each in value for x in (each if isinstance(each, list) else [each])]
    return str(flat[0]) if len(set(flat)) == 1 else " ".join(map(str, flat))


def describe_spectrum(facts: Facts) -> list[str]:
    """Return what the singular values of J mean for inversion, a sentence each."""
    points, rank, weak = facts["points"], facts["rank"], facts["weak"]
    lines = []
    if facts["not_finite"]:
        lines.append(f"J is not finite at {facts['not_finite']} of {points} random z.")
    if facts["condition"]["median"] is None:
        return [*lines, "J is 0 or not finite at all of them: no z can be told from its image."]
    median, worst = facts["condition"]["median"], facts["condition"]["worst"]
    ranks = dict.fromkeys((rank["least"], rank["most"]))
    squared = f"{median**2:,.0f}" if median**2 < 1e7 else f"{median**2:.2g}"
    lines.append(
        f"J = dG/dz at {points} random z: condition {median:,.4g} (median), {worst:,.4g} (worst); "
        f"rank {' to '.join(map(str, ranks))} of {rank['of']}; singular values below "
        f"{weak['below']:g} of the largest: {weak['median']:g} (median), {weak['most']} (most)."
    )
    lines.append(
        f"Along the weakest direction, z moves the image {median:,.4g} times less than along the "
        f"strongest; plain descent on the squared error meets the square of that, {squared}."
    )
    if facts["flat_points"]:
        lines.append(
            f"At {facts['flat_points']} of {points}, some directions of z do not move the image at "
            "all: there the image does not determine z, and the condition is of the others."
        )
    return lines


def describe_check(facts: Facts) -> str:
    """Return one line on a check."""
    number, claim = facts["found"], facts["claim"]
    if facts["passed"] is None:
        return f"? {claim}: not checked: {facts['why']}"
    difference = "not finite" if number is None else f"largest difference {number:.2g}"
    said = facts["why"] or f"{difference}, at most {facts['limit']:.2g} is allowed"
    return f"{'ok' if facts['passed'] else 'FAILED'} {claim}: {said}"


def _make_table(
    columns: Iterable[str], numbers: Iterable[str], wrapped: Iterable[str] = ()
) -> Table:
    """Return an empty table; `numbers` are the columns that are aligned on the right.

    The `wrapped` columns are wrapped if a row is too wide.
    """
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for name in columns:
        justify: Literal["right", "left"] = "right" if name in numbers else "left"
        table.add_column(name, no_wrap=name not in wrapped, justify=justify)
    return table


def _wrap_text(text: str, indent: int = 0) -> str:
    """Return a text in lines of WIDTH columns; all but the first are indented.

    A command that is longer than a line goes on in the next, as a shell reads it.
    """
    start = " " * indent
    lines = textwrap.wrap(
        text, WIDTH, subsequent_indent=start, break_long_words=False, break_on_hyphens=False
    )
    for number, line in enumerate(lines):
        ends = (line.rfind(each, 0, WIDTH - 1) for each in (f"{NO_BREAK}--", NO_BREAK))
        if len(line) > WIDTH and (end := next((each for each in ends if each > 0), 0)):
            lines[number : number + 1] = [f"{line[:end]} \\", start + line[end + 1 :]]
    return "\n".join(lines)


def _shorten(name: str, width: int = NAME_WIDTH) -> str:
    plain = " ".join(name.split())
    return plain if len(plain) <= width else f"…{plain[1 - width :]}"


def _find_common_start(names: Sequence[str]) -> str:
    first, last = min(names, default=""), max(names, default="")
    pairs = enumerate(zip(first, last, strict=False))
    equal = next((place for place, (one, other) in pairs if one != other), 0)
    return re.sub(r"[^./]*$", "", first[:equal])


def _render_table(table: Table) -> str:
    file = io.StringIO()
    # Text from a file is not markup; no number is cut off.
    Console(file=file, width=WIDTH, markup=False, highlight=False, emoji=False).print(table)
    return "\n".join(line.rstrip() for line in file.getvalue().rstrip().split("\n"))
