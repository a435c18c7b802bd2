"""Tokenizers made of others are held against them: which texts keep their tokens."""

import json

import pytest

import tokbench as tb
from tokbench.pretrained.lineage import lineage_of

BASE = ["a cat sat", "a hat"] * 9
DOMAIN = ["the mat on the mats"] * 9
TEXTS = ["a cat sat", "a hat", "the mat", "mats"]


@pytest.fixture
def folders(tmp_path):
    base, wider = tmp_path / "base", tmp_path / "wider"
    base.mkdir()
    tb.train(BASE, "bpe", vocab_size=264).tokenizer.save(str(base / "tokenizer.json"))
    tb.extend(base, DOMAIN, tokens=4, output=wider)
    return base, wider


def test_the_share_of_unchanged_texts_is_that_of_the_librarys_ids(folders):
    base, wider = folders
    found = tb.compare([str(base), str(wider)], {"mixed": TEXTS})
    one, other = (tb.load(each).tokenizer for each in folders)
    same = [one.encode(text).ids == other.encode(text).ids for text in TEXTS]
    [adapted] = found.adapted
    assert (adapted.tokenizer, adapted.base, adapted.corpus) == ("wider", "base", "mixed")
    assert adapted.unchanged == sum(same) / len(same)
    assert 0 < adapted.unchanged < 1
    assert adapted.tokens == found.results[1].tokens / found.results[0].tokens
    assert found.tokenizers[1].lineage.sentence == f"{base} extended by 4 tokens"


def test_tokens_that_moved_are_held_by_their_new_ids(folders):
    """Two ids change places, and the map beside the tokenizer says so."""
    base, _ = folders
    moved = base.parent / "moved"
    moved.mkdir()
    raw = json.loads((base / "tokenizer.json").read_text())
    ids = raw["model"]["vocab"]
    ids["a"], ids["t"] = ids["t"], ids["a"]
    (moved / "tokenizer.json").write_text(json.dumps(raw))
    record = json.loads((base.parent / "wider" / "tokbench.json").read_text()) | {"act": "prune"}
    (moved / "tokbench.json").write_text(json.dumps(record))
    plain = tb.compare([str(base), str(moved)], {"mixed": TEXTS}).adapted[0].unchanged
    places = {number: number for number in ids.values()} | {ids["t"]: ids["a"], ids["a"]: ids["t"]}
    (moved / "ids.json").write_text(json.dumps({str(old): new for old, new in places.items()}))
    assert plain < tb.compare([str(base), str(moved)], {"mixed": TEXTS}).adapted[0].unchanged == 1


def test_a_base_that_has_changed_since_is_no_base(folders):
    base, wider = folders
    tb.train(BASE, "bpe", vocab_size=263).tokenizer.save(str(base / "tokenizer.json"))
    assert tb.compare([str(base), str(wider)], {"mixed": TEXTS}).adapted == ()


def test_a_tokenizer_without_a_record_has_no_lineage(folders):
    assert lineage_of(folders[0]) is None
    assert lineage_of(folders[1]).tokens == 4
