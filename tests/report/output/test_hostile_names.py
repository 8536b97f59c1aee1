"""What stands in a results file is text, in every format that it is written in."""

import csv
import dataclasses
import io
import json

import pytest
from known_results import make_results
from markdown_it import MarkdownIt

from ganinv_cli.report import render, summarize
from ganinv_cli.report.render import render_brief
from ganinv_cli.report.report import Answer, Section
from ganinv_cli.settings.names import STYLES

IMAGES = (
    "![x](http://e.vil/x.png)",
    "![x][e]\n\n[e]: http://e.vil/x.png",
    "<img src=x onerror=alert(1)>",
    "[x](javascript:alert(1))",
    "`![x](//e.vil)`",
    "x|![x](//e.vil)|",
)
CONTROL = "\x1b[31m\x07\x9b\u202e\u2066\u200f\u2028\U000e0041\udcff"


def make_report(name, file="x"):
    """Return a report with a name wherever a file may have one."""
    section = Section(f"of {name}", ("image", name), [(name, name)])
    answer = Answer(f"The generator made {name}.", section, [name])
    given = summarize(make_results(), file)
    return dataclasses.replace(
        given, answer=answer, sections=[section], notes=[name], csv=[{"image": name}]
    )


@pytest.mark.parametrize("name", IMAGES)
def test_markdown_has_no_links_images_or_html(name):
    text = render([make_report(name, name), make_report(name, name)], "markdown")
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    assert "<img" not in html
    assert "<a " not in html
    assert "onerror" not in html or "&lt;img" in html


def test_an_address_in_markdown_is_no_link_on_github():
    text = render([make_report("https://e.vil/a and www.e.vil")], "markdown")
    assert text.count("://") == text.count(r"\://") > 0
    assert "www." not in text


@pytest.mark.parametrize("start", "=+-@\t\r")
def test_a_text_in_csv_is_no_formula(start):
    name = f"{start}cmd|' /C calc'!A0"
    given = dataclasses.replace(make_report(name), csv=[{"image": name, "error": -1.5}])
    header, cells = csv.reader(io.StringIO(render([given], "csv")))
    assert header == ["image", "error"]
    assert cells[0].startswith("'")
    assert cells[1] == "-1.5"


@pytest.mark.parametrize("style", STYLES)
def test_no_format_has_control_characters(style):
    report = make_report(f"a{CONTROL}b")
    report.tables["table1"][0]["image"] = f"a{CONTROL}b"
    text = render([report], style)
    assert all(line.isprintable() for line in text.split("\n"))
    text = render_brief(report, f"{CONTROL}/")
    assert all(line.isprintable() for line in text.split("\n"))


def test_json_keeps_the_characters_that_it_escapes():
    report = make_report("a")
    report.tables["table1"][0]["image"] = f"é{CONTROL}"
    text = render([report], "json")
    assert json.loads(text)["tables"]["table1"][0]["image"] == f"é{CONTROL}"
    assert "é" in text
