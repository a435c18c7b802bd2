"""Rules about what the files of a folder say of the same tokens: one fact, one value, whoever reads it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tokbench.checks.findings import Finding, Rule, first_few
from tokbench.errors import plural
from tokbench.io.links import links_out

if TYPE_CHECKING:
    from tokbench.checks.context import CheckContext


def files_lie_in_the_folder(context: CheckContext) -> Iterator[Finding]:
    """No file of the tokenizer's or the model's folder is a link to somewhere outside.

    Cause: a folder that somebody packed, or one put together from links to save room.
    Example: chat_template.jinja links to a file with secrets: a tool that copies the folder follows the link
    and writes what it finds into a plain file, which is then shared.
    Source: measured with transformers 5.23, which follows every link
    """
    homes = [context.folder, context.model.folder if context.model else None]
    for folder in dict.fromkeys(home for home in homes if home is not None):
        found = links_out(folder)
        if found:
            count = plural(len(found), "file is a link", "files are links")
            yield Finding(
                f"{count} to somewhere outside the folder; commands that write refuse it",
                first_few([f"{name} → {target}" for name, target in found.items()]),
                "put the files themselves there, where the links are meant",
            )


RULES = (
    Rule("TB612", "files-lie-in-the-folder", "warning", "folder", files_lie_in_the_folder),
)  # fmt: skip
