"""A checkup as SARIF 2.1.0, the format in which code hosts and editors show what a check found."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokbench import __version__
from tokbench.escapes import safe_json

if TYPE_CHECKING:
    from tokbench.checks.findings import Checkup, Explanation, Finding

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
# The files that findings speak of; what names none of them is about the first.
FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "generation_config.json",
    "config.json",
    "vocab.txt",
    "vocab.json",
    "training_args.bin",
    "adapter_config.json",
    "model.safetensors",
)
LEVELS = {"error": "error", "warning": "warning", "note": "note"}


def as_sarif(result: Checkup, rules: Sequence[Explanation]) -> str:
    """One run with every rule that looked, and one result for each finding."""
    looked = [rule for rule in rules if rule.code in result.checked]
    places = {rule.code: at for at, rule in enumerate(looked)}
    run = {
        "tool": {
            "driver": {
                "name": "tokbench",
                "version": __version__,
                "rules": [_rule(rule) for rule in looked],
            }
        },
        "invocations": [{"executionSuccessful": True}],
        "results": [_result(result, finding, places) for finding in result.findings],
    }
    whole = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return safe_json(json.dumps(whole, ensure_ascii=False, indent=2))


def _rule(rule: Explanation) -> Mapping[str, Any]:
    return {
        "id": rule.code,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": f"{rule.title} {rule.cause}"},
        "help": {"text": f"{rule.cause}\n\nExample: {rule.example}\n\nSource: {rule.source}"},
        "defaultConfiguration": {"level": LEVELS[rule.severity]},
    }


def _result(result: Checkup, finding: Finding, places: Mapping[str, int]) -> Mapping[str, Any]:
    return {
        "ruleId": finding.code,
        "ruleIndex": places[finding.code],
        "level": LEVELS[finding.severity],
        "message": {"text": f"{finding.message}: {finding.evidence}. To fix it: {finding.fix}"},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": _uri(result, finding)}}}],
        "partialFingerprints": {"code/v1": finding.code},
    }


def _uri(result: Checkup, finding: Finding) -> str:
    """The file that a finding is about, as a URI: relative where the folder was named so."""
    words = f"{finding.message} {finding.fix} {finding.evidence}"
    file = next((name for name in sorted(FILES, key=len, reverse=True) if name in words), FILES[0])
    folder = Path(_folder(result, file))
    path = folder if folder.is_file() else folder / file
    return path.as_uri() if path.is_absolute() else path.as_posix().replace(" ", "%20")


def _folder(result: Checkup, file: str) -> str:
    """Whose file it is."""
    if file == "adapter_config.json":
        return result.adapter
    is_models = file in ("config.json", "generation_config.json", "model.safetensors")
    return result.model if result.model and is_models else result.tokenizer
