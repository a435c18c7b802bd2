import json
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from tokbench.errors import DataError, FileError, UsageError
from tokbench.finetuning.data.tagging import Tagged, conll, read_sentences, read_tagged
from tokbench.finetuning.data.tokenize import NO_PIECE, UNLABELLED, tokenize_rows
from tokbench.finetuning.metrics import score, truth_of
from tokbench.finetuning.multi import finetune
from tokbench.finetuning.predict import predict
from tokbench.finetuning.tag_scheme import TagScheme

WORDS = "good\tB-X\nbad\tI-X\n.\tO\n\t\ncab\tO\n\nbad\tB-Y\n"
KOREAN = "## a-1\tab cd\na\tB-P\nb\tI-P\n \tO\nc\tO\nd\tB-Q\n\n"


@pytest.fixture
def tagged(tmp_path):
    """A function: write a file and read it as a task."""

    def write(text: str, name: str = "words.conll", *, all_pieces: bool = False):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        found = read_tagged(path, dev=None, all_pieces=all_pieces)
        return found.task, found.rows

    return write


def test_sentences_end_at_empty_lines_and_at_lines_of_tabs(tagged):
    task, rows = tagged(WORDS)
    assert rows["train"].units == [["good", "bad", "."], ["cab"], ["bad"]]
    assert task.labels == ("O", "B-X", "I-X", "B-Y", "I-Y")
    assert rows["train"].labels == [[1, 2, 0], [0], [3]]
    assert (task.unit, rows["train"].texts[0]) == ("word", "good bad .")


def test_characters_are_units_where_spaces_have_lines(tagged):
    task, rows = tagged(KOREAN)
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
def test_a_line_without_a_label_is_named(tagged, text, sentence):
    with pytest.raises(DataError, match=sentence):
        tagged(text)


def test_bytes_that_are_no_text_are_named_with_their_line(tmp_path):
    (tmp_path / "a.conll").write_bytes(b"good\tO\nb\xff\tO\n")
    with pytest.raises(DataError, match="line 2 is not UTF-8") as caught:
        read_sentences(tmp_path / "a.conll")
    assert caught.value.fix.startswith("iconv -f ")


def test_a_folder_needs_one_train_file(tmp_path):
    with pytest.raises(FileError, match=r"no train file in .* \(train\.conll, \.conllu"):
        read_tagged(tmp_path, dev=None, all_pieces=False)
    for name in ("train.conll", "train.tsv"):
        (tmp_path / name).write_text(WORDS)
    with pytest.raises(UsageError, match="which is train"):
        read_tagged(tmp_path, dev=None, all_pieces=False)


def test_the_first_piece_of_a_word_has_its_label_and_the_rest_none(tagged, tokenizer):
    task, rows = tagged("cab\tB-X\ngood\tI-X\n.\tO\n")
    encoded = tokenize_rows(tokenizer, rows["train"], max_length=32, task=task)
    assert tokenizer.convert_ids_to_tokens(encoded.ids) == ["[CLS]", "c", "##a", "##b", "good", ".", "[SEP]"]
    none = UNLABELLED
    assert encoded.labels.tolist() == [none, 1, none, none, 2, 0, none]


def test_all_pieces_get_the_label_that_goes_on(tagged, tokenizer):
    task, rows = tagged("cab\tB-X\ngood\tO\n", all_pieces=True)
    encoded = tokenize_rows(tokenizer, rows["train"], max_length=32, task=task)
    assert encoded.labels.tolist() == [UNLABELLED, 1, 2, 2, 0, UNLABELLED]


def test_words_without_a_piece_count_as_outside(tagged, tokenizer):
    task, rows = tagged("good\tO\n\u200b\tB-X\nbad\tB-X\ncab\tB-X\n")
    encoded = tokenize_rows(tokenizer, rows["train"], max_length=5, task=task)  # [CLS] good bad c [SEP]
    assert encoded.units.piece.tolist() == [1, NO_PIECE, 2, 3]
    assert encoded.units.lost == 1
    of_pieces = np.full(5, task.labels.index("B-X"))
    assert encoded.units.answers(of_pieces, task).tolist() == [1, 0, 1, 1, -1]


