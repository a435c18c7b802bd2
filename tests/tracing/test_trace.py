"""A trace is the tokenizer's own way: replayed from its data it gives the tokenizer's ids and offsets."""

import json
from time import process_time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from tokenizers.models import BPE, Unigram, WordLevel, WordPiece

from tokbench.errors import UsageError
from tokbench.recipes.presets import DEFAULTS, PRESETS
from tokbench.reporting.json_results import as_result
from tokbench.results import as_json
from tokbench.tracing.replay import TraceReplayError, replay
from tokbench.tracing.side_by_side import side_by_side
from tokbench.tracing.trace import LONGEST, follow

NAMES = [*(f"default {name}" for name in DEFAULTS), *PRESETS]
EVERYDAY = "aeinorst TheLighthouse\t\n  .,'!12345é각한국어바다ﬁ½ﬀİßЖ日本🙂👍🏽\u0301\u200d\u0000"
# Any text a person or a program could hand over, and texts of words, specials and marks the tokenizers know.
TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    st.lists(
        st.sampled_from(
            [
                "the",
                " harbour",
                "was ",
                "quiet",
                "[MASK]",
                "<pad>",
                "<s>",
                "<|endoftext|>",
                "<0x41>",
                "##s",
                "▁",
                *EVERYDAY,
            ]
        ),
        max_size=14,
    ).map("".join),
)


def assert_is_the_tokenizers_own(tokenizer, text):
    trace = follow(tokenizer, text)
    encoding = tokenizer.encode(text)
    assert list(replay(trace)) == encoding.ids == list(trace.ids)
    assert [token.token for token in trace.tokens] == [
        tokenizer.id_to_token(number) if token != written else written
        for token, number, written in zip(
            (each.token for each in trace.tokens), encoding.ids, encoding.tokens, strict=True
        )
    ]
    assert [(token.start, token.end) for token in trace.tokens] == encoding.offsets
    assert [token.type_id for token in trace.tokens] == encoding.type_ids
    after = [step.text for step in trace.steps if step.kind == "decoder"]
    assert after[-1] == tokenizer.decode(encoding.ids) == trace.decoded
    return trace


@pytest.mark.parametrize("name", NAMES)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)  # × 13 recipes
@given(text=TEXTS)
def test_a_replayed_trace_gives_the_tokenizers_own_ids(built, name, text):
    _, tokenizer = built(name)
    assert_is_the_tokenizers_own(tokenizer, text)


LETTERS = list("abc")
OPTIONS = st.fixed_dictionaries(
    {
        "unk_token": st.sampled_from([None, "?"]),
        "fuse_unk": st.booleans(),
        "byte_fallback": st.booleans(),
        "ignore_merges": st.booleans(),
        "continuing_subword_prefix": st.sampled_from([None, "##"]),
        "end_of_word_suffix": st.sampled_from([None, "</w>"]),
    }
)


@st.composite
def odd_bpe(draw):
    """A small BPE with any options and any merges, also ones no trainer would write."""
    options = {key: value for key, value in draw(OPTIONS).items() if value is not None}
    prefix, suffix = options.get("continuing_subword_prefix", ""), options.get("end_of_word_suffix", "")
    first = {p + letter + s for letter in LETTERS for p in ("", prefix) for s in ("", suffix)}
    tokens = draw(st.lists(st.sampled_from(sorted(first)), min_size=2, unique=True))
    vocab = [*tokens, *(["?"] if "unk_token" in options else [])]
    if draw(st.booleans()):
        vocab += [f"<0x{byte:02X}>" for byte in range(256)]
    merges = []
    for _ in range(draw(st.integers(0, 8))):
        known = [token for token in vocab if not token.startswith("<0x")]
        left, right = draw(st.sampled_from(known)), draw(st.sampled_from(known))
        if not prefix or right.startswith(prefix):
            merges.append((left, right))
            vocab.append(left + right[len(prefix) :])
    vocab = list(dict.fromkeys(vocab))
    tokenizer = Tokenizer(
        BPE(vocab={each: at for at, each in enumerate(vocab)}, merges=list(dict.fromkeys(merges)), **options)
    )
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return tokenizer


