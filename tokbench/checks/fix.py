"""Fix what check found: in a staged copy, which is checked again before it takes the folder's place."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tokbench.checks.context import CheckContext, check_context
from tokbench.checks.fixes import OF_MODELS
from tokbench.checks.run import RULES, run_rules
from tokbench.checks.staging import StagedCopy, copy_files, put_in_place, staged
from tokbench.errors import UsageError
from tokbench.io.atomic import atomic_folder, ensure_writable, scratch_folder
from tokbench.results import Result

if TYPE_CHECKING:
    from tokbench.checks.findings import Checkup

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
    tokenizer: str | Path,
    model: str | Path | None = None,
    *,
    output: Path | None = None,
    in_place: bool = False,
    force: bool = False,
    quick: bool = False,
    ignore: Sequence[str] = (),
) -> FixReport:
    """Fix what is safe to fix; with neither `output` nor `in_place` only say what would be done.

    The model in the tokenizer's folder is fixed with it; one elsewhere only in its place. Whatever needs a
    choice is left, with the command that its finding names.
    """
    context = check_context(tokenizer, model)
    if context.folder is None:
        raise UsageError(
            f"{tokenizer} is one file, and only a folder is fixed",
            fix=f"tokbench wrap {context.word} -o wrapped",
        )
    if output is not None:
        ensure_writable(output, force=force)
    for name in (tokenizer, model) if in_place else ():
        if name is not None and not Path(name).expanduser().is_dir():
            raise UsageError(f"{name} is on the hub, and has no place here", fix="write a new folder: -o NEW")
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
        after = _renamed(run_rules(check_context(*named), quick=quick, ignore=ignore), names)
        backup = ""
        if output is not None:
            with atomic_folder(output, force=force) as place:
                put_in_place(copy, place)
        elif in_place:
            sources = {context.folder: copy} | ({} if apart is None else {apart: models})
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


def _renamed(checkup: Checkup, names: Mapping[str, str]) -> Checkup:
    """A checkup of copies, with the names of what was copied."""

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
