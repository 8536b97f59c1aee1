"""--open shows the page in the browser; without one it says where the page is."""

import webbrowser
from pathlib import Path

import builders
import pytest
from called import make_image, run_ganinv, save_image

from ganinv_cli.network.make_generator import make_generator

DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that a browser was asked to show; there is a display."""
    addresses: list[str] = []

    def show(address: str) -> bool:
        addresses.append(address)
        return True

    monkeypatch.setattr(webbrowser, "open", show)
    monkeypatch.setenv("DISPLAY", ":0")
    return addresses


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two checkpoints, an image, and its results."""
    folder = tmp_path_factory.mktemp("page")
    for name, seed in (("one", 0), ("two", 1)):
        generator = make_generator(builders.make_checkpoint(folder / name, seed=seed))
    save_image(folder / "a.png", make_image(generator, 0))
    run_ganinv(folder, "invert", "a.png", "--checkpoint", "one", "--trials", 1)
    return folder


def _name_page(folder: Path, name: str) -> str:
    return (folder / name / "report.html").resolve().as_uri()


@pytest.mark.parametrize(
    ("command", "page"),
    [
        (("invert", "a.png", "--checkpoint", "one"), "invert"),
        (("invert", "a.png", "--checkpoint", "one", "--checkpoint", "two"), "invert"),
        (("consistency", "--image", "a.png", "--checkpoint", "one"), "consistency"),
        (("recover", "--checkpoint", "one"), "recover"),
        (("noise-sweep", "--checkpoint", "one", "--variances", "0.1"), "noise-sweep"),
    ],
)
def test_an_experiment_ends_with_its_page(
    folder: Path, opened: list[str], command: tuple[str, ...], page: str
) -> None:
    run_ganinv(folder, *command, "--trials", 1, "--open")
    assert opened == [_name_page(folder, page)]


def test_report_shows_the_page_of_each_file_or_the_one_of_all(
    folder: Path, opened: list[str]
) -> None:
    (folder / "again.h5").write_bytes((folder / "invert.h5").read_bytes())
    run_ganinv(folder, "report", "invert.h5", "again.h5", "--open")
    assert opened == [_name_page(folder, "invert"), _name_page(folder, "again")]
    run_ganinv(folder, "report", "invert.h5", "again.h5", "--open", "--out", "all", publishing=True)
    assert opened[2:] == [_name_page(folder, "all")]


def test_no_page_is_shown_unasked(folder: Path, opened: list[str]) -> None:
    run_ganinv(folder, "report", "invert.h5")
    assert opened == []


@pytest.mark.parametrize("display", [True, False])
def test_without_a_browser_the_page_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, display: bool
) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr(webbrowser, "open", lambda _: False if display else pytest.fail("opened"))
    for name in DISPLAYS:
        monkeypatch.delenv(name, raising=False)
    if display:
        monkeypatch.setenv("DISPLAY", ":0")
    error = run_ganinv(folder, "report", "invert.h5", "--open").stderr
    assert "no browser could be started here; open invert/report.html in one" in error