@settings(max_examples=150, deadline=None)
@given(tokenizer=odd_bpe(), text=st.text("abcxé ", max_size=16))
def test_every_option_of_bpe_is_followed(tokenizer, text):
    raw = json.loads(tokenizer.to_str())["model"]
    trace = follow(tokenizer, text)
    encoding = tokenizer.encode(text)
    assert list(replay(trace)) == encoding.ids
    dropped = any(word.how.dropped for word in trace.step("model").words)
    if not dropped and not (
        raw["byte_fallback"] and (raw["continuing_subword_prefix"] or raw["end_of_word_suffix"])
    ):
        assert [(token.start, token.end) for token in trace.tokens] == encoding.offsets


@settings(max_examples=100, deadline=None)
@given(tokenizer=odd_bpe(), text=st.text("abc", min_size=1, max_size=9))
def test_the_missing_merges_make_one_token_of_a_word(tokenizer, text):
    [word] = follow(tokenizer, text).step("model").words
    raw = json.loads(tokenizer.to_str())
    if word.missing:
        vocab, prefix = raw["model"]["vocab"], raw["model"]["continuing_subword_prefix"] or ""
        for left, right in word.missing:
            assert [left, right] not in raw["model"]["merges"]
            vocab.setdefault(left + right[len(prefix) :], len(vocab))
            raw["model"]["merges"].append([left, right])
        assert len(Tokenizer.from_str(json.dumps(raw)).encode(text).ids) == 1
    else:
        unknown = {"?"} | {token for token in raw["model"]["vocab"] if token.startswith("<0x")}
        tokens = tokenizer.encode(text).tokens
        assert len(tokens) == 1 or unknown & set(tokens) or word.how.dropped


@st.composite
def odd_unigram(draw):
    """A small Unigram with few scores, so that ties are frequent."""
    pieces = draw(st.lists(st.text("abc", min_size=1, max_size=3), max_size=8, unique=True))
    scores = st.sampled_from([-1.0, -2.0, -3.0])
    vocab = [("<unk>", 0.0), *((piece, draw(scores)) for piece in pieces)]
    falls_back = draw(st.booleans())
    if falls_back:
        vocab += [(f"<0x{byte:02X}>", -9.0) for byte in range(256)]
    return Tokenizer(Unigram(vocab, 0, falls_back))


@settings(max_examples=150, deadline=None)
@given(tokenizer=odd_unigram(), text=st.text("abcxé", max_size=10))
def test_ties_unknown_runs_and_bytes_of_unigram_are_followed(tokenizer, text):
    assert_is_the_tokenizers_own(tokenizer, text)


@settings(max_examples=60, deadline=None)
@given(tokenizer=odd_unigram(), text=st.text("abc", min_size=1, max_size=8))
def test_the_runners_up_of_unigram_are_other_ways_and_none_is_better(tokenizer, text):
    [word] = follow(tokenizer, text).step("model").words
    scores = [route.score for route in word.how.routes]
    ways = {tuple(piece.end for piece in route.pieces) for route in word.how.routes}
    assert scores == sorted(scores, reverse=True)
    assert len(ways) == len(scores)
    assert all("".join(piece.text for piece in route.pieces) == text for route in word.how.routes)


