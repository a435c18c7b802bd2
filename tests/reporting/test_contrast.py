"""What is read on a page stands out from its ground in both schemes, as WCAG 2.2 asks (1.4.3, 1.4.11)."""

import colorsys
import re

import pytest

from tokbench.reporting.html import TEMPLATES
from tokbench.reporting.svg import COLOURS

CSS = (TEMPLATES / "page.css").read_text(encoding="utf-8")
SCHEMES = {"light": 0, "dark": 1}
TEXT, GRAPHIC = 4.5, 3.0


def colour(hexes):
    hexes = hexes.lstrip("#")
    hexes = "".join(2 * each for each in hexes) if len(hexes) == 3 else hexes
    return tuple(int(hexes[at : at + 2], 16) / 255 for at in (0, 2, 4))


def variable(name, scheme):
    return colour(re.search(rf"{name}: light-dark\((#\w+), (#\w+)\)", CSS)[1 + SCHEMES[scheme]])


def linear(channel):
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4


def luminance(rgb):
    red, green, blue = map(linear, rgb)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def over(front, back, share):
    return tuple(share * one + (1 - share) * other for one, other in zip(front, back, strict=True))


def chip_grounds(scheme):
    """The ground of a chip for every hue, by the formula in the style sheet."""
    found = re.findall(r"hsl\(var\(--hue\) (\d+)% (\d+)%\)", CSS)
    assert len(found) == 2
    saturation, lightness = (int(each) / 100 for each in found[SCHEMES[scheme]])
    return [colorsys.hls_to_rgb(hue / 360, lightness, saturation) for hue in range(360)]


def test_black_on_white_has_the_contrast_that_the_standard_names():
    assert contrast((0, 0, 0), (1, 1, 1)) == pytest.approx(21)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_chip_is_read_on_every_hue(scheme):
    ink = variable("--ink", scheme)
    share = float(re.search(r"\.chip small \{[^}]*opacity: ([\d.]+)", CSS)[1])
    for ground in chip_grounds(scheme):
        assert contrast(ink, ground) >= TEXT
        assert contrast(over(ink, ground, share), ground) >= TEXT  # the id below it


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_chip_of_an_unknown_token_is_read(scheme):
    rule = re.search(r"\.chip\.unknown \{([^}]*)\}", CSS)[1]
    ground, ink = (found[SCHEMES[scheme]] for found in re.findall(r"light-dark\((#\w+), (#\w+)\)", rule))
    assert contrast(colour(ground), over(colour(ink), colour(ground), 0.8)) >= TEXT


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("name", ["--ink", "--accent", "--good", "--bad", "--warn"])
@pytest.mark.parametrize("ground", ["--paper", "--soft"])
def test_words_are_read_on_the_page(scheme, name, ground):
    assert contrast(variable(name, scheme), variable(ground, scheme)) >= TEXT


@pytest.mark.parametrize("scheme", SCHEMES)
def test_lines_and_edges_are_seen(scheme):
    paper = variable("--paper", scheme)
    for name in ("--edge", *(f"--line-{at + 1}" for at in range(len(COLOURS)))):
        assert contrast(variable(name, scheme), paper) >= GRAPHIC, name


@pytest.mark.parametrize("hexes", COLOURS)
def test_the_lines_of_a_picture_file_are_seen_on_its_white_ground(hexes):
    assert contrast(colour(hexes), (1, 1, 1)) >= GRAPHIC
