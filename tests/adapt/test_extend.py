"""A vocabulary that learns more: old ids stay, texts only lose boundaries, new tokens come out whole."""

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

import tokbench as tb
from tokbench.adapt.continued.continued_bpe import unreachable
from tokbench.corpus.cleaning.choices import parse_cleaning
from tokbench.errors import NegativeResultError, UsageError

TEXTS = st.lists(st.text("abcd é한\n", min_size=1, max_size=30), min_size=1, max_size=20)


def byte_level(texts, size=300, *, prefix=False):
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix)
    made.decoder = decoders.ByteLevel()
    learn = trainers.BpeTrainer(
        vocab_size=size,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=["<s>"],
        show_progress=False,
    )
    made.train_from_iterator(texts, learn)
    return made


def metaspace(texts, size=60):
    """SentencePiece's BPE: ▁ before words, bytes for characters that are not there."""
    made = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    made.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    special = ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256))]
    learn = trainers.BpeTrainer(
        vocab_size=size + 257, special_tokens=special, show_progress=False, limit_alphabet=8
    )
    made.train_from_iterator(texts, learn)
    raw = json.loads(made.to_str())
    raw["added_tokens"] = raw["added_tokens"][:1]
    return Tokenizer.from_str(json.dumps(raw))


def shuffled(tokenizer, seed):
    """The merges in another order: then some tokens are never made."""
    raw = json.loads(tokenizer.to_str())
    random.Random(seed).shuffle(raw["model"]["merges"])
    return Tokenizer.from_str(json.dumps(raw))


def boundaries(tokenizer, text):
    """Where tokens end, in bytes of what they spell."""
    ends, at = set(), 0
    for token in tokenizer.encode(text, add_special_tokens=False).tokens:
        at += 1 if token.startswith("<0x") else len(token.encode())
        ends.add(at)
    return ends


def holds(base, wider, texts):
    """The laws of an extension, asked of the library."""
    old, new = base.get_vocab(), wider.growth.added.tokenizer
    assert {token: new.token_to_id(token) for token in old} == old
    assert sorted(wider.growth.added.regular.values()) == list(range(len(old), len(old) + wider.got))
    for text in texts:
        assert boundaries(new, text) <= boundaries(base, text)
        assert new.decode(new.encode(text).ids) == base.decode(base.encode(text).ids)
    alone = Tokenizer(new.model)
    assert wider.dead == 0
    assert [t for t in wider.growth.added.regular if len(alone.encode(t).ids) != 1] == []


def tokens_of(new, texts):
    kept = [text for text in texts if text.strip()]
    return sum(len(new.encode(text, add_special_tokens=False).ids) for text in kept)


@given(base=TEXTS, corpus=TEXTS, size=st.integers(1, 30), shuffle=st.integers(0, 3))
@settings(max_examples=60)
def test_byte_level_bpe_goes_on_where_its_merges_end(base, corpus, size, shuffle):
    tokenizer = byte_level(base)
    if shuffle:
        tokenizer = shuffled(tokenizer, shuffle)
    try:
        wider = tb.extend(tokenizer, iter(corpus), tokens=size)
    except (NegativeResultError, tb.errors.DataError):
        return
    assert wider.got <= size
    assert wider.dead_before == len(unreachable(json.loads(tokenizer.to_str())))
    holds(tokenizer, wider, [text for text in corpus if "\n" not in text] or ["a"])


def test_merges_learned_at_once_are_those_learned_in_two_goes():
    base = byte_level(["the cat sat on the mat"] * 9, 270)
    corpus = ["a wet hat, a wetter cat, the wettest mat of them all"] * 5 + ["한국어 한국인 한국"] * 7
    whole, part = (tb.extend(base, corpus, tokens=size) for size in (24, 12))
    assert list(whole.growth.added.regular.items())[:12] == list(part.growth.added.regular.items())
    again = tb.extend(base, corpus, tokens=24)
    assert again.growth.added.written == whole.growth.added.written


def test_a_curve_tells_what_each_number_of_tokens_gives():
    base = byte_level(["the cat sat on the mat"] * 9, 270)
    corpus = ["a wet hat, a wetter cat, the wettest mat of them all"] * 5
    wider = tb.extend(base, corpus, tokens=16)
    for point in wider.curve[1:]:
        cut = tb.extend(base, corpus, tokens=point.tokens)
        tokens = tokens_of(cut.growth.added.tokenizer, corpus)
        assert (cut.got, tokens) == (point.tokens, point.corpus_tokens)
    assert wider.domain.after == wider.curve[-1].bytes_per_token > wider.domain.before


