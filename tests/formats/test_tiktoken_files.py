"""tiktoken's ranks, npm's JSON and Mistral's tekken.json: ids of tiktoken itself, built here."""

import base64
import json

import pytest

from tests.formats.texts import EVERY
from tokbench.errors import FileError
from tokbench.formats.rank_merges import merges_by_rank
from tokbench.formats.tiktoken_files import CL100K_WORDS, TEKKEN_SPECIAL
from tokbench.pretrained.folder import load
from tokbench.tracing.spelling import byte_values


@pytest.fixture(scope="session")
def ranks(trained_bytes):
    """Bytes → rank: 256 bytes, then what a training merged."""
    model = json.loads(trained_bytes.to_str())["model"]
    values = byte_values()
    tokens = [bytes([byte]) for byte in range(256)]
    tokens += [bytes(values[letter] for letter in "".join(pair)) for pair in model["merges"]]
    return {token: rank for rank, token in enumerate(tokens)}


def lines(ranks):
    return b"".join(base64.b64encode(token) + b" %d\n" % rank for token, rank in ranks.items())


def packed(ranks):
    """npm's JSON."""
    tokens = " ".join(base64.b64encode(token).decode() for token in ranks)
    special = {"<|endoftext|>": len(ranks) + 3}  # with a hole before it, as cl100k has one
    return json.dumps({"pat_str": CL100K_WORDS, "special_tokens": special, "bpe_ranks": f"! 0 {tokens}"})


def tekken(ranks, version="v3", before=30):
    vocabulary = [{"rank": rank, "token_bytes": base64.b64encode(token).decode(), "token_str": None}
                  for token, rank in ranks.items()]  # fmt: skip
    config = {"pattern": CL100K_WORDS, "num_vocab_tokens": len(ranks), "default_vocab_size": before + 300,
              "default_num_special_tokens": before, "version": version}  # fmt: skip
    return json.dumps({"config": config, "vocab": vocabulary})


def encoded_by_tiktoken(ranks, text):
    tiktoken = pytest.importorskip("tiktoken", reason="the package tiktoken is an extra")
    encoding = tiktoken.Encoding("own", pat_str=CL100K_WORDS, mergeable_ranks=ranks, special_tokens={})
    return encoding.encode_ordinary(text)


def as_text(tokenizer):
    tokenizer.encode_special_tokens = True
    return tokenizer


def test_ranks_give_the_ids_of_tiktoken(ranks, tmp_path):
    (tmp_path / "own.tiktoken").write_bytes(lines(ranks))
    ours = as_text(load(tmp_path / "own.tiktoken", encoding="cl100k_base").tokenizer)
    for text in EVERY:
        assert ours.encode(text).ids == encoded_by_tiktoken(ranks, text), text


def test_npms_json_brings_its_pattern_and_its_special_tokens(ranks, tmp_path):
    (tmp_path / "own.json").write_text(packed(ranks))
    folder = load(tmp_path / "own.json")
    assert folder.tokenizer.encode("<|endoftext|>").ids == [len(ranks) + 3]
    assert folder.roles == {"eos": "<|endoftext|>"}
    ours = as_text(folder.tokenizer)
    for text in EVERY:
        assert ours.encode(text).ids == encoded_by_tiktoken(ranks, text), text


NO_ID = ('{"a": -1}', '{"a": 1e3}', '{"a": true}', '{"a": 65}', '{"a": 5000000000}')


@pytest.mark.parametrize("special", [*NO_ID, '{"": 900}', '{"\\ud800": 900}'])
def test_a_special_token_that_cannot_be_is_one_sentence(special, ranks, tmp_path):
    (tmp_path / "own.json").write_text(
        packed(ranks).replace(f'{{"<|endoftext|>": {len(ranks) + 3}}}', special)
    )
    with pytest.raises(FileError, match=r"cannot be its own|is no text"):
        load(tmp_path / "own.json")
    (tmp_path / "own.json").write_text(json.dumps({**json.loads(packed(ranks)), "bpe_ranks": "!"}))
    with pytest.raises(FileError, match="not base64"):
        load(tmp_path / "own.json")