@pytest.fixture
def words():
    """A WordPiece with longest matches, an unknown and a short limit."""
    vocab = ["[UNK]", "un", "##happ", "##y", "happy", "##h", "a"]
    tokenizer = Tokenizer(
        WordPiece({each: at for at, each in enumerate(vocab)}, unk_token="[UNK]", max_input_chars_per_word=8)
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return tokenizer


def test_wordpiece_says_what_it_tried_and_why_a_word_is_unknown(words):
    step = assert_is_the_tokenizers_own(words, "unhappy happiness unhappyaa").step("model")
    first, second, third = step.words
    assert [(match.token, match.tried) for match in first.how.matches] == [
        ("un", 5),
        ("##happ", 1),
        ("##y", 0),
    ]
    assert first.how.matches[0].longest == "unhappy"
    assert "max_input_chars_per_word is 8" in second.verdict
    assert "max_input_chars_per_word is 8" in third.verdict
    [unknown] = follow(words, "unhap").step("model").words
    assert "not even '##h' is a token" not in unknown.verdict
    assert unknown.how.unknown_token == "[UNK]"


def test_a_cut_names_the_block_that_made_it_and_why(built):
    _, tokenizer = built("gpt2")
    trace = follow(tokenizer, "The harbour!")
    by = {cut.at: cut for cut in trace.cuts}
    assert by[3].kind == "pre_tokenizer"
    assert by[3].block == "ByteLevel"
    inner = [cut for cut in trace.cuts if cut.kind == "model"]
    assert all("no merge joins" in cut.why for cut in inner)


def test_a_merge_that_lost_is_named_with_the_one_that_won():
    vocab = {token: at for at, token in enumerate(["a", "b", "c", "bc", "ab"])}
    tokenizer = Tokenizer(BPE(vocab=vocab, merges=[("b", "c"), ("a", "b")]))
    trace = follow(tokenizer, "abc")
    assert [merge.rank for merge in trace.step("model").words[0].how.merges] == [0]
    [cut] = trace.cuts
    assert cut.why == (
        "no merge joins 'a' and 'bc'; 'a' + 'b' is merge 1, but 'b' + 'c' is merge 0 and came first"
    )


def test_a_token_that_no_merges_reach_is_said_to_be_there():
    vocab = {token: at for at, token in enumerate(["a", "b", "c", "bc", "abc"])}
    tokenizer = Tokenizer(BPE(vocab=vocab, merges=[("b", "c")]))
    [word] = follow(tokenizer, "abc").step("model").words
    assert word.verdict.startswith("'abc' is in the vocabulary (id 4) but no merges lead there")
    assert word.missing == (("a", "bc"),)


def test_offsets_of_every_step_lie_in_the_original_text(built):
    for name in NAMES:
        text = "Café [MASK] 각 ﬁn"
        trace = follow(built(name)[1], text)
        for step in trace.steps:
            for each in (*step.pieces, *step.tokens):
                assert 0 <= each.start <= each.end <= len(text)


def test_normalizers_are_told_one_by_one_with_their_edits():
    tokenizer = Tokenizer(WordLevel({"?": 0}, unk_token="?"))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFD(), normalizers.StripAccents(), normalizers.Lowercase(), normalizers.Strip()]
    )
    trace = follow(tokenizer, " Éa ")
    steps = [step for step in trace.steps if step.kind == "normalizer"]
    assert [step.name for step in steps] == ["NFD", "StripAccents", "Lowercase", "Strip"]
    assert [step.pieces[0].text for step in steps] == [" E\u0301a ", " Ea ", " ea ", "ea"]
    assert [(edit.before, edit.text) for edit in steps[1].edits] == [("E\u0301", "E")]
    assert [(edit.before, edit.text) for edit in steps[3].edits] == [(" ", ""), (" ", "")]