def test_characters_of_one_piece_go_on_with_its_label(tagged, tokenizer):
    task, rows = tagged("g\tB-P\no\tI-P\no\tI-P\nd\tI-P\n \tO\nb\tO\n")
    encoded = tokenize_rows(tokenizer, rows["train"], max_length=16, task=task)
    assert encoded.units.piece.tolist() == [1, 1, 1, 1, 2]
    of_pieces = np.array([0, task.labels.index("B-P"), 0, 0])
    answers = encoded.units.answers(of_pieces, task)
    assert answers.tolist() == truth_of(encoded).tolist() == [1, 2, 2, 2, 0, -1]
    assert score(task, {"dev": truth_of(encoded)}, {"dev": answers}) == dict.fromkeys(task.metrics, 1.0)


@settings(max_examples=25)
@given(some.lists(some.text("abcdefg.", min_size=1, max_size=6), min_size=1, max_size=6))
def test_true_labels_on_pieces_come_back_as_the_words_labels(tokenizer_folder, words):
    from transformers import AutoTokenizer

    from tokbench.finetuning.tasks import Task

    tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder)
    labels = [place % 3 for place in range(len(words))]
    task = Task(
        name="ner",
        folder="",
        texts=(),
        tsv_texts=(),
        labels=("O", "B-X", "I-X"),
        unit="word",
        scheme=TagScheme(),
    )
    encoded = tokenize_rows(tokenizer, Tagged([words], [labels], False), max_length=200, task=task)
    said = np.where(encoded.labels == UNLABELLED, 0, encoded.labels)
    assert encoded.units.answers(said, task).tolist() == [*labels, -1]


def test_tagged_words_train_save_and_load_again(plan, tmp_path):
    (tmp_path / "train.conll").write_text("good\tB-X\ncab\tO\n\nbad\tO\n.\tO\n\n" * 12)
    (tmp_path / "dev.conll").write_text("cab\tO\ngood\tB-X\n\n" * 3)
    run = finetune(plan(task="ner", data=str(tmp_path), epochs=8, learning_rate=1e-2))
    assert (run.reload_difference, run.same_ids) == (0.0, True)
    assert run.metrics == {"entity_f1": 1.0, "entity_precision": 1.0, "entity_recall": 1.0}
    assert run.majority["entity_f1"] == pytest.approx(2 / 3)  # B-X for every word: 3 right of 6, of 3 true
    assert run.classes == {"O": 36, "B-X": 12, "I-X": 0}
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["architectures"] == ["BertForTokenClassification"]
    assert config["label2id"] == {"O": 0, "B-X": 1, "I-X": 2}


def test_a_file_alone_is_cut_into_train_and_dev_by_the_seed(plan, tmp_path):
    from tokbench.finetuning.data.load import read_data

    path = tmp_path / "all.conll"
    path.write_text("".join(f"w{number}\tO\nx\tB-X\n\n" for number in range(20)))
    cuts = [read_data(plan(task="ner", data=str(path), seed=seed, dev_share=0.2)) for seed in (1, 1, 2)]
    assert [len(cuts[0].train), len(cuts[0].evaluation["dev"])] == [16, 4]
    assert cuts[0].train.units == cuts[1].train.units != cuts[2].train.units


def test_a_no_break_space_among_words_makes_no_characters_of_them(tagged):
    task, _ = tagged("lighthouse\tB-X\n\u00a0\tO\nkeeper\tO\n")
    assert task.unit == "word"


@pytest.mark.parametrize("text", ["good\nbad\n\ncab\n", "good\tB-X\nbad\t\n\ncab\tx\ty\n"])
def test_hidden_labels_may_be_missing(text, tmp_path):
    path = tmp_path / "test.conll"
    path.write_text(text)
    assert [units for units, _ in read_sentences(path, hidden=True).found] == [["good", "bad"], ["cab"]]
    with pytest.raises(DataError, match="is not a word and a label"):
        read_sentences(path)


def test_a_file_that_is_not_there_is_one_sentence(tmp_path):
    with pytest.raises(FileError, match=r"nowhere\.conll cannot be read: No such file"):
        read_sentences(tmp_path / "nowhere.conll")


TAGS = ("O", "B-X", "I-X", "B-Y", "I-Y")
UNITS = some.text("abc한국 ", min_size=1, max_size=3).filter(lambda unit: unit == " " or " " not in unit)


