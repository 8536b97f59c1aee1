"""Texts fit, and what files are called is text in every format."""

import csv
import io
import json
import math
import re
from dataclasses import replace

import numpy as np
import pytest
from known_results import make_group, make_results
from markdown_it import MarkdownIt
from reports.known_sweep import (
    FAR,
    add_reenactment,
    add_verdict,
    make_image_groups,
    make_image_results,
    make_noise_sweep,
)

from ganinv_cli.cli.report import report as report_command
from ganinv_cli.experiments.summary import summarize
from ganinv_cli.results.number_format import format_number, format_scientific, format_share
from ganinv_cli.results.report import render, render_brief
from ganinv_cli.results.report.grid import Answer
from ganinv_cli.results.report.render import MAX_BRIEF_ROWS, RENDERERS
from ganinv_cli.results.report.table import Column, Table
from ganinv_cli.settings.names import STYLES

CONTROL = "\x1b[31m\x07\x9b\u202e\u2066\u200f\u2028\U000e0041\udcff"


def make_report(name, file="x"):
    """A report with a name wherever a file may have one."""
    table = Table(f"of {name}", [{"image": name}], [Column(each, "image") for each in ("a", name)])
    given = summarize(make_results({"none": make_group(np.arange(3), 0)}), file)
    given.tables["table1"][0]["image"] = name
    answer = Answer(f"The generator made {name}.", [name])
    return replace(given, answer=answer, sections=[table], notes=[name], csv=[{"image": name}])


@pytest.mark.parametrize("width", [40, 80, 120])
def test_text_fits_and_no_number_is_cut(width):
    rules = ("none", "standard", "stochastic", "zero")
    thousands = make_results({rule: make_group(np.arange(1000), 20) for rule in rules})
    million = summarize(make_results({"stochastic": make_group(np.arange(10**6), 0)}), "x")
    for threshold in (1e-4, 2.5e-7):
        report = summarize(replace(thousands, threshold=threshold), "x")
        text = render([report], "text", width) + render_brief(report, "x/", width)
        assert max(map(len, text.splitlines())) <= max(width, 80)
    text = render([million], "text", width)
    assert text.count("share of 1,000,000 trials") == 2


def test_a_command_ends_with_the_first_rows_of_the_first_table():
    """Those that need a look come first, and `made` last."""
    names = [f"a-long-name-{number}.png" for number in range(70)]
    own = add_reenactment(make_image_groups(minima=(1,), losses=(FAR,)))
    images = dict.fromkeys(names, own)
    images |= {f"other-{left}": add_reenactment(own, explained=0, excess=left) for left in (5, 7)}
    report = summarize(make_image_results("invert", **images), "x")
    lines = render_brief(report, "invert/").splitlines()
    verdicts = [line.split()[1] for line in lines if line.startswith(("a-long-name", "other-"))]
    made = MAX_BRIEF_ROWS - 2
    assert verdicts == ["outside"] * 2 + ["made"] * made and len(lines) <= 24
    assert f"and {70 - made} more rows, in invert/" in lines
    text, markdown = (render([report], style) for style in ("text", "markdown"))
    assert names[-1] in markdown and markdown.index("other-5") < markdown.index("other-7")
    assert "and 12 more rows, in the other formats" in text


def test_the_rows_that_need_a_look_come_first_and_files_that_failed_above_all():
    own = add_reenactment(make_image_groups(minima=(1,), losses=(FAR,)))
    words = ("made", "outside", "edited", "sibling", "ambiguous", "failed")
    images = {f"{word}.png": add_verdict(own, word, "as the run said") for word in words}
    results = make_image_results("invert", **images, **{"notes.txt": "notes.txt: not an image"})
    lines = render_brief(summarize(results, "x"), "invert/").splitlines()
    names = [line.split()[0] for line in lines if re.match(r"[a-z]+\.(png|txt) ", line)]
    assert names == ["notes.txt", *list(images)[::-1]]


