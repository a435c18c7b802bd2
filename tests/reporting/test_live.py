"""The page's own encoder gives the library's ids, for every preset, in a real browser."""

import json
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from tokbench.corpus.samples import shipped
from tokbench.recipes.build import build
from tokbench.recipes.presets import PRESETS, start_recipe
from tokbench.reporting.html import TEMPLATES, compact, live, page, served_page

ODD = [
    "",
    "  two  spaces ",
    "a\nb\r\n\tc\u00a0d\u3000e\u0085f\ufeffg",
    "안녕하세요 각 ㅋㅋ",
    "e\u0301 é İstanbul ΟΔΟΣ",
    "👍🏽 👩\u200d👩\u200d👧",
    "I'll we've don't!!! 12345 １２ $+<=>^`|~",
    "x<pad>[MASK] [CLS]<s> </s>y </script>",
    "漢字かな交じり 𝒳 कल مرحبا",
    "a" * 120,
]


def texts():
    lines = [line for name in ("english", "korean", "code", "mixed") for line in shipped_lines(name)]
    return ODD + lines[::12]


def shipped_lines(name):
    return Path(shipped(f"{name}.txt")).read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_a_browser_gets_the_ids_of_the_library(preset, browse, tmp_path):
    recipe = start_recipe(PRESETS[preset].algorithm, preset, {"vocab_size": "1500"})
    assert_browser_gets_the_ids_of(json.loads(build(recipe, [texts()]).to_str()), browse, tmp_path)


@pytest.mark.parametrize("by", ["id", "length"])
def test_merges_of_all_cuts_of_a_vocabulary_are_told_by_their_rule(by, browse, tmp_path):
    """As transformers makes them of a .tiktoken, and of a SentencePiece model, whose runs come first."""
    raw = json.loads(build(start_recipe("bpe", None, {"vocab_size": "1500"}), [texts()]).to_str())
    vocab = raw["model"]["vocab"]
    cuts = [(token[:at], token[at:]) for token in vocab for at in range(1, len(token))]
    order = {"id": lambda cut: (vocab["".join(cut)], vocab[cut[0]])}
    order["length"] = lambda cut: (vocab["".join(cut)], -len(cut[0]))
    merges = sorted((cut for cut in cuts if vocab.keys() >= {*cut}), key=order[by])
    if by == "length":
        merges = [*merges[9:4:-1], *merges[:5], *merges[10:-3], merges[-1], merges[-3], merges[-2]]
    raw["model"]["merges"] = merges
    told = compact(raw)["model"]["merges"]
    assert told["by"] == by
    assert bool(told["first"]) == bool(told["last"]) == (by == "length")
    assert_browser_gets_the_ids_of(raw, browse, tmp_path)
    raw["model"]["merges"] = merges[:-1]  # one cut is no merge, which the rule does not say
    assert isinstance(compact(raw)["model"]["merges"], list)


