"""Pages as a browser opens them from disk: nothing is asked for, nothing sticks out, all can be read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sgddiff_batch.runs import history_page, report_page
from tests.io.pages.page_examples import made_output, run_once
from tests.io.trainings.training_examples import left_by_a_training
from tests.kit import jobs
from tests.kit.browser import DESKTOP, PHONE

HEADINGS = {
    "report": [
        "Did it work?", "What is new since the last run?", "Pictures", "Where", "Is it still right?",
        "Where did the time go?", "Mosaics made", "What it was made with",
    ],
    "history": ["Over the last 2", "Runs"],
    "training": ["seed-0, teacher", "seed-0, student"],
}  # fmt: skip

# What a page draws: text with what is right behind it. Ratios as in WCAG 2.2, 1.4.3: 4.5, of large text 3.
CONTRASTS = """() => {
  const parse = colour => {
    const numbers = colour.match(/[\\d.]+/g).map(Number);
    return numbers.length > 3 ? numbers : [...numbers, 1];
  };
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map(v => {
      v /= 255;
      return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const behind = element => {
    for (let e = element; e; e = e.parentElement) {
      const colour = parse(getComputedStyle(e).backgroundColor);
      if (colour[3] === 1) return colour;
    }
    return [255, 255, 255, 1];
  };
  const low = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || element.closest("title, svg title")) continue;
    const style = getComputedStyle(element);
    const colour = parse(element.closest("svg") ? style.fill : style.color);
    const [one, other] = [light(colour), light(behind(element))];
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    const size = parseFloat(style.fontSize);
    const isLarge = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    if (ratio < (isLarge ? 3 : 4.5)) low.push(`${ratio.toFixed(2)}: ${walker.currentNode.data.trim()}`);
  }
  return low;
}"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The report, the history and the page of a training, as files beside each other."""
    folder = tmp_path_factory.mktemp("browser")
    output = made_output(folder)
    (first,) = (report["run_id"] for report in jobs.reports(output))
    run_once(folder)
    storage = left_by_a_training(folder / "runs")
    return {
        "report": Path(report_page(str(output), first).write(str(output))),
        "history": Path(history_page(str(output)).write(str(output))),
        "training": Path(report_page(str(storage)).write(str(storage))),
    }


@pytest.mark.parametrize("name", HEADINGS)
@pytest.mark.parametrize("window", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_page_opens_from_disk_in_light_and_dark_and_fits(pages, visit, name, window):
    for dark in (False, True):
        seen = visit(pages[name].as_uri(), window, dark)
        assert seen.requests[0] == pages[name].as_uri()
        assert [one for one in seen.requests[1:] if not one.startswith("data:")] == []
        width = seen.page.evaluate("document.scrollingElement.scrollWidth")
        assert width <= window[0], "it scrolls sideways"
        sizes = seen.page.eval_on_selector_all("img", "all => all.map(i => [i.complete, i.naturalWidth])")
        assert all(done and wide > 0 for done, wide in sizes), "a picture is not decoded"
        assert len(sizes) == {"report": 9, "history": 0, "training": 2}[name]
        assert seen.page.locator("h2").all_inner_texts() == HEADINGS[name]
        assert seen.page.evaluate(CONTRASTS) == []


@pytest.mark.parametrize("name", HEADINGS)
def test_a_page_without_scripts_says_the_same(pages, visit, name):
    without, with_scripts = (visit(pages[name].as_uri(), scripts=scripts) for scripts in (False, True))
    assert without.page.locator("body").inner_text() == with_scripts.page.locator("body").inner_text()
    for heading in HEADINGS[name]:
        assert without.page.get_by_role("heading", name=heading, exact=True).count() == 1


def test_links_of_a_page_lead_to_its_places_and_to_pages_beside_it(pages, visit):
    seen = visit(pages["report"].as_uri())
    # One that leads to another page is that of a run before: of two in a second, either may be.
    inside = "nav a[href^='#']"
    targets = seen.page.eval_on_selector_all(inside, "all => all.map(a => a.getAttribute('href'))")
    assert targets
    for target in targets:
        assert seen.page.locator(target).count() == 1
    history = visit(pages["history"].as_uri())
    history.page.locator("td a").first.click()
    assert re.search(r"/report-[\w-]+\.html$", history.page.url)
    assert history.page.locator("h1").inner_text().startswith("Run ")


def test_the_map_shows_land_and_the_chart_its_bars(pages, visit):
    seen = visit(pages["report"].as_uri(), PHONE)
    for selector in ("svg.map", "svg.map .land", "svg.chart rect", "svg.stages rect"):
        box = seen.page.locator(selector).first.bounding_box()
        assert box["width"] > 0
        assert box["height"] > 0


def test_names_that_want_to_be_more_than_names_stay_text(tmp_path, visit):
    from sgddiff_batch.io.pages import page_of
    from sgddiff_batch.io.reports import StoredReport
    from sgddiff_batch.io.storage import open_store
    from tests.io.pages.test_page import NASTY, row

    rows = [row(NASTY, state, reason=NASTY * 40, notes=[NASTY]) for state in ("done", "quarantined")]
    facts = {"run_id": "1", "ending": "done", "config": {NASTY: "x" * 4000}, "run": {"device": NASTY}}
    page = tmp_path / "report-1.html"
    page.write_bytes(page_of(open_store(str(tmp_path / "none")), StoredReport("uri", facts, rows)))
    seen = visit(page.as_uri(), PHONE)
    assert seen.requests == [page.as_uri()]
    assert seen.page.evaluate("document.scrollingElement.scrollWidth") <= PHONE[0]
    assert seen.page.locator("img").count() == 0
