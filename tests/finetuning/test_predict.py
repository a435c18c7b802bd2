"""Texts that are given themselves get the answers that the same rows in a file get."""

import json
from pathlib import Path

import pytest
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from tokbench.__main__ import main
from tokbench.errors import DataError, FileError, UsageError
from tokbench.finetuning.multi import finetune
from tokbench.finetuning.predict import predict
from tokbench.finetuning.tag_scheme import TagScheme

TEXTS = ["a good film", "a bad film", "good and bad"]


@pytest.fixture
def film_run(official, plan):
    return finetune(plan(task="sst2", data=str(official("sst2"))))


def test_texts_get_the_answers_of_the_same_rows_in_a_file(film_run, tmp_path):
    (tmp_path / "rows.jsonl").write_text("\n".join(json.dumps({"t": text}) for text in TEXTS))
    written = predict(film_run, data=tmp_path / "rows.jsonl", text_column="t", output=tmp_path / "answers")
    given = predict(film_run.output, TEXTS)
    assert (given.labels, given.rows) == (written.labels, {"texts-predicted.tsv": 3})
    assert set(given.answers) <= {"negative", "positive"}
    assert written.answers == ()
    [path] = written.rows
    words = [line.split("\t")[1] for line in Path(path).read_text().splitlines()[1:]]
    assert words == [str(["negative", "positive"].index(answer)) for answer in given.answers]
    assert predict(film_run, TEXTS[0]).answers == given.answers[:1]
    assert predict(film_run, iter(TEXTS)).answers == given.answers
    assert predict(film_run, data=tmp_path / "rows.jsonl", text_column="t").answers == given.answers


def test_a_column_of_texts_is_taken(film_run):
    pyarrow = pytest.importorskip("pyarrow")
    pandas = pytest.importorskip("pandas")
    wanted = predict(film_run, TEXTS).answers
    assert predict(film_run, pyarrow.array(TEXTS)).answers == wanted
    assert predict(film_run, pandas.Series(TEXTS)).answers == wanted


def test_pairs_are_answered_with_numbers_where_the_task_is_a_score(official, plan):
    run = finetune(plan(task="stsb", data=str(official("stsb"))))
    found = predict(run, [("A man runs.", "A man is running."), ["A dog eats.", "Rain fell."]])
    assert all(isinstance(answer, float) and 0 <= answer <= 5 for answer in found.answers)
    with pytest.raises(DataError, match="is not a pair of texts, which stsb reads"):
        predict(run, ["A man runs."])


def test_sentences_are_tagged_word_by_word(plan, tmp_path):
    (tmp_path / "train.conll").write_text("good\tB-X\ncab\tO\n\n" * 8)
    (tmp_path / "dev.conll").write_text("good\tB-X\ncab\tO\n\n" * 4)
    run = finetune(plan(task="ner", data=str(tmp_path), epochs=8, learning_rate=5e-3))
    found = predict(run, ["good cab", ["good", "cab"], "cab good cab"])
    assert [len(answer) for answer in found.answers] == [2, 2, 3]
    assert found.answers[0] == found.answers[1] == ("B-X", "O")


@pytest.mark.parametrize(
    ("words", "error", "sentence"),
    [
        ({"texts": ["a"], "data": "rows.csv"}, UsageError, "texts and a file are two things"),
        ({"texts": []}, DataError, "there are no texts"),
        ({"texts": [3]}, DataError, "3 is not a text, which sst2 reads"),
        ({"texts": [("a", "b")]}, DataError, "is not a text"),
        ({"texts": ["a"], "batch_size": 0}, UsageError, "batch_size is 0"),
    ],
)
def test_what_cannot_be_answered_is_said(words, error, sentence, film_run):
    with pytest.raises(error, match=sentence):
        predict(film_run, **words)


def test_a_run_of_which_nothing_was_kept_answers_nothing(official, plan):
    run = finetune(plan(task="sst2", data=str(official("sst2")), fast_dev_run=1))
    with pytest.raises(FileError, match="nothing was kept"):
        predict(run, TEXTS)


def test_objects_are_trained_as_their_folders_are(official, plan, tokenizer_folder, model_folder, tmp_path):
    data = str(official("sst2"))
    wanted = finetune(plan(data=data))
    objects = {
        "tokenizer": AutoTokenizer.from_pretrained(tokenizer_folder),
        "model": AutoModelForSequenceClassification.from_pretrained(model_folder),
    }
    found = finetune(plan(data=data), **objects, output=tmp_path / "other")
    assert (found.losses, found.metrics) == (wanted.losses, wanted.metrics)
    library = finetune(
        plan(data=data), tokenizer=objects["tokenizer"].backend_tokenizer, output=tmp_path / "b"
    )
    assert library.losses == wanted.losses
    with pytest.raises(UsageError, match="int is no model"):
        finetune(plan(data=data), model=3)


def test_a_text_on_the_command_line_is_answered_with_its_probability(film_run, capfd, monkeypatch):
    def said(*words, code=0):
        capfd.readouterr()
        assert main(["predict", film_run.output, *words]) == code
        return capfd.readouterr()

    found = json.loads(said("a good film", "an awful one", "--json").out)
    assert (len(found["answers"]), found["texts"]) == (2, ["a good film", "an awful one"])
    assert all(0.5 <= share <= 1 for share in found["probabilities"])
    rows = [line.split("\t") for line in said("a good film", "an awful one").out.splitlines()]
    answers = zip(found["texts"], found["answers"], found["probabilities"], strict=True)
    assert rows[1:] == [[text, label, f"{share:.4f}"] for text, label, share in answers]
    assert "2 texts and 1 second text are no pairs" in said("a", "b", "--pair", "c", code=2).err


