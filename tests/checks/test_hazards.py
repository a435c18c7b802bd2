"""Files on which the library hangs, aborts or eats all memory are findings, and cost honest ones nothing."""

import base64
import subprocess
import time

import pytest

from tokbench.checks import hazards
from tokbench.checks.run import RULES, check
from tokbench.errors import FileError
from tokbench.pretrained.folder import growth_of, load
from tokbench.recipes.presets import PRESETS

from .folders import KINDS, clean


def long_replace(files):
    files.raw["normalizer"] = {"type": "Replace", "pattern": {"String": "e"}, "content": "x " * 500_000}


def chained(files):
    each = {"type": "Replace", "pattern": {"String": "e"}, "content": "e" * 10}
    files.raw["normalizer"] = {"type": "Sequence", "normalizers": [each] * 9}


def long_prepend(files):
    files.raw["normalizer"] = {"type": "Prepend", "prepend": "x" * 10_000_000}


def broken_charsmap(files):
    content = base64.b64encode(b"\xff\xff\xff\xff\x00\x00").decode()
    files.raw["normalizer"] = {"type": "Precompiled", "precompiled_charsmap": content}


@pytest.mark.parametrize("damage", [long_replace, chained, long_prepend, broken_charsmap])
def test_a_file_the_library_does_not_survive_is_a_finding(damage, tmp_path, monkeypatch):
    monkeypatch.setattr(hazards, "SECONDS", 1)
    files = clean("bert")
    damage(files)
    checkup = check(files.write(tmp_path), quick=True)
    (finding,) = checkup.findings
    assert (finding.code, finding.severity) == ("TB500", "error")
    assert checkup.checked == ("TB500",)
    assert len(checkup.skipped) == len(RULES) - 1


@pytest.mark.parametrize("kind", KINDS)
def test_an_honest_file_starts_no_process(kind, tmp_path, monkeypatch):
    monkeypatch.setattr(subprocess, "run", lambda *words, **more: pytest.fail("a process was started"))
    files = clean(kind)
    assert hazards.hazard(files.raw, files.write(tmp_path) / "tokenizer.json") == ""
    assert hazards.runaway_text(files.raw) == ""


def test_an_odd_file_that_does_no_harm_is_loaded(tmp_path):
    files = clean("bert")
    files.raw["normalizer"] = {"type": "Replace", "pattern": {"String": "ζ"}, "content": "z" * 40}
    checkup = check(files.write(tmp_path), quick=True)
    assert len(checkup.checked) > 20


def splitting(pattern):
    return {
        "pre_tokenizer": {
            "type": "Split",
            "pattern": {"Regex": pattern},
            "behavior": "Isolated",
            "invert": False,
        }
    }


@pytest.mark.parametrize(
    "pattern", ["(a+)+$", "(x|xx)+$", r"(\w+\s?)*$", "(ab?)*(ab)*(a|b)*c$", r"(é|한|\s)+(é|한|\s)+!$"]
)
def test_a_pattern_that_runs_away_is_found_in_seconds_with_a_text_that_shows_it(pattern, monkeypatch):
    monkeypatch.setattr(hazards, "TRIED_SECONDS", 2)
    before = time.perf_counter()
    assert "characters, the last" in hazards.runaway_text(splitting(pattern))
    assert time.perf_counter() - before < 30  # on a busy machine; alone it takes less than two


HONEST = [
    regex
    for each in PRESETS.values()
    for block in each.pre_tokenizers
    if (regex := block.options.get("regex"))
]


@pytest.mark.parametrize("pattern", dict.fromkeys(HONEST))
def test_the_patterns_of_presets_do_not_run_away(pattern):
    assert hazards.runaway_text(splitting(pattern)) == ""


def test_check_finds_a_runaway_pattern_and_looks_with_every_other_rule(tmp_path):
    files = clean("gpt2")
    files.raw |= splitting("(a+)+$")
    checkup = check(files.write(tmp_path), quick=True)
    found = [each for each in checkup.findings if each.code == "TB501"]
    assert [each.message for each in found] == [
        "a regular expression of the blocks runs away on some texts, which then cannot be encoded"
    ]
    assert len(checkup.checked) > 20


def test_an_added_token_of_which_the_normalizer_leaves_nothing_is_found_before_anything_is_encoded(tmp_path):
    files = clean("bert")
    files.raw["normalizer"] = {"type": "Strip", "strip_left": True, "strip_right": True}
    flags = {"single_word": False, "rstrip": False, "special": False}
    size = 1 + max(each["id"] for each in files.raw["added_tokens"])
    for number, (content, normalized, left) in enumerate([("  ", True, False), ("<x>", False, True)]):
        files.raw["added_tokens"].append(
            {
                "id": size + 1000 + number,
                "content": content,
                "normalized": normalized,
                "lstrip": left,
                **flags,
            }
        )
    (finding,) = [each for each in check(files.write(tmp_path), quick=True).findings if each.code == "TB500"]
    assert "leaves nothing of the added token '  '" in finding.message + finding.evidence


def seven_fold(files):
    each = {"type": "Replace", "pattern": {"String": "a"}, "content": "a" * 20}
    files.raw["normalizer"] = {"type": "Sequence", "normalizers": [each] * 7}


def test_a_normalizer_that_multiplies_texts_is_refused_in_one_sentence_before_the_library_has_it(tmp_path):
    files = clean("gpt2")
    seven_fold(files)
    with pytest.raises(FileError, match=r"its normalizer makes \d[\d,]* characters or more of one") as caught:
        load(files.write(tmp_path))
    assert caught.value.fix == f"tokbench check {tmp_path}"
    (finding,) = check(tmp_path, quick=True).findings
    assert finding.code == "TB500"


@pytest.mark.parametrize(
    ("contents", "grows"),
    [
        ([("a", "aaa")] * 5, False),
        ([("“", '"'), ("…", "..."), (".", " . "), (" ", "▁")], False),
        ([("a", "b" * 200), ("b", "c" * 200)], True),
        ([("a", "b" * 200), ("c", "d" * 200)], False),  # nothing feeds the second
    ],
)
def test_growth_is_followed_through_the_chain(contents, grows):
    blocks = [{"type": "Replace", "pattern": {"String": one}, "content": other} for one, other in contents]
    assert bool(growth_of({"normalizer": {"type": "Sequence", "normalizers": blocks}})) is grows
