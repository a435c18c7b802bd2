"""Whether a tokenizer and a model belong together, asked of check's rules before anything is written."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from tokbench.checks.context import check_context
from tokbench.checks.run import RULES, run_rules
from tokbench.checks.staging import sources_on_disk
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
    folder: TokenizerFolder, model: str | Path, *, roles: Collection[str] = (), anyway: bool = False
) -> None:
    """UsageError for a tokenizer whose ids are not the model's; it names what was found and what helps.

    `roles` move to other tokens in the same act, so what is said of the padding's id does not hold then.
    `anyway` is for who knows that the ids mean the same: nothing is asked.
    """
    if anyway:
        return
    asked = [code for code in BELONGING if code != "TB411" or "pad" not in roles]
    with sources_on_disk(folder.path if folder.path.exists() else folder.tokenizer, model) as found:
        context = check_context(found.tokenizer, found.model)
        checkup = run_rules(context, quick=True, ignore=[code for code in RULES if code not in asked])
    for finding in checkup.findings:
        if finding.severity == "error":
            raise UsageError(_sentence(folder, model, finding), fix=_remedy(str(model), finding))


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


def _remedy(model: str, finding: Finding) -> str:
    """What helps today, and the word for who means it."""
    if finding.code == OWN:
        return f"take the model's own, {shlex.quote(model)}; --force-ids only where the ids mean the same"
    return f"{finding.fix}; or --force-ids, where it is meant so"
