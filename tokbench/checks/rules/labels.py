"""Rules about the classes a model answers with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from tokbench.checks.findings import Finding, Rule, first_few
from tokbench.errors import plural

if TYPE_CHECKING:
    from tokbench.checks.context import CheckContext
    from tokbench.checks.data_stats import DataStats
    from tokbench.checks.model_files import ModelFiles

CLASSIFIERS = ("ForSequenceClassification", "ForTokenClassification")
IGNORED = -100  # what the loss passes over
RENAME = "write id2label and label2id in the data's order, if the model was trained on such data"
Complaint = tuple[str, str, str, str]  # how bad, what is wrong, the labels that show it, what to do


def labels_agree(context: CheckContext, model: ModelFiles) -> Iterator[Finding]:
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
            "id2label and label2id do not undo each other",
            f"label2id: {first_few(wrong) or len(back)}; id2label: {first_few(list(names.items()))}",
            f"write both in the order of the training data's labels into config.json of {model.name}",
        )


def labels_have_rows(context: CheckContext, model: ModelFiles) -> Iterator[Finding]:
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
                f"{plural(len(names), 'label')}, but a last layer of {plural(rows, 'row')}",
                f"{layer}: {plural(rows, 'row')}; id2label: {first_few(list(names.values()))}",
                f"write the {plural(rows, 'label')} it was trained with into config.json of {model.name}",
            )


def labels_are_the_datas(context: CheckContext, survey: DataStats) -> Iterator[Finding]:
    """The labels of the texts are those the model answers with, in the same order.

    Cause: the model was trained on data that numbers its classes otherwise; test data without answers.
    Example: MNLI in another order of the three names: accuracy 90.6 % becomes 4.28 %. GLUE's test files have
    -1 for every label, which is an IndexError in the loss.
    Source: transformers PR #10401, #10386, datasets #5624
    """
    model = context.model
    if model is None or not model.architecture.endswith(CLASSIFIERS):
        return
    own, written = _names(model), [label for label, _ in survey.labels]
    if len(own) < 2 or model.config.get("problem_type") == "regression":
        return
    for severity, message, shown, fix in _complaints(own, written, survey):
        evidence = f"column {survey.label_column}: {shown}; id2label: {first_few(own, 6)}"
        yield Finding(message, evidence, fix, severity=severity)


def _complaints(own: list[str], written: list[str], survey: DataStats) -> Iterator[Complaint]:
    numbers = [int(label) for label in written if label.lstrip("-").isdigit()]
    if len(numbers) < len(written):
        yield from _of_names(own, sorted(written))
    elif set(numbers) == {-1}:
        yield "warning", "the texts have no answers: every label is -1", "-1", "take labelled texts"
    else:
        yield from _of_numbers(own, sorted(numbers), survey.label_names)


def _of_numbers(own: list[str], numbers: list[int], names: Sequence[str]) -> Iterator[Complaint]:
    """Class ids, to which the file may give names."""
    wrong = [number for number in numbers if not 0 <= number < len(own) and number != IGNORED]
    if wrong:
        found = plural(len(wrong), "label of the texts is", "labels of the texts are")
        words = f"{found} no class of the model"
        yield "error", words, first_few(wrong, 6), f"the model has the classes 0 to {len(own) - 1}"
    if names and not _alike(names, own) and not _unnamed(own):
        yield "error", "the data numbers its labels otherwise than the model", first_few(names, 6), RENAME


def _of_names(own: list[str], written: list[str]) -> Iterator[Complaint]:
    """Names of classes, in alphabetical order."""
    known, used = {name.casefold() for name in own}, {label.casefold() for label in written}
    foreign = [label for label in written if label.casefold() not in known]
    if _unnamed(own):
        if len(written) > len(own):
            words = f"{plural(len(written), 'label')} for {plural(len(own), 'class', 'classes')}"
            yield "error", words, first_few(written, 6), RENAME
    elif foreign:
        found = plural(len(foreign), "label of the texts is", "labels of the texts are")
        words = f"{found} none of the model's"
        yield "error", words, first_few(foreign, 6), "rename the labels of the texts, or of the model"
    elif not _alike(written, [name for name in own if name.casefold() in used]):
        words = "the model does not number the labels by name, as most scripts do"
        yield "note", words, first_few(written, 6), "give the script the model's label2id"


def _names(model: ModelFiles) -> list[str]:
    """The model's labels by number; two unnamed ones where the config is silent, as its class has them."""
    named = model.config.get("id2label")
    if not isinstance(named, dict):
        return ["LABEL_0", "LABEL_1"]
    return [str(named[key]) for key in sorted(named, key=lambda key: (len(str(key)), str(key)))]


def _unnamed(names: list[str]) -> bool:
    return all(name.startswith("LABEL_") for name in names)


def _alike(one: Sequence[str], other: Sequence[str]) -> bool:
    return [name.casefold() for name in one] == [name.casefold() for name in other]


RULES = (
    Rule("TB431", "labels-agree", "error", "model", labels_agree),
    Rule("TB432", "labels-have-rows", "error", "weights", labels_have_rows),
    Rule("TB708", "labels-are-the-datas", "error", "labels", labels_are_the_datas),
)
