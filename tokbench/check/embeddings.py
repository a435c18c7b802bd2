"""Rules about the model's matrices, by the headers of its weights: enough rows, and everywhere the same."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from tokbench.check.evidence import listed, quoted
from tokbench.check.finding import Finding
from tokbench.check.model_files import ModelFiles
from tokbench.check.subject import Subject
from tokbench.errors import plural


def ids_have_rows(subject: Subject, model: ModelFiles) -> Iterator[Finding]:
    """Every id has a row in the model's embedding.

    Cause: tokens were added and the model was not grown, or only to len(tokenizer) where ids have gaps.
    Example: the first text with the new token is an IndexError: index out of range in self; on a GPU a
    device-side assert, reported at some later call.
    Source: transformers #27053, tokenizers #1609
    """
    rows = model.rows
    if rows is None or subject.size <= rows or subject.adapter is not None:  # TB454 looks at adapters
        return
    beyond = sorted((number, token) for token, number in subject.vocabulary.items() if number >= rows)
    yield Finding(
        "TB401",
        "error",
        f"{plural(len(beyond), 'id is', 'ids are')} beyond "
        f"the {plural(rows, 'row')} of the model's embedding",
        listed([f"{quoted(token)} = {number}" for number, token in beyond]),
        f"tokbench resize {shlex.quote(model.name)} --tokenizer {subject.word} -o resized",
    )


def vocab_size_is_the_rows(subject: Subject, model: ModelFiles) -> Iterator[Finding]:
    """config.json's vocab_size is the number of embedding rows in the weights.

    Cause: vocab_size was edited by hand, or one of the two files is from another save.
    Example: from_pretrained raises over sizes that do not match; with ignore_mismatched_sizes=True it starts
    the whole embedding at random instead.
    Source: transformers #2480, LlamaFactory #8823
    """
    stated, rows = model.number("vocab_size"), model.rows
    if model.embeddings and stated is not None and stated != rows:
        yield Finding(
            "TB402",
            "error",
            f"config.json says {plural(stated, 'row')}, the weights have {rows:,}",
            f"{next(iter(model.embeddings))}: {rows:,} rows; tokenizer: highest id {subject.size - 1:,}",
            f"tokbench check {subject.word} {shlex.quote(model.name)} --fix --in-place",
        )


def spare_rows_are_few(subject: Subject, model: ModelFiles) -> Iterator[Finding]:
    """The model has hardly more embedding rows than the tokenizer has ids.

    Cause: matrices are padded to a round size; or this is not the tokenizer the model was trained with.
    Example: resize_token_embeddings(len(tokenizer)) shrinks a padded matrix (152 → 149) and cuts off what was
    in its last rows. A tokenizer half as large as its model is hardly the model's own.
    Source: unsloth-zoo #923, unsloth #2607, mergekit #425
    """
    rows = model.rows
    if rows is None or rows <= subject.size:
        return
    foreign = rows > 2 * subject.size
    yield Finding(
        "TB403",
        "warning" if foreign else "note",
        "most rows have no token: is this the model's tokenizer?"
        if foreign
        else f"{plural(rows - subject.size, 'spare row')}: new tokens can take them without a resize",
        f"{rows:,} rows, highest id {subject.size - 1:,}",
        f"name the tokenizer that {model.name} was trained with"
        if foreign
        else "nothing; never resize below",
    )


def matrices_have_the_same_rows(subject: Subject, model: ModelFiles) -> Iterator[Finding]:
    """Input embedding, output head and its bias have the same number of rows.

    Cause: only one of them was resized, by hand or by a tool that does not know the family.
    Example: loading raises over sizes that do not match, or starts the head at random and says so in a table
    that scrolls by.
    Source: transformers #1730, #2480, #35141, skeletoken #108
    """
    sizes = model.embeddings | model.outputs
    if model.embeddings and len(set(sizes.values())) > 1:
        yield Finding(
            "TB404",
            "error",
            "the model's matrices over the vocabulary differ in their rows",
            listed([f"{name} {rows:,}" for name, rows in sizes.items()], 6),
            "resize them together: model.resize_token_embeddings(n), then save the model again",
        )


def weights_can_be_read(subject: Subject, model: ModelFiles) -> Iterator[Finding]:
    """The weights are whole: header and files agree, and every shard lies in the model's folder.

    Cause: a download or a copy was cut, a Git LFS pointer was checked out, an index was tampered with.
    Example: from_pretrained raises "Error while deserializing header" without naming the file; it follows an
    index that points to ../elsewhere.safetensors out of the folder.
    Source: transformers #46097, #47176
    """
    if model.weights.problem:
        yield Finding(
            "TB405",
            "error",
            "the weights cannot be read",
            model.weights.problem,
            "take a whole copy of the model",
        )


def weights_are_safetensors(subject: Subject, model: ModelFiles) -> Iterator[Finding]:
    """The weights are stored as safetensors.

    Cause: the model was saved years ago, or with safe_serialization=False.
    Example: a .bin file is a pickle, which can run code when it is opened; check does not open it and cannot
    count its rows.
    Source: CVE-2025-32434
    """
    if model.weights.pickled:
        yield Finding(
            "TB406",
            "warning",
            "the weights are a pickle, so their rows were not counted",
            model.weights.pickled,
            "load the model with transformers and save it again with save_pretrained",
        )
