"""The first texts of every run are held against the library; where it disagrees, it does the work."""

import json

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from tokbench.encoding.encode_corpus import encode_corpus
from tokbench.encoding.encode_texts import encode_batches
from tokbench.native import scanner
from tokbench.native.kernels import count_abi
from tokbench.native.scanner import WordSplit
from tokbench.pretrained.train import train
from tokbench.recipes.recipe import Recipe, block
from tokbench.training.counting.count_corpus import CountOptions, count_corpus
from tokbench.training.engine import DIFFERENT, EngineChoice
from tokbench.training.probe import MOST_CHARACTERS, ODD, Probe, probed

pytest.importorskip("numba")
TEXTS = ["the cat sat on the mat", "a cat, a hat", "the hat"] * 9


@pytest.fixture
def wrong_loops(monkeypatch):
    """BertPreTokenizer's words are cut at white space alone: a row of the table that no law has seen."""
    wrong = WordSplit(count_abi.RUNS, scanner._whitespace_split_flags)
    monkeypatch.setitem(scanner.PRE_TOKENIZERS, ("BertPreTokenizer",), lambda _: wrong)


def words():
    vocab = {word: number for number, word in enumerate(["[UNK]", "the", "cat", "hat", "a", ","])}
    made = Tokenizer(models.WordLevel(vocab, "[UNK]"))
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return made


def wanted(texts=TEXTS):
    return [each.ids for each in words().encode_batch(texts)]


@pytest.mark.usefixtures("wrong_loops")
@pytest.mark.parametrize("threads", [None, 2])
def test_ids_that_differ_are_made_by_the_library_and_that_is_said(threads):
    batches = [[], "\n".join(TEXTS).encode(), TEXTS]
    encoded = encode_batches(words(), batches, engine="compiled", threads=threads)
    assert [encoded[row].tolist() for row in range(len(encoded))] == wanted() * 2
    assert (encoded.choice.engine, encoded.choice.fell_back) == ("library", True)
    assert "a cat, a hat" in encoded.choice.why


@pytest.mark.usefixtures("wrong_loops")
def test_a_corpus_is_encoded_by_the_library_then(tmp_path):
    (tmp_path / "corpus.txt").write_text("\n".join(TEXTS))
    done = encode_corpus(words(), tmp_path / "corpus.txt", output=tmp_path / "ids.jsonl", engine="compiled")
    assert [json.loads(line)["ids"] for line in (tmp_path / "ids.jsonl").read_text().splitlines()] == wanted()
    assert (done.engine, done.why.startswith(DIFFERENT)) == ("library", True)


@pytest.mark.usefixtures("wrong_loops")
def test_words_are_counted_and_learned_from_by_the_library_then(tmp_path):
    recipe = Recipe(
        algorithm="bpe",
        vocab_size=40,
        special_tokens={"unk": "[UNK]"},
        pre_tokenizers=(block("BertPreTokenizer"),),
    )
    trained = train(iter(TEXTS), recipe, engine="compiled")
    assert (trained.engine, trained.why.startswith(DIFFERENT)) == ("library", True)
    assert trained.tokenizer.to_str() == train(iter(TEXTS), recipe, engine="library").tokenizer.to_str()
    pytest.importorskip("pyarrow")
    counted = count_corpus(
        iter(TEXTS), words(), tmp_path / "counts.parquet", ways=CountOptions(engine="compiled")
    )
    assert (counted.engine, counted.why.startswith(DIFFERENT)) == ("library", True)
    assert counted.words == 8


def test_loops_that_agree_do_the_work(tmp_path):
    encoded = encode_batches(words(), [TEXTS], engine="compiled")
    assert encoded.choice == EngineChoice("compiled")
    trained = train(iter(TEXTS), "wordpiece", vocab_size=60, engine="compiled")
    assert (trained.engine, trained.why) == ("compiled", "")


def test_few_texts_are_taken_and_no_batch_is_lost():
    seen = []

    def note(texts):
        seen.extend(texts)
        return len(texts)

    batches = [[], ["x" * 5000] * 4000, ["y"]]
    choice, rest = probed(EngineChoice("compiled"), iter(batches), Probe(note, note))
    assert choice == EngineChoice("compiled")
    assert list(rest) == batches
    assert len(seen) <= 2 * (64 + len(ODD))
    assert max(map(len, seen)) <= MOST_CHARACTERS


@pytest.mark.parametrize(
    "error", [UnicodeDecodeError("utf-8", b"\xff", 0, 1, "no text"), RuntimeError("status 1")]
)
def test_loops_that_break_are_not_believed(error):
    def broken(texts):
        raise error

    choice, rest = probed(EngineChoice("compiled"), [["a"], ["b"]], Probe(broken, len))
    assert choice.why == f"{DIFFERENT} 'a'"
    assert list(rest) == [["a"], ["b"]]


def test_where_the_library_refuses_texts_the_run_meets_its_error():
    def refused(texts):
        raise Exception("Missing [UNK] token")

    choice, _ = probed(EngineChoice("compiled"), [["a"]], Probe(len, refused))
    assert choice.compiled