def test_characters_that_were_bytes_become_tokens_and_merge():
    base = metaspace(["the cat sat on the mat"] * 9)
    corpus = ["한국 사람 한국 말", "the 한국 cat"] * 5
    wider = tb.extend(base, corpus, tokens=12)
    new = wider.growth.added.tokenizer
    assert wider.characters > 0
    assert "한국" in "".join(wider.first)
    assert len(new.encode("한국").ids) < len(base.encode("한국").ids)
    assert new.decode(new.encode("the 한국 cat").ids) == "the 한국 cat"
    holds(base, wider, ["the cat", "한국 말", "cat 한국 x 漢"])
    pieces = wider.growth.added.pieces
    assert [base.id_to_token(each) for each in pieces["한"]] == ["<0xED>", "<0x95>", "<0x9C>"]


def test_added_tokens_keep_their_ids_and_are_no_part_of_a_word(tmp_path):
    base = byte_level(["the cat sat on the mat"] * 9, 270)
    base.add_tokens(["COVID", AddedToken("<|x|>", special=True)])
    ids = {token: base.token_to_id(token) for token in ("COVID", "<|x|>")}
    corpus = ["<|x|>wet<|x|>wet COVID-wet"] * 9
    wider = tb.extend(base, corpus, tokens=20, output=tmp_path / "wide")
    new = Tokenizer.from_file(str(tmp_path / "wide" / "tokenizer.json"))
    assert {token: new.token_to_id(token) for token in ids} == ids
    assert min(wider.growth.added.regular.values()) == max(ids.values()) + 1
    assert not any("x" in token or "COVID" in token for token in wider.growth.added.regular)
    assert new.encode("COVID<|x|>wet").tokens[:2] == ["COVID", "<|x|>"]


@pytest.mark.parametrize("ignore_merges", [False, True])
def test_split_patterns_normalizers_and_whole_words_are_kept(ignore_merges):
    base = byte_level(["the cat sat on the mat"] * 9, 290)
    raw = json.loads(base.to_str())
    raw["model"]["ignore_merges"] = ignore_merges
    base = Tokenizer.from_str(json.dumps(raw))
    base.normalizer = normalizers.NFC()
    base.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"\p{N}{1,3}|[^\p{N}]+"), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    corpus = ["cafe\u0301 2024, the catty café"] * 9
    holds(base, tb.extend(base, corpus, tokens=20), corpus)


def test_a_longest_token_and_a_least_count_are_kept():
    base = byte_level(["the cat sat on the mat"] * 9, 270)
    corpus = ["wettest wettest wettest", "hat"]
    wider = tb.extend(base, corpus, tokens=50, max_token_length=4)
    assert max(map(len, wider.growth.added.regular)) == 4
    assert tb.extend(base, corpus, tokens=50, min_frequency=3).got < tb.extend(base, corpus, tokens=50).got


def test_the_model_follows_with_the_mean_of_the_old_rows(tmp_path):
    torch = pytest.importorskip("torch")
    from transformers import GPT2Config, GPT2LMHeadModel

    base = byte_level(["the cat sat on the mat"] * 9, 270)
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=base.get_vocab_size(), n_embd=8, n_layer=1, n_head=1, n_positions=64,
        bos_token_id=0, eos_token_id=0,
    )  # fmt: skip
    model = GPT2LMHeadModel(config)
    model.save_pretrained(tmp_path / "pair")
    base.save(str(tmp_path / "pair" / "tokenizer.json"))
    wider = tb.extend(tmp_path / "pair", ["wet hats and wet cats"] * 9, tokens=10, output=tmp_path / "wide")
    assert wider.model == str(tmp_path / "pair")
    assert wider.growth.proof is not None
    new = GPT2LMHeadModel.from_pretrained(tmp_path / "wide")
    rows, old = new.transformer.wte.weight, model.transformer.wte.weight
    assert len(rows) == len(old) + wider.got
    assert torch.equal(rows[: len(old)], old)
    for token, number in wider.growth.added.regular.items():
        pieces = list(wider.growth.added.pieces[token])
        assert torch.allclose(rows[number], old[pieces].mean(0), atol=1e-7)
    record = json.loads((tmp_path / "wide" / "extend.json").read_text())
    assert record["tokens"] == wider.growth.added.regular
    assert tb.check(tmp_path / "wide").passed


