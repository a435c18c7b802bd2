"""Fix what check found: in a staged copy, which is checked again before it takes the folder's place."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tokbench.checks.context import CheckContext, check_context
from tokbench.checks.findings import CheckRequest, Checkup
from tokbench.checks.fixes import OF_MODELS
from tokbench.checks.run import RULES, run_rules
from tokbench.checks.staging import (
    SourcesOnDisk,
    StagedCopy,
    copy_files,
    put_in_place,
    shown_as,
    sources_on_disk,
    staged,
)
from tokbench.errors import UsageError
from tokbench.io.atomic import atomic_folder, ensure_writable, scratch_folder
from tokbench.results import Result

if TYPE_CHECKING:
    from tokbench.pretrained.folder import TokenizerSource
    from tokbench.pretrained.on_disk import ModelSource

ROUNDS = 4  # one fix may uncover what another fixes
FIXES = {code: rule.fix for code, rule in RULES.items() if rule.fix is not None}
MODEL_FIXES = {code: fix for code, fix in FIXES.items() if fix in OF_MODELS}
TOKENIZER_FIXES = {code: fix for code, fix in FIXES.items() if code not in MODEL_FIXES}


@dataclass(frozen=True)
class Change:
    """One thing that was changed, for the finding of this code; `what` names the file first."""

    code: str
    what: str


@dataclass(frozen=True, kw_only=True, repr=False)
class FixReport(Result, kind="fix-report", table="changes"):
    """What was fixed and what is left; `before` and `after` are checkups.

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
    checked: Checkup | TokenizerSource,
    output: str | Path | None = None,
    *,
    model: ModelSource | None = None,
    in_place: bool = False,
    force: bool = False,
    quick: bool = False,
    ignore: Sequence[str] = (),
) -> FixReport:
    """Fix what is safe to fix; with neither `output` nor `in_place` only say what would be done.

    `checked` is what `check` gave, or a tokenizer, which is checked first. The model in the tokenizer's
    folder is fixed with it; one elsewhere only in its place. Whatever needs a choice is left, with the
    command that its finding names. What is only in memory is fixed as it would be saved, into `output`.

    >>> import tempfile, tokbench as tb
    >>> with tempfile.TemporaryDirectory() as place:
    ...     tok = tb.train(["a cat", "a hat"] * 9, "wordpiece", vocab_size=30, output=f"{place}/tok")
    ...     report = tb.fix(tb.check(tok, quick=True), f"{place}/fixed")
    >>> report.changes, report.after.passed
    ((), True)
    """
    request = _request(checked, model, quick=quick, ignore=ignore)
    out = None if output is None else Path(output)
    with sources_on_disk(request.tokenizer, request.model) as found:
        if in_place and (found.names or not isinstance(found.tokenizer, str)):
            raise UsageError("what is in memory has no place to be fixed in", fix="give an output")
        report = _fix(found, out, in_place=in_place, force=force, request=request)
        before, after = (shown_as(each, found.names) for each in (report.before, report.after))
        name = found.names.get(report.tokenizer, report.tokenizer)
        return dataclasses.replace(report, tokenizer=name, model=before.model, before=before, after=after)


def _request(
    checked: Checkup | TokenizerSource,
    model: ModelSource | None,
    *,
    quick: bool,
    ignore: Sequence[str],
) -> CheckRequest:
    """What is to be checked and fixed; what a checkup was asked holds unless something else is said."""
    if not isinstance(checked, Checkup):
        return CheckRequest(checked, model, quick, tuple(ignore))
    asked = checked.request
    if asked is None:  # it was read from a file
        other = checked.adapter or checked.model
        asked = CheckRequest(checked.tokenizer, other if other not in ("", checked.tokenizer) else None)
    return CheckRequest(
        asked.tokenizer,
        asked.model if model is None else model,
        quick or asked.quick,
        tuple(ignore) or asked.ignore,
    )