def test_possessive_signs_are_characters_inside_a_class(browse, tmp_path):
    raw = json.loads(build(start_recipe("bpe", None, {"vocab_size": "600"}), [texts()]).to_str())
    split = {"type": "Split", "behavior": "Isolated", "invert": False}
    split["pattern"] = {"Regex": r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[\p{L}\p{M}]+|\s+"}
    raw["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [split, raw["pre_tokenizer"]]}
    assert_browser_gets_the_ids_of(raw, browse, tmp_path)


def assert_browser_gets_the_ids_of(raw, browse, tmp_path):
    data = json.dumps({"spec": compact(raw), "texts": texts()}).replace("<", "\\u003c")
    (tmp_path / "t.html").write_text(
        f"<!doctype html><meta charset=utf-8><script>{(TEMPLATES / 'live.js').read_text()}</script>"
        f'<script type="application/json" id=d>{data}</script><pre id="out"></pre><script>'
        "const d = JSON.parse(document.getElementById('d').textContent), e = tokbenchEncoder(d.spec);"
        "document.getElementById('out').textContent = JSON.stringify(d.texts.map(t => e(t).map(x => x.id)))"
        "</script>",
        encoding="utf-8",
    )
    shown, console = browse((tmp_path / "t.html").as_uri())
    assert console == []
    got = json.loads(shown.split('<pre id="out">')[1].split("</pre>")[0])
    library = Tokenizer.from_str(json.dumps(raw))
    assert got == [library.encode(text).ids for text in texts()]


def test_the_box_encodes_with_every_tokenizer_of_the_page(browse, tmp_path):
    recipe = start_recipe("wordpiece", "bert", {"vocab_size": "600"})
    raw = json.loads(build(recipe, [texts()]).to_str())
    text = "silence </script> 안"
    whole = page("live", [], live=live({"one": raw, "two": raw}, text))
    (tmp_path / "live.html").write_text(whole, encoding="utf-8")
    shown, console = browse((tmp_path / "live.html").as_uri())
    assert console == []
    assert 'data-live="ready"' in shown
    ids = Tokenizer.from_str(json.dumps(raw)).encode(text).ids
    assert shown.count(f"{len(ids)} tokens, 19 characters") == 2


def test_a_block_the_page_does_not_know_is_named_not_guessed(browse, tmp_path):
    raw = json.loads(build(start_recipe("wordpiece", "bert", {"vocab_size": "600"}), [texts()]).to_str())
    raw["normalizer"] = {"type": "Precompiled", "precompiled_charsmap": ""}
    (tmp_path / "live.html").write_text(page("live", [], live=live({"one": raw}, "x")), encoding="utf-8")
    shown, _ = browse((tmp_path / "live.html").as_uri())
    assert "Not shown live: the normalizer Precompiled is not done in a page." in shown


def spelled_out(model):
    """What the page reads out of a compact model, written a second time."""
    tokens, merges = list(model["vocab"]), []
    gaps = iter([at for at, token in enumerate(tokens) if token is None])
    for left, right in zip(model["merges"][::2], model["merges"][1::2], strict=True):
        merges.append([tokens[left], tokens[right]])
        tokens[next(gaps, 0)] = tokens[left] + tokens[right] if None in tokens else tokens[0]
    return {**model, "vocab": {token: at for at, token in enumerate(tokens)}, "merges": merges}


@pytest.mark.parametrize("shuffled", [False, True])
def test_a_compact_tokenizer_says_what_the_whole_says(shuffled):
    raw = json.loads(build(start_recipe("bpe", None, {"vocab_size": "900"}), [texts()]).to_str())
    if shuffled:  # merges in another order than their tokens: nothing can be left out
        raw["model"]["merges"].reverse()
    small = compact(raw)["model"]
    assert (None in small["vocab"]) != shuffled
    assert spelled_out(small) == raw["model"]
    assert compact({"model": {"vocab": {"a": 0, "c": 2}}}) == {"model": {"vocab": {"a": 0, "c": 2}}}


def test_a_page_with_a_tokenizer_of_8000_tokens_stays_below_200_kilobytes():
    """The language has as many distinct words as such a vocabulary needs; real text packs better."""
    import random

    draw = random.Random(1)
    words = ["".join(draw.choices("etaoinshrdlucmfwyp", k=draw.randint(3, 9))) for _ in range(6000)]
    raw = json.loads(build(start_recipe("bpe", None, {"vocab_size": "8000"}), [words * 2]).to_str())
    assert len(raw["model"]["vocab"]) == 8000
    assert len(page("t", [], live=live({"bpe": raw})).encode()) < 200_000


def test_tokenizers_too_large_to_carry_are_left_out():
    import base64
    import random

    noise = base64.b64encode(random.Random(0).randbytes(4 * 2**20)).decode()
    assert live({"big": {"model": {"type": noise}}}) == ""


def test_a_served_page_may_ask_its_own_server_and_no_other():
    assert "connect-src 'self'" in page("t", [], live=served_page(["a"]), server=True)
    assert "connect-src" not in page("t", [], live=served_page(["a"]))