def test_names_that_do_not_fit_have_several_lines():
    own = add_reenactment(make_image_groups(minima=(1,), losses=(FAR,)))
    long = f"{'very-' * 9}long-name.png"
    report = summarize(make_image_results("invert", **{long: own, "a/same.png": own}), "x")
    lines = render_brief(report, "x/").splitlines()
    assert max(map(len, lines)) <= 80
    place = next(n for n, line in enumerate(lines) if line.startswith("very"))
    assert "".join(line.split()[0] for line in lines[place : place + 3]).startswith(long)


def test_a_screen_has_the_tables_and_the_page_has_the_notes():
    report = summarize(make_noise_sweep(trials=9), "x")
    text, markdown = (" ".join(render([report], style).split()) for style in ("text", "markdown"))
    assert len(report.notes) > 3
    for note in report.notes:
        assert (note in text) == note.startswith(("Run: ", "With L-BFGS"))
    assert "Wilcoxon's p is of the test" in markdown and "Bound: Cramér-Rao's;" in text
    results = make_results()
    results.attributes["generator"] = {"doubt": "its batch norms do not fit"}
    doubted = summarize(results, "x")
    assert "not confirmed: its batch norms do not fit." in render([doubted], "text")
    assert "not confirmed: its batch norms do not fit." in render_brief(doubted, "x/")


def test_what_was_done_to_an_image_is_not_cut_and_has_the_room_of_the_terminal():
    done = "shifted by (1, 0) pixels, cropped to 97 % of its width"
    groups = make_image_groups(minima=(1,), losses=(FAR,))
    images = {"a.png": add_reenactment(groups, done), "another.png": groups}
    report = summarize(make_image_results("invert", **images), "x")
    for width, has_one_line in ((80, False), (120, True)):
        text = render_brief(report, "invert/", width)
        assert "…" not in text and max(map(len, text.splitlines())) <= width
        assert all(word in text for word in done.split())
        assert (done in text) == has_one_line


def test_a_doubt_about_the_generator_comes_before_a_verdict_on_the_image():
    own = add_reenactment(make_image_groups(minima=(1,), losses=(FAR,)))
    results = make_image_results("invert", other=add_reenactment(own, explained=0, excess=5))
    results.attributes["generator"] = {"doubt": "its batch norms do not fit"}
    sentence = summarize(results, "x").answer.sentence
    assert sentence.startswith("The generator is not confirmed, which may be the reason: ")
    assert "not explained by any" in sentence


