"""Parts in a pipe: the words of the terminal, a line each."""

from tokbench.escapes import safe
from tokbench.reporting.elements import Facts, Grid, plain


def test_a_title_is_a_line_of_its_own():
    assert plain(Grid(("a", "b"), [(1, 2)], title="sizes")) == "sizes\na\tb\n1\t2"
    assert plain(Facts([("a", 1)], title="sizes")) == "sizes\na\t1"


def test_without_a_title_there_is_no_line_for_it():
    assert plain(Grid(("a",), [(1,)])) == "a\n1"
    assert plain(Facts([("a", 1)])) == "a\t1"


def test_a_title_cannot_drive_the_terminal():
    assert "\x1b" not in plain(Grid(("a",), [], title="\x1b[31m"))


def test_tabs_and_line_feeds_in_a_cell_are_escapes_so_that_a_row_stays_a_row():
    assert safe("a\tb\nc\rd e") == "a\\tb\\nc\\rd e"
    assert plain(Grid(("a", "b"), [("x\ty", "1\n2")])) == "a\tb\nx\\ty\t1\\n2"
