"""Rules about the vocabulary: ids and tokens belong to each other one to one, without gaps."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from tokbench.check.evidence import listed, named, quoted
from tokbench.check.finding import Finding
from tokbench.check.subject import Subject
from tokbench.errors import plural


def ids_have_no_gaps(subject: Subject) -> Iterator[Finding]:
    """The ids run from 0 to the number of tokens, with none left out.

    Cause: tokens were deleted from a vocabulary, or an added token was given an id far behind the last.
    Example: with 149 tokens and the highest id 700, resize_token_embeddings(len(tokenizer)) makes 149 rows,
    and id 700 is an IndexError; the next added token lands in the gap.
    Source: transformers PR #48446
    """
    missing = subject.size - len(set(subject.vocabulary.values()))
    if missing > 0:
        tokens = len(subject.vocabulary)
        yield Finding(
            "TB101",
            "warning",
            f"{plural(missing, 'id has', 'ids have')} no token",
            f"{plural(tokens, 'token')}, highest id {subject.size - 1:,}, first gap at {_gap(subject)}",
            f"give an embedding {subject.size:,} rows (highest id + 1), never len(tokenizer)",
        )


def one_id_is_one_token(subject: Subject) -> Iterator[Finding]:
    """No two tokens share an id.

    Cause: a vocabulary was merged or edited by hand.
    Example: with "a" and "b" both on id 0 the model cannot tell them apart, and decode gives one of them.
    Source: tokenizers #1366, #1281
    """
    tokens = defaultdict(list)
    for token, number in subject.vocabulary.items():
        tokens[number].append(token)
    shared = {number: names for number, names in tokens.items() if len(names) > 1}
    if shared:
        shown = [f"{number}: {' '.join(map(quoted, sorted(shared[number])))}" for number in sorted(shared)]
        yield Finding(
            "TB102",
            "error",
            f"{plural(len(shared), 'id stands', 'ids stand')} for more than one token",
            listed(shown),
            "give each token of tokenizer.json an id of its own",
        )


def added_tokens_keep_their_ids(subject: Subject) -> Iterator[Finding]:
    """An added token has the id that tokenizer.json gives it.

    Cause: the library numbers added tokens anew when their ids leave a gap or are taken already.
    Example: an added token written with id 500 after a vocabulary of 149 is loaded as id 149, without a word;
    a model trained with 500 sees another token.
    Source: tokenizers #1528, #1366, #1281
    """
    moved = [
        (entry, subject.vocabulary.get(entry["content"]))
        for entry in subject.raw.get("added_tokens") or ()
        if isinstance(entry, Mapping) and subject.vocabulary.get(entry.get("content", "")) != entry.get("id")
    ]
    if moved:
        shown = [f"{quoted(entry['content'])} {entry['id']} → {number}" for entry, number in moved]
        yield Finding(
            "TB103",
            "error",
            f"{plural(len(moved), 'added token gets', 'added tokens get')} another id than the file says",
            listed(shown),
            "put them into the model's vocabulary in tokenizer.json, under the same ids",
        )


def vocabulary_is_learned(subject: Subject) -> Iterator[Finding]:
    """The vocabulary holds more than special tokens.

    Cause: training on an empty source, or on a column that is not there, succeeds in the library.
    Example: an empty corpus gives a tokenizer with one token and exit status 0; every text is unknown to it.
    Source: Nemotron refuses it: it "would otherwise save a tokenizer that looks like a correct tokenizer"
    """
    added = {token.content for token in subject.added.values()}
    learned = subject.vocabulary.keys() - added
    if len(learned) < 2:
        yield Finding(
            "TB104",
            "error",
            "the vocabulary holds nothing but added tokens"
            if not learned
            else "the vocabulary has one token",
            named(list(subject.vocabulary.items())) or "no token at all",
            "train again: tokbench train-bpe corpus.txt",
        )


def _gap(subject: Subject) -> int:
    used = set(subject.vocabulary.values())
    return next(number for number in range(len(used) + 1) if number not in used)
