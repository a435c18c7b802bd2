import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from tokbench.errors import AskedWrongly, DataProblem, FileProblem
from tokbench.finetune.encoding import encode
from tokbench.finetune.finetune import finetune
from tokbench.finetune.metrics import score, truth_of
from tokbench.finetune.reading import Reading
from tokbench.finetune.tagged import read_sentences, read_tagged
from tokbench.finetune.units import NO_PIECE, UNLABELLED

WORDS = "good\tB-X\nbad\tI-X\n.\tO\n\t\ncab\tO\n\nbad\tB-Y\n"
KOREAN = "## a-1\tab cd\na\tB-P\nb\tI-P\n \tO\nc\tO\nd\tB-Q\n\n"


@pytest.fixture
def conll(tmp_path):
    """A function: write a file and read it as a task."""

    def write(text: str, name: str = "words.conll", *, all_pieces: bool = False):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return read_tagged(path, dev=None, all_pieces=all_pieces)

    return write


def test_sentences_end_at_empty_lines_and_at_lines_of_tabs(conll):
    task, rows = conll(WORDS)
    assert rows["train"].units == [["good", "bad", "."], ["cab"], ["bad"]]
    assert task.labels == ("O", "B-X", "I-X", "B-Y", "I-Y")
    assert rows["train"].labels == [[1, 2, 0], [0], [3]]
    assert (task.unit, rows["train"].texts[0]) == ("word", "good bad .")


def test_characters_are_units_where_spaces_have_lines(conll):
    task, rows = conll(KOREAN)
    assert task.unit == "character"
    assert task.metrics == ("entity_f1", "entity_macro_f1", "character_macro_f1")
    assert rows["train"].texts == ["ab cd"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("good\tO\nbad\n", "line 2: 'bad' is not a word and a label"),
        ("good\tO\nbad\t\n", "line 2"),
        ("\n\n", "has no sentences"),
        ("good\tO\n", "every label in .* is O: there is nothing to learn"),
    ],
)
def test_a_line_without_a_label_is_named(conll, text, sentence):
    with pytest.raises(DataProblem, match=sentence):
        conll(text)


def test_bytes_that_are_no_text_are_named_with_their_line(tmp_path):
    (tmp_path / "a.conll").write_bytes(b"good\tO\nb\xff\tO\n")
    with pytest.raises(DataProblem, match="line 2 is not UTF-8"):
        read_sentences(tmp_path / "a.conll")


def test_a_folder_needs_one_train_file(tmp_path):
    with pytest.raises(FileProblem, match=r"no train\.conll"):
        read_tagged(tmp_path, dev=None, all_pieces=False)
    for name in ("train.conll", "train.tsv"):
        (tmp_path / name).write_text(WORDS)
    with pytest.raises(AskedWrongly, match="which is train"):
        read_tagged(tmp_path, dev=None, all_pieces=False)


def test_the_first_piece_of_a_word_has_its_label_and_the_rest_none(conll, tokenizer):
    task, rows = conll("cab\tB-X\ngood\tI-X\n.\tO\n")
    encoded = encode(tokenizer, rows["train"], max_length=32, task=task)
    assert tokenizer.convert_ids_to_tokens(encoded.ids) == ["[CLS]", "c", "##a", "##b", "good", ".", "[SEP]"]
    none = UNLABELLED
    assert encoded.labels.tolist() == [none, 1, none, none, 2, 0, none]


def test_all_pieces_get_the_label_that_goes_on(conll, tokenizer):
    task, rows = conll("cab\tB-X\ngood\tO\n", all_pieces=True)
    encoded = encode(tokenizer, rows["train"], max_length=32, task=task)
    assert encoded.labels.tolist() == [UNLABELLED, 1, 2, 2, 0, UNLABELLED]


def test_words_without_a_piece_count_as_outside(conll, tokenizer):
    task, rows = conll("good\tO\n\u200b\tB-X\nbad\tB-X\ncab\tB-X\n")
    encoded = encode(tokenizer, rows["train"], max_length=5, task=task)  # [CLS] good bad c [SEP]
    assert encoded.units.piece.tolist() == [1, NO_PIECE, 2, 3]
    assert encoded.units.lost == 1
    of_pieces = np.full(5, task.labels.index("B-X"))
    assert encoded.units.answers(of_pieces, task.labels).tolist() == [1, 0, 1, 1, -1]


def test_characters_of_one_piece_go_on_with_its_label(conll, tokenizer):
    task, rows = conll("g\tB-P\no\tI-P\no\tI-P\nd\tI-P\n \tO\nb\tO\n")
    encoded = encode(tokenizer, rows["train"], max_length=16, task=task)
    assert encoded.units.piece.tolist() == [1, 1, 1, 1, 2]
    of_pieces = np.array([0, task.labels.index("B-P"), 0, 0])
    answers = encoded.units.answers(of_pieces, task.labels)
    assert answers.tolist() == truth_of(encoded).tolist() == [1, 2, 2, 2, 0, -1]
    assert score(task, {"dev": truth_of(encoded)}, {"dev": answers}) == dict.fromkeys(task.metrics, 1.0)


@settings(max_examples=25)
@given(some.lists(some.text("abcdefg.", min_size=1, max_size=6), min_size=1, max_size=6))
def test_true_labels_on_pieces_come_back_as_the_words_labels(tokenizer_folder, words):
    from transformers import AutoTokenizer

    from tokbench.finetune.tagged import Tagged
    from tokbench.finetune.tasks import Task

    tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder)
    labels = [place % 3 for place in range(len(words))]
    task = Task(name="ner", folder="", texts=(), tsv_texts=(), labels=("O", "B-X", "I-X"), unit="word")
    encoded = encode(tokenizer, Tagged([words], [labels], False), max_length=200, task=task)
    said = np.where(encoded.labels == UNLABELLED, 0, encoded.labels)
    assert encoded.units.answers(said, task.labels).tolist() == [*labels, -1]


def test_tagged_words_train_save_and_load_again(plan, tmp_path):
    (tmp_path / "train.conll").write_text("good\tB-X\ncab\tO\n\nbad\tO\n.\tO\n\n" * 12)
    (tmp_path / "dev.conll").write_text("cab\tO\ngood\tB-X\n\n" * 3)
    run = finetune(plan(task="ner", data=str(tmp_path), epochs=8, learning_rate=1e-2))
    assert (run.reload_difference, run.same_ids) == (0.0, True)
    assert run.metrics == {"entity_f1": 1.0, "entity_precision": 1.0, "entity_recall": 1.0}
    assert run.majority["entity_f1"] == 0.0
    assert run.classes == {"O": 36, "B-X": 12, "I-X": 0}
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["architectures"] == ["BertForTokenClassification"]
    assert config["label2id"] == {"O": 0, "B-X": 1, "I-X": 2}


def test_a_file_alone_is_cut_into_train_and_dev_by_the_seed(plan, tmp_path):
    from tokbench.finetune.data import read_data

    path = tmp_path / "all.conll"
    path.write_text("".join(f"w{number}\tO\nx\tB-X\n\n" for number in range(20)))
    cuts = [
        read_data(plan(task="ner", data=str(path), seed=seed, reading=Reading(dev_share=0.2)))
        for seed in (1, 1, 2)
    ]
    assert [len(cuts[0].train), len(cuts[0].evaluation["dev"])] == [16, 4]
    assert cuts[0].train.units == cuts[1].train.units != cuts[2].train.units
