"""The page in a browser: contents, values of marks, seeds, sorting, folds and print."""

import re

import pytest
from conftest import PROJECT

from mnist_aug.report import blocks

pytest_plugins = "rendered"

WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def address(full):
    return (full.reports / "index.html").as_uri()


@pytest.fixture(scope="module")
def wide_page(browser, address):
    page = browser.new_page(viewport=WIDE)
    page.goto(address)
    yield page
    page.close()


@pytest.fixture(scope="module")
def phone_page(browser, address):
    page = browser.new_page(viewport=PHONE, has_touch=True)
    page.goto(address)
    yield page
    page.close()


def as_opened(page):
    """The page as it was when it was opened, which takes longer than most tests."""
    page.mouse.move(0, 0)
    page.evaluate("""() => {
        const folds = [...document.querySelectorAll("details")];
        window.folds ??= folds.map(one => one.open);
        folds.forEach((one, place) => { one.open = window.folds[place]; });
        document.activeElement.blur();
        for (const one of document.querySelectorAll(".wide")) one.scrollLeft = 0;
        scrollTo(0, 0);
    }""")
    return page


@pytest.fixture
def wide(wide_page):
    return as_opened(wide_page)


@pytest.fixture
def phone(phone_page):
    return as_opened(phone_page)


def test_the_first_screen_answers(wide):
    """Question, verdict, cards, the seeds figure and what to do, without scrolling."""
    for selector in ("h1", ".verdict", ".cards", "#figure-seeds", ".summary ul:not(.cards)"):
        box = wide.locator(selector).first.bounding_box()
        assert box["y"] + box["height"] <= WIDE["height"], selector
    assert len(wide.locator(".verdict").inner_text().split()) <= 20
    assert 3 <= wide.locator(".card").count() <= 5
    assert wide.locator(".summary > ul:not(.cards) > li").count() == 3


def test_the_reference_is_short(browser):
    """At most 2,500 words of prose, captions and cards before anything is unfolded."""
    page = browser.new_page(viewport=WIDE)
    page.goto((PROJECT / "reports/reference/mnist/index.html").as_uri())
    words = page.evaluate("""[...document.querySelectorAll('main p, main li, figcaption')]
        .filter(one => one.checkVisibility() && !one.closest('.try, footer')
            && !one.querySelector('p, li'))
        .reduce((count, one) => count + one.innerText.trim().split(/\\s+/).length, 0)""")
    assert 1000 < words <= 2500
    page.close()


def test_figures_are_as_wide_as_the_column(wide):
    widths = wide.evaluate("""[...document.querySelectorAll('figure svg')]
        .filter(one => one.checkVisibility()).map(one => one.getBoundingClientRect().width)""")
    assert len(widths) > 5
    assert min(widths) >= 760


def test_contents_stay_beside_the_text_and_follow_it(wide):
    nav = wide.locator("nav.contents")
    wide.evaluate("document.getElementById('limits').scrollIntoView()")
    followed = nav.locator(":has(> a[href='#limits']) [aria-current]")
    followed.first.wait_for(state="attached")
    box = nav.bounding_box()
    assert box["y"] >= 0
    assert box["x"] + box["width"] <= wide.locator("main").bounding_box()["x"]


def test_contents_are_a_menu_on_a_phone(phone):
    link = phone.locator("nav.contents a[href='#limits']")
    assert not link.is_visible()
    phone.locator("#menu").click()
    link.click()
    assert not link.is_visible()
    assert phone.locator("#limits").bounding_box()["y"] < 200


def test_every_link_within_the_page_leads_somewhere(wide):
    missing = wide.evaluate("""[...document.querySelectorAll('a[href^="#"]')]
        .map(a => a.hash.slice(1)).filter(id => !document.getElementById(id))""")
    assert missing == []