def test_added_tokens_are_found_before_and_after_the_normalizer():
    tokenizer = Tokenizer(WordLevel({"?": 0, "<0x41>": 1}, unk_token="?"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.add_tokens(
        [AddedToken("<low>", normalized=True, lstrip=True), AddedToken("<0x41>", normalized=False)]
    )
    tokenizer.add_special_tokens([AddedToken("A", normalized=False, single_word=True)])
    trace = assert_is_the_tokenizers_own(tokenizer, "A b <LOW> <0x41> ABA A")
    early, late = [step for step in trace.steps if step.kind == "added_tokens"]
    assert [piece.token for piece in early.pieces if piece.token] == ["A", "<0x41>", "A"]
    assert [piece.token for piece in late.pieces if piece.token] == ["A", "<low>", "<0x41>", "A"]
    assert " <low>" in [piece.text for piece in late.pieces]


@pytest.mark.parametrize("direction", ["left", "right"])
@pytest.mark.parametrize("text", ["", "a b", "a b a b a b a b"])
def test_truncation_and_padding_are_steps(direction, text):
    tokenizer = Tokenizer(WordLevel({"?": 0, "a": 1, "b": 2, "[P]": 3, "[S]": 4}, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(single="[S] $A [S]", special_tokens=[("[S]", 4)])
    tokenizer.enable_truncation(5, direction=direction)
    tokenizer.enable_padding(direction=direction, pad_id=3, pad_token="[P]", length=7)
    trace = assert_is_the_tokenizers_own(tokenizer, text)
    kinds = [step.kind for step in trace.steps]
    assert kinds[-4:] == ["truncation", "post_processor", "padding", "decoder"]
    assert [token.token for token in trace.step("post_processor").tokens].count("[S]") == 2


def test_chance_is_taken_out_and_said(built):
    tokenizer = Tokenizer(BPE(vocab={"a": 0, "aa": 1}, merges=[("a", "a")], dropout=0.5))
    trace = follow(tokenizer, "aaaa")
    assert "dropout=0.5" in trace.notes[0]
    assert trace.ids == (1, 1)
    assert tokenizer.model.dropout == 0.5


def test_a_trace_written_as_json_is_read_back_and_replays(built):
    for name in NAMES:
        trace = follow(built(name)[1], "The harbour 각 [MASK] ½!", span=(4, 11))
        data = json.loads(as_json(trace, "trace"))
        data.pop("schema")
        again = as_result(type(trace), data)
        assert again == trace
        assert replay(again) == trace.ids


def test_a_trace_that_was_changed_does_not_replay(built):
    trace = follow(built("bert")[1], "The harbour")
    data = json.loads(as_json(trace, "trace"))
    data.pop("schema")
    data["steps"][2]["edits"] = []
    with pytest.raises(TraceReplayError, match="BertNormalizer"):
        replay(as_result(type(trace), data))


def test_a_span_is_explained(built):
    _, tokenizer = built("bert")
    spans = {
        (0, 3): "they are one token",
        (0, 11): "no vocabulary can join them",
        (3, 4): "no token comes from",
    }
    for span, words in spans.items():
        assert words in (follow(tokenizer, "The harbour", span=span).why.verdict or "they are one token")
    with pytest.raises(UsageError, match="5:99"):
        follow(tokenizer, "The harbour", span=(5, 99))


def test_parts_of_a_character_are_shown_as_bytes():
    tokenizer = Tokenizer(
        BPE(vocab={c: at for at, c in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}, merges=[])
    )
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokens = follow(tokenizer, "a 안").tokens
    assert [(token.shown, token.kind) for token in tokens] == [
        ("a", ""), (" ", ""), ("‹EC›", "partial"), ("‹95›", "partial"), ("‹88›", "partial")
    ]  # fmt: skip


def test_side_by_side_covers_the_text_and_says_what_differs(built):
    text = "The harbour was quiet 각각"
    both = side_by_side(*(follow(built(name)[1], text, name=name) for name in ("gpt2", "bert")))
    assert [stretch.start for stretch in both.stretches] == sorted(
        stretch.start for stretch in both.stretches
    )
    assert both.stretches[0].same
    assert not both.stretches[-1].same
    same = side_by_side(both.left, both.left)
    assert all(stretch.same for stretch in same.stretches)


def test_a_text_beyond_reading_is_refused(built):
    with pytest.raises(UsageError, match="20,001 characters"):
        follow(built("bert")[1], "a" * (LONGEST + 1))


def test_a_model_without_its_unknown_token_is_answered_in_a_sentence():
    tokenizer = Tokenizer(models.WordPiece({"a": 0}, unk_token="[UNK]"))
    with pytest.raises(UsageError, match="cannot encode"):
        follow(tokenizer, "zebra")


def test_thousands_of_added_tokens_of_mixed_kinds_are_followed_in_seconds():
    library = Tokenizer(BPE({"a": 0, "b": 1}, []))
    library.add_tokens([AddedToken(f"<x{number}>", normalized=False) for number in range(3_000)])
    library.add_special_tokens([f"<y{number}>" for number in range(3_000)])
    begun = process_time()
    assert_is_the_tokenizers_own(library, "a<x2999>b<y7>")
    assert process_time() - begun < 5  # one by one they took 40


def test_a_long_word_is_followed_in_seconds():
    library = Tokenizer(BPE({"a": 0, "b": 1, "aa": 2, "aab": 3}, [("a", "a"), ("aa", "b")]))
    begun = process_time()
    trace = assert_is_the_tokenizers_own(library, "aababb" * 700)
    assert process_time() - begun < 5  # the rows of 4,200 symbols alone took 20
    [word] = trace.step("model").words
    assert (word.rows, word.missing) == ((), ())
    assert word.verdict == "it has 4,200 symbols: too many to say which merges it needs"
