"""A page: escaped, self-contained, the same bytes each time, and alive in a browser."""

import re
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokbench.errors import FileError
from tokbench.reporting.elements import Chips, Curve, Facts, Grid, Headline, Heat, Paragraph
from tokbench.reporting.html import Section, page
from tokbench.reporting.pages import write_page

EVIL = "</title></script><script>document.body.dataset.broken = 1</script><img src=x onerror=alert(1)>\"'"
CURVE = Curve(
    "bytes a token",
    "tokens",
    "bytes",
    [("en", [(1000.0, 3.0), (2000.0, 3.5)])],
    marks=[(2000.0, 3.5, "knee")],
)


def every_part(words):
    return [
        Headline(words, "good"),
        Headline(words, opens=True),
        Facts([(words, words)], title=words),
        Grid((words, "n"), [(words, 10), ("b", 9)], title=words, right=("n",)),
        Grid(("severity", "code", "message", "fix"), [("error", "TB1", words, words)], stacked=3),
        Chips([(words, ""), ("[CLS]", "special")], ids=[1, 2], details=[words, ""]),
        Paragraph(words),
        Paragraph(words, verbatim=True),
        Curve(words, words, words, [(words, [(1.0, 2.0), (2.0, 1.0)])], marks=[(1.0, 2.0, words)]),
        Heat(words, [words], [words], [[0.5]]),
    ]


def made(words):
    return page(words, [Section(words, every_part(words)), Section("two", [CURVE])])


def tags(text):
    return re.findall(r"</?[a-zA-Z][a-zA-Z0-9]*", text)


@settings(deadline=None)
@given(st.text(min_size=1, max_size=30))
def test_words_never_become_markup(words):
    harmless = "x" * 3
    assert tags(made(words)) == tags(made(harmless))


def test_markup_in_results_is_shown_as_text():
    text = made(EVIL)
    assert "<img" not in text
    assert text.count("<script>") == 1
    assert "&lt;img" in text


def test_the_same_results_give_the_same_bytes():
    assert made("words") == made("words")


def test_a_page_asks_nothing_of_any_network():
    text = made("words")
    assert not re.search(r"(?:src|href)=[\"'](?!#)|(?:src|href)=[^\"']", text)
    assert "default-src 'none'" in text
    assert "connect-src" not in text
    assert "url(" not in text


class Outline(HTMLParser):
    """Headings in order, and of each table the scopes of its headers."""

    def __init__(self, text):
        super().__init__()
        self.levels, self.tables, self.names, self.focused = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if re.fullmatch("h[1-6]", tag):
            self.levels.append(int(tag[1]))
        if tag == "table":
            self.tables.append([])
        if tag == "th":
            self.tables[-1].append(given.get("scope"))
        if "tabindex" in given:
            self.focused.append(given["tabindex"])
        if given.get("role") in ("img", "list", "region"):
            self.names.append(given.get("aria-label"))


def test_headings_go_down_one_level_at_a_time():
    levels = Outline(made("words")).levels
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(below - above <= 1 for above, below in pairwise(levels))
    assert 3 in levels


def test_every_table_names_its_columns_and_every_region_itself():
    outline = Outline(made("words"))
    assert len(outline.tables) == 4  # of a grid, of a heat map, and of the points of two curves
    assert all(scopes and set(scopes) <= {"col", "row"} for scopes in outline.tables)
    assert len(outline.names) == 5
    assert all(outline.names)


def test_the_keyboard_goes_through_the_page_in_reading_order():
    assert set(Outline(made("words")).focused) == {"0", "-1"}  # in order, or reached by arrows


def test_a_column_without_a_name_is_no_button():
    text = page("t", [Section("s", [Grid(("n", ""), [("1", "←")])])])
    assert '<thead><tr><th scope="col"><button type="button">n</button></th><td></td></tr>' in text


def test_a_row_that_is_long_is_folded():
    rows = [(at,) for at in range(61)]
    assert "<summary>n: 61 rows</summary>" in page("t", [Section("s", [Grid(("n",), rows)])])
    assert "61 rows" not in page("t", [Section("s", [Grid(("n",), rows[:60])])])


def test_a_page_is_not_written_over_another_file(tmp_path):
    there = tmp_path / "notes.html"
    there.write_text("mine")
    with pytest.raises(FileError, match="another kind"):
        write_page(there, "t", [], force=True)
    assert there.read_text() == "mine"
    with pytest.raises(FileError, match="exists already"):
        write_page(there, "t", [])


def test_an_older_page_is_replaced_when_forced(tmp_path):
    place = tmp_path / "r.html"
    write_page(place, "old", [])
    assert write_page(place, "new", [Section("s", [])], force=True).sections == ("s",)
    assert "<h1>new</h1>" in place.read_text()
    assert [each.name for each in tmp_path.iterdir()] == ["r.html"]


def test_a_browser_opens_it_without_a_complaint_and_runs_nothing_foreign(browse, tmp_path):
    write_page(tmp_path / "r.html", EVIL, [Section("one", every_part(EVIL)), Section("two", [CURVE])])
    shown, console = browse((tmp_path / "r.html").as_uri())
    assert console == []
    assert "data-broken" not in shown
    assert "<svg" in shown
