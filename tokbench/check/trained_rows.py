"""Rules about the numbers of the weights: finite, not blank, and a row of its own for every token."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tokbench.check.evidence import listed, quoted
from tokbench.check.finding import Finding
from tokbench.check.model_files import ModelFiles
from tokbench.check.subject import Subject
from tokbench.check.values import parts_of, tensors_of
from tokbench.errors import plural

NEAR = 0.01  # of the usual distance from the mean row: rows made by mean_resizing have 0.001
ALIKE = 8  # rows near the mean, before it is more than chance


@dataclass
class _Rows:
    """What is odd about the rows of an embedding, by id; `twins` are ids of rows equal to an earlier one."""

    blank: list[int] = field(default_factory=list)
    twins: list[int] = field(default_factory=list)
    distances: list[float] = field(default_factory=list)


def weights_are_numbers(subject: Subject, model: ModelFiles) -> Iterator[Finding]:
    """The weights are numbers: none is infinite or not a number, and no matrix is all zero.

    Cause: training diverged, float16 overflowed, or a copy lost its content and kept its length.
    Example: one NaN makes every logit NaN; from_pretrained loads it without a word.
    Source: measured with transformers 5.23: NaN, Inf and zeroed data are loaded in silence
    """
    import numpy as np

    broken, blank = [], []
    for name, path, entry in tensors_of(_folder(model)):
        some = False
        for part in parts_of(path, entry):
            some = some or bool(part.any())
            if not np.isfinite(part).all():
                broken.append(name)
                break
        if not some and len(entry["shape"]) > 1:
            blank.append(name)
    if broken:
        yield Finding(
            "TB441",
            "error",
            f"{plural(len(broken), 'tensor holds', 'tensors hold')} NaN or infinity",
            listed(broken, 3),
            "take an earlier checkpoint, or a whole copy of the model",
        )
    elif blank:
        yield Finding(
            "TB441",
            "warning",
            f"{plural(len(blank), 'matrix is', 'matrices are')} all zero",
            listed(blank, 3),
            "take a whole copy of the model: this one may have lost its content",
        )


def rows_are_trained(subject: Subject, model: ModelFiles) -> Iterator[Finding]:
    """Every token has a row of its own that was trained, or at least started apart from the others.

    Cause: tokens were added, and the model was resized but not trained: mean_resizing starts all new rows at
    the mean, so near each other that the model cannot tell them apart.
    Example: ten new tokens with a cosine of 0.999997 between each two, norm 0.003 where others have 0.112; a
    row of zeros, as of a padding token, stays at zero.
    Source: transformers PR #33325, unsloth fix_untrained_tokens
    """
    if next(iter(model.embeddings), None) not in {name for name, _, _ in tensors_of(_folder(model))}:
        return  # no embedding that is known, or its numbers are of a kind that is not read
    rows = _rows(model)
    padding = {subject.id_of("pad"), model.number("pad_token_id")}
    named = {number for number in subject.vocabulary.values() if number not in padding}
    blank = [number for number in rows.blank if number in named]
    twins = [number for number in rows.twins if number in named]
    usual = sorted(rows.distances)[len(rows.distances) // 2] if rows.distances else 0.0
    near = [at for at, distance in enumerate(rows.distances) if distance < NEAR * usual and at in named]
    lost = blank or twins or (near if len(near) >= ALIKE else [])
    if lost and len(rows.blank) < len(rows.distances):  # all blank is a finding of its own
        kind = (
            "of zeros"
            if blank
            else "equal to another"
            if twins
            else "at the mean of all, as a resize made it"
        )
        yield Finding(
            "TB442",
            "warning" if blank or twins else "note",
            f"{plural(len(lost), 'token has', 'tokens have')} a row {kind}",
            listed([f"{quoted(subject.tokenizer.id_to_token(number))} = {number}" for number in lost]),
            "train the model on texts with these tokens; tokbench add-tokens starts them at their pieces",
        )


def _rows(model: ModelFiles) -> _Rows:
    """One reading of the input embedding for its mean, and one for what is odd about its rows."""
    import numpy as np

    found, seen = _Rows(), set[int]()
    wanted = next(iter(model.embeddings), None)
    _, path, entry = next(each for each in tensors_of(_folder(model)) if each[0] == wanted)
    with np.errstate(all="ignore"):  # what is no number has a rule of its own
        mean = sum(part.sum(axis=0, dtype=np.float64) for part in parts_of(path, entry)) / entry["shape"][0]
        for part in parts_of(path, entry):
            at = len(found.distances)
            found.distances += np.linalg.norm(part - mean, axis=1).tolist()
            zero = np.asarray(~part.any(axis=1))
            found.blank += (np.flatnonzero(zero) + at).tolist()
            for number, row in enumerate(part):
                key = hash(row.tobytes())
                if key in seen and not zero[number]:
                    found.twins.append(at + number)
                seen.add(key)
    return found


def _folder(model: ModelFiles) -> Path:
    assert model.folder is not None
    return model.folder
