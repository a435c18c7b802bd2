"""The oracle is the same trainer run in this process."""

import os
import threading
from pathlib import Path

import pytest
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

from tokbench.errors import DataError, RecipeError, ResourceError
from tokbench.training import library

TEXTS = [
    "the quick brown fox jumps over the lazy dog",
    "다람쥐 헌 쳇바퀴에 타고파",
    "a\0b \u2028 c\x85d 🦊\r",
] * 9


def tokenizer(model):
    made = Tokenizer(model)
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    return made


def bpe(vocab_size=90):
    trainer = trainers.BpeTrainer(vocab_size=vocab_size, special_tokens=["[UNK]"], show_progress=False)
    return tokenizer(models.BPE(unk_token="[UNK]")), trainer


def wordlevel():
    trainer = trainers.WordLevelTrainer(vocab_size=9, special_tokens=["[UNK]"], show_progress=False)
    return tokenizer(models.WordLevel(unk_token="[UNK]")), trainer


@pytest.mark.parametrize("kind", [bpe, wordlevel])
def test_a_child_trains_as_we_would(kind):
    given, trainer = kind()
    trained = library.train_in_worker(given, trainer, [TEXTS[:5], [], TEXTS[5:]])
    assert given.get_vocab_size() == 0
    here, trainer = kind()
    here.train_from_iterator(TEXTS, trainer)
    assert trained.to_str() == here.to_str()


@pytest.mark.parametrize(
    ("model", "trainer"),
    [
        (models.WordPiece(unk_token="[UNK]"), trainers.WordPieceTrainer(vocab_size=99)),
        (models.Unigram(), trainers.UnigramTrainer(vocab_size=99)),
    ],
)
def test_the_other_trainers_run_too(model, trainer):
    trained = library.train_in_worker(tokenizer(model), trainer, [TEXTS])
    assert len(trained.encode("the lazy dog").ids) >= 3


def test_no_texts_give_an_empty_vocabulary():
    assert library.train_in_worker(*wordlevel(), []).get_vocab() == {"[UNK]": 0}


@pytest.mark.parametrize(
    ("model", "trainer"),
    [
        (models.BPE(), trainers.BpeTrainer(vocab_size=5000)),
        (models.WordPiece(), trainers.WordPieceTrainer(vocab_size=5000)),
    ],
)
def test_progress_tells_of_every_stage(model, trainer):
    told = {}

    def progress(stage, done, total=None):
        told[stage] = (done, total)

    words = [f"{number * number:x}" for number in range(5000)]  # enough merges to fill a pipe many times
    library.train_in_worker(tokenizer(model), trainer, [words], progress=progress)
    assert list(told) == ["count", "pairs", "merges"]
    assert all(done == total > 0 for done, total in told.values())


def test_an_error_of_the_texts_passes_through_unchanged():
    mine = KeyError("mine")

    def texts():
        yield TEXTS
        raise mine

    with pytest.raises(KeyError) as raised:
        library.train_in_worker(*bpe(), texts())
    assert raised.value is mine


def _read(file):
    try:
        return file.read_text()
    except OSError:  # a process that has ended meanwhile
        return ""


def test_no_thread_no_open_file_and_no_process_is_left():
    def left():
        mine = f"PPid:\t{os.getpid()}\n"
        children = [each for each in Path("/proc").glob("[0-9]*/status") if mine in _read(each)]
        return threading.active_count(), len(list(Path("/dev/fd").iterdir())), children

    before = left()
    library.train_in_worker(*bpe(), [TEXTS])
    with pytest.raises(ZeroDivisionError):
        library.train_in_worker(*bpe(), ([str(1 // number)] for number in (1, 0)))
    assert left() == before


def test_what_the_library_refuses_is_told_in_its_words():
    with pytest.raises(RecipeError, match="WordPieceTrainer can only train a WordPiece") as raised:
        library.train_in_worker(tokenizer(models.BPE()), trainers.WordPieceTrainer(), [TEXTS])
    assert raised.value.fix


def test_a_panic_is_told_in_its_words(capfd):
    panicking = Tokenizer(models.BPE())
    panicking.pre_tokenizer = pre_tokenizers.Split(Regex(r"(a+)+$"), "isolated")
    with pytest.raises(RecipeError, match="retry-limit-in-match"):
        library.train_in_worker(panicking, trainers.BpeTrainer(), [["a" * 40 + "!"]])
    assert capfd.readouterr() == ("", "")


def test_nothing_is_printed(capfd):
    for model, trainer in (
        (models.BPE(), trainers.BpeTrainer(show_progress=True)),
        (models.WordPiece(), trainers.WordPieceTrainer(show_progress=True)),
        (models.WordLevel(), trainers.WordLevelTrainer(show_progress=True)),
        (models.Unigram(), trainers.UnigramTrainer(vocab_size=99, show_progress=True)),
    ):
        library.train_in_worker(tokenizer(model), trainer, [TEXTS])
    assert capfd.readouterr() == ("", "")


def test_half_a_character_is_named():
    with pytest.raises(DataError, match="ud83d") as raised:
        library.train_in_worker(*bpe(), [["fine"], ["half \ud83d of it"]])
    assert "UTF-8" in raised.value.fix


def test_a_block_written_in_python_is_refused():
    class Mine:
        def pre_tokenize(self, text):
            """Leave it whole."""

    custom = Tokenizer(models.BPE())
    custom.pre_tokenizer = pre_tokenizers.PreTokenizer.custom(Mine())
    with pytest.raises(RecipeError, match="cannot be written"):
        library.train_in_worker(custom, trainers.BpeTrainer(), [TEXTS])


def test_a_lack_of_memory_is_named():
    with pytest.raises(ResourceError, match="memory"):
        library.train_in_worker(*bpe(vocab_size=10**12), [TEXTS])
