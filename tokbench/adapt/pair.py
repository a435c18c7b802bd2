"""Whether a tokenizer and a model belong together, asked of check's rules before anything is written."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from tokbench.errors import UsageError
from tokbench.model.files import find_model
from tokbench.pretrained.added_tokens import highest_id
from tokbench.pretrained.folder import TOKENIZER, load

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from tokbench.checks.findings import Finding
    from tokbench.pretrained.folder import TokenizerFolder

# Rules of which an error says that ids mean one thing to the tokenizer and another to the model. Damaged
# files are refused by what reads them.
BELONGING = ("TB411", "TB413", "TB452")
OWN = "TB452"


def refuse_strangers(
    folder: TokenizerFolder,
    model: str | Path,
    *,
    roles: Collection[str] = (),
    resized: bool = False,
    anyway: bool = False,
) -> None:
    """UsageError for a tokenizer whose ids are not the model's; it names what was found and what helps.

    `roles` move to other tokens in the same act, so what is said of the padding's id does not hold then.
    A model that is `resized` gets the rows it lacks. `anyway` is for who knows that the ids mean the same:
    nothing is asked.
    """
    if anyway:
        return
    from tokbench.checks.context import check_context
    from tokbench.checks.run import RULES, run_rules  # 0.1 s, which tokens without a model need not wait for
    from tokbench.checks.staging import sources_on_disk

    asked = [code for code in BELONGING if code != "TB411" or "pad" not in roles]
    with sources_on_disk(folder.path if folder.path.exists() else folder.tokenizer, model) as found:
        context = check_context(found.tokenizer, found.model)
        checkup = run_rules(context, quick=True, ignore=[code for code in RULES if code not in asked])
        rows = context.model.rows if context.model else None
        short = rows is not None and context.size > rows and not resized
    # another tokenizer than the model's own explains whatever else differs
    for finding in sorted(checkup.findings, key=lambda each: each.code != OWN):
        if finding.severity == "error":
            fix = _remedy(folder, str(model), finding, short=short)
            raise UsageError(_sentence(folder, model, finding), fix=fix)


def own_tokens(model: str | Path) -> int:
    """Highest id + 1 of the tokenizer that lies beside a model, whose rows are not spare; 0 without one."""
    path = find_model(model, weights=False, besides=(TOKENIZER,))
    return highest_id(load(path).tokenizer) + 1 if (path / TOKENIZER).is_file() else 0


def _sentence(folder: TokenizerFolder, model: str | Path, finding: Finding) -> str:
    what = finding.message.replace("this is not", f"{folder.name} is not").replace(
        "the tokenizer that the model was", f"the tokenizer that {model} was"
    )
    named = "" if what != finding.message else f"{folder.name} and {model} do not belong together: "
    return f"{named}{what} ({finding.code}; {finding.evidence})"


def rows_first(folder: TokenizerFolder, model: str | Path, *, anyway: bool) -> str:
    """The command that gives a model the rows it lacks, and the word that takes its result."""
    forced = " --force-ids" if anyway else ""
    resize = f"tokbench resize {shlex.quote(str(model))} --tokenizer {shlex.quote(folder.name)} -o resized"
    return f"give it the rows first: {resize}{forced}, and then the same with --model resized{forced}"


def _remedy(folder: TokenizerFolder, model: str, finding: Finding, *, short: bool) -> str:
    """What helps today, and the word for who means it; that alone does not help where rows are `short`."""
    meant = rows_first(folder, model, anyway=True) if short else "--force-ids"
    if finding.code == OWN:
        return f"take the model's own, {shlex.quote(model)}; where the ids mean the same: {meant}"
    return f"{finding.fix}; where it is meant so: {meant}"
