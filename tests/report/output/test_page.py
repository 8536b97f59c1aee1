"""The content of report.html as a file; test_page_browser.py tests it in a browser."""

import dataclasses
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from known_results import make_group, make_results
from known_sweep import make_image_groups, make_image_results

from ganinv_cli import store
from ganinv_cli.outcome import Outcome
from ganinv_cli.report import consistency, summarize
from ganinv_cli.report.attribution import summarize_attribution
from ganinv_cli.report import folder
from ganinv_cli.report.folder import write_report, write_reports
from ganinv_cli.report.shared.failures import MAX_LISTED

VOID = {"meta", "link", "br", "img"}


class Read(HTMLParser):
    """The elements, in order, with the text inside each; fails if tags do not match."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.ids = [], [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        element = (tag, dict(attrs), [])
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        for _, _, text in self.open:
            text.append(data)

    def all(self, tag):
        return [
            (attrs, "".join(text).strip()) for name, attrs, text in self.elements if name == tag
        ]


@pytest.fixture
def page(tmp_path):
    def written(given=None, name="recover.h5"):
        given = given or make_results()
        write_report(summarize(given, name), given, tmp_path)
        return (tmp_path / folder.PAGE).read_text()

    return written


def test_many_figures_are_files_and_the_page_says_where(tmp_path, monkeypatch):
    fewer = dataclasses.replace(consistency.REPORT, max_page_figures=2)
    monkeypatch.setattr(consistency, "REPORT", fewer)
    given = make_image_results(
        a=make_image_groups(minima=(2,)),
        b=make_image_groups(minima=(2,)),
        c=make_image_groups(minima=(2,)),
    )
    write_report(summarize(given, "co.h5"), given, tmp_path)
    read = Read((tmp_path / folder.PAGE).read_text())
    assert len(read.all("img")) == 2
    assert "1 more, image=0002.png and on, is a file beside the tables." in [
        text for _, text in read.all("p")
    ]
    assert (tmp_path / "image=0002.png").exists()


def test_everything_is_on_the_page(page):
    picture = store.Figure(np.zeros((2, 2, 16, 16, 1), np.uint8), ("start", "found"), (0, 1))
    given = dataclasses.replace(make_results(), figures={"figure1-none": picture})
    given.attributes["config"]["nested"] = {"inner_setting": [1, 2.5]}
    read = Read(page(given))
    report = summarize(given, "recover.h5")
    assert [title for _, title in read.all("caption")][: len(report.sections)] == [
        section.title for section in report.sections
    ]
    cells = [text for _, text in read.all("td")]
    assert "42 (.840)[.709, .928]paper .980" in cells
    assert [attrs["alt"] != "" for attrs, _ in read.all("img")] == [True, True]
    assert len(read.all("figcaption")) == 2
    text = " ".join(text for _, text in read.all("body")[:1])
    for note in report.notes:
        assert note in text
    keys = [text for attrs, text in read.all("th") if attrs.get("scope") == "row"]
    for key in given.attributes:
        assert key.replace("_", " ") in keys
    assert "inner setting" in keys
    assert "ab" * 32 in cells
    assert "1, 2.5" in cells


def test_the_answer_comes_first_then_figures_then_tables(page):
    picture = store.Figure(np.zeros((2, 2, 16, 16, 1), np.uint8), ("start", "found"), (0, 1))
    given = dataclasses.replace(make_results(), figures={"figure1-none": picture})
    text = page(given)
    answer = summarize(given, "x").answer.sentence
    places = [text.index(each) for each in (answer, "<figure>", 'class="numbers')]
    assert places == sorted(places)


def test_the_conventions_of_a_generator_are_one_table(page):
    given = make_results()
    conventions = [
        {"name": "strides", "layer": f"layer {number}", "value": "2", "source": "assumed"}
        for number in range(3)
    ]
    given.attributes["generator"] = {"confirmed": True, "conventions": conventions}
    read = Read(page(given))
    (grid,) = [text for attrs, text in read.all("table") if "grid" in attrs.get("class", "")]
    assert grid.split("\n")[0].strip() == "namelayervaluesource"
    assert [f"layer {number}2assumed" in grid for number in range(3)] == [True] * 3


@pytest.mark.parametrize("compared", [False, True])
def test_every_link_leads_somewhere_and_every_id_is_one(tmp_path, compared):
    given = [make_image_results("invert", x=make_image_groups()) for _ in "ab"]
    reports = [summarize(each, name) for each, name in zip(given, "ab", strict=True)]
    comparison = summarize_attribution(given, "ab") if compared else None
    write_reports(reports, given, tmp_path, ["a", "b"], comparison)
    read = Read((tmp_path / folder.PAGE).read_text())
    ids = [attrs["id"] for _, attrs, _ in read.elements if "id" in attrs]
    assert len(set(ids)) == len(ids)
    links = [attrs["href"].removeprefix("#") for attrs, _ in read.all("a")]
    assert set(links) <= set(ids)
    assert {"result-1", "result-2"} <= set(links)
    assert ("comparison" in links) == compared
    labels = [a["aria-labelledby"] for _, a, _ in read.elements if "aria-labelledby" in a]
    assert set(labels) <= set(ids)


def test_the_page_asks_for_nothing_from_elsewhere(page):
    text = page()
    addresses = re.findall(r"""(?:src|href)="([^"]*)"|url\(|@import""", text)
    assert addresses
    assert all(re.match(r"data:|#", address) for address in addresses)
    assert "<script" not in text
    assert "default-src 'none'" in text


