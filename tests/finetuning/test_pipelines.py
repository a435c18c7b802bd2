"""What transformers' own pipeline says of a saved run is what `predict` says."""

import json

import pytest
from transformers import pipeline

from tokbench.finetuning.multi import finetune
from tokbench.finetuning.predict import predict
from tokbench.io.quiet import quiet

TEXTS = ["good", "a bad and dull film", "good good bad x"]
PAIRS = [("He ran.", "He moved."), ("It rained.", "It snowed.")]
CLOSE = 1e-5  # the pipeline computes a row at a time


def asked(run, kind, **options):
    with quiet():
        return pipeline(kind, model=run.output, device="cpu", **options)


def of_pairs(pairs):
    return [{"text": one, "text_pair": other} for one, other in pairs]


def test_of_single_texts(official, plan):
    run = finetune(plan(data=str(official("sst2")), epochs=3))
    found, mine = asked(run, "text-classification")(TEXTS), predict(run, TEXTS, precision="fp32")
    assert [each["label"] for each in found] == list(mine.answers)
    assert [each["score"] for each in found] == pytest.approx(mine.probabilities, abs=CLOSE)


def test_of_pairs(official, plan):
    run = finetune(plan(task="mnli", data=str(official("mnli")), epochs=2))
    found, mine = asked(run, "text-classification")(of_pairs(PAIRS)), predict(run, PAIRS, precision="fp32")
    assert [each["label"] for each in found] == list(mine.answers)
    assert [each["score"] for each in found] == pytest.approx(mine.probabilities, abs=CLOSE)


def test_of_scores(official, plan):
    run = finetune(plan(task="stsb", data=str(official("stsb")), epochs=2))
    found, mine = asked(run, "text-classification")(of_pairs(PAIRS)), predict(run, PAIRS, precision="fp32")
    assert [each["score"] for each in found] == pytest.approx(mine.answers, abs=CLOSE)


def test_of_several_labels(plan, tmp_path):
    sets = [["a", "b"], [], ["c"]]
    rows = [json.dumps({"text": text, "labels": some}) for text, some in zip(TEXTS, sets, strict=True)]
    (tmp_path / "train.jsonl").write_text("\n".join(rows * 5))
    named = {"text_column": "text", "label_column": "labels", "multi_label": True}
    path = str(tmp_path / "train.jsonl")
    run = finetune(plan(task="own", data=path, dev=path, epochs=2, **named))
    found, mine = asked(run, "text-classification", top_k=None)(TEXTS), predict(run, TEXTS, precision="fp32")
    for theirs, shares in zip(found, mine.label_probabilities, strict=True):
        assert {each["label"]: each["score"] for each in theirs} == pytest.approx(shares, abs=CLOSE)


def test_of_tags(plan, tmp_path):
    (tmp_path / "train.conll").write_text("good\tB-X\nbad\tI-X\nx\tO\n\nx\tO\ngood\tB-Y\n\n" * 9)
    run = finetune(plan(task="ner", data=str(tmp_path / "train.conll"), epochs=20, learning_rate=1e-2))
    texts = ["good bad x", "x good", "x x"]
    mine = predict(run, texts)
    assert any(label != "O" for answer in mine.answers for label in answer)
    for text, units, answer in zip(texts, mine.units, mine.answers, strict=True):
        found = asked(run, "token-classification", aggregation_strategy="first")(text)
        theirs = [label for each in found for label in [each["entity_group"]] * len(each["word"].split())]
        words = [word for each in found for word in each["word"].split()]
        entities = [(unit, label[2:]) for unit, label in zip(units, answer, strict=True) if label != "O"]
        assert list(zip(words, theirs, strict=True)) == entities


@pytest.mark.parametrize("pooling", ["mean", "max"])
def test_of_pooled_runs_where_tokbench_is_there(pooling, official, plan):
    run = finetune(plan(data=str(official("sst2")), epochs=2, pooling=pooling))
    found, mine = asked(run, "text-classification")(TEXTS), predict(run, TEXTS, precision="fp32")
    assert [each["score"] for each in found] == pytest.approx(mine.probabilities, abs=CLOSE)
