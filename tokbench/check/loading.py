"""Rules about what transformers makes of the folder, against what the library reads in tokenizer.json."""

from __future__ import annotations

from collections.abc import Iterator

from tokbench.check.evidence import listed, named, quoted
from tokbench.check.finding import Finding
from tokbench.check.reloaded import in_words
from tokbench.check.samples import SAMPLES
from tokbench.check.subject import GENERIC, Subject
from tokbench.errors import FileProblem, plural
from tokbench.pretrained.edge import translated

REBUILT = 'write "tokenizer_class": "PreTrainedTokenizerFast" into tokenizer_config.json'


def transformers_can_load_it(subject: Subject) -> Iterator[Finding]:
    """AutoTokenizer loads the folder.

    Cause: a tokenizer_config.json with values of the wrong kind, or a class whose files are missing.
    Example: "'NoneType' object has no attribute 'pop'", with no file named.
    Source: 34 of 66 damaged folders end in such an error
    """
    if subject.reloaded.problem:
        yield Finding(
            "TB603",
            "error",
            "AutoTokenizer cannot load the folder",
            subject.reloaded.problem,
            f"tokbench wrap {subject.word}/tokenizer.json -o wrapped",
        )


def loading_keeps_the_ids(subject: Subject) -> Iterator[Finding]:
    """AutoTokenizer gives a text the same ids as tokenizer.json does.

    Cause: classes such as BertTokenizer, GPT2Tokenizer and LlamaTokenizer build normalizer and pre-tokenizer
    anew in transformers 5, and take only the vocabulary from tokenizer.json. Beside a config.json of qwen2
    and some other kinds their class is taken whatever tokenizer_config.json says.
    Example: a cased tokenizer wrapped in BertTokenizerFast is right in memory; saved and loaded again it
    lowercases, without a warning.
    Source: transformers #45812, #45920, #48206, #26773, mellea #947
    """
    if subject.reloaded.tokenizer is None:
        return
    for text, pair in _probes(subject):
        own = subject.tokenizer.encode(text, pair).ids
        theirs = _theirs(subject, text, pair)
        if theirs != own:
            given = quoted(text) + (" and a pair" if pair else "")
            yield Finding(
                "TB604",
                "error",
                f"AutoTokenizer makes a {_made(subject)} of it, which gives other ids",
                f"{given}: {_tokens(subject, own)} → {_tokens(subject, theirs)}",
                _remedy(subject),
            )
            return


def loading_adds_no_tokens(subject: Subject) -> Iterator[Finding]:
    """AutoTokenizer knows the tokens of tokenizer.json, with the same ids, and no others.

    Cause: names of special tokens that are not in the vocabulary, stale side files, defaults of a class.
    Example: GPT2Tokenizer adds <|endoftext|> to a vocabulary without it: the new id has no embedding row.
    Source: transformers #2155
    """
    loaded = subject.reloaded.tokenizer
    if loaded is None:
        return
    theirs: dict[str, int] = dict(loaded.get_vocab())
    new = sorted(
        (number, token) for token, number in theirs.items() if subject.vocabulary.get(token) != number
    )
    if new:
        yield Finding(
            "TB605",
            "error",
            f"AutoTokenizer knows {plural(len(new), 'token')} "
            "that tokenizer.json does not, or under other ids",
            named([(token, number) for number, token in new])
            + f"; highest id of tokenizer.json {subject.size - 1:,}",
            _remedy(subject),
        )


def _probes(subject: Subject) -> Iterator[tuple[str, str | None]]:
    """Texts, a text with its pair, and texts with special tokens."""
    yield from ((text, None) for text in SAMPLES.values())
    yield SAMPLES["English"], SAMPLES["numbers"]
    yield from ((f"one {token} two{token}", None) for token in list(subject.specials)[:16])


def _theirs(subject: Subject, text: str, pair: str | None) -> list[int] | str:
    """The ids that transformers gives, or what it raises instead."""
    try:
        with translated(subject.name):
            return subject.reloaded.ids(text, pair)
    except FileProblem as error:
        return in_words(error.__cause__ or error)
    except Exception as error:  # whatever the class of the folder's tokenizer raises
        return in_words(error)


def _remedy(subject: Subject) -> str:
    if not subject.is_generic:
        return REBUILT
    if subject.model is not None and _made(subject) not in GENERIC:
        kind = subject.model.model_type
        return f"keep the tokenizer in a folder without config.json: {kind} overrules tokenizer_class"
    return "mend first what else is found in the folder's files"


def _made(subject: Subject) -> str:
    """The class that transformers chose."""
    return type(subject.reloaded.tokenizer).__name__


def _tokens(subject: Subject, ids: list[int] | str) -> str:
    if isinstance(ids, str):
        return ids
    names = [subject.tokenizer.id_to_token(number) or str(number) for number in ids]
    return listed(names, 8)