def test_several_reports_are_headed_by_their_names_and_none_is_markup(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")  # as a notebook does
    monkeypatch.setenv("JPY_PARENT_PID", "1")
    reports = [make_report("a", name) for name in ("[red]a", "b :smile:")]
    text = render(reports, "text")
    assert text.startswith("[red]a ─") and "\nb :smile: ─" in text
    assert "\x1b" not in text and "\N{REPLACEMENT CHARACTER}" not in text
    assert [each["file"] for each in json.loads(render(reports, "json"))] == ["[red]a", "b :smile:"]


@pytest.mark.parametrize(
    "name",
    [
        *("![x](http://e.vil)", "![x][e]\n\n[e]: http://e.vil", "<img src=x onerror=a>"),
        *("[x](javascript:a)", "`![x](//e.vil)`", "x|![x](//e.vil)|", "*a*_b"),
    ],
)
def test_markdown_has_no_links_images_emphasis_or_html(name):
    text = render([make_report(name, name), make_report(name, name)], "markdown")
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    assert not any(tag in html for tag in ("<img", "<a ", "<em>"))
    assert len(re.findall("<t[hd][ >]", html)) == 2 * 4
    github = render([make_report("https://e.vil/a and www.e.vil")], "markdown")
    assert github.count("://") == github.count(r"\://") > 0
    assert "www." not in github


def test_latex_takes_no_sign_of_a_name_for_a_command():
    text = render([make_report("[50%]_&$~.png")], "latex")
    assert r"{}[50\%]\_\&\$\textasciitilde{}.png" in text  # a bracket would be the row's option
    lines = render([summarize(make_results(), "x")], "latex").splitlines()
    assert all(line.isascii() for line in lines if not line.startswith("%"))


@pytest.mark.parametrize("start", "=+-@\t\r")
def test_a_text_in_csv_is_no_formula(start):
    report = make_report(f"{start}cmd|' /C calc'!A0")
    report.csv[0]["error"] = -1.5
    header, cells = csv.reader(io.StringIO(render([report], "csv")))
    assert header == ["image", "error"]
    assert cells[0].startswith("'") and cells[1] == "-1.5"


@pytest.mark.parametrize("style", STYLES)
def test_no_format_has_control_characters(style):
    report = make_report(f"é{CONTROL}")
    for text in (render([report], style), render_brief(report, f"{CONTROL}/")):
        assert all(line.isprintable() for line in text.split("\n"))
    if style == "json":
        assert json.loads(text := render([report], style))["notes"] == [f"é{CONTROL}"]
        assert "é" in text


def test_the_command_offers_every_style():
    (style,) = (option for option in report_command.params if option.name == "style")
    assert list(style.type.choices) == list(RENDERERS) == list(STYLES)


@pytest.mark.parametrize(
    ("number", "text", "scientific"),
    [
        (0.0123456, "0.012", "0.0123"),
        (12345.6, "12,346", "12,346"),
        (-1e-5, "-1.00e-5", "-1.00e-5"),
        (1e300, "1e+300", "1.00e300"),
        (-math.inf, "-inf", "-inf"),
    ],
)
def test_any_number_has_a_text(number, text, scientific):
    assert (format_number(number), format_scientific(number)) == (text, scientific)


def test_a_share_is_never_rounded_to_certainty():
    shares = [format_share(share) for share in (0, 1e-9, 0.5, 0.99999, 1)]
    assert shares == [".000", ".000000001", ".500", ".99999", "1.000"]


def test_table_1_comes_first_with_equal_digits_above_intervals_and_the_papers_shares():
    groups = {rule: make_group(np.arange(10_000), n) for n, rule in enumerate(("standard", "none"))}
    report = summarize(make_results(groups, trials=10_000), "x")
    lines = render([report], "text").splitlines()
    title = next(n for n, line in enumerate(lines) if line.startswith("Table 1, "))
    rule = next(n for n, line in enumerate(lines) if n > title and line.startswith("──"))
    assert lines[title].startswith("Table 1, first starts: share of 10,000 trials")
    heading = lines[rule - 1].split()
    assert heading[:3] == ["clipping", "1e-4", "1e-3"] and "acted" in heading
    rows = [line.split() for line in lines[rule + 1 : rule + 5]]
    assert rows[0][:5] == ["none", ".9999", "(.980)", ".9999", "(.986)"]
    assert rows[1][:2] == ["[.999,", "1.000]"]
    assert rows[2][:3] == ["standard", "1.0000", "(.984)"]
    assert max(map(len, lines)) <= 80


def test_the_numbers_of_a_column_have_equal_decimals():
    column = Column("seconds", "s")
    for given, shown in {
        (0.5, 12.25, 0.0, None): ["0.500", "12.250", "0.000", "-"],
        (0.5, 1234.0): ["0.500", "1,234"],  # not of one magnitude
        (1, 12): ["1", "12"],
    }.items():
        table = Table("", [{"s": value} for value in given], [column])
        assert [cell for (cell,) in table.make_cells()] == shown


def test_a_table_of_latex_has_a_caption_and_a_label_of_its_own():
    report = summarize(make_results(), "x")
    text = render([report], "latex")
    assert text.count(r"\begin{table}") == text.count(r"\end{table}") == len(report.sections)
    assert (
        r"\caption{Table 1, first starts: share of 50 trials, mean squared z error below." in text
    )
    assert r"exact 95 \% interval" in text
    labels = re.findall(r"\\label\{(.+)\}", render([report, report], "latex"))
    assert len(set(labels)) == 2 * len(report.sections) and labels[0] == "tab:1-table1-1"
