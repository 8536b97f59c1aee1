"""report.html in a real browser: Debian's chromium, without a window and without a network."""

import dataclasses
import re
import shutil
from collections.abc import Iterator

import numpy as np
import pytest
from known_results import make_group, make_results
from known_sweep import make_image_groups, make_image_results
from playwright.sync_api import Browser, Page, sync_playwright

from ganinv_cli import store
from ganinv_cli.outcome import Outcome
from ganinv_cli.report import Section, summarize
from ganinv_cli.report import folder
from ganinv_cli.report.folder import write_report, write_reports

CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        CHROMIUM is None, reason="needs a browser: install Debian's package chromium"
    ),
]
SIZES = {"phone": (360, 740), "desk": (1280, 900)}
LONG = "a-name-without-a-place-to-break-" * 6


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox"],  # the page is ours, and root, as in a container, has no sandbox
        )
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def addresses(tmp_path_factory):
    """Of a page of one result, and of a page of three."""
    place = tmp_path_factory.mktemp("page")
    given = [_failing(), make_results(), make_results(complete=False)]
    reports = [summarize(each, f"{i}-{LONG}.h5") for i, each in enumerate(given)]
    wide = Section(
        "Wide",
        ("image", *(f"column\nnumber {number}" for number in range(10))),
        [(LONG, *(f"0.00012{number}\n[0.000111, 0.000145]" for number in range(10)))],
    )
    reports[0] = dataclasses.replace(reports[0], sections=[*reports[0].sections, wide])
    write_report(reports[0], given[0], place)
    write_reports(reports, given, place / "all", ["a", "b", "c"])
    return [(at / folder.PAGE).as_uri() for at in (place, place / "all")]


def _failing():
    """All that a page can have: pictures, failed trials, long words."""
    noise = np.random.default_rng(0).integers(0, 256, (2, 8, 32, 32, 3), np.uint8)
    names = ("none", "standard", "stochastic", "wall")
    given = make_results(
        {name: make_group(np.arange(40), 3, 1) for name in names}, long=LONG, deep={"a": 1}
    )
    given.groups["none"]["outcome"][:] = Outcome.budget
    given.figures["figure1-none"] = store.Figure(noise, ("start", "found"), tuple(range(8)))
    return given


class Opened:
    """A page, with what went wrong on it and what it asked for."""

    def __init__(self, browser: Browser, address: str, size: str, scheme: str):
        width, height = SIZES[size]
        self.context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, offline=True
        )
        self.page: Page = self.context.new_page()
        self.said, self.asked = [], []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(address)


@pytest.fixture(params=[(size, scheme) for size in SIZES for scheme in ("light", "dark")], ids=str)
def opened(request, browser, addresses):
    both = [Opened(browser, address, *request.param) for address in addresses]
    yield both
    for each in both:
        each.context.close()


def test_the_page_fits_and_is_whole(opened):
    for each in opened:
        for details in (False, True):
            each.page.evaluate(
                "d => document.querySelectorAll('details').forEach(e => e.open = d)", details
            )
            seen, room = each.page.evaluate(
                "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
            )
            assert seen <= room
        images = each.page.evaluate("[...document.images].map(i => [i.naturalWidth, i.alt])")
        assert images
        assert all(width > 0 and alt for width, alt in images)
        assert each.said == []
        assert [url for url in each.asked if not url.startswith("data:")] == [each.page.url]


def test_text_stands_out_from_its_ground(opened):
    for each in opened:
        each.page.evaluate("document.querySelectorAll('details').forEach(e => e.open = true)")
        ratios = each.page.evaluate(CONTRASTS)
        assert len(ratios) > 100
        assert min(ratios.values()) >= 4.5, min(ratios, key=ratios.get)


def test_no_name_of_an_image_is_wrapped_and_no_verdict_is_cut_in_a_small_window(browser, tmp_path):
    names = [f"a-long-name-of-a-portrait-{number}.png" for number in range(3)]
    for command in ("invert", "consistency"):
        given = make_image_results(
            command, **dict.fromkeys(names, make_image_groups(minima=(3,), losses=(3000.0,)))
        )
        write_report(summarize(given, "x.h5"), given, tmp_path)
        context = browser.new_context(viewport={"width": 400, "height": 800}, offline=True)
        page = context.new_page()
        page.goto((tmp_path / folder.PAGE).as_uri())
        lines = page.locator("table:not(.sentences) tbody th.word span").evaluate_all(
            "all => all.map(s => s.getClientRects().length * s.getBoundingClientRect().height)"
        )
        assert lines and max(lines) < 30
        verdicts = page.get_by_role("cell", name="outside", exact=True)
        rights = verdicts.evaluate_all("all => all.map(c => c.getBoundingClientRect().right)")
        context.close()
        assert len(rights) == (3 if command == "invert" else 0)
        assert all(right <= 400 for right in rights)


def test_results_stand_side_by_side_where_there_is_room(browser, addresses):
    for size, columns in (("desk", 2), ("phone", 1)):
        opened = Opened(browser, addresses[1], size, "light")
        lefts = opened.page.evaluate(
            "[...document.querySelectorAll('article')].map(a => a.getBoundingClientRect().left)"
        )
        opened.context.close()
        assert len(lefts) == 3
        assert len(set(lefts)) == columns


def test_print_shows_what_is_folded_and_cuts_no_table(browser, addresses):
    opened = Opened(browser, addresses[0], "desk", "dark")
    folded = opened.page.locator("details:not([open]) td").first
    assert not folded.is_visible()
    opened.page.emulate_media(media="print", color_scheme="dark")
    opened.page.set_viewport_size({"width": 680, "height": 900})  # A4 between its margins
    assert opened.page.locator("details:not([open])").count() >= 2
    unseen = opened.page.locator("td").evaluate_all(
        "all => all.filter(c => !c.checkVisibility() || !c.getBoundingClientRect().height).length"
    )
    assert unseen == 0
    cut = opened.page.locator("table").evaluate_all(
        "all => all.filter(table => table.getBoundingClientRect().right > innerWidth).length"
    )
    assert cut == 0
    assert opened.page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    printed = opened.page.pdf(format="A4")
    opened.context.close()
    pages = re.findall(rb"/Type /Page\b(?!s)", printed)
    assert 3 <= len(pages) <= 30


# Of each element with text of its own, by what it is and says: WCAG 2's contrast with the nearest
# ground behind it.
CONTRASTS = """() => {
    const parts = colour => colour.match(/[\\d.]+/g).map(Number);
    const light = colour => parts(colour).slice(0, 3)
        .map(c => c / 255).map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const ground = element => {
        for (let e = element; e; e = e.parentElement) {
            const colour = getComputedStyle(e).backgroundColor;
            if ((parts(colour)[3] ?? 1) > 0) return colour;
        }
        throw 'no ground';
    };
    const found = {};
    for (const e of document.querySelectorAll('body *')) {
        const own = [...e.childNodes].filter(n => n.nodeType == 3);
        const text = own.map(n => n.data).join('').trim();
        if (!text) continue;
        const two = [light(getComputedStyle(e).color), light(ground(e))];
        const [low, high] = two.sort((a, b) => a - b);
        found[`${Object.keys(found).length} ${e.tagName} ${text}`] = (high + 0.05) / (low + 0.05);
    }
    return found;
}"""
