"""Reports of known results, compared with the files in golden/.

A change of a report on purpose: GANINV_UPDATE_GOLDEN=1 pytest tests/results/report/test_golden.py
writes the files again, and `git diff` shows what a reader will see. A .json has the numbers of a
report; a report may have more. A .txt has what a reader sees of one report of each command: what
the command prints at its end, the report as text, and the alternative text and caption of each
figure. styles.txt has a small report in each style.
"""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from known_results import make_group, make_results
from reports.cases import COMPARISONS, REPORTS, vary_costs

from ganinv_cli.experiments.summary import summarize
from ganinv_cli.results.report import render, render_brief
from ganinv_cli.results.report.attribution import summarize_attribution
from ganinv_cli.results.report.grid import Answer
from ganinv_cli.results.report.render import RENDERERS
from ganinv_cli.results.report.table import Column, Table

GOLDEN = Path(__file__).parent / "golden"
READ = ("recover-all-columns", "noise-sweep", "consistency", "invert")  # one of each command
PARTS = f"\n{'=' * 80}\n\n"


@pytest.mark.parametrize("name", REPORTS)
def test_the_numbers_of_a_report_are_the_golden_ones(name):
    compare_numbers(f"{name}.json", summarize(vary_costs(REPORTS[name]()), f"{name}.h5"))


@pytest.mark.parametrize("name", COMPARISONS)
def test_the_numbers_of_a_comparison_of_generators_are_the_golden_ones(name):
    results = COMPARISONS[name]()
    reports = [summarize(each, f"{number}.h5") for number, each in enumerate(results)]
    compare_numbers(f"{name}.json", summarize_attribution(reports))


@pytest.mark.parametrize("name", READ)
def test_a_report_is_read_as_the_golden_one(name):
    report = summarize(vary_costs(REPORTS[name]()), f"{name}.h5")
    drawn = report.draw()
    stems = "|".join(drawing.stems for drawing in report.kind.figures)
    assert all(re.fullmatch(stems, stem) for stem in drawn), "a later run would not remove it"
    assert all(figure.caption[0].isupper() for figure in drawn.values())
    texts = [render_brief(report, f"{name}/"), render([report], "text")]
    assert max(map(len, "".join(texts).splitlines())) <= 81
    figures = [f"{stem}: {figure.alt}\n{figure.caption}\n" for stem, figure in drawn.items()]
    compare_text(f"{name}.txt", PARTS.join([*texts, *figures]))


def test_a_small_report_is_the_golden_one_in_each_style():
    """Two rows of two columns, one with two lines, and a note."""
    rows = [{"image": "a_b.png", "error": 2.5e-7}, {"image": "c.png", "error": None}]
    columns = [Column("image", "image"), Column("mean\nerror", "error", help="Error: of z.")]
    table = Table("Errors of 100 % of the images", rows, columns)
    given = summarize(make_results({"none": make_group(np.arange(3), 0)}), "small.h5")
    report = replace(
        given,
        answer=Answer("One of 2 images has an error.", ["A warning."]),
        sections=[table],
        tables={"errors": rows},
        notes=["A note."],
        csv=rows,
        run={},
        results=None,
    )
    texts = [f"{style}\n\n{render([report], style)}" for style in RENDERERS]
    compare_text("styles.txt", PARTS.join(texts))


def test_every_golden_file_is_compared():
    numbers = {f"{name}.json" for name in (*REPORTS, *COMPARISONS)}
    texts = {f"{name}.txt" for name in (*READ, "styles")}
    assert {path.name for path in GOLDEN.iterdir()} == numbers | texts


def compare_numbers(name, report):
    """Compare the tables of a report, without sentences, with a golden file."""
    file, found = GOLDEN / name, leave_out_sentences(json.loads(render([report], "json"))["tables"])
    if os.environ.get("GANINV_UPDATE_GOLDEN"):
        text = json.dumps(round_numbers(found), indent=1, ensure_ascii=False)
        lists = re.sub(r"\[[^\[\]{}\"]*\]", lambda each: " ".join(each[0].split()), text)
        file.write_text(lists + "\n", "utf-8")
    assert not [*list_differences(json.loads(file.read_text("utf-8")), found)]


def compare_text(name, text):
    """Compare a text with a golden file; the last digits of a number depend on the processor."""
    file = GOLDEN / name
    text = re.sub(r"\d+\.\d{6,}(?:e[+-]\d+)?", lambda number: f"{float(number[0]):.6g}", text)
    if os.environ.get("GANINV_UPDATE_GOLDEN"):
        file.write_text(text, "utf-8")
    assert text.splitlines() == file.read_text("utf-8").splitlines()


def leave_out_sentences(value: Any) -> Any:
    """Return a value of JSON without the texts of more than one word."""
    if isinstance(value, dict):
        return {key: leave_out_sentences(each) for key, each in value.items() if is_data(each)}
    return [leave_out_sentences(each) for each in value] if isinstance(value, list) else value


def is_data(value: Any) -> bool:
    return not (isinstance(value, str) and (" " in value or not value))


def round_numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: round_numbers(each) for key, each in value.items()}
    if isinstance(value, list):
        return [round_numbers(each) for each in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


def list_differences(golden: Any, found: Any, place: str = "") -> Iterator[str]:
    """Yield where a value of JSON lacks what the golden one has, or has something else."""
    if isinstance(golden, dict) and isinstance(found, dict):
        for key, value in golden.items():
            yield from list_differences(value, found.get(key, "missing"), f"{place}.{key}")
    elif isinstance(golden, list) and isinstance(found, list) and len(golden) == len(found):
        for number, (one, other) in enumerate(zip(golden, found, strict=True)):
            yield from list_differences(one, other, f"{place}[{number}]")
    elif isinstance(golden, float) and isinstance(found, int | float):
        if found != pytest.approx(golden, rel=1e-5):
            yield f"{place}: {found}, not {golden}"
    elif golden != found:
        yield f"{place}: {found}, not {golden}"
