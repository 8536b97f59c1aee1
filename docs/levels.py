"""Draw the parts of the package on their levels: what docs/architecture.svg shows.

A part is a folder of the package, or a file directly in it. It stands one level above the highest
part that it imports. Arrows lead to the next level alone; a part may import any lower one.
"""

import ast
import graphlib
import textwrap
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

PACKAGE = Path(__file__).parent.parent / "ganinv_cli"

WIDTH, HEIGHT = 1080, 92  # of the picture, and of a level, in pixels
BOX = (148, 58)
LEFT = 40  # pixels kept for the numbers of the levels
CAPTION = 27  # characters in a line of a caption
STYLE = """
text { font-family: system-ui, sans-serif; fill: #1b1f24 }
.name { font-size: 13px; font-weight: 600 }
.says { font-size: 9.5px; fill: #57606a }
.level { font-size: 12px; fill: #57606a }
rect { fill: #f6f8fa; stroke: #8c959f }
.folder { fill: #ddf4ff; stroke: #0969da }
line { stroke: #8c959f; stroke-width: 1 }
.back { fill: #ffffff; stroke: none }
"""


class Part(NamedTuple):
    """A folder of the package, or a file directly in it."""

    name: str
    says: str  # the first sentence of its docstring
    is_folder: bool
    imports: set[str]  # names of other parts


def read_parts() -> dict[str, Part]:
    """Read the docstring and the imports of every part."""
    roots = [
        path
        for path in sorted(PACKAGE.iterdir())
        if (path / "__init__.py").exists() or (path.suffix == ".py" and "__" not in path.stem)
    ]
    names = {path.stem for path in roots}
    return {path.stem: _read_part(path, names) for path in roots}


def compute_levels(parts: dict[str, Part]) -> dict[str, int]:
    """Return the level of each part, from 1: one more than the highest that it imports."""
    levels: dict[str, int] = {}
    graph = {part.name: part.imports for part in parts.values()}
    for name in graphlib.TopologicalSorter(graph).static_order():
        levels[name] = 1 + max((levels[other] for other in parts[name].imports), default=0)
    return levels


def draw_levels(_: str = "") -> str:
    """Return the picture as SVG."""
    parts = read_parts()
    levels = compute_levels(parts)
    places = _place_boxes(levels)
    size = {"width": str(WIDTH), "height": str(max(levels.values()) * HEIGHT)}
    view = f"0 0 {size['width']} {size['height']}"
    svg = ET.Element("svg", size | {"xmlns": "http://www.w3.org/2000/svg", "viewBox": view})
    ET.SubElement(svg, "style").text = STYLE
    ET.SubElement(svg, "rect", size | {"class": "back"})
    for name, part in parts.items():
        for other in sorted(part.imports):
            if levels[other] == levels[name] - 1:
                _draw_line(svg, places[name], places[other])
    for level in sorted(set(levels.values())):
        y = (max(levels.values()) - level) * HEIGHT + HEIGHT // 2
        _draw_text(svg, 8, y, str(level), "level")
    for name, part in parts.items():
        _draw_box(svg, places[name], part)
    ET.indent(svg)
    return ET.tostring(svg, encoding="unicode") + "\n"


def _read_part(path: Path, names: set[str]) -> Part:
    files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
    face = path / "__init__.py" if path.is_dir() else path
    says = (ast.get_docstring(ast.parse(face.read_text(encoding="utf-8"))) or "").split("\n\n")[0]
    imports = {name for file in files for name in _list_imports(file)} & names - {path.stem}
    return Part(path.stem, " ".join(says.split()), path.is_dir(), imports)


def _list_imports(file: Path) -> list[str]:
    """List the parts that a file imports, anywhere in it."""
    nodes = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
    dotted = [
        f"{node.module}.{alias.name}".split(".")
        for node in nodes
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    ]
    return [names[1] for names in dotted if names[0] == PACKAGE.name and len(names) > 1]


def _place_boxes(levels: dict[str, int]) -> dict[str, tuple[int, int]]:
    """Return the upper left corner of each box, the highest level at the top."""
    places = {}
    for level in set(levels.values()):
        row = sorted(name for name in levels if levels[name] == level)
        gap = (WIDTH - LEFT - len(row) * BOX[0]) // (len(row) + 1)
        for position, name in enumerate(row):
            x = LEFT + gap + position * (BOX[0] + gap)
            places[name] = x, (max(levels.values()) - level) * HEIGHT + (HEIGHT - BOX[1]) // 2
    return places


def _draw_line(svg: ET.Element, start: tuple[int, int], end: tuple[int, int]) -> None:
    ET.SubElement(
        svg,
        "line",
        {
            "x1": str(start[0] + BOX[0] // 2),
            "y1": str(start[1] + BOX[1]),
            "x2": str(end[0] + BOX[0] // 2),
            "y2": str(end[1]),
        },
    )


def _draw_text(svg: ET.Element, x: int, y: int, text: str, kind: str) -> None:
    ET.SubElement(svg, "text", {"x": str(x), "y": str(y), "class": kind}).text = text


def _draw_box(svg: ET.Element, place: tuple[int, int], part: Part) -> None:
    x, y = place
    shape = {"x": str(x), "y": str(y), "width": str(BOX[0]), "height": str(BOX[1]), "rx": "4"}
    ET.SubElement(svg, "rect", shape | ({"class": "folder"} if part.is_folder else {}))
    _draw_text(svg, x + 8, y + 17, f"{part.name}{'/' if part.is_folder else '.py'}", "name")
    lines = textwrap.wrap(part.says, CAPTION, max_lines=3, placeholder=" …")
    for number, line in enumerate(lines):
        _draw_text(svg, x + 8, y + 30 + 11 * number, line, "says")