def test_a_dry_run_writes_nothing_and_a_sample_is_told(tmp_path):
    base = byte_level(["the cat sat on the mat"] * 9, 270)
    wider = tb.extend(
        base, ["wet hats"] * 9, tokens=5, sample=["the cat", "wet hats"], output=tmp_path / "o", dry_run=True
    )
    assert not (tmp_path / "o").exists()
    assert (wider.sample.texts, wider.sample.unchanged) == (2, 0.5)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"dropout": 0.1}, "has dropout 0.1"),
        ({"pre_tokenizer": None}, "has no pre_tokenizer that cuts texts"),
        ({"pre_tokenizer": pre_tokenizers.Split(" ", "isolated")}, "has no pre_tokenizer that cuts texts"),
        ({"tokens": 0}, "0 tokens are none"),
    ],
)
def test_what_cannot_be_continued_is_said(change, said):
    base = byte_level(["the cat sat on the mat"] * 9, 270)
    if "dropout" in change:
        base.model.dropout = 0.1
    if "pre_tokenizer" in change:
        base.normalizer = normalizers.Replace(" ", "▁")
        base.pre_tokenizer = change["pre_tokenizer"]
    with pytest.raises(UsageError, match=said):
        tb.extend(base, ["wet hats"] * 9, tokens=change.get("tokens", 5))


def test_other_algorithms_and_exhausted_corpora_are_answered():
    with pytest.raises(UsageError, match="is WordLevel, which learns no pieces"):
        tb.extend(tb.train(["a cat"] * 9, "wordlevel", vocab_size=30), ["a hat"] * 9)
    base = byte_level(["the cat"] * 9, 270)
    with pytest.raises(NegativeResultError, match="nothing to gain"):
        tb.extend(base, ["the cat"] * 9)
    assert tb.extend(base, ["wet"] * 9, tokens=500).got < 500


@pytest.mark.parametrize("start", ["foo", "copy=nothing"])
def test_an_unknown_start_is_refused_with_and_without_a_model(start):
    base = byte_level(["the cat"] * 9, 270)
    with pytest.raises(UsageError, match=r"rows cannot (start with|copy)"):
        tb.extend(base, ["wet"] * 9, start=start)


def test_counted_words_teach_what_their_texts_do(tmp_path):
    base = byte_level(["the cat sat on the mat"] * 9, 270)
    corpus = ["a wet hat, a wetter cat, the wettest mat of them all"] * 5
    texts = tb.extend(base, corpus, tokens=16)
    counts = tb.count_words(corpus, base)
    assert tb.extend(base, counts, tokens=16).growth.added.written == texts.growth.added.written
    with pytest.raises(UsageError, match="give either a corpus or --counts"):
        tb.extend(base, corpus, counts=tmp_path / "counts.parquet")
    other = byte_level(["the cat sat on the mat"] * 9, 270, prefix=True)
    with pytest.raises(tb.errors.RecipeError, match="counted with the pre_tokenizer"):
        tb.extend(other, counts, tokens=16)


def test_the_compiled_loops_learn_what_python_does(monkeypatch):
    base = byte_level(["the cat sat on the mat"] * 9, 280)
    corpus = ["a wet hat, a wetter cat, the wettest mat of them all", "한국어 한국인"] * 5
    compiled = tb.extend(base, iter(corpus), tokens=40, engine="auto")
    monkeypatch.setenv("TOKBENCH_NO_COMPILE", "1")
    python = tb.extend(base, iter(corpus), tokens=40)
    assert python.engine == "python"
    assert python.growth.added.written == compiled.growth.added.written
    assert (python.curve, python.domain) == (compiled.curve, compiled.domain)


def test_a_corpus_cleaned_on_the_way_teaches_what_the_cleaned_file_teaches(tmp_path):
    for name, line in {"en": "the mat &amp; the hat", "other": "a hat on mats"}.items():
        (tmp_path / f"{name}.txt").write_text("".join(f"{line} {n % 9}\n" for n in range(60)))
    sources = [tmp_path / "en.txt", tmp_path / "other.txt"]
    steps = {"clean": "html,dedup", "weights": "en=2,other=1"}
    tb.prepare_corpus(sources, tmp_path / "clean.txt", **steps)
    tok = tb.train(["a cat", "a hat"] * 9, "bpe", vocab_size=262)
    inline = tb.extend(tok, sources, tokens=9, clean=parse_cleaning(**steps), output=tmp_path / "inline")
    separate = tb.extend(tok, tmp_path / "clean.txt", tokens=9, output=tmp_path / "separate")
    assert inline.growth.added.regular == separate.growth.added.regular
    records = [json.loads((tmp_path / each / "extend.json").read_text()) for each in ("inline", "separate")]
    assert records[0]["corpus"]["sha256"] == records[1]["corpus"]["sha256"]
    assert records[0]["corpus"]["cleaning"] == {
        "html": True,
        "dedup": "text",
        "weights": {"en": 2, "other": 1},
    }
    assert "cleaning" not in records[1]["corpus"]
    counted = tb.count_words(["a cat"], "bpe")
    with pytest.raises(UsageError, match="no texts to clean"):
        tb.extend(tok, counted, clean="html")