@settings(max_examples=60)
@given(some.data())
def test_what_is_written_is_read_again(tmp_path_factory, data):
    sentences = data.draw(some.lists(some.lists(UNITS, min_size=1, max_size=6), min_size=1, max_size=4))
    told = [
        [data.draw(some.sampled_from(TAGS)) for unit in sentence if not unit.isspace()]
        for sentence in sentences
    ]
    path = tmp_path_factory.mktemp("written") / "a.conll"
    path.write_text(conll(Tagged(sentences, [], False), told, TagScheme()), encoding="utf-8")
    found = read_sentences(path).found
    assert [units for units, _ in found] == sentences
    read = [
        [label for unit, label in zip(units, labels, strict=True) if not unit.isspace()]
        for units, labels in found
    ]
    assert read == told


def test_a_space_inside_a_name_goes_on_with_it():
    units = [list("a b c  d e")]
    written = conll(Tagged(units, [], True), [["B-X", "I-X", "B-X", "I-X", "I-Y"]], TagScheme())
    assert written.split("\n")[:-2] == [
        *("a\tB-X", " \tI-X", "b\tI-X", " \tO", "c\tB-X", " \tI-X", " \tI-X", "d\tI-X", " \tO", "e\tI-Y"),
    ]


@pytest.fixture
def learned(plan, tmp_path):
    """A function: train on tagged files, and predict the one called test."""

    def learn(train: str, **files: str):
        for name, text in {"train": train, **files}.items():
            (tmp_path / f"{name}.conll").write_text(text, encoding="utf-8")
        asked = plan(task="ner", data=str(tmp_path), epochs=4, learning_rate=1e-2)
        return finetune(asked, predict="test" in files)

    return learn


WORD_FILE = "good\tB-X\ncab\tO\n\nbad\tO\ngood\tB-X\n\nfed\tB-Y\n.\tO\n\n"
LETTER_FILE = "g\tB-P\no\tI-P\n \tI-P\nb\tI-P\n \tO\nd\tO\n\nb\tO\n\n"


@pytest.mark.parametrize("text", [WORD_FILE, LETTER_FILE])
def test_predicted_tags_read_back_score_what_the_run_scored(text, learned, tmp_path):
    dev = text * 2 + re.sub(r"[BI]-\w", "O", text)  # so that not everything is told rightly
    run = learned(text * 8, dev=dev, test=dev.replace("\tB-P", "").replace("\tB-X", "\t"))
    path = tmp_path / "run" / "predictions" / "test-predicted.conll"
    assert any(f"rows are in {path}" in note for note in run.notes)
    assert 0 < run.metrics["entity_f1"] < 1
    gold, told = read_sentences(tmp_path / "dev.conll"), read_sentences(path)
    assert [units for units, _ in told.found] == [units for units, _ in gold.found]

    found = read_tagged(tmp_path / "train.conll", dev=str(tmp_path / "dev.conll"), all_pieces=False)
    task, rows = found.task, found.rows
    again = read_tagged(tmp_path / "train.conll", dev=str(path), all_pieces=False).rows
    assert score(task, {"dev": _flat(rows["dev"])}, {"dev": _flat(again["dev"])}) == run.metrics


def _flat(rows):
    """Label numbers of the units that are no spaces, -1 after each sentence."""
    flat = []
    for units, labels in zip(rows.units, rows.labels, strict=True):
        flat += [label for unit, label in zip(units, labels, strict=True) if not unit.isspace()] + [-1]
    return np.array(flat)


def test_words_that_are_cut_or_have_no_piece_are_outside_and_said(learned, plan, tmp_path):
    learned("good\tB-X\ncab\tB-X\n\nbad\tO\n\n" * 8)
    path = tmp_path / "asked.conll"
    path.write_text("\u200b\ngood\ncab\nbad\n\ngood\n")
    cut = {"data": path, "max_length": 5}  # [CLS] good c ##a [SEP]
    written = predict(tmp_path / "run", **cut, output=tmp_path / "answers")
    found = read_sentences(tmp_path / "answers" / "asked-predicted.conll").found
    assert [list(zip(*each, strict=True)) for each in found] == [
        [("\u200b", "O"), ("good", "B-X"), ("cab", "B-X"), ("bad", "O")],
        [("good", "B-X")],
    ]
    assert written.labels == {"O": 2, "B-X": 3, "I-X": 0}
    assert written.rows == {str(tmp_path / "answers" / "asked-predicted.conll"): 2}
    assert written.notes == (
        "asked-predicted.conll: 1 row cut to 5 tokens",
        "asked-predicted.conll: 2 words cut off or without a piece, and told to be O",
    )


