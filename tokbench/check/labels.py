"""Rules about the classes a model answers with."""

from __future__ import annotations

from collections.abc import Iterator

from tokbench.check.evidence import listed
from tokbench.check.finding import Finding
from tokbench.check.model_files import ModelFiles
from tokbench.check.subject import Subject

CLASSIFIERS = ("ForSequenceClassification", "ForTokenClassification")


def labels_agree(subject: Subject, model: ModelFiles) -> Iterator[Finding]:
    """id2label and label2id say the same.

    Cause: one of them was edited, or set for another task.
    Example: predictions come out under other names than they were trained with: MNLI accuracy 90.6 % becomes
    4.28 % when the order of the names differs.
    Source: transformers PR #10401, #10386
    """
    forth, back = model.config.get("id2label"), model.config.get("label2id")
    if not isinstance(forth, dict) or not isinstance(back, dict):
        return
    names = {str(number): str(name) for number, name in forth.items()}
    wrong = [f"{name} → {number}" for name, number in back.items() if names.get(str(number)) != str(name)]
    if wrong or len(back) != len(names):
        yield Finding(
            "TB431",
            "error",
            "id2label and label2id do not undo each other",
            f"label2id: {listed(wrong) or len(back)}; id2label: {listed(list(names.items()))}",
            f"write both in the order of the training data's labels into config.json of {model.name}",
        )


def labels_have_rows(subject: Subject, model: ModelFiles) -> Iterator[Finding]:
    """A classifier's last layer has a row for each label.

    Cause: config.json was edited after training.
    Example: from_pretrained raises over sizes that do not match, or starts the layer at random.
    Source: transformers, ignore_mismatched_sizes
    """
    names = model.config.get("id2label")
    if not isinstance(names, dict) or not model.architecture.endswith(CLASSIFIERS):
        return
    for layer, rows in model.label_rows.items():
        if rows != len(names):
            yield Finding(
                "TB432",
                "error",
                f"{len(names)} labels, but a last layer of {rows} rows",
                f"{layer}: {rows} rows; id2label: {listed(list(names.values()))}",
                f"write the {rows} labels it was trained with into config.json of {model.name}",
            )
