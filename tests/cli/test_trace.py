"""trace and encode as a person sees them: complete JSON, chips that fit, sentences for what cannot be."""

import io
import json
import re
from itertools import pairwise
from pathlib import Path

import pytest
from rich.cells import cell_len

from tokbench.reporting.elements import Chips, Grid, plain, seen, visible
from tokbench.reporting.terminal import draw

TEXT = (
    "The lighthouse 바다가 🙂 told\tthe [MASK] tru\u0301th ꙮ of 👩\u200d👩\u200d👧 twelve ❤\ufe0f lighthouse "
    "keepers, again and again."
)
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture
def bpe(tokbench, corpus):
    assert tokbench("train-bpe", corpus, "-o", "bpe", "--vocab-size", 400, "-q").code == 0
    return "bpe"


@pytest.fixture
def wordpiece(tokbench, corpus):
    assert tokbench("train-wordpiece", corpus, "-o", "wp", "--vocab-size", 200, "-q").code == 0
    return "wp"


def test_the_json_of_a_trace_is_complete(tokbench, bpe):
    said = tokbench("trace", bpe, "The lighthouse told 바다", "--why", "lighthouse", "--json")
    assert said.code == 0
    trace = json.loads(said.out)
    assert trace["schema"] == "tokbench/trace/1"
    kinds = [step["kind"] for step in trace["steps"]]
    assert kinds[0] == "text"
    assert kinds.index("pre_tokenizer") < kinds.index("model") < kinds.index("decoder")
    model = trace["steps"][kinds.index("model")]
    for word in model["words"]:
        assert {"piece", "text", "shown", "how", "rows", "first", "last", "missing", "verdict"} <= set(word)
        for merge in word["how"]["merges"]:
            assert set(merge) == {"at", "left", "right", "token", "id", "rank"}
    for token in trace["tokens"]:
        assert {"token", "id", "start", "end", "shown", "kind", "piece", "type_id"} <= set(token)
    assert [token["id"] for token in trace["tokens"]] == trace["ids"]
    assert trace["why"]["text"] == "lighthouse"
    assert any(token["kind"] == "partial" for token in trace["tokens"])


def test_a_trace_names_every_block_and_merge(tokbench, bpe):
    out = tokbench("trace", bpe, "The lighthouse told").out
    for words in (
        "pre_tokenizer ByteLevel",
        "model BPE",
        "decoder ByteLevel",
        "rank\tmerge",
        "the same text",
    ):
        assert words in out
    assert "Ġ" not in out.split("id\ttoken")[0]


def test_wordpiece_shows_matches_and_why_a_word_is_unknown(tokbench, wordpiece):
    out = tokbench("trace", wordpiece, "lighthouses ꙮ").out
    assert "longest match" in out
    assert "'ꙮ' is unknown: nothing in the vocabulary begins its rest" in out


def test_two_tokenizers_stand_side_by_side(tokbench, bpe, wordpiece):
    said = tokbench("trace", bpe, "The lighthouse ꙮ", "--against", wordpiece)
    assert said.code == 0
    assert "cut differently" in said.out
    both = json.loads(tokbench("trace", bpe, "The lighthouse", "--against", wordpiece, "--json").out)
    assert {"left", "right", "stretches", "text"} <= set(both)


@pytest.mark.parametrize("text", ["", " ", "\n", "\x00"])
def test_a_text_of_nothing_is_traced(tokbench, bpe, wordpiece, text):
    for name in (bpe, wordpiece):
        assert tokbench("trace", name, text).code == 0
        assert tokbench("trace", name, text, "--json").code == 0
    assert tokbench("trace", bpe, text, "--against", wordpiece).code == 0


@pytest.mark.parametrize("why", ["7:3", "0:99", "zebra", "", "3:3"])
def test_a_span_that_is_not_there_is_answered_in_a_sentence(tokbench, bpe, why):
    said = tokbench("trace", bpe, "The lighthouse", "--why", why)
    assert said.code == 2
    assert "--why" in said.err
    assert "Traceback" not in said.err


def drawn(parts, monkeypatch, width, **environment):
    for name in ("NO_COLOR", "FORCE_COLOR", "COLORTERM", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"COLUMNS": str(width), "TERM": "xterm-256color", **environment}.items():
        monkeypatch.setenv(name, value)
    stream = io.StringIO()
    draw(parts, stream)
    return stream.getvalue()


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", ["bpe", "wordpiece"])
def test_no_line_is_wider_than_the_terminal(tokbench, request, monkeypatch, name, width):
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    for command in (["trace"], ["encode"], ["trace", "--why", "0:14"]):
        out = tokbench(command[0], request.getfixturevalue(name), TEXT, *command[1:]).out
        lines = ESCAPES.sub("", out).splitlines()
        assert lines
        assert max(map(cell_len, lines)) <= width


def test_columns_stand_below_each_other_whatever_the_width_of_a_character(monkeypatch):
    rows = [
        ("abc", "|"),
        ("바다", "|"),
        ("🙂", "|"),
        (seen("\u0301"), "|"),
        (seen("\u11ab"), "|"),
        ("ｗ", "|"),
    ]
    lines = drawn([Grid(("token", "end"), rows)], monkeypatch, 80).splitlines()[2:]
    ends = {cell_len(ESCAPES.sub("", line).split("|")[0]) for line in lines}
    assert len(ends) == 1