@pytest.mark.parametrize(
    "hostile", ["<script>alert(1)</script>", '"><img src=x onerror=a>', "{{ 7 }}"]
)
def test_nothing_from_a_file_or_a_path_is_markup(page, hostile):
    given = make_results({"none": make_group(np.arange(3), 1)}, solver=hostile, checkpoint=hostile)
    given.attributes.update({"device": hostile, "command": "recover", hostile: hostile})
    given.attributes["config"][hostile] = [hostile, {hostile: hostile}]
    picture = store.Figure(np.zeros((1, 1, 16, 16, 1), np.uint8), (hostile,), (0,))
    given = dataclasses.replace(given, figures={"figure1-none": picture})
    read = Read(page(given, f"{hostile.replace('/', '')}.h5"))
    assert not read.all("script")
    assert all(attrs["src"].startswith("data:") for attrs, _ in read.all("img"))
    assert hostile in [text for _, text in read.all("td")]


def test_a_name_that_is_no_text_is_written(page):
    assert "r?.h5" in page(name="r\udcff.h5")


def test_failed_trials_are_listed_with_their_outcome(page):
    given = make_results(
        {"none": make_group(np.arange(5), 3, elsewhere=1), "wall": make_group(np.arange(5), 0)}
    )
    given.groups["none"]["outcome"][2] = Outcome.non_finite
    given.groups["none"]["z_error"][2] = np.nan
    read = Read(page(given))
    rows = [re.split(r"\s*\n\s*", text) for _, text in read.all("tr")]
    assert ["none", "non finite", "2", "0", "nan", "1"] in rows
    assert ["none", "elsewhere", "4", "0", "0.05", "1"] in rows
    assert any(text.startswith("2 of 10 trials") for _, text in read.all("p"))


def test_failed_trials_beyond_the_list_are_counted(page):
    given = make_results({"none": make_group(np.arange(1234), 0)})
    given.groups["none"]["outcome"][:] = Outcome.budget
    read = Read(page(given))
    assert (
        sum("budget" in text for _, text in read.all("tr")) - 2 == MAX_LISTED
    )  # two tables' headings
    assert "1,034 more" in " ".join(text for _, text in read.all("p"))


def test_no_failed_trial_is_said_so(page):
    read = Read(page(make_results({"none": make_group(np.arange(5), 2)})))
    assert "None failed: all 5 trials converged." in [text for _, text in read.all("p")]


def test_where_recoveries_need_not_agree_none_failed_to_converge(page):
    said = [
        text
        for _, text in Read(
            page(make_image_results(portrait=make_image_groups(minima=(1,) * 9)))
        ).all("p")
    ]
    assert "None failed to converge." in said
    assert not any("trials converged" in text for text in said)


def test_a_run_in_progress_is_marked(page):
    assert "in progress" in [
        text for _, text in Read(page(make_results(complete=False))).all("strong")
    ]
    assert not Read(page()).all("strong")
