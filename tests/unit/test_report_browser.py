"""The report of a run in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser import Browser, missing
from tests.reports import large, story, write_run
from yk8s_tui.runs.report.write import write_report
from yk8s_tui.runs.start import find_run

WIDE = "document.documentElement.scrollWidth"
SEEN = "document.body.innerText"
BACKGROUND = "getComputedStyle(document.body).backgroundColor"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if lacking := missing():
        pytest.skip(f"missing: {lacking}")
    with Browser() as made:
        yield made


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("cluster")
    write_run(root, story(), result={"result": "partial", "exit_code": 9, "seconds": 209.0})
    return write_report(root, find_run(root))


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [(380, 800), (1280, 900)], ids=["phone", "desk"])
def test_it_is_read_at_any_width_and_in_both_colours(
    browser: Browser, report: Path, tmp_path: Path, size: tuple[int, int], dark: bool
) -> None:
    browser.console.clear()
    browser.requests.clear()
    browser.open(report, *size, dark=dark)
    assert browser.value("innerWidth") == size[0]
    assert browser.value(WIDE) <= size[0]
    assert browser.value(BACKGROUND) == ("rgb(18, 22, 28)" if dark else "rgb(255, 255, 255)")
    seen = browser.value(SEEN)
    for words in (
        "berlin-1", "apply #12", "Partly done", "no space left on device", "What to do:", "kim@desk",
        "wipe the disk vdb on w1", "clock.offset on cp2", "load images", "critical", "Slowest tasks", "1.36.3",
        "2.19.14", "unchanged", "Longest gap",
    ):  # fmt: skip
        assert words in seen, words
    browser.value("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert browser.value(WIDE) <= size[0], "unfolded, the page is wider than its window"
    assert browser.picture(tmp_path / "seen.png").stat().st_size > 10_000
    assert browser.console == []
    assert browser.requests == [report.as_uri()], "the page asked for something"


def test_text_of_hosts_is_no_markup(browser: Browser, report: Path) -> None:
    browser.open(report, 1280, 900)
    assert browser.value("document.querySelectorAll('script, img, link, iframe, object, [style], a').length") == 0
    assert '<script>alert(1)</script><img src="http://evil.example' in browser.value(SEEN)
    assert browser.value("document.title") == "berlin-1 · apply #12 · partial"


def test_bars_are_where_the_time_went(browser: Browser, report: Path) -> None:
    browser.open(report, 1280, 900)
    at = (
        "(() => {const lane = [...document.querySelectorAll('.of-step summary')].find(s => "
        "s.innerText.includes('load images')).querySelector('svg'); const bar = lane.querySelector('rect'); "
        "const a = lane.getBoundingClientRect(), b = bar.getBoundingClientRect(); "
        "return [(b.left - a.left) / a.width, b.width / a.width]})()"
    )
    start, width = browser.value(at)
    assert (start, width) == (pytest.approx(26 / 209, abs=0.02), pytest.approx(71.6 / 209, abs=0.02))


def test_on_paper_everything_is_visible(browser: Browser, report: Path, tmp_path: Path) -> None:
    browser.open(report, 1280, 900, dark=True)
    assert browser.pdf(tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")
    browser.send("Emulation.setEmulatedMedia", media="print")
    hidden = "[...document.querySelectorAll('details *:not(title)')].filter(e => !e.checkVisibility()).length"
    assert browser.value(hidden) == 0
    assert browser.value(BACKGROUND) == "rgb(255, 255, 255)"
    browser.send("Emulation.setEmulatedMedia", media="")


def test_a_thousand_nodes_and_forty_steps_stay_usable(browser: Browser, tmp_path: Path) -> None:
    write_run(tmp_path, large(1000, 40), result={"result": "partial", "exit_code": 9, "seconds": 300.0})
    page = write_report(tmp_path, find_run(tmp_path))
    assert page.stat().st_size < 10_000_000
    browser.open(page, 380, 800)
    assert browser.value(WIDE) <= 380
    assert browser.value("document.body.scrollHeight") < 25_000, "nodes without trouble are folded"
    assert "999 nodes without trouble" in browser.value(SEEN)
    assert browser.console == []
