"""WordPiece and Unigram learn more: old ids stay, new pieces come out, what is split anew is counted."""

import json
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

import tokbench as tb
from tokbench.adapt.continued.continued_unigram import EPSILON
from tokbench.errors import DataError, NegativeResultError

WORDS = st.lists(st.text("abcd", min_size=1, max_size=9), min_size=1, max_size=12).map(" ".join)
TEXTS = st.lists(WORDS, min_size=1, max_size=12)
OTHERS = st.lists(st.text("abcdé한 ", min_size=1, max_size=20), min_size=1, max_size=8)


def wordpiece(texts, size=40, longest=100):
    made = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=longest))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made.decoder = decoders.WordPiece()
    learn = trainers.WordPieceTrainer(vocab_size=size, special_tokens=["[UNK]"], show_progress=False)
    made.train_from_iterator(texts, learn)
    made.model.max_input_chars_per_word = longest
    return made


def unigram(scores, *, unknown=0):
    """Pieces with these scores behind the unknown one."""
    made = Tokenizer(models.Unigram([("<unk>", 0.0), *scores.items()], unk_id=unknown))
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    made.decoder = decoders.Metaspace()
    return made


def extended(base, corpus, size, **options):
    """What extend makes, or None where there is nothing to learn."""
    try:
        return tb.extend(base, iter(corpus), tokens=size, **options)
    except (NegativeResultError, DataError):
        return None


def words_of(base, texts):
    found = Counter()
    for text in texts:
        normal = base.normalizer.normalize_str(text) if base.normalizer else text
        found.update(word for word, _ in base.pre_tokenizer.pre_tokenize_str(normal))
    return found


def ends(tokens, prefix=""):
    """Where the tokens of a word end."""
    found, at = [], 0
    for number, token in enumerate(tokens):
        at += len(token.removeprefix(prefix) if number else token)
        found.append(at)
    return found


def assert_old_ids_stay(base, wider):
    old, new = base.get_vocab(), wider.growth.added.tokenizer
    assert {token: new.token_to_id(token) for token in old} == old
    first = max(old.values()) + 1
    assert sorted(wider.growth.added.regular.values()) == list(range(first, first + wider.got))


UNKNOWN = 0  # the id of what is unknown


def assert_counted(base, wider, corpus, prefix=""):
    """What is said of the corpus is what the library says of its words, one by one."""
    new = wider.growth.added.tokenizer
    one, other = Tokenizer(base.model), Tokenizer(new.model)
    recut = longer = before = after = 0
    for word, count in words_of(base, corpus).items():
        first, second = one.encode(word), other.encode(word)
        before, after = before + count * len(first.ids), after + count * len(second.ids)
        if UNKNOWN not in first.ids:
            recut += not {*ends(second.tokens, prefix)} <= {*ends(first.tokens, prefix)}
            longer += len(second.ids) > len(first.ids)
    assert (wider.domain.recut, wider.domain.longer) == (recut, longer)
    assert (wider.curve[0].corpus_tokens, wider.curve[-1].corpus_tokens) == (before, after)
    assert wider.domain.after == wider.curve[-1].bytes_per_token


@given(base=TEXTS, corpus=TEXTS, size=st.integers(1, 30), others=OTHERS)
@settings(max_examples=60)
def test_wordpiece_learns_pieces_that_come_out(base, corpus, size, others):
    tokenizer = wordpiece(base)
    wider = extended(tokenizer, corpus, size)
    if wider is None:
        return
    assert wider.got <= size
    assert_old_ids_stay(tokenizer, wider)
    assert_counted(tokenizer, wider, corpus, "##")
    new = wider.growth.added.tokenizer
    alone = Tokenizer(new.model)
    assert wider.dead <= wider.unused
    for token in wider.growth.added.regular:
        assert token.startswith("##") or alone.encode(token).tokens == [token]
    for text in [*corpus, *others]:
        first, second = tokenizer.encode(text), new.encode(text)
        if UNKNOWN not in first.ids:
            assert UNKNOWN not in second.ids
            assert new.decode(second.ids) == tokenizer.decode(first.ids)


