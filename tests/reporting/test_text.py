"""Parts in a pipe: the words of the terminal, a line each."""

from tokbench.reporting.elements import Facts, Grid
from tokbench.reporting.text import plain


def test_a_title_is_a_line_of_its_own():
    assert plain(Grid(("a", "b"), [(1, 2)], title="sizes")) == "sizes\na\tb\n1\t2"
    assert plain(Facts([("a", 1)], title="sizes")) == "sizes\na\t1"


def test_without_a_title_there_is_no_line_for_it():
    assert plain(Grid(("a",), [(1,)])) == "a\n1"
    assert plain(Facts([("a", 1)])) == "a\t1"


def test_a_title_cannot_drive_the_terminal():
    assert "\x1b" not in plain(Grid(("a",), [], title="\x1b[31m"))
