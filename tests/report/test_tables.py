"""What the tables count, and that every format shows the same."""

import csv
import dataclasses
import io
import json
import re

import numpy as np
import pytest
from known_results import make_group, make_results

from ganinv_cli.cli.results import report
from ganinv_cli.errors import ResultsError
from ganinv_cli.report import render, summarize
from ganinv_cli.report.render import RENDERERS
from ganinv_cli.report.report import Section
from ganinv_cli.settings.names import STYLES


def numbers(text):
    """Every count of Table 1, in order, as a style for readers shows it."""
    shares = r"(?<![\w.,\[])(\d+) \((?:\.\d{3}|1\.00|0\.00)\)"
    return [int(count) for count in re.findall(shares, text)]


EXPECTED = {
    "none": {"first_start": [42, 42, 42, 50], "recovered": [48, 48, 48, 50]},
    "stochastic": {"first_start": [49, 49, 49, 50], "recovered": [50, 50, 50, 50]},
}


def test_counts_outcomes_and_costs_are_those_of_the_trials():
    rows = {row["technique"]: row for row in summarize(make_results(), "x").tables["table1"]}
    for technique, counted in EXPECTED.items():
        for way, counts in counted.items():
            assert list(rows[technique][way].values()) == counts
    none = rows["none"]
    assert none["trials"] == 50
    assert none["outcomes"]["first_start"]["stalled"] == 8
    assert none["elsewhere"] == {"first_start": 0, "recovered": 2}
    assert (none["gradients"], none["seconds"], none["restarts"]) == (100, 0.25, 8 / 50)
    assert none["at_bound"] == 3  # over the failed first starts alone
    assert none["paper"]["1e-4"] == 0.98
    assert none["intervals"]["first_start"]["1e-4"] == pytest.approx([0.709, 0.928], abs=1e-3)


def test_techniques_keep_the_papers_order():
    names = ("wall", "stochastic", "none", "standard")
    given = {name: make_group(np.arange(3), 3 - at, 3 - at) for at, name in enumerate(names)}
    report = summarize(make_results(given), "x")
    order = [row["technique"] for row in report.tables["table1"]]
    assert order == ["none", "standard", "stochastic", "wall"]
    assert len(report.tables["mcnemar"]) == 2 * 6


def test_techniques_are_paired_by_trial_number():
    given = {"none": make_group(np.arange(10), 4), "standard": make_group(np.arange(6, 30), 0)}
    first = summarize(make_results(given), "x").tables["mcnemar"][0]
    assert (first["trials"], first["only_first"], first["only_second"]) == (4, 0, 4)
    assert first["p"] == 2 * 0.5**4


def test_ever_counts_the_least_error_and_says_so():
    given = {"none": make_group(np.arange(10), 4, elsewhere=4)}
    given["none"]["restarts"][:] = 0
    given["none"]["z_error_least"][:] = 1e-5
    at_end, ever = (summarize(make_results(given, success=s), "x") for s in ("end", "ever"))
    assert at_end.tables["table1"][0]["recovered"]["1e-4"] == 6
    (row,) = ever.tables["table1"]
    assert row["first_start"]["1e-4"] == row["recovered"]["1e-4"] == 10
    assert "at any update" in render([ever], "markdown")
    assert "at any update" not in render([at_end], "markdown")


def test_ever_without_the_least_error_is_refused():
    given = {"none": make_group(np.arange(3), 0)}
    del given["none"]["z_error_least"]
    with pytest.raises(ResultsError, match="z_error_least"):
        summarize(make_results(given, success="ever"), "x")


def test_not_a_number_is_null_and_not_recovered():
    given = {"none": make_group(np.arange(3), 0)}
    for column in ("z_error", "first/z_error", "seconds"):
        given["none"][column][:] = np.nan
    text = render([summarize(make_results(given), "x")], "json")
    row = json.loads(text, parse_constant=pytest.fail)["tables"]["table1"][0]
    assert row["seconds"] is None
    assert row["recovered"] == dict.fromkeys(row["recovered"], 0)


@pytest.mark.parametrize("style", ["text", "markdown", "latex"])
def test_every_format_shows_the_same_counts(style):
    text = render([summarize(make_results(), "x")], style)
    ways = ("first_start", "recovered")
    expected = [n for way in ways for counted in EXPECTED.values() for n in counted[way]]
    assert numbers(text) == expected


def test_csv_has_one_line_a_technique():
    rows = list(csv.DictReader(io.StringIO(render([summarize(make_results(), "x")], "csv"))))
    assert [row["technique"] for row in rows] == ["none", "stochastic"]
    assert [row["first_start.1e-4"] for row in rows] == ["42", "49"]
    p = summarize(make_results(), "x").tables["mcnemar"][0]["p"]
    assert float(rows[0]["p.first_start.stochastic"]) == p
    assert rows[0]["p.first_start.wall"] == ""