def _fix(
    sources: SourcesOnDisk, output: Path | None, *, in_place: bool, force: bool, request: CheckRequest
) -> FixReport:
    tokenizer, model = sources.tokenizer, sources.model
    quick, ignore = request.quick, request.ignore
    context = check_context(tokenizer, model)
    _refuse_what_has_no_folder(context, (tokenizer, model) if in_place else ())
    assert context.folder is not None
    if output is not None:
        ensure_writable(output, force=force)
    before = run_rules(context, quick=quick, ignore=ignore)
    apart = _apart(context)
    with scratch_folder() as scratch:
        copy = staged(context.folder, scratch / "tokenizer")
        models = copy if apart is None else staged(apart, scratch / "model")
        whole = context.adapter is None and (apart is None or output is None)
        known = TOKENIZER_FIXES | (MODEL_FIXES if whole else {})
        other = context.adapter.folder if context.adapter and model is not None else None
        named: tuple[Path, Path | None] = (copy.folder, other if apart is None else models.folder)
        changes = tuple(_apply_fixes(named, copy, models, known, before))
        names = {str(models.folder): str(model), str(copy.folder): str(output or tokenizer)}
        after = shown_as(run_rules(check_context(*named), quick=quick, ignore=ignore), names)
        backup = ""
        if output is not None:
            with atomic_folder(output, force=force) as place:
                put_in_place(copy, place)
        elif in_place:
            copies = {context.folder: copy} | ({} if apart is None else {apart: models})
            backup = ", ".join(_put_back(source, each) for source, each in copies.items() if each.changed)
    return FixReport(
        tokenizer=str(tokenizer),
        model=before.model,
        output=str(output or (tokenizer if in_place else "")),
        backup=backup,
        changes=changes,
        before=before,
        after=after,
    )


def _refuse_what_has_no_folder(context: CheckContext, named: Iterable[object]) -> None:
    """UsageError for a tokenizer without a folder, or a name among these that is no folder on this disk."""
    if context.folder is None:
        raise UsageError(
            f"{context.name} is one file or an object, and only a folder is fixed",
            fix=f"tokbench wrap {context.word} -o wrapped",
        )
    for name in named:
        if name is not None and not Path(str(name)).expanduser().is_dir():
            raise UsageError(f"{name} is on the hub, and has no place here", fix="write a new folder: -o NEW")


def fixable(checkup: Checkup) -> int:
    """How many of the findings there is a fix for; some are left in the end, where a choice is needed."""
    return sum(finding.code in FIXES for finding in checkup.findings)


def _apply_fixes(
    named: tuple[Path, Path | None],
    copy: StagedCopy,
    models: StagedCopy,
    known: Mapping[str, Callable[..., Iterable[str]]],
    before: Checkup,
) -> Iterator[Change]:
    """Apply the fixes that the findings call for, and check again, until nothing more changes."""
    found = before
    for _ in range(ROUNDS):
        codes = [code for code in known if code in {finding.code for finding in found.findings}]
        changes = []
        for code in codes:
            context = check_context(*named)  # the fix before it may have changed what this one sees
            each = models if code in MODEL_FIXES else copy
            changes += [Change(code, what) for what in known[code](context, each)]
        yield from changes
        if not changes:
            return
        found = run_rules(check_context(*named), quick=True)


def _apart(context: CheckContext) -> Path | None:
    """The model's own folder, when it is fixed too; an adapter and its base are left as they are."""
    if context.model is None or context.adapter is not None or context.model.folder == context.folder:
        return None
    return context.model.folder


def _put_back(source: Path, copy: StagedCopy) -> str:
    """Replace `source` by its copy, after a backup of the files that change; the backup's name."""
    backup = next(
        place
        for number in range(1, 1_000)
        if not (
            place := source.with_name(f"{source.name}.backup{'' if number == 1 else f'-{number}'}")
        ).exists()
    )
    ensure_writable(source, force=True)
    with atomic_folder(backup) as place:
        copy_files(source, copy.changed, place)
    with atomic_folder(source, force=True) as place:
        put_in_place(copy, place)
    return str(backup)
