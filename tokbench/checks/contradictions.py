"""One comparison for all files: what a file says of tokens, held against tokenizer.json and its config."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tokbench.checks.findings import quoted
from tokbench.formats.vocabulary_files import VOCABULARIES
from tokbench.pretrained.token_facts import TokenFacts, named_roles

if TYPE_CHECKING:
    from tokbench.checks.context import CheckContext

SENTENCEPIECE = "tokenizer.model"
FAMILY = 100  # pieces that a vocabulary must have before one distance between all ids is no chance
SHIFTED = 0.9  # share of the pieces that stand at one distance where a family moves all ids on purpose


@dataclass(frozen=True)
class Contradiction:
    """One thing of which two files say different things; `kind` is id, missing, flag, role, number, merge."""

    kind: str
    words: str


def own_facts(context: CheckContext, *, merges: bool = False) -> TokenFacts:
    """What tokenizer.json says, with its merges if asked for, and of roles what transformers reads."""
    listed = context.raw.get("model", {}).get("merges") if merges else None
    return TokenFacts(
        "tokenizer.json",
        ids=context.vocabulary,
        roles={**context.roles, **named_roles(context.config)},
        merges=[_pair(each) for each in listed] if isinstance(listed, list) else None,
    )


def media_facts(context: CheckContext) -> TokenFacts:
    """The same, with the tokens for images, sounds and the like that only a processor names."""
    own = own_facts(context)
    for said in context.facts.of("*processor_config.json"):
        known = {role: token for role, token in said.roles.items() if token in own.ids}
        own = replace(own, roles={**known, **own.roles})
    return own


def media_corrections(context: CheckContext) -> Iterator[tuple[str, str, int | str]]:
    """File, key and right value of the names and ids of images and the like that can be set right.

    An id that has no row in the model cannot, nor a name that no file beside the processor's knows.
    """
    own, rows = media_facts(context), context.model.rows if context.model else None
    for said in context.facts.of("*processor_config.json"):
        for role, token in said.roles.items():
            if token not in own.ids and own.roles.get(role) in own.ids:
                yield said.file, f"{role}_token", own.roles[role]
    for said in context.facts.of("config.json", "generation_config.json"):
        for role, numbers in said.numbers.items():
            right = own.ids.get(own.roles.get(role, ""))
            wrong = role not in context.roles and right is not None and right not in numbers
            if wrong and right is not None and len(numbers) == 1 and (rows is None or right < rows):
                yield said.file, f"{role}_token_id", right
                yield said.file, f"{role}_token_index", right


def added_ends(context: CheckContext) -> Iterator[tuple[str, str, bool]]:
    """For bos and eos: the key of tokenizer_config.json, the token, whether it is put around a text."""
    encoding = context.tokenizer.encode("a")
    inside = [at for at, sequence in enumerate(encoding.sequence_ids) if sequence is not None]
    if not inside:
        return
    ends = {"bos": encoding.ids[: inside[0]], "eos": encoding.ids[inside[-1] + 1 :]}
    for role, ids in ends.items():
        number = context.id_of(role)
        if number is not None:
            yield f"add_{role}_token", context.roles[role], number in ids


def contradictions(said: TokenFacts, own: TokenFacts) -> Iterator[Contradiction]:
    """Everything in which a file does not say what `own` says."""
    yield from _ids(said, own)
    yield from _roles(said, own)
    yield from _numbers(said, own)
    yield from _merges(said, own)


def contradicting_vocabularies(context: CheckContext) -> Iterator[tuple[TokenFacts, list[Contradiction]]]:
    """The vocabulary files beside tokenizer.json that cannot be read or say something else, and what."""
    own = own_facts(context, merges="merges.txt" in context.facts.names)
    for said in context.facts.of(*VOCABULARIES):
        wrong = [] if said.problem else list(contradictions(said, own))
        if said.problem or (wrong and not (said.file != SENTENCEPIECE and shifted_on_purpose(said, own))):
            yield said, wrong


def unread_vocabularies(context: CheckContext) -> list[TokenFacts]:
    """The vocabulary files that only a package could read that is not installed."""
    return [said for said in context.facts.of(*VOCABULARIES) if said.missing]


def unseen_tokens(context: CheckContext) -> dict[str, int]:
    """Token → id of what llama.cpp misses, which takes tokenizer.model and two lists of added tokens."""
    pieces = next(iter(context.facts.of(SENTENCEPIECE)), None)
    if (
        pieces is None
        or pieces.problem
        or pieces.missing
        or not pieces.ids.items() <= context.vocabulary.items()
    ):
        return {}
    named = [pieces, *context.facts.of("added_tokens.json", "tokenizer_config.json")]
    known = {token for said in named for token in said.ids}
    left = {token: number for token, number in context.vocabulary.items() if token not in known}
    return dict(sorted(left.items(), key=lambda pair: pair[1]))


def shifted_on_purpose(said: TokenFacts, own: TokenFacts) -> bool:
    """Whether nearly all ids stand at one distance other than 0, as XLM-R and Pegasus have it."""
    distances = Counter(own.ids[token] - number for token, number in said.ids.items() if token in own.ids)
    distance, count = max(distances.items(), key=lambda pair: pair[1], default=(0, 0))
    return distance != 0 and len(said.ids) >= FAMILY and count >= SHIFTED * len(said.ids)


def _ids(said: TokenFacts, own: TokenFacts) -> Iterator[Contradiction]:
    if said.ids.items() <= own.ids.items():
        return
    holders = {number: token for token, number in own.ids.items()}
    for token, number in said.ids.items():
        if token in own.ids and own.ids[token] != number:
            yield Contradiction("id", f"{quoted(token)} is {own.ids[token]}, {said.file} says {number}")
        elif token not in own.ids:
            there = quoted(holders[number]) if number in holders else "no token"
            yield Contradiction("missing", f"{quoted(token)} = {number}, in {own.file} that is {there}")


def _roles(said: TokenFacts, own: TokenFacts) -> Iterator[Contradiction]:
    for role, token in said.roles.items():
        named = own.roles.get(role, token)
        if named != token:
            yield Contradiction("role", f"{role}: {quoted(token)}, in tokenizer_config.json {quoted(named)}")
        elif token not in own.ids:
            yield Contradiction("role", f"{role}: {quoted(token)}, which is not in {own.file}")


def _numbers(said: TokenFacts, own: TokenFacts) -> Iterator[Contradiction]:
    for role, numbers in said.numbers.items():
        token = own.roles.get(role)
        number = None if token is None else own.ids.get(token)
        if number is not None and number not in numbers:
            stated = ", ".join(map(str, numbers))
            yield Contradiction("number", f"{role}: {quoted(token)} is {number}, {said.file} says {stated}")


def _merges(said: TokenFacts, own: TokenFacts) -> Iterator[Contradiction]:
    if said.merges is None or own.merges is None:
        return
    for at, (theirs, ours) in enumerate(zip(said.merges, own.merges, strict=False), 1):
        if theirs != ours:
            words = f"merge {at:,} is {quoted(' '.join(ours))}, {said.file} says {quoted(' '.join(theirs))}"
            yield Contradiction("merge", words)
            return
    if len(said.merges) != len(own.merges):
        words = f"{len(own.merges):,} merges, {said.file} has {len(said.merges):,}"
        yield Contradiction("merge", words)


def _pair(merge: object) -> tuple[str, str]:
    """A merge of tokenizer.json, which older versions write as one string."""
    left, _, right = merge.partition(" ") if isinstance(merge, str) else (str(merge[0]), "", str(merge[1]))  # type: ignore[index]
    return left, right