def best_scores(scores, word):
    """The score of the best path up to each place of a word, by the textbook; None where there is none."""
    best = [0.0] + [None] * len(word)
    for end in range(1, len(word) + 1):
        paths = [
            best[start] + scores[word[start:end]]
            for start in range(end)
            if word[start:end] in scores and best[start] is not None
        ]
        best[end] = max(paths, default=None)
    return best


SCORES = st.dictionaries(st.text("abcd▁", min_size=2, max_size=4), st.floats(-9, -1), max_size=14).map(
    lambda more: {**dict.fromkeys("abcd▁", -5.0), **more}
)


@given(scores=SCORES, corpus=TEXTS, size=st.integers(1, 30), others=OTHERS)
@settings(max_examples=80)
def test_a_unigram_keeps_to_its_best_paths(scores, corpus, size, others):
    tokenizer = unigram(scores)
    wider = extended(tokenizer, corpus, size)
    if wider is None:
        return
    assert_old_ids_stay(tokenizer, wider)
    assert_counted(tokenizer, wider, corpus)
    added = wider.growth.added
    pieces = {token: [tokenizer.id_to_token(each) for each in ids] for token, ids in added.pieces.items()}
    one, other = Tokenizer(tokenizer.model), Tokenizer(added.tokenizer.model)
    for word in words_of(tokenizer, [*corpus, *others]):
        before, after = one.encode(word), other.encode(word)
        if UNKNOWN in before.ids:
            continue
        first, second = before.tokens, after.tokens
        old = [part for token in second for part in pieces.get(token, [token])]
        best = best_scores(scores, word)[-1]
        assert sum(scores[part] for part in old) >= best - 1.01 * EPSILON * len(word)
        assert {*ends(second)} <= {*ends(old)}
        if old == first:
            assert {*ends(second)} <= {*ends(first)}


def test_a_unigram_with_one_best_path_only_loses_boundaries():
    scores = {**dict.fromkeys("abcdefgh▁", -6.0), "▁ab": -4.1, "cd": -5.3, "ef": -4.7, "gh": -5.9}
    corpus = ["abcdef gh abcd", "efgh abcdef", "cdefgh abgh"] * 5
    wider = tb.extend(unigram(scores), corpus, tokens=12)
    assert (wider.domain.recut, wider.domain.longer, wider.dead, wider.unused) == (0, 0, 0, 0)
    assert wider.domain.after > 1.5 * wider.domain.before
    raw = json.loads(wider.growth.added.tokenizer.to_str())["model"]["vocab"]
    assert raw[: len(scores) + 1] == [["<unk>", 0.0], *([token, score] for token, score in scores.items())]


def test_unknown_characters_cost_what_they_did():
    """A lower piece lowers the unknown one: there is one only where all characters of pieces are pieces."""
    scores = {**dict.fromkeys("abcx▁", -5.0), "▁ab": -6.0, "cy": -12.0}  # y alone is unknown
    base, corpus = unigram(scores), ["abc abcx abx"] * 9
    limited = tb.extend(base, corpus, tokens=9)
    new = json.loads(limited.growth.added.tokenizer.to_str())["model"]["vocab"]
    assert min(score for _, score in new) == -12.0
    del scores["cy"]
    free = tb.extend(unigram(scores), corpus, tokens=9)
    new = json.loads(free.growth.added.tokenizer.to_str())["model"]["vocab"]
    assert min(score for _, score in new) < -12.0
    assert free.domain.after > limited.domain.after
    odd = ["ab!c", "!!abx", "ab ! c", "한abc"]
    for text in odd:
        before, after = unigram(scores).encode(text), free.growth.added.tokenizer.encode(text)
        assert {end for _, end in after.offsets} <= {end for _, end in before.offsets}
        assert before.ids.count(UNKNOWN) == after.ids.count(UNKNOWN)