def test_json_keeps_its_keys():
    whole = json.loads(render([summarize(make_results(), "x")], "json"))
    row = whole["tables"]["table1"][1]
    assert (row["technique"], row["trials"]) == ("stochastic", 50)
    assert row["first_start"]["1e-4"] == 49
    assert row["recovered"]["1e-4"] == 50
    assert (row["gradients"], row["seconds"]) == (100, 0.25)
    assert whole["run"]["seed"] == 7
    assert whole["run"]["wall_seconds"] == 300


def test_latex_needs_no_font_beyond_ascii():
    text = render([summarize(make_results(), "x")], "latex")
    assert "\\toprule" in text
    assert all(line.isascii() for line in text.splitlines() if not line.startswith("%"))


@pytest.mark.parametrize("width", [40, 80, 120])
def test_text_is_whole_and_fits(width):
    trials = np.arange(1000)
    names = ("none", "standard", "stochastic", "wall")
    report = summarize(make_results({name: make_group(trials, 20) for name in names}), "x")
    text = render([report], "text", width)
    assert max(map(len, text.splitlines())) <= max(width, 80)
    assert "…" not in text
    assert "\x1b" not in text
    assert "980 (.980)" in text
    assert "[.969, .988]" in text


def test_text_is_never_cut():
    given = {"stochastic": make_group(np.arange(1_000_000), 0)}
    text = render([summarize(make_results(given), "x")], "text", 80)
    assert "…" not in text
    assert text.count("\nstochastic  1,000,000  1,000,000 (1.00)") == 2


@pytest.mark.parametrize("width", [80, 120])
def test_shares_have_their_points_one_below_another(width):
    trials = np.arange(1000)
    given = {
        "none": make_group(trials, 20),
        "wall": make_group(trials, 0),
        "standard": make_group(trials, 1000),
    }
    text = render([summarize(make_results(given), "x")], "text", width)
    shares = re.compile(r"\((?:\.\d{3}|1\.00|0\.00)\)")
    first = text.split("\n\nThe paper's")[1]
    lines = [[found.end() for found in shares.finditer(line)] for line in first.splitlines()]
    assert len({tuple(ends) for ends in lines if ends}) == 1
    assert sum(len(ends) == 4 for ends in lines) == 3


def test_text_keeps_its_notes_apart():
    text = render([summarize(make_results(), "x")], "text", 120)
    tables, run, legend = text.rsplit("\n\n", 2)
    assert "McNemar" in tables
    assert run.startswith("Run: ")
    assert legend.startswith("[a, b]: ")


def test_a_share_is_never_rounded_to_certainty():
    trials = np.arange(10_000)
    text = render([summarize(make_results({"none": make_group(trials, 1)}), "x")], "markdown")
    assert "9,999 (.999) [.999, .999]" in text


def test_a_name_is_not_taken_for_markup():
    reports = [summarize(make_results(), name) for name in ("[red]a", "b :smile:")]
    text = render(reports, "text")
    assert "[red]a" in text
    assert "b :smile:" in text


def test_trials_that_are_missing_are_told():
    given = {"none": make_group(np.arange(12), 0)}
    text = render([summarize(make_results(given, complete=False, trials=1000), "x")], "text")
    assert "12 of 1,000 trials so far" in text
    text = render([summarize(make_results(given), "x")], "text")
    assert "Trials are missing: 12 of 50" in text
    assert "so far" not in render([summarize(make_results(), "x")], "text")


def test_a_rule_that_is_not_begun_has_no_trial():
    given = {"none": make_group(np.arange(12), 0)}
    report = summarize(make_results(given, complete=False, clip=["none", "wall"]), "x")
    assert report.run["trials"] == {"none": 12, "wall": 0}
    assert "Run in progress: none 12, wall 0 of 50 trials so far." in report.notes


def test_names_stand_in_one_list():
    assert list(RENDERERS) == list(STYLES)
    (style,) = (option for option in report.params if option.name == "style")
    assert list(style.type.choices) == list(STYLES)


def test_what_a_cell_holds_is_no_markdown_latex_or_terminal_command():
    name = "*a*_b|<i>\x1b[31m`&$"
    section = Section(f"of {name}", ("image", "loss"), [(name, "1")])
    reports = [dataclasses.replace(summarize(make_results(), "x"), sections=[section])]
    markdown, latex, text = (render(reports, style) for style in ("markdown", "latex", "text"))
    assert r"\*a\*\_b\|\<i>" in markdown
    assert markdown.count(r"\`&$") == 2
    assert latex.count(r"\_b") == latex.count(r"\&\$") == 2
    assert "\x1b" not in text
    assert "<i>" in text


def test_a_command_that_is_not_known_is_refused():
    for command in ("render", "rEcover", "a.b", "", "../recover"):  # the first is a module of ours
        given = make_results()
        given.attributes["command"] = command
        with pytest.raises(ResultsError, match=f"x: .* {command!r}, which this ganinv does not"):
            summarize(given, "x")