@pytest.mark.parametrize(
    "colour", [{"COLORTERM": "truecolor"}, {"TERM": "xterm-256color"}, {"TERM": "xterm"}]
)
def test_neighbouring_chips_never_have_one_colour(monkeypatch, colour):
    out = drawn([Chips([(letter, "") for letter in "abcdefghijklm"])], monkeypatch, 80, **colour)
    styles = re.findall(r"\x1b\[([0-9;]+)m[a-m]", out)
    assert len(styles) == 13
    assert all(one != two for one, two in pairwise(styles))


def test_without_colour_chips_are_parted_by_bars(monkeypatch):
    chips = Chips([("na", ""), ("ï", "partial"), ("ve", ""), ("[SEP]", "special")])
    out = drawn([chips], monkeypatch, 80, NO_COLOR="1")
    assert ESCAPES.sub("", out).strip() == "na|ï|ve|[SEP]"
    assert not re.search(r"\x1b\[(3[0-7]|4[0-7]|[34]8)", out)
    assert plain(chips) == "na|ï|ve|[SEP]"


def test_a_token_cannot_drive_the_terminal(monkeypatch):
    out = drawn([Chips([("\x1b[2J", ""), ("\r", "")])], monkeypatch, 80, NO_COLOR="1")
    assert "\x1b[2J" not in out
    assert "\r" not in out


def test_a_mark_alone_stands_on_a_circle_and_a_space_is_seen():
    assert seen("\u0301a") == "◌\u0301a"
    assert seen("가") == "가"
    assert visible(" a") == "␣a"


def test_encode_shows_the_characters_a_person_typed(tokbench, bpe):
    out = tokbench("encode", bpe, "a 바").out.splitlines()
    assert "Ġ" not in out[0]
    assert out[0].startswith("a| ")
    assert "‹" in out[0]
    made = json.loads(tokbench("encode", bpe, "a 바", "--json").out)
    assert len(made["shown"]) == len(made["partial"]) == len(made["ids"])
    assert any(made["partial"])


@pytest.mark.parametrize("command", ["trace", "encode"])
@pytest.mark.parametrize("word", ["-", "gr\udcfc"])
def test_a_text_that_is_not_utf8_is_answered_in_a_sentence(tokbench, bpe, monkeypatch, command, word):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"gr\xfcn")))
    said = tokbench(command, bpe, word)
    assert said.code == 2
    assert "is not UTF-8: byte 3 is 0xFC" in said.err


def test_a_text_comes_from_stdin(tokbench, bpe, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("The 바다".encode())))
    assert json.loads(tokbench("trace", bpe, "-", "--json").out)["text"] == "The 바다"


def test_a_page_of_two_traces_opens(tokbench, bpe, wordpiece):
    assert tokbench("trace", bpe, "The <script>lighthouse", "--html", "page.html").code == 0
    page = Path("page.html").read_text(encoding="utf-8")
    assert "<script>lighthouse" not in page
    both = tokbench("trace", bpe, "The lighthouse", "--against", wordpiece, "--json").out
    Path("both.json").write_text(both, encoding="utf-8")
    assert tokbench("report", "both.json", "-o", "both.html").code == 0


def test_decode_shows_chips_to_eyes_and_the_text_alone_to_a_pipe(tokbench, bpe, monkeypatch):
    ids = json.loads(tokbench("encode", bpe, "told 바", "--json").out)["ids"]
    assert tokbench("decode", bpe, *ids).out == "told 바\n"
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    chips, text = ESCAPES.sub("", tokbench("decode", bpe, *ids).out).splitlines()
    assert chips.replace("|", "").startswith("told ")
    assert "‹" in chips
    assert text == "told 바"


def test_a_pair_is_traced_to_the_ids_of_one_input(tokbench, wordpiece):
    said = tokbench("trace", wordpiece, "the clock", "--pair", "a lighthouse", "--json")
    assert said.code == 0, said.err
    trace = json.loads(said.out)
    assert trace["schema"] == "tokbench/pair_trace/1"
    encoded = tokbench("encode", wordpiece, "the clock", "--json")
    ids = json.loads(encoded.out)["ids"]
    assert trace["ids"][: len(ids)] == ids
    kinds = {token["type_id"] for token in trace["tokens"]}
    assert kinds == {0, 1}
    said = tokbench("trace", wordpiece, "the clock", "--pair", "a lighthouse")
    assert "second text · 0 text" in said.out
    assert "3 put in" in said.out.splitlines()[0]


@pytest.mark.parametrize("option", [("--why", "the"), ("--against", "wp")])
def test_what_is_asked_of_one_text_is_refused_for_two(tokbench, wordpiece, option):
    said = tokbench("trace", wordpiece, "the clock", "--pair", "a lighthouse", *option)
    assert said.code == 2
    assert f"{option[0]} is asked of one text, and --pair of two" in said.err


def test_a_chip_of_a_page_says_where_its_token_is_from(tokbench, bpe):
    said = tokbench("trace", bpe, "The 바", "--html", "t.html")
    assert said.code == 0
    page = Path("t.html").read_text(encoding="utf-8")
    chips = re.findall(r'data-details="([^"]*)"', page)
    [whole] = {chip for chip in chips if chip.startswith("The · ")}
    assert re.fullmatch(r"The · id \d+ · characters 0–3 · bytes 54 68 65 · made by merge \d+", whole)
    parts = [chip for chip in chips if "characters 4–5" in chip]
    assert {re.search("bytes ([0-9A-F ]+)", chip)[1] for chip in parts} == {"EB", "B0", "94"}