def test_letters_without_a_space_are_still_letters_to_a_model_of_letters(learned, plan, tmp_path):
    learned(LETTER_FILE * 12)
    (tmp_path / "asked.conll").write_text("g\no\no\nd\n\n")
    predict(tmp_path / "run", data=tmp_path / "asked.conll", output=tmp_path / "answers")
    [(units, tags)] = read_sentences(tmp_path / "answers" / "asked-predicted.conll").found
    assert units == list("good")
    assert len({tag[2:] for tag in tags}) == 1  # one piece, so one answer


def test_a_classifier_tags_no_words_and_a_tagger_classifies_no_rows(learned, official, plan, tmp_path):
    learned(WORD_FILE * 8)
    (tmp_path / "rows.csv").write_text("t\ngood\n")
    asked = {"data": tmp_path / "rows.csv", "text_column": "t"}
    with pytest.raises(UsageError, match="is a BertForTokenClassification"):
        predict(tmp_path / "run", task="own", **asked, output=tmp_path / "answers")
    finetune(plan(task="sst2", data=str(official("sst2")), output=str(tmp_path / "other")))
    with pytest.raises(UsageError, match="knows negative, positive of whole rows: it tags no words"):
        predict(tmp_path / "other", task="ner", data=tmp_path, output=tmp_path / "answers")
    assert not (tmp_path / "answers").exists()


def test_without_a_test_file_nothing_is_trained(learned, plan, tmp_path):
    (tmp_path / "train.conll").write_text(WORD_FILE)
    asked = plan(task="ner", data=str(tmp_path))
    with pytest.raises(UsageError, match=r"nothing was trained.*no test file in .* \(test\.conll"):
        finetune(asked, predict=True)
    alone = plan(task="ner", data=str(tmp_path / "train.conll"))
    with pytest.raises(UsageError, match="holds the rows to train on; afterwards: tokbench predict RUN"):
        finetune(alone, predict=True)
    assert not (tmp_path / "run").exists()


def test_what_the_tokenizer_costs_is_said_before_anything_is_learned(learned):
    text = "g\tB-P\no\tI-P\no\tI-P\nd\tO\n \tO\nb\tO\n\nb\tB-P\n \tO\nc\tO\n\n"  # good is one piece
    run = learned(text * 6, dev=text)
    assert any(note.startswith("on dev this tokenizer allows entity_f1 0.5000 at most") for note in run.notes)
    assert run.metrics["entity_f1"] <= 0.5


def test_nothing_is_said_where_the_tokenizer_costs_nothing(learned):
    run = learned(WORD_FILE * 6, dev=WORD_FILE)
    assert not [note for note in run.notes if "at most" in note]


def test_a_text_is_no_table_of_words(tagged):
    with pytest.raises(DataError, match="line 2 has 7 fields and those before it 4"):
        tagged("the film is good\nand the other is not so good\n")


def test_columns_parted_by_several_spaces_are_columns(tagged):
    _, rows = tagged("good  NN   B-X\nbadge NN B-Y\n")
    assert rows["train"].units == [["good", "badge"]]


def test_one_sentence_is_not_cut_into_train_and_dev(plan, tmp_path):
    from tokbench.finetuning.data.load import read_data

    (tmp_path / "a.conll").write_text("good\tB-X\n")
    with pytest.raises(DataError, match="has one sentence: none is left to evaluate on"):
        read_data(plan(task="ner", data=str(tmp_path / "a.conll")))


def test_labels_that_only_dev_has_are_said(plan, tmp_path):
    from tokbench.finetuning.data.load import read_data

    (tmp_path / "train.conll").write_text("good\tB-X\nbad\tO\n")
    (tmp_path / "dev.conll").write_text("cab\tB-Z\nbad\tO\n")
    notes = read_data(plan(task="ner", data=str(tmp_path))).notes
    assert notes[0] == "dev has labels that train has not: B-Z"