def test_probabilities_are_the_softmax_of_the_models_logits(film_run):
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    model = AutoModelForSequenceClassification.from_pretrained(film_run.output).eval()
    inputs = AutoTokenizer.from_pretrained(film_run.output)(TEXTS, return_tensors="pt", padding=True)
    with torch.inference_mode():
        shares = model(**inputs).logits.softmax(-1).max(-1)
    found = predict(film_run, TEXTS, precision="fp32")
    assert found.probabilities == pytest.approx(shares.values.tolist(), abs=1e-5)
    assert list(found.answers) == [model.config.id2label[each] for each in shares.indices.tolist()]


def test_scores_are_written_to_the_last_digit(official, plan, tmp_path):
    run = finetune(plan(task="stsb", data=str(official("stsb"))))
    pairs = [("a good film", "a bad one"), ("the sun", "the moon")]
    rows = "\n".join(json.dumps({"a": one, "b": other}) for one, other in pairs)
    (tmp_path / "rows.jsonl").write_text(rows)
    columns = {"text_column": "a", "pair_column": "b"}
    [path] = predict(run, data=tmp_path / "rows.jsonl", output=tmp_path / "out", **columns).rows
    written = [float(line.split("\t")[1]) for line in Path(path).read_text().splitlines()[1:]]
    assert written == list(predict(run, pairs).answers)


def test_a_tagger_of_parts_of_speech_answers_words_and_names_their_whole_labels(plan, tmp_path, capfd):
    (tmp_path / "train.conll").write_text("good\tNNP\ncab\tVB\n\n" * 8)
    (tmp_path / "dev.conll").write_text("good\tNNP\ncab\tVB\n\n" * 4)
    run = finetune(plan(task="ner", data=str(tmp_path), epochs=8, learning_rate=5e-3))
    assert [*run.metrics] == ["token_accuracy", "token_macro_f1"]
    found = predict(run, ["good cab"])
    assert (found.units, found.answers) == ((("good", "cab"),), (("NNP", "VB"),))
    assert main(["predict", run.output, "good cab"]) == 0
    assert "[NNP good] [VB cab]" in capfd.readouterr().out


def test_types_that_a_run_was_told_to_take_as_they_are_can_be_answered(plan, tmp_path, capfd):
    for name in ("train", "dev"):
        (tmp_path / f"{name}.conll").write_text("good\tB-X\ncab\tNAME\nand\tO\n\n" * 8)
    run = finetune(plan(task="ner", data=str(tmp_path), tag_scheme="IO"))
    assert main(["predict", run.output, "good cab"]) == 0
    assert "good" in capfd.readouterr().out


def test_entities_are_marked_as_the_run_read_its_tags(plan, tmp_path, capfd):
    for name in ("train", "dev"):
        (tmp_path / f"{name}.conll").write_text("good\tB-X\ngood\tB-X\ncab\tO\n\n" * 8)
    run = finetune(plan(task="ner", data=str(tmp_path), tag_scheme="IO", epochs=8, learning_rate=5e-3))
    found = predict(run, ["good good cab"])
    assert found.scheme == TagScheme("IO")
    assert found.answers == (("B-X", "B-X", "O"),)
    assert main(["predict", run.output, "good good cab"]) == 0
    assert "[B-X good good] cab" in capfd.readouterr().out


def test_ids_of_several_rows_are_noted(film_run, tmp_path):
    (tmp_path / "rows.csv").write_text("id,text\n7,good\n8,bad\n7,good\n8,bad\n7,fine\n9,fine\n")
    found = predict(film_run, data=tmp_path / "rows.csv", text_column="text", output=tmp_path / "answers")
    assert found.notes[-1] == "2 ids in rows.csv are of several rows, first: '7' (3 rows)"
    (tmp_path / "rows.csv").write_text("id,text\n7,good\n8,bad\n")
    found = predict(film_run, data=tmp_path / "rows.csv", text_column="text", output=tmp_path / "answers")
    assert not any("several rows" in note for note in found.notes)


def test_what_a_run_says_of_itself_is_read_once(film_run, monkeypatch):
    read, names = Path.read_text, []
    monkeypatch.setattr(
        Path, "read_text", lambda self, *a, **b: (names.append(self.name), read(self, *a, **b))[1]
    )
    predict(film_run, TEXTS[0])
    assert (names.count("hyperparameters.json"), names.count("metrics.json")) == (1, 1)


def test_rows_are_answered_in_batches_of_the_size_they_were_measured_in(official, plan):
    run = finetune(plan(task="sst2", data=str(official("sst2")), batch_size=1))

    def shares(**how):
        heard = []
        predict(run, TEXTS, progress=lambda stage, share, *more, **said: heard.append((stage, share)), **how)
        return heard

    assert shares() == shares(batch_size=1)  # in bf16 the width of a batch can change digits of the answers
    assert shares() != shares(batch_size=32)


def test_as_many_texts_are_asked_for_as_the_model_was_trained_on(plan, tmp_path):
    path = tmp_path / "train.jsonl"
    rows = [{"text": f"{TEXTS[at % 2]} {at}", "other": "and", "label": "ab"[at % 2]} for at in range(12)]
    path.write_text("\n".join(map(json.dumps, rows)))
    own = {"task": "own", "data": str(path), "dev": str(path), "text_column": "text"}
    one = finetune(plan(**own, output=str(tmp_path / "one")))
    with pytest.raises(UsageError, match="trained on one text a row"):
        predict(one, [("a good film", "a bad film")])
    two = finetune(plan(**own, pair_column="other", output=str(tmp_path / "two")))
    with pytest.raises(UsageError, match="trained on two texts a row"):
        predict(two, ["a good film"])
    assert len(predict(two, [("a good film", "a bad film")]).answers) == 1