def test_a_mark_says_its_value_and_lights_its_seed_everywhere(wide):
    mark = wide.locator("#figure-seeds [data-seed='1']").first
    mark.scroll_into_view_if_needed()
    mark.hover()
    tip = wide.locator(".tip")
    assert re.search(r"seed 1.*\d", tip.inner_text())
    lit = wide.evaluate("""new Set([...document.querySelectorAll('.lit')].map(one =>
        one.closest('figure, tr').id)).size""")
    assert lit >= 2  # figures
    assert wide.evaluate("[...document.querySelectorAll('.lit')].every(o => o.dataset.seed == 1)")


def test_keys_read_out_the_values_of_a_figure(wide):
    wide.locator("#figure-seeds .wide").focus()
    wide.keyboard.press("ArrowRight")
    first = wide.locator(".tip").inner_text()
    wide.keyboard.press("ArrowRight")
    assert first
    assert wide.locator(".tip").inner_text() != first
    wide.keyboard.press("Escape")
    assert not wide.locator(".tip").is_visible()


def test_a_column_sorts_its_table_and_gives_back_its_order(wide):
    wide.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    table = wide.locator("#table-classes table")
    head = table.locator("thead th").nth(1)
    before = table.locator("tbody tr").all_inner_texts()

    def column():
        cells = table.locator("tbody tr > :nth-child(2)").all_inner_texts()
        return [float(cell.replace(",", "")) for cell in cells]

    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    assert column() == sorted(column(), reverse=True)
    head.locator("button").click()
    assert column() == sorted(column())
    head.locator("button").click()
    assert table.locator("tbody tr").all_inner_texts() == before


def test_tables_of_many_rows_are_folded_and_a_link_opens_them(browser, address, wide):
    long = wide.evaluate(
        """most => [...document.querySelectorAll('.table table')].filter(one =>
            one.tBodies[0].rows.length > most && one.checkVisibility()).length""",
        blocks.MOST_ROWS,
    )
    assert long == 0
    folded = wide.locator("details.table").first.get_attribute("id")
    page = browser.new_page(viewport=WIDE)
    page.goto(f"{address}#{folded}")
    assert page.locator(f"#{folded}").evaluate("one => one.open")
    page.close()


def test_print_unfolds_everything(wide):
    hidden = "[...document.querySelectorAll('details')].filter(one => !one.open).length"
    assert wide.evaluate(hidden) > 0
    heads, buttons = wide.locator("thead").all_text_contents(), wide.locator(".sort").count()
    wide.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert wide.evaluate(hidden) == 0
    assert wide.locator(".sort").count() == 0
    assert wide.locator("thead").all_text_contents() == heads
    wide.evaluate("dispatchEvent(new Event('afterprint'))")
    assert wide.evaluate(hidden) > 0
    assert wide.locator(".sort").count() == buttons > 0


def test_a_wide_table_keeps_its_first_column_on_a_phone(phone):
    phone.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    moved = phone.evaluate("""[...document.querySelectorAll('.table .wide')].filter(one =>
        one.scrollWidth > one.clientWidth + 40).map(one => {
            one.scrollLeft = 60;
            const cell = one.querySelector('tbody th');
            return Math.abs(cell.getBoundingClientRect().left - one.getBoundingClientRect().left);
        })""")
    assert moved
    assert max(moved) <= 1


def test_what_is_touched_is_large_enough(phone):
    """24 px (WCAG 2.2, 2.5.8); a link within a sentence may be smaller."""
    small = phone.evaluate("""[...document.querySelectorAll('button, summary, input, select, a')]
        .filter(one => one.checkVisibility() && !one.closest('p:not(.source), li:not(nav li)')
            && !one.matches('.skip, .button input'))
        .filter(one => { const box = one.getBoundingClientRect();
            return box.height < 24 || box.width < 24; })
        .map(one => one.outerHTML.slice(0, 90))""")
    assert small == []


def test_it_reads_without_scripts(browser, address):
    context = browser.new_context(java_script_enabled=False, viewport=PHONE)
    page = context.new_page()
    page.goto(address)
    assert page.locator("nav.contents a").first.is_visible()
    assert page.locator("#figure-seeds title").count() > 0
    context.close()