def test_characters_that_were_unknown_become_pieces():
    base = wordpiece(["the cat sat on the mat"] * 9)
    wider = tb.extend(base, ["한국 사람 한국 말 한국말"] * 5, tokens=12)
    new = wider.growth.added.tokenizer
    assert wider.characters == 6
    assert (wider.domain.unknown_before, wider.domain.unknown_after) == (1.0, 0.0)
    assert new.encode("한국 한국말").tokens == ["한국", "한국말"]
    assert wider.growth.added.pieces["한국"] == ()
    uni = unigram(dict.fromkeys("abcd▁", -5.0))
    wider = tb.extend(uni, ["한국 사람 한국 말 한국말"] * 5, tokens=12)
    assert wider.characters == 5
    assert wider.growth.added.tokenizer.encode("한국").tokens == ["▁한국"]


def test_a_piece_fits_into_a_word():
    base = wordpiece(["a b c d ab cd"] * 9, 20, longest=6)
    wider = tb.extend(base, ["abcd abcdab abcdabc"] * 9, tokens=50, max_token_length=5)
    assert max(len(token.removeprefix("##")) for token in wider.growth.added.regular) <= 5
    whole = tb.extend(base, ["abcd abcdab abcdabc"] * 9, tokens=50)
    assert "abcdab" in whole.growth.added.regular
    assert whole.growth.added.tokenizer.encode("abcdabc").tokens == ["[UNK]"]


def test_added_tokens_behind_the_pieces_keep_their_ids():
    base = unigram(dict.fromkeys("abcd▁", -5.0))
    base.add_special_tokens(["<x>"])
    assert base.token_to_id("<x>") == 6
    wider = tb.extend(base, ["ab<x>cd ab"] * 9, tokens=3)
    new = wider.growth.added.tokenizer
    assert new.token_to_id("<x>") == 6
    assert min(wider.growth.added.regular.values()) == 7
    assert new.encode("ab<x>cd").tokens == ["▁ab", "<x>", "▁cd"]


def test_learning_twice_gives_the_same_bytes_and_a_curve():
    letters = "abcdehnost"
    for base in (wordpiece([letters, letters[::-1]] * 9), unigram(dict.fromkeys(f"{letters}▁", -5.0))):
        corpus = ["these hats those cats and that tot the second one had not"] * 5
        one, other = (tb.extend(base, corpus, tokens=16) for _ in range(2))
        assert one.growth.added.written == other.growth.added.written
        tokens = [point.corpus_tokens for point in one.curve]
        assert tokens == sorted(tokens, reverse=True)
        assert [point.tokens for point in one.curve][-1] == one.got


def test_the_model_of_a_wordpiece_follows_by_exact_pieces(tmp_path):
    torch = pytest.importorskip("torch")
    from transformers import BertConfig, BertModel

    base = wordpiece(["the cat sat on the mat"] * 9)
    base.normalizer = normalizers.Lowercase()
    size = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8}
    torch.manual_seed(0)
    model = BertModel(BertConfig(vocab_size=base.get_vocab_size(), pad_token_id=0, **size))
    model.save_pretrained(tmp_path / "pair")
    base.save(str(tmp_path / "pair" / "tokenizer.json"))
    wider = tb.extend(tmp_path / "pair", ["Mats, cats and mates"] * 9, tokens=6, output=tmp_path / "wide")
    new = BertModel.from_pretrained(tmp_path / "wide").embeddings.word_embeddings.weight
    old = model.embeddings.word_embeddings.weight
    assert torch.equal(new[: len(old)], old)
    for token, number in wider.growth.added.regular.items():
        pieces = list(wider.growth.added.pieces[token])
        expected = old[pieces].mean(0) if pieces else old.mean(0)
        assert torch.allclose(new[number], expected, atol=1e-6)


def test_of_a_text_the_stretch_that_is_split_anew_is_shown():
    base = Tokenizer(
        models.WordPiece({"[UNK]": 0, "a": 1, "##b": 2, "##bc": 3, "##c": 4, "x": 5}, unk_token="[UNK]")
    )
    base.pre_tokenizer = pre_tokenizers.Whitespace()
    wider = tb.extend(base, iter(["ab"] * 9), tokens=1, sample=iter(["x abc x", "x x"]))
    assert wider.sample.recut == 1
    [shown] = wider.sample.examples
    assert (shown.before, shown.after) == (("a", "##bc"), ("ab", "##c"))
