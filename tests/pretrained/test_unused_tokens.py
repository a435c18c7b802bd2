"""New tokens take the ids of those that a vocabulary keeps free, wherever they stand."""

import json

import pytest
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

from tokbench.errors import UsageError
from tokbench.pretrained.added_tokens import with_tokens
from tokbench.pretrained.folder import load
from tokbench.pretrained.unused_tokens import take_unused, unused_tokens

WORDS = ["[PAD]", "[unused0]", "[unused1]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "##b"]


def bert_like():
    tokenizer = Tokenizer(models.WordPiece({word: at for at, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    return tokenizer


def llama_like():
    """Reserved tokens stand behind the model's own vocabulary, among added ones."""
    tokenizer = Tokenizer(models.BPE({"a": 0, "b": 1, "ab": 2}, [("a", "b")]))
    names = ["<|begin|>", "<|reserved_special_token_0|>", "<|end|>", "<|reserved_special_token_1|>"]
    tokenizer.add_special_tokens([AddedToken(name, special=True) for name in names])
    return tokenizer


def test_unused_tokens_are_known_by_their_spelling():
    assert unused_tokens(bert_like()) == {"[unused0]": 1, "[unused1]": 2}
    assert list(unused_tokens(llama_like()).values()) == [4, 6]


@pytest.mark.parametrize("kind", [bert_like, llama_like])
def test_a_new_token_has_the_id_of_the_one_it_replaces_and_no_other_moves(kind):
    before = kind().get_vocab()
    free = unused_tokens(kind())
    added = with_tokens(load(kind()), special=["[E1]"], regular=["covid"], use_unused=True)
    first, second = free
    assert added.taken == {"[E1]": first, "covid": second}
    assert (added.special, added.regular) == ({"[E1]": free[first]}, {"covid": free[second]})
    assert added.before == added.after == len(before)
    after = Tokenizer.from_str(added.tokenizer.to_str()).get_vocab()
    renamed = {{first: "[E1]", second: "covid"}.get(token, token): at for token, at in before.items()}
    assert after == renamed
    assert added.tokenizer.encode("[E1]", add_special_tokens=False).ids == [free[first]]
    assert added.tokenizer.encode("covid", add_special_tokens=False).ids == [free[second]]


def test_what_is_more_than_is_free_gets_new_ids():
    added = with_tokens(load(bert_like()), regular=["covid", "flu", "angina"], use_unused=True)
    assert added.regular == {"covid": 1, "flu": 2, "angina": 9}
    assert (added.before, added.after) == (9, 10)


def test_a_special_one_is_special_and_a_word_is_not():
    added = with_tokens(load(llama_like()), special=["[E1]"], regular=["covid"], use_unused=True)
    entries = {each["content"]: each for each in json.loads(added.tokenizer.to_str())["added_tokens"]}
    assert entries["[E1]"]["special"]
    assert not entries["covid"]["special"]


def test_nothing_is_taken_unasked():
    added = with_tokens(load(bert_like()), regular=["covid"])
    assert (added.regular, added.taken) == ({"covid": 9}, {})


def test_a_tokenizer_without_unused_tokens_says_so():
    plain = Tokenizer(models.WordLevel({"a": 0, "[UNK]": 1}, unk_token="[UNK]"))
    with pytest.raises(UsageError, match="keeps no unused tokens"):
        take_unused(plain, ["b"], AddedToken)


def test_a_piece_that_merges_use_is_not_unused():
    tokenizer = Tokenizer(models.BPE({"<unused0>": 0, "a": 1, "<unused0>a": 2}, [("<unused0>", "a")]))
    with pytest.raises(UsageError, match="keeps no unused tokens"):
        take_unused(tokenizer, ["b"], AddedToken)
