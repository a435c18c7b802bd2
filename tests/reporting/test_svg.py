"""Curves as pictures and as characters: whole, inside their frame, and legible without colour."""

import math
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokbench.errors import FileError, UsageError
from tokbench.reporting.elements import Curve, Paragraph
from tokbench.reporting.svg import HEIGHT as TALL
from tokbench.reporting.svg import WIDTH as WIDE
from tokbench.reporting.svg import picture, pictures, save_plots
from tokbench.reporting.terminal import HEIGHT, plotted

numbers = st.floats(min_value=-1e9, max_value=1e9, allow_nan=False)
points = st.lists(st.tuples(numbers, numbers), max_size=12)
curves = st.builds(
    lambda lines, log: Curve(
        "title", "x", "y", [(f"s{at}", line) for at, line in enumerate(lines)], log_x=log
    ),
    st.lists(points, max_size=4),
    st.booleans(),
)


@given(curves)
def test_a_picture_is_valid_xml_with_every_dot_inside_its_frame(curve):
    root = ElementTree.fromstring(picture(curve))
    for dot in root.iter("{http://www.w3.org/2000/svg}circle"):
        assert 0 <= float(dot.attrib["cx"]) <= WIDE
        assert 0 <= float(dot.attrib["cy"]) <= TALL


@given(curves, st.integers(20, 140))
def test_a_plot_fits_the_terminal_or_its_own_least_width(curve, width):
    lines = list(plotted(curve, width))
    drawn = lines[:HEIGHT]
    assert all(len(line) <= max(width, 21) for line in drawn)


def test_every_series_is_named_where_it_ends():
    curve = Curve("t", "x", "y", [("first", [(1, 1), (2, 2)]), ("second", [(1, 2), (2, 1)])])
    drawn = picture(curve)
    assert "first</text>" in drawn
    assert "stroke-dasharray" in drawn
    words = "\n".join(plotted(curve, 80))
    assert "a first  b second" in words


def test_a_logarithmic_axis_spaces_doublings_evenly():
    curve = Curve("t", "x", "y", [("s", [(1000, 0), (2000, 1), (4000, 2)])], log_x=True)
    dots = [
        float(each.attrib["cx"])
        for each in ElementTree.fromstring(picture(curve)).iter("{http://www.w3.org/2000/svg}circle")
    ]
    assert math.isclose(dots[1] - dots[0], dots[2] - dots[1], abs_tol=0.2)


def test_each_curve_of_a_result_gets_a_file(tmp_path):
    line = Curve("t", "x", "y", [("s", [(1, 1), (2, 2)])])
    made = save_plots([line, Paragraph("words"), line], tmp_path / "c.svg")
    assert [each.name for each in made] == ["c.svg", "c-2.svg"]
    assert all(each.read_text().startswith("<svg xmlns") for each in made)


def test_a_png_is_a_png(tmp_path):
    pytest.importorskip("resvg_py")
    [made] = save_plots([Curve("t", "x", "y", [("s", [(1, 1), (2, 2)])])], tmp_path / "c.png")
    assert made.read_bytes().startswith(b"\x89PNG\r\n")


def test_a_picture_of_nothing_or_of_another_kind_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no curve"):
        save_plots([Paragraph("words")], tmp_path / "c.svg")
    with pytest.raises(UsageError, match="no picture"):
        save_plots([], tmp_path / "c.jpg")
    (tmp_path / "c.svg").write_text("mine")
    line = Curve("t", "x", "y", [("s", [(1, 1)])])
    with pytest.raises(FileError):
        save_plots([line], tmp_path / "c.svg", force=True)


def test_several_curves_stand_below_one_another_in_one_picture_with_axes_of_their_own():
    loss = Curve("loss", "step", "loss", [("train loss", [(1, 9.0), (2, 8.0)])])
    metric = Curve("metric", "step", "metric", [("f1", [(1, 0.1), (2, 0.2)])])
    root = ElementTree.fromstring(pictures([loss, metric]))
    inner = [each for each in root if each.tag.endswith("svg")]
    assert [each.attrib["y"] for each in inner] == ["0", "320"]
    assert root.attrib["viewBox"] == "0 0 640 640"
    words = ["".join(each.itertext()) for each in inner]
    assert "9" in words[0]
    assert "0.2" in words[1]
    assert "9" not in words[1].replace("0.1", "")