def test_a_token_that_no_merge_makes_is_met_where_a_whole_word_is_it(ranks, tmp_path):
    odd = {**ranks, b" zqzq": len(ranks)}
    (tmp_path / "own.json").write_text(packed(odd))
    ours = as_text(load(tmp_path / "own.json").tokenizer)
    for text in ("a zqzq", " zqzq", "zqzqzq", *EVERY):
        assert ours.encode(text).ids == encoded_by_tiktoken(odd, text), text
    assert merges_by_rank(odd)[1] == [b" zqzq"]


def test_tekken_puts_its_special_tokens_in_front_and_leaves_the_last_ranks_out(ranks, tmp_path):
    (tmp_path / "tekken.json").write_text(tekken(ranks))
    folder = load(tmp_path)
    kept = {token: rank for token, rank in ranks.items() if rank < 300}
    assert folder.tokenizer.get_vocab_size() == 330
    assert folder.tokenizer.id_to_token(19) == TEKKEN_SPECIAL[19]
    assert folder.tokenizer.id_to_token(29) == "<SPECIAL_29>"
    ours = as_text(folder.tokenizer)
    for text in EVERY:
        assert ours.encode(text).ids == [30 + each for each in encoded_by_tiktoken(kept, text)], text


def test_llama_3s_tokenizer_model_is_known_as_ranks_by_its_first_line(ranks, tmp_path):
    (tmp_path / "tokenizer.model").write_bytes(lines(ranks))
    assert "tiktoken's ranks" in load(tmp_path, encoding="llama3").found.said


def test_an_encoding_is_known_by_its_number_of_ranks(ranks, tmp_path):
    more = dict(ranks)
    for number in range(151_643 - len(ranks)):
        more[b"\xff" + number.to_bytes(3, "big")] = len(more)
    (tmp_path / "some.tiktoken").write_bytes(lines(more))
    folder = load(tmp_path)
    assert "pattern of qwen, known by its ranks" in folder.found.said
    assert folder.tokenizer.token_to_id("<|im_start|>") == 151_644


def without(ranks, rank):
    return {token: own for token, own in ranks.items() if own != rank}


DAMAGED = {
    "no byte": (lambda ranks: lines(without(ranks, 65)), "no token for the byte 0x41"),
    "no rank": (lambda ranks: lines(ranks) + b"YWJj\n", r"no token and rank in line \d+"),
    "a line cut": (lambda ranks: lines(ranks) + b"YW", r"no token and rank in line \d+"),
    "a line left out": (lambda ranks: lines(without(ranks, 300)), "no token of rank 300"),
    "a rank below 0": (lambda ranks: lines({**without(ranks, 300), b" zz": -5}), "gives the rank -5"),
    "a token twice": (lambda ranks: lines(ranks) + b"QQ== 999\n", "a second time in line"),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_list_of_ranks_is_one_sentence(damage, ranks, tmp_path):
    make, sentence = DAMAGED[damage]
    (tmp_path / "own.tiktoken").write_bytes(make(ranks))
    with pytest.raises(FileError, match=sentence):
        load(tmp_path, encoding="cl100k_base")


def test_ranks_of_nobody_known_ask_for_the_encoding(ranks, tmp_path):
    (tmp_path / "own.tiktoken").write_bytes(lines(ranks))
    with pytest.raises(FileError, match="no encoding is known by that number") as caught:
        load(tmp_path)
    assert "--encoding cl100k_base" in caught.value.fix


def test_tekken_of_another_version_and_a_cut_one_are_one_sentence_each(ranks, tmp_path):
    (tmp_path / "tekken.json").write_text(tekken(ranks, version="v99"))
    with pytest.raises(FileError, match="of version v99, and v1, v2"):
        load(tmp_path)
    (tmp_path / "tekken.json").write_text(tekken({b"a": 0}))
    with pytest.raises(FileError, match=r"no whole tekken\.json: 1 of 300 tokens"):
        load(tmp_path)
