"""Rules about the files of a tokenizer's folder: complete, of one mind, readable by those who get them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tokbench.check.evidence import listed, quoted
from tokbench.check.finding import Finding
from tokbench.check.subject import Subject
from tokbench.errors import FileProblem, plural
from tokbench.pretrained.json_files import MIB, read_object, read_text
from tokbench.pretrained.special_tokens import roles_of

LARGEST = 256 * MIB
RECORD = "tokbench.json"


def config_lies_beside(subject: Subject) -> Iterator[Finding]:
    """tokenizer_config.json lies beside tokenizer.json.

    Cause: the tokenizer was saved with the raw library, or only one file was copied.
    Example: AutoTokenizer loads the folder and knows no special token: pad_token is None, padding=True raises
    ValueError. Beside a config.json of BERT it takes BERT's own token names, and adds those it misses.
    Source: tokenizers #320
    """
    if not subject.config and not subject.roles:
        yield Finding(
            "TB601",
            "error",
            "there is no tokenizer_config.json, so no token has a role",
            f"tokens without a role: {listed([quoted(token) for token in subject.specials]) or 'none'}",
            f"tokbench wrap {subject.word} -o wrapped",
        )


def both_versions_can_load_it(subject: Subject) -> Iterator[Finding]:
    """tokenizer_config.json can be read by transformers 4 as well as 5.

    Cause: transformers 5 writes tokenizer_class TokenizersBackend and a list extra_special_tokens.
    Example: transformers 4.57 says "Tokenizer class TokenizersBackend does not exist", or raises
    AttributeError over the list; so do the converters of llama.cpp and mlx.
    Source: transformers #47553, #44297, unsloth #8444, mlx-lm #683
    """
    wrong = []
    if subject.config.get("tokenizer_class") == "TokenizersBackend":
        wrong.append('"tokenizer_class": "TokenizersBackend"')
    if isinstance(subject.config.get("extra_special_tokens"), list):
        wrong.append('"extra_special_tokens": […]')
    if wrong:
        yield Finding(
            "TB602",
            "warning",
            "transformers 4 cannot load this tokenizer",
            " and ".join(wrong),
            'write "PreTrainedTokenizerFast" and "additional_special_tokens", which both read: '
            f"tokbench wrap {subject.word} -o wrapped",
        )


def side_files_say_the_same(subject: Subject) -> Iterator[Finding]:
    """added_tokens.json and special_tokens_map.json, which are still read, agree with the other files.

    Cause: transformers 5 no longer writes them, so a save into an old folder leaves them behind.
    Example: a stale special_tokens_map.json wins over tokenizer_config.json: len 2,000 becomes 2,001, and the
    padding id 2,000 has no row.
    Source: measured with transformers 5.23
    """
    for file, content in subject.side_files.items():
        wrong = list(_added(subject, content) if file == "added_tokens.json" else _named(subject, content))
        if wrong:
            yield Finding(
                "TB606",
                "error",
                f"{file} contradicts the other files, and transformers believes it",
                listed(wrong),
                f"delete {file}",
            )


def old_vocabularies_say_the_same(subject: Subject) -> Iterator[Finding]:
    """vocab.txt and vocab.json, where they lie beside tokenizer.json, give the same ids.

    Cause: they are of an older tokenizer, and the new one was saved into its folder.
    Example: tools that do not read tokenizer.json take them, and give the model other ids.
    Source: transformers #26773
    """
    for file in ("vocab.txt", "vocab.json"):
        path = (subject.folder or Path()) / file
        if not path.exists():
            continue
        try:
            written = _vocabulary(path)
        except FileProblem as error:
            yield _unlike(file, "it cannot be read", error.message)
            continue
        wrong = [
            f"{quoted(token)} is {subject.vocabulary.get(token)}, {file} says {number}"
            for token, number in written.items()
            if subject.vocabulary.get(token) != number
        ]
        if wrong:
            count = plural(len(wrong), "token has", "tokens have")
            yield _unlike(file, f"{count} another id there", listed(wrong))


def nothing_is_cut_or_padded(subject: Subject) -> Iterator[Finding]:
    """tokenizer.json itself neither truncates nor pads.

    Cause: transformers leaves the last call's padding and truncation in the tokenizer, and saves it so.
    Example: after one call with max_length=4, Tokenizer.from_file cuts every text to 4 tokens and pads every
    text to 4; only transformers resets it.
    Source: llm-compressor #2917, transformers #24441, datasets #5985
    """
    baked = {key: subject.raw[key] for key in ("truncation", "padding") if subject.raw.get(key)}
    if baked:
        yield Finding(
            "TB608",
            "warning",
            f"{' and '.join(baked)} of some earlier call is part of tokenizer.json",
            ", ".join(f"{key}: {_size(value)}" for key, value in baked.items()),
            " and ".join(f'write "{key}": null' for key in baked) + " into tokenizer.json",
        )


def no_code_is_needed(subject: Subject) -> Iterator[Finding]:
    """The tokenizer needs no code of its own.

    Cause: auto_map in tokenizer_config.json names a Python class in the folder.
    Example: AutoTokenizer runs it with trust_remote_code=True, and otherwise gives another tokenizer.
    Source: transformers, trust_remote_code
    """
    if subject.config.get("auto_map"):
        yield Finding(
            "TB609",
            "warning",
            "the folder asks for code of its own to be run",
            f"auto_map: {quoted(subject.config['auto_map'], 80)}",
            "take auto_map out of tokenizer_config.json: tokenizer.json needs no code",
        )


def tokenizer_is_as_trained(subject: Subject) -> Iterator[Finding]:
    """tokenizer.json is the one that tokbench.json beside it was written for.

    Cause: the file was edited or replaced after training.
    Example: the recipe no longer tells how this tokenizer came to be; two swapped ids flip what a model says.
    Source: NVIDIA AI Red Team on swapped token ids
    """
    path = (subject.folder or Path()) / RECORD
    if not path.exists():
        return
    try:
        trained = read_object(path).get("tokenizer_json_sha256")
        now = hashlib.sha256(((subject.folder or Path()) / "tokenizer.json").read_bytes()).hexdigest()
    except (FileProblem, OSError):
        return
    if isinstance(trained, str) and trained != now:
        yield Finding(
            "TB610",
            "note",
            f"tokenizer.json was changed after {RECORD} was written",
            f"sha256 {now[:12]}…, trained {trained[:12]}…",
            "nothing, if tokens were added on purpose; else train again from tokbench.toml",
        )


def _added(subject: Subject, content: Mapping[str, Any]) -> Iterator[str]:
    for token, number in content.items():
        if subject.vocabulary.get(token) != number:
            yield f"{quoted(token)} = {number}, in tokenizer.json {subject.vocabulary.get(token)}"


def _named(subject: Subject, content: Mapping[str, Any]) -> Iterator[str]:
    own = roles_of(subject.config)
    for role, token in roles_of(content).items():
        if token not in subject.vocabulary or own.get(role, token) != token:
            yield f"{role}: {quoted(token)}, in tokenizer_config.json {quoted(own.get(role))}"


def _vocabulary(path: Path) -> dict[str, int]:
    if path.suffix == ".json":
        return dict(read_object(path, limit=LARGEST))
    lines = read_text(path, limit=LARGEST).split("\n")
    return {line.rstrip("\r"): number for number, line in enumerate(lines) if line}


def _unlike(file: str, message: str, evidence: str) -> Finding:
    return Finding(
        "TB607", "warning", f"{file} is not this tokenizer's: {message}", evidence, f"delete {file}"
    )


def _size(value: object) -> str:
    """What a truncation or padding block does, in a few words."""
    if not isinstance(value, Mapping):
        return quoted(value)
    return quoted(value.get("max_length") or value.get("strategy"))
