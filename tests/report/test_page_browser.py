"""report.html in a real browser: Debian's chromium, without a window and without a network."""

import re
import shutil

import numpy as np
import pytest
from known_results import make_results
from playwright.sync_api import sync_playwright
from reports.known_sweep import make_image_groups, make_image_results

from ganinv_cli.report import summarize
from ganinv_cli.report.folder import PAGE, write_report, write_reports
from ganinv_cli.store import Figure

CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's package chromium"),
]
PHONE, DESK = {"width": 360, "height": 740}, {"width": 1280, "height": 900}
LONG = "a-name-without-a-place-to-break-" * 6


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox"],  # the page is ours, and root, as in a container, has no sandbox
        )
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def addresses(tmp_path_factory):
    """The page of one result, with pictures and long words, and a page of three."""
    folder = tmp_path_factory.mktemp("page")
    noise = np.random.default_rng(0).integers(0, 256, (2, 8, 32, 32, 3), np.uint8)
    groups = {LONG: make_image_groups(minima=(2, 1)) | make_image_groups(technique="none")}
    results = [make_results(long=LONG, deep={"a": 1}), make_image_results(**groups)]
    results[0].figures["figure1-none"] = Figure(noise, ("start", "found"), tuple(range(8)))
    results.append(make_image_results("invert", **groups))
    reports = [summarize(each, f"{i}-{LONG}.h5") for i, each in enumerate(results)]
    write_report(reports[0], results[0], folder)
    write_reports(reports, results, folder / "all", ["a", "b", "c"])
    return [(folder / PAGE).as_uri(), (folder / "all" / PAGE).as_uri()]


def open_page(browser, address, size=DESK, scheme="light"):
    """Return a page, and what it says and asks for."""
    context = browser.new_context(viewport=size, color_scheme=scheme, offline=True)
    page, events = context.new_page(), []
    page.on("console", lambda message: events.append(message.text))
    page.on("pageerror", lambda error: events.append(str(error)))
    page.on("request", lambda request: events.append(request.url))
    page.goto(address)
    return page, [each for each in events if not each.startswith("data:")]


@pytest.mark.parametrize("size", [PHONE, DESK])
def test_the_page_fits_and_is_whole(browser, addresses, size):
    for address in addresses:
        page, events = open_page(browser, address, size)
        for opened in (False, True):
            page.evaluate(
                "d => document.querySelectorAll('details').forEach(e => e.open = d)", opened
            )
            width, room = page.evaluate(
                "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
            )
            assert width <= room
        images = page.evaluate("[...document.images].map(i => [i.naturalWidth, i.alt])")
        assert images and all(width > 0 and alt for width, alt in images)
        assert events == [page.url]


def test_print_shows_what_is_folded_and_cuts_no_table(browser, addresses):
    page, _ = open_page(browser, addresses[0], scheme="dark")
    assert not page.locator("details:not([open]) td").first.is_visible()
    page.emulate_media(media="print", color_scheme="dark")
    page.set_viewport_size({"width": 680, "height": 900})  # A4 between its margins
    unseen, cut = (
        page.locator(tag).evaluate_all(f"all => all.filter(e => {condition}).length")
        for tag, condition in (
            ("td", "!e.checkVisibility() || !e.getBoundingClientRect().height"),
            ("table", "e.getBoundingClientRect().right > innerWidth"),
        )
    )
    assert (unseen, cut) == (0, 0)
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    assert 2 <= len(re.findall(rb"/Type /Page\b(?!s)", page.pdf(format="A4"))) <= 30
