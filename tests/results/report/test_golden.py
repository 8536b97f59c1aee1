"""Whole reports of known results, compared with the files in golden/.

A change of a report on purpose: GANINV_UPDATE_GOLDEN=1 pytest tests/results/report/test_golden.py
writes the files again, and `git diff` shows what a reader will see. Files .txt hold what a command
prints at its end, then the report as text, then each figure's alternative text and caption.
"""

import json
import os
import re
from pathlib import Path

import pytest
from reports.cases import COMPARISONS, REPORTS, vary_costs

from ganinv_cli.experiments.summary import summarize
from ganinv_cli.results.report import render, render_brief
from ganinv_cli.results.report.attribution import summarize_attribution

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_is_the_golden_one(name):
    results = vary_costs(REPORTS[name]())
    report = summarize(results, f"{name}.h5")
    drawn = report.draw()
    stems = "|".join(drawing.stems for drawing in report.kind.figures)
    assert all(re.fullmatch(stems, stem) for stem in drawn), "a later run would not remove it"
    compare_text(name, report, drawn)
    compare(f"{name}.json", render_rounded(report))


@pytest.mark.parametrize("name", COMPARISONS)
def test_a_comparison_of_generators_is_the_golden_one(name):
    results = COMPARISONS[name]()
    reports = [summarize(each, f"{number}.h5") for number, each in enumerate(results)]
    report = summarize_attribution(reports)
    compare_text(name, report, {})
    compare(f"{name}.json", render_rounded(report))
    compare(f"{name}.csv", round_numbers(render([report], "csv")))


@pytest.mark.parametrize(
    ("style", "ending"), [("markdown", "md"), ("csv", "csv"), ("latex", "tex")]
)
@pytest.mark.parametrize("name", ["recover-all-columns", "invert"])
def test_other_formats_are_the_golden_ones(name, style, ending):
    report = summarize(vary_costs(REPORTS[name]()), f"{name}.h5")
    compare(f"{name}.{ending}", round_numbers(render([report], style)))


def test_every_golden_file_is_compared():
    names = {**REPORTS, **COMPARISONS}
    assert {path.name.partition(".")[0] for path in GOLDEN.iterdir()} == names.keys()


def compare_text(name, report, figures):
    assert all(figure.caption[0].isupper() for figure in figures.values())
    drawn = [f"{stem}: {figure.alt}\n{figure.caption}\n" for stem, figure in figures.items()]
    parts = [render_brief(report, f"{name}/"), render([report], "text"), *drawn]
    compare(f"{name}.txt", f"\n{'=' * 80}\n\n".join(parts))
    width = max(map(len, f"{parts[0]}{parts[1]}".splitlines()))
    assert width <= (81 if "acted" in parts[1] else 80)


def compare(name, text):
    """Compare a text with a golden file, or write that file if the environment asks for it."""
    file = GOLDEN / name
    if os.environ.get("GANINV_UPDATE_GOLDEN"):
        file.write_text(text, "utf-8")
    assert text.splitlines() == file.read_text("utf-8").splitlines()


def round_numbers(text):
    """The text with six digits of the numbers that have more: the last depend on the processor."""
    return re.sub(r"\d+\.\d{6,}(?:e[+-]\d+)?", lambda number: f"{float(number[0]):.6g}", text)


def render_rounded(report):
    """The report's JSON with numbers of six digits, each list of numbers on one line."""
    whole = json.loads(
        render([report], "json"), parse_float=lambda number: float(f"{float(number):.6g}")
    )
    text = json.dumps(whole, indent=1, ensure_ascii=False)
    return re.sub(r"\[[^\[\]{}\"]*\]", lambda found: " ".join(found[0].split()), text) + "\n"
