"""Findings that one thing mends are mended: in a copy, looked at again, and only then put in place."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tokbench.checks.context import CheckContext, check_context
from tokbench.checks.findings import Checkup
from tokbench.checks.fixes import OF_MODELS
from tokbench.checks.run import RULES, run_rules
from tokbench.checks.staging import StagedCopy, copy_files, put_in_place, staged
from tokbench.errors import UsageError
from tokbench.io.atomic import atomic_folder, ensure_writable

ROUNDS = 4  # one fix may uncover what another mends
FIXES = {code: rule.fix for code, rule in RULES.items() if rule.fix is not None}
MODEL_FIXES = {code: fix for code, fix in FIXES.items() if fix in OF_MODELS}
TOKENIZER_FIXES = {code: fix for code, fix in FIXES.items() if code not in MODEL_FIXES}


@dataclass(frozen=True)
class Change:
    """One thing that was changed, for the finding of this code; `what` names the file first."""

    code: str
    what: str


@dataclass(frozen=True, kw_only=True)
class FixReport:
    """What was mended and what is left; `before` and `after` are checkups.

    `output` is the folder that was written, "" after a dry run; `backup` holds the old files when the folder
    was changed in its place.
    """

    tokenizer: str
    model: str
    output: str
    backup: str
    changes: tuple[Change, ...]
    before: Checkup
    after: Checkup


def fix(
    tokenizer: str | Path,
    model: str | Path | None = None,
    *,
    output: Path | None = None,
    in_place: bool = False,
    force: bool = False,
    quick: bool = False,
    ignore: Sequence[str] = (),
) -> FixReport:
    """Mend what is safe to mend; with neither `output` nor `in_place` only say what would be done.

    The model in the tokenizer's folder is mended with it; one elsewhere only in its place. Whatever needs a
    choice is left, with the command that its finding names.
    """
    subject = check_context(tokenizer, model)
    if subject.folder is None:
        raise UsageError(
            f"{tokenizer} is one file, and a folder is mended", fix=f"tokbench wrap {subject.word} -o wrapped"
        )
    if output is not None:
        ensure_writable(output, force=force)
    for name in (tokenizer, model) if in_place else ():
        if name is not None and not Path(name).expanduser().is_dir():
            raise UsageError(f"{name} is on the hub, and has no place here", fix="write a new folder: -o NEW")
    before = run_rules(subject, quick=quick, ignore=ignore)
    apart = _apart(subject)
    with tempfile.TemporaryDirectory() as room:
        draft = staged(subject.folder, Path(room) / "tokenizer")
        models = draft if apart is None else staged(apart, Path(room) / "model")
        whole = subject.adapter is None and (apart is None or output is None)
        known = TOKENIZER_FIXES | (MODEL_FIXES if whole else {})
        other = subject.adapter.folder if subject.adapter and model is not None else None
        named: tuple[Path, Path | None] = (draft.folder, other if apart is None else models.folder)
        changes = tuple(_mended(named, draft, models, known, before))
        names = {str(models.folder): str(model), str(draft.folder): str(output or tokenizer)}
        after = _renamed(run_rules(check_context(*named), quick=quick, ignore=ignore), names)
        backup = ""
        if output is not None:
            with atomic_folder(output, force=force) as place:
                put_in_place(draft, place)
        elif in_place:
            sources = {subject.folder: draft} | ({} if apart is None else {apart: models})
            backup = ", ".join(_put_back(source, each) for source, each in sources.items() if each.changed)
    return FixReport(
        tokenizer=str(tokenizer),
        model=before.model,
        output=str(output or (tokenizer if in_place else "")),
        backup=backup,
        changes=changes,
        before=before,
        after=after,
    )


def fixable(checkup: Checkup) -> int:
    """How many of the findings there is a fix for; some are left in the end, where a choice is needed."""
    return sum(finding.code in FIXES for finding in checkup.findings)


def _mended(
    named: tuple[Path, Path | None],
    draft: StagedCopy,
    models: StagedCopy,
    known: Mapping[str, Callable[..., Iterable[str]]],
    before: Checkup,
) -> Iterator[Change]:
    """Carry out all fixes that the findings call for, and look again, until nothing more changes."""
    found = before
    for _ in range(ROUNDS):
        codes = [code for code in known if code in {finding.code for finding in found.findings}]
        changes = []
        for code in codes:
            subject = check_context(*named)  # the fix before it may have changed what this one sees
            each = models if code in MODEL_FIXES else draft
            changes += [Change(code, what) for what in known[code](subject, each)]
        yield from changes
        if not changes:
            return
        found = run_rules(check_context(*named), quick=True)


def _apart(subject: CheckContext) -> Path | None:
    """The model's own folder, when it is mended too; an adapter and its base are left as they are."""
    if subject.model is None or subject.adapter is not None or subject.model.folder == subject.folder:
        return None
    return subject.model.folder


def _put_back(source: Path, draft: StagedCopy) -> str:
    """Give the draft the place of its source, the changed files' old ones kept beside; the backup's name."""
    backup = next(
        place
        for number in range(1, 1_000)
        if not (
            place := source.with_name(f"{source.name}.backup{'' if number == 1 else f'-{number}'}")
        ).exists()
    )
    ensure_writable(source, force=True)
    with atomic_folder(backup) as place:
        copy_files(source, draft.changed, place)
    with atomic_folder(source, force=True) as place:
        put_in_place(draft, place)
    return str(backup)


def _renamed(checkup: Checkup, names: Mapping[str, str]) -> Checkup:
    """A checkup of copies, under the names of what was copied."""

    def own(text: str) -> str:
        for copy, name in names.items():
            text = text.replace(copy, name)
        return text

    findings = tuple(
        dataclasses.replace(each, message=own(each.message), evidence=own(each.evidence), fix=own(each.fix))
        for each in checkup.findings
    )
    return dataclasses.replace(
        checkup, tokenizer=own(checkup.tokenizer), model=own(checkup.model), findings=findings
    )
