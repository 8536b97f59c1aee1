"""The content of report.html as a file."""

import re
from dataclasses import replace

import numpy as np
import pytest
from known_results import make_group, make_results
from reports.html_page import Page
from reports.known_sweep import make_image_groups, make_image_results

from ganinv_cli.experiments.summary import summarize
from ganinv_cli.results.report.attribution import summarize_attribution
from ganinv_cli.results.report.folder import PAGE, write_page, write_report
from ganinv_cli.results.report.table import list_help
from ganinv_cli.results.store import Figure

pytestmark = pytest.mark.usefixtures("without_encoding")


@pytest.fixture
def write(tmp_path):
    """Write the page of results of `recover` with a picture, and read it."""

    def write(results=None, name="recover.h5", panel="start"):
        picture = Figure(np.zeros((1, 2, 16, 16, 1), np.uint8), (panel,), (0, 1))
        results = replace(results or make_results(), figures={"figure1-none": picture})
        write_report(summarize(results, name), tmp_path)
        return Page((tmp_path / PAGE).read_text(encoding="utf-8"))

    return write


def test_everything_is_on_the_page_the_answer_first_then_figures_then_tables(write):
    results = make_results(complete=False, nested={"inner_setting": [1, 2.5]})
    conventions = [{"layer": f"layer {number}", "value": "2"} for number in range(3)]
    results.attributes["generator"] = {"confirmed": True, "conventions": conventions}
    page = write(results)
    report = summarize(results, "recover.h5")
    captions = page.list_texts("caption")
    assert captions[: len(report.sections)] == [table.title for table in report.sections]
    cells, keys = page.list_texts("td"), page.list_texts("th")
    for table in report.sections:
        for row in table.make_cells():
            assert {cell.replace("\n", "") for cell in row} <= {*cells, *keys}
    paragraphs = " ".join(page.list_texts("p"))
    assert all(text in paragraphs for text in [report.answer.sentence, *list_help(report.sections)])
    (body,) = page.list_texts("body")
    assert all(note in body for note in report.notes)
    assert "in progress" in page.list_texts("strong")
    assert {"seed", "checkpoint sha256", "inner setting"} <= set(keys)
    assert {"ab" * 32, "1, 2.5", "layer 0", "layer 2"} <= set(cells)
    assert all(attrs["alt"] for attrs, _ in page.find_all("img"))
    assert len(page.find_all("img")) == len(page.find_all("figcaption")) == 2
    order = [name for name, _, _ in page.elements if name in ("figure", "table")]
    assert order == sorted(order)
    assert body.index(report.answer.sentence) < body.index(captions[0])


@pytest.mark.parametrize("hostile", ["<script>a()</script>", '"><img src=x onerror=a>', "{{ 7 }}"])
def test_nothing_from_a_file_is_markup_and_the_page_asks_for_nothing(write, tmp_path, hostile):
    groups = {"none": make_group(np.arange(3), 1)}
    results = make_results(groups, solver=hostile, checkpoint=hostile)
    results.attributes.update({"device": hostile, hostile: hostile})
    results.attributes["config"][hostile] = [hostile, {hostile: hostile}]
    page = write(results, f"{hostile.replace('/', '')}\udcff.h5", hostile)
    assert not page.find_all("script")
    asked = [a[key] for _, a, _ in page.elements for key in ("src", "href") if key in a]
    assert asked and all(address.startswith(("data:", "#")) for address in asked)
    text = (tmp_path / PAGE).read_text(encoding="utf-8")
    assert not re.search(r"url\(|@import", text)
    assert "content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\"" in text
    assert hostile in page.list_texts("td")
    assert "?.h5" in page.list_texts("title")[0]  # a name that is not a text


def test_every_link_leads_somewhere_and_every_id_is_one(tmp_path):
    results = [make_image_results("invert", x=make_image_groups()) for _ in "ab"]
    reports = [summarize(each, name) for each, name in zip(results, "ab", strict=True)]
    contents = [write_report(report, tmp_path) for report in reports]
    write_page(contents, tmp_path, summarize_attribution(reports))
    page = Page((tmp_path / PAGE).read_text(encoding="utf-8"))
    assert len(page.find_all("article")) == 3
    ids = [attrs["id"] for _, attrs, _ in page.elements if "id" in attrs]
    assert len(set(ids)) == len(ids)
    links = {attrs["href"].removeprefix("#") for attrs, _ in page.find_all("a")}
    labels = {a["aria-labelledby"] for _, a, _ in page.elements if "aria-labelledby" in a}
    assert {"comparison", "result-1", "result-2"} <= links
    assert links | labels <= set(ids)
    assert len([*tmp_path.glob("attribution.*")]) == 3
