"""Rules about the files of a tokenizer's folder: complete, of one mind, readable by those who get them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from tokbench.checks import fixes
from tokbench.checks.context import GENERIC, SAMPLES, CheckContext, error_line
from tokbench.checks.findings import Finding, Rule, first_few, quoted, tokens_with_ids
from tokbench.errors import FileError, plural
from tokbench.io.json_files import read_object
from tokbench.io.library_errors import wrap_library_errors
from tokbench.pretrained.tokenizer_classes import exists

RECORD = "tokbench.json"


def config_lies_beside(context: CheckContext) -> Iterator[Finding]:
    """tokenizer_config.json lies beside tokenizer.json.

    Cause: the tokenizer was saved with the raw library, or only one file was copied.
    Example: AutoTokenizer loads the folder and knows no special token: pad_token is None, padding=True raises
    ValueError. Beside a config.json of BERT it takes BERT's own token names, and adds those it misses.
    Source: tokenizers #320
    """
    if not context.config and not context.roles:
        yield Finding(
            "there is no tokenizer_config.json, so no token has a role",
            f"tokens without a role: {first_few([quoted(token) for token in context.specials]) or 'none'}",
            f"tokbench wrap {context.word} -o wrapped",
        )


def both_versions_can_load_it(context: CheckContext) -> Iterator[Finding]:
    """tokenizer_config.json can be read by transformers 4 as well as 5.

    Cause: transformers 5 writes tokenizer_class TokenizersBackend and a list extra_special_tokens; or the
    class is one of somebody's own, which transformers 5 passes over and 4 refuses.
    Example: transformers 4.57 says "Tokenizer class TokenizersBackend does not exist", or raises
    AttributeError over the list; so do the converters of llama.cpp and mlx.
    Source: transformers #47553, #44297, unsloth #8444, mlx-lm #683
    """
    wrong = []
    if context.config.get("tokenizer_class") == "TokenizersBackend":
        wrong.append('"tokenizer_class": "TokenizersBackend"')
    named = context.config.get("tokenizer_class")
    if isinstance(named, str) and not exists(named) and not context.config.get("auto_map"):
        wrong.append(f"{quoted(named)} is no tokenizer class of transformers")
    if isinstance(context.config.get("extra_special_tokens"), list):
        wrong.append('"extra_special_tokens": […]')
    if wrong:
        yield Finding(
            "transformers 4 cannot load this tokenizer",
            " and ".join(wrong),
            'write "PreTrainedTokenizerFast" and "additional_special_tokens", which both read: '
            f"tokbench wrap {context.word} -o wrapped",
        )


def nothing_is_cut_or_padded(context: CheckContext) -> Iterator[Finding]:
    """tokenizer.json itself neither truncates nor pads.

    Cause: transformers leaves the last call's padding and truncation in the tokenizer, and saves it so.
    Example: after one call with max_length=4, Tokenizer.from_file cuts every text to 4 tokens and pads every
    text to 4; only transformers resets it.
    Source: llm-compressor #2917, transformers #24441, datasets #5985
    """
    baked = {key: context.raw[key] for key in ("truncation", "padding") if context.raw.get(key)}
    if baked:
        yield Finding(
            f"{' and '.join(baked)} of some earlier call is part of tokenizer.json",
            ", ".join(f"{key}: {_size(value)}" for key, value in baked.items()),
            " and ".join(f'write "{key}": null' for key in baked) + " into tokenizer.json",
        )


def no_code_is_needed(context: CheckContext) -> Iterator[Finding]:
    """The tokenizer needs no code of its own.

    Cause: auto_map in tokenizer_config.json names a Python class in the folder.
    Example: AutoTokenizer runs it with trust_remote_code=True, and otherwise gives another tokenizer.
    Source: transformers, trust_remote_code
    """
    if context.config.get("auto_map"):
        yield Finding(
            "the folder asks for code of its own to be run",
            f"auto_map: {quoted(context.config['auto_map'], 80)}",
            "take auto_map out of tokenizer_config.json: tokenizer.json needs no code",
        )


def tokenizer_is_as_trained(context: CheckContext) -> Iterator[Finding]:
    """tokenizer.json is the one that tokbench.json beside it was written for.

    Cause: the file was edited or replaced after training.
    Example: the recipe no longer tells how this tokenizer came to be; two swapped ids flip what a model says.
    Source: NVIDIA AI Red Team on swapped token ids
    """
    path = (context.folder or Path()) / RECORD
    if not path.exists():
        return
    try:
        trained = read_object(path).get("tokenizer_json_sha256")
        now = hashlib.sha256(((context.folder or Path()) / "tokenizer.json").read_bytes()).hexdigest()
    except (FileError, OSError):
        return
    if isinstance(trained, str) and trained != now:
        yield Finding(
            f"tokenizer.json was changed after {RECORD} was written",
            f"sha256 {now[:12]}…, trained {trained[:12]}…",
            "nothing, if tokens were added on purpose; else train again from tokbench.toml",
        )


def _size(value: object) -> str:
    """What a truncation or padding block does, in a few words."""
    if not isinstance(value, Mapping):
        return quoted(value)
    return quoted(value.get("max_length") or value.get("strategy"))


def library_survives_the_file(context: CheckContext) -> Iterator[Finding]:
    """The library loads the file and encodes texts in reasonable time and memory.

    Cause: a Replace that puts in megabytes, several that feed each other, a damaged character map.
    Example: Tokenizer.from_file hangs for ever, or ends the whole Python process with signal 6: there is no
    exception to catch. check tries such a file in a process of its own.
    Source: of 2,199 changed tokenizer.json 8 ended the process, 15 panicked and 1 hung
    """
    yield from ()  # looked for before the file is loaded: see hazard


def deadly(ending: str) -> Finding:
    """The finding about a file on which the library ends so."""
    return Finding("the library does not survive this tokenizer.json", ending, "do not load this file")


REBUILT = 'write "tokenizer_class": "PreTrainedTokenizerFast" into tokenizer_config.json'


def transformers_can_load_it(context: CheckContext) -> Iterator[Finding]:
    """AutoTokenizer loads the folder.

    Cause: a tokenizer_config.json with values of the wrong kind, or a class whose files are missing.
    Example: "'NoneType' object has no attribute 'pop'", with no file named.
    Source: 34 of 66 damaged folders end in such an error
    """
    if context.reloaded.problem:
        yield Finding(
            "AutoTokenizer cannot load the folder",
            context.reloaded.problem,
            f"tokbench wrap {context.word}/tokenizer.json -o wrapped",
        )


def loading_keeps_the_ids(context: CheckContext) -> Iterator[Finding]:
    """AutoTokenizer gives a text the same ids as tokenizer.json does.

    Cause: classes such as BertTokenizer, GPT2Tokenizer and LlamaTokenizer build normalizer and pre-tokenizer
    anew in transformers 5, and take only the vocabulary from tokenizer.json. Beside a config.json of qwen2
    and some other kinds their class is taken whatever tokenizer_config.json says.
    Example: a cased tokenizer wrapped in BertTokenizerFast is right in memory; saved and loaded again it
    lowercases, without a warning.
    Source: transformers #45812, #45920, #48206, #26773, mellea #947
    """
    if context.reloaded.tokenizer is None:
        return
    for text, pair in _probes(context):
        own = context.tokenizer.encode(text, pair).ids
        theirs = _theirs(context, text, pair)
        if theirs != own:
            given = quoted(text) + (" and a pair" if pair else "")
            yield Finding(
                f"AutoTokenizer makes a {_made(context)} of it, which gives other ids",
                f"{given}: {_tokens(context, own)} → {_tokens(context, theirs)}",
                _remedy(context),
            )
            return


def loading_adds_no_tokens(context: CheckContext) -> Iterator[Finding]:
    """AutoTokenizer knows the tokens of tokenizer.json, with the same ids, and no others.

    Cause: names of special tokens that are not in the vocabulary, stale side files, defaults of a class.
    Example: GPT2Tokenizer adds <|endoftext|> to a vocabulary without it: the new id has no embedding row.
    Source: transformers #2155
    """
    loaded = context.reloaded.tokenizer
    if loaded is None:
        return
    theirs: dict[str, int] = dict(loaded.get_vocab())
    new = sorted(
        (number, token) for token, number in theirs.items() if context.vocabulary.get(token) != number
    )
    if new:
        yield Finding(
            f"AutoTokenizer knows {plural(len(new), 'token')} "
            "that tokenizer.json does not, or under other ids",
            tokens_with_ids([(token, number) for number, token in new])
            + f"; highest id of tokenizer.json {context.size - 1:,}",
            _remedy(context),
        )


def _probes(context: CheckContext) -> Iterator[tuple[str, str | None]]:
    """Texts, a text with its pair, and texts with special tokens."""
    yield from ((text, None) for text in SAMPLES.values())
    yield SAMPLES["English"], SAMPLES["numbers"]
    yield from ((f"one {token} two{token}", None) for token in list(context.specials)[:16])


def _theirs(context: CheckContext, text: str, pair: str | None) -> list[int] | str:
    """The ids that transformers gives, or what it raises instead."""
    try:
        with wrap_library_errors(context.name):
            return context.reloaded.ids(text, pair)
    except FileError as error:
        return error_line(error.__cause__ or error)
    except Exception as error:  # whatever the class of the folder's tokenizer raises
        return error_line(error)


def _remedy(context: CheckContext) -> str:
    if not context.is_generic:
        return REBUILT
    if context.model is not None and _made(context) not in GENERIC:
        kind = context.model.model_type
        return f"keep the tokenizer in a folder without config.json: {kind} overrules tokenizer_class"
    return "fix first what else is found in the folder's files"


def _made(context: CheckContext) -> str:
    """The class that transformers chose."""
    return type(context.reloaded.tokenizer).__name__


def _tokens(context: CheckContext, ids: list[int] | str) -> str:
    if isinstance(ids, str):
        return ids
    names = [context.tokenizer.id_to_token(number) or str(number) for number in ids]
    return first_few(names, 8)


RULES = (
    Rule("TB500", "library-survives-the-file", "error", "", library_survives_the_file),
    Rule("TB601", "config-lies-beside", "error", "folder", config_lies_beside, fixes.config_is_written),
    Rule("TB602", "both-versions-can-load-it", "warning", "folder", both_versions_can_load_it,
         fixes.both_versions_read_it),
    Rule("TB603", "transformers-can-load-it", "error", "transformers", transformers_can_load_it),
    Rule("TB604", "loading-keeps-the-ids", "error", "transformers", loading_keeps_the_ids,
         fixes.class_is_generic),
    Rule("TB605", "loading-adds-no-tokens", "error", "transformers", loading_adds_no_tokens,
         fixes.class_is_generic),
    Rule("TB608", "nothing-is-cut-or-padded", "warning", "", nothing_is_cut_or_padded,
         fixes.nothing_is_baked_in),
    Rule("TB609", "no-code-is-needed", "warning", "folder", no_code_is_needed, fixes.no_code_is_asked_for),
    Rule("TB610", "tokenizer-is-as-trained", "note", "folder", tokenizer_is_as_trained),
)  # fmt: skip
