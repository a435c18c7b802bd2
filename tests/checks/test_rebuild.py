"""Train again what a folder records: the same bytes, or the first cause why they are others."""

import dataclasses
import json
import shutil

import pytest

import tokbench as tb
from tokbench.pretrained.train import record

TEXTS = ["the cat sat on the mat, 42 times!", "the cats sat", "a cat is not a mat", "한국어 cats"] * 9


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A corpus and a tokenizer trained on it."""
    place = tmp_path_factory.mktemp("trained")
    (place / "corpus.txt").write_text("\n".join(TEXTS), encoding="utf-8")
    tb.train(place / "corpus.txt", "wordpiece", vocab_size=60, output=place / "tok")
    return place


@pytest.fixture
def tok(place, tmp_path):
    """A copy of both, to change."""
    shutil.copytree(place / "tok", tmp_path / "tok")
    shutil.copy(place / "corpus.txt", tmp_path)
    return tmp_path / "tok"


def edit(path, change):
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


@pytest.mark.parametrize("name", ["bpe", "unigram", "wordlevel", "character", "bert", "llama3", "clip"])
def test_what_was_trained_is_trained_again_byte_for_byte(name, tmp_path):
    size = {"bpe": 300, "llama3": 300, "clip": 540, "unigram": 50}.get(name, 60)
    tb.train(TEXTS, name, vocab_size=size, output=tmp_path / "tok")
    found = tb.rebuild(tmp_path / "tok", TEXTS, output=tmp_path / "again")
    assert (found.passed, found.near, len(found.compared)) == (True, 0, 4)
    for file in found.compared:
        assert (tmp_path / "again" / file).read_bytes() == (tmp_path / "tok" / file).read_bytes()


def test_the_corpus_is_found_beside_the_folder_or_asked_for(tok):
    assert tb.rebuild(tok).passed
    (tok.parent / "corpus.txt").rename(tok.parent / "moved.txt")
    with pytest.raises(tb.TokbenchError, match=r"the corpus corpus.txt .* neither here nor beside") as caught:
        tb.rebuild(tok)
    assert caught.value.fix == "--corpus CORPUS"
    assert tb.rebuild(tok, tok.parent / "moved.txt").passed


def test_another_corpus_is_told_before_anything_is_trained(tok):
    (tok.parent / "corpus.txt").write_text("other texts", encoding="utf-8")
    found = tb.rebuild(tok)
    assert (found.cause.kind, found.compared) == ("corpus", ())


def test_causes_are_told_in_the_order_in_which_they_explain_each_other(tok):
    edit(tok / "tokenizer.json", lambda raw: raw["model"]["vocab"].update({"[PAD]": 7}))
    found = tb.rebuild(tok)
    assert (found.cause.kind, found.cause.place) == ("file", "tokenizer.json: model.vocab.[PAD]")
    assert (found.cause.there, found.cause.here) == ("7", "0")
    recipe = tok / "tokbench.toml"
    recipe.write_text(recipe.read_text().replace("min_frequency = 2", "min_frequency = 3"))
    assert tb.rebuild(tok).cause.kind == "recipe"
    edit(tok / "tokbench.json", lambda facts: facts["versions"].update({"tokenizers": "0.1.0"}))
    found = tb.rebuild(tok)
    assert (found.cause.kind, found.cause.there) == ("versions", "tokenizers 0.1.0")
    assert "it was trained with tokenizers 0.1.0, and this is tokenizers" in found.cause.sentence
    (tok.parent / "corpus.txt").write_text("\n".join(TEXTS[1:]), encoding="utf-8")
    assert tb.rebuild(tok).cause.kind == "corpus"


def test_other_versions_alone_are_no_difference(tok):
    edit(tok / "tokbench.json", lambda facts: facts["versions"].update({"tokbench": "0.0.1"}))
    found = tb.rebuild(tok)
    assert (found.passed, found.versions["tokbench"][0]) == (True, "0.0.1")


def test_an_older_record_without_the_recipes_hash_is_read(tok):
    edit(tok / "tokbench.json", lambda facts: facts.pop("recipe_sha256"))
    assert tb.rebuild(tok).cause.place == "tokbench.json: recipe_sha256"
    recipe = tok / "tokbench.toml"
    recipe.write_text(recipe.read_text().replace("vocab_size = 60", "vocab_size = 50"))
    assert tb.rebuild(tok).cause.kind == "recipe"


def test_a_config_is_compared_and_so_are_its_bytes(tok):
    config = tok / "tokenizer_config.json"
    edit(config, lambda told: told.update({"padding_side": "left"}))
    assert tb.rebuild(tok).cause.place == "tokenizer_config.json: padding_side"
    edit(config, lambda told: told.update({"padding_side": "right"}))
    config.write_text(json.dumps(json.loads(config.read_text())))
    assert tb.rebuild(tok).cause.there.startswith("written in")


def test_of_a_grown_folder_the_trained_part_is_rebuilt(tok, tmp_path):
    tb.add_tokens(tok, ["COVID"], output=tmp_path / "grown")
    tb.add_tokens(tmp_path / "grown", special=["[E1]"], output=tmp_path / "more")
    found = tb.rebuild(tmp_path / "more")
    assert (found.passed, found.later, found.compared) == (True, ("COVID", "[E1]"), ("tokenizer.json",))
    edit(tmp_path / "more" / "tokenizer.json", lambda raw: raw["model"]["vocab"].update({"##s": 9}))
    assert tb.rebuild(tmp_path / "more").cause.place == "tokenizer.json: model.vocab.##s"


def test_counted_words_are_told_by_their_fingerprint(tmp_path):
    pytest.importorskip("pyarrow")
    for name, texts in (("one", TEXTS), ("two", TEXTS[1:])):
        tb.count_words(
            TEXTS if name == "one" else texts, "bpe", output=tmp_path / f"{name}.parquet", min_count=2
        )
    tb.train(recipe="bpe", counts=tmp_path / "one.parquet", vocab_size=300, output=tmp_path / "tok")
    assert tb.rebuild(tmp_path / "tok", counts=tmp_path / "one.parquet").passed
    assert tb.rebuild(tmp_path / "tok", counts=tmp_path / "two.parquet").cause.kind == "corpus"
    with pytest.raises(tb.TokbenchError, match="without those rarer than 2") as caught:
        tb.rebuild(tmp_path / "tok", TEXTS)
    assert caught.value.fix == "--counts counts.parquet"


def test_the_column_of_a_table_is_recorded(tmp_path):
    rows = "\n".join(f'"{text}",1' for text in TEXTS)
    (tmp_path / "rows.csv").write_text(f"body,stars\n{rows}\n", encoding="utf-8")
    tb.train(tmp_path / "rows.csv", "wordpiece", vocab_size=60, column="body", output=tmp_path / "tok")
    assert json.loads((tmp_path / "tok" / "tokbench.json").read_text())["corpus"]["column"] == "body"
    assert tb.rebuild(tmp_path / "tok").passed


def test_scores_of_a_unigram_may_differ_a_little(tmp_path):
    tb.train(TEXTS, "unigram", vocab_size=50, output=tmp_path / "tok")

    def nudge(by):
        def change(raw):
            raw["model"]["vocab"][-1][1] += by

        return change

    edit(tmp_path / "tok" / "tokenizer.json", nudge(0.001))
    found = tb.rebuild(tmp_path / "tok", TEXTS)
    assert (found.passed, round(found.near, 6)) == (True, 0.001)
    edit(tmp_path / "tok" / "tokenizer.json", nudge(0.1))
    assert tb.rebuild(tmp_path / "tok", TEXTS).cause.place.startswith("tokenizer.json: model.vocab.")


def test_a_folder_that_records_no_training_says_so(tok, tmp_path):
    (tok / "tokbench.toml").unlink()
    with pytest.raises(tb.TokbenchError, match=r"tok has no tokbench.toml"):
        tb.rebuild(tok)
    (tok / "tokbench.json").unlink()
    with pytest.raises(tb.TokbenchError, match="records no training") as caught:
        tb.rebuild(tok)
    assert caught.value.fix.startswith("train one like it: tokbench train-like")
    tb.add_tokens(tok, ["COVID"], output=tmp_path / "grown")
    with pytest.raises(tb.TokbenchError, match="of which no training is recorded"):
        tb.rebuild(tmp_path / "grown")


def test_the_recipes_hash_is_in_the_record(place):
    trained = tb.train(TEXTS, "wordpiece", vocab_size=60)
    other = dataclasses.replace(trained.recipe, trainer={"min_frequency": 3})
    facts = [
        json.loads(record(trained.tokenizer, each, trained.corpus).text) for each in (trained.recipe, other)
    ]
    assert facts[0]["recipe_sha256"] != facts[1]["recipe_sha256"]
    written = json.loads((place / "tok" / "tokbench.json").read_text())
    assert written["recipe_sha256"] == facts[0]["recipe_sha256"]
