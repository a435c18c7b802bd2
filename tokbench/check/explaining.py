"""The words of a rule's docstring, as data."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from tokbench.check.finding import Explanation

NEEDS = {
    "": "",
    "folder": "a folder, not a bare tokenizer.json",
    "model": "the model's config.json",
    "weights": "the model's safetensors, of which it reads the header",
    "skeleton": "torch and transformers, and the header of the safetensors (left out by --quick)",
    "values": "the numbers of the weights: read where the files are small, or with --weights",
    "forward": "a forward pass, with torch: where the files are small, or with --weights",
    "data": "texts: --data FILE",
    "adapter": "an adapter_config.json",
    "labels": "a classifier, and texts with a column of labels: --data FILE",
    "transformers": "transformers, which it imports (left out by --quick)",
}


def explained(code: str, look: Callable[..., Any], severity: str, needs: str) -> Explanation:
    """The docstring of a rule: its first line, and its paragraph of Cause:, Example: and Source:."""
    title, _, rest = inspect.cleandoc(look.__doc__ or "").partition("\n\n")
    parts = {"Cause": "", "Example": "", "Source": ""}
    at = ""
    for line in rest.splitlines():
        label, sign, words = line.partition(": ")
        at = label if sign and label in parts else at
        parts[at] += (words if at == label else line) + " "
    return Explanation(
        code=code,
        title=title,
        severity=severity,
        needs=NEEDS[needs],
        cause=parts["Cause"].strip(),
        example=parts["Example"].strip(),
        source=parts["Source"].strip(),
    )
