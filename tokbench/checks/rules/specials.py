"""Rules about special tokens: they are in the vocabulary, stay whole, and say the same everywhere."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tokbench.checks import fixes
from tokbench.checks.findings import Finding, Rule, first_few, quoted, tokens_with_ids
from tokbench.errors import plural
from tokbench.pretrained.neighbours import ALONE, IDS, TEXT, UNMET, Harm, remedy
from tokbench.pretrained.special_tokens import extra_of, guessed_roles, roles_of
from tokbench.pretrained.tokenizer_classes import brings_padding
from tokbench.recipes.validate import equal_tokens

if TYPE_CHECKING:
    from tokbench.checks.context import CheckContext


def specials_stay_whole(context: CheckContext) -> Iterator[Finding]:
    """A special token written in a text comes out as its one id, also with no space around it.

    Cause: it has a role in tokenizer_config.json but is not an added token of tokenizer.json, or it is
    single_word.
    Example: "[PAD]" becomes "[", "PAD", "]" or [UNK]; transformers repairs this for itself when it loads,
    so the raw library and transformers give different ids.
    Source: tokenizers #1408, #635, #376
    """
    unmet = {harm.token: harm for harm in context.harms if harm.kind == UNMET and harm.special}
    added = {token.content for token in context.added.values()}
    for token, role in context.specials.items():
        number = context.vocabulary.get(token)
        text = unmet[token].text if token in unmet else f"a{token}b"
        if number is None or (token in added and token not in unmet):
            continue
        encoding = context.tokenizer.encode(text, add_special_tokens=False)
        if number not in encoding.ids:
            yield Finding(
                f"the {role} token {token} comes out in pieces",
                f"{quoted(text)} → {first_few(encoding.tokens, 8)}; its id is {number}",
                f"tokbench wrap {context.word} -o whole",
            )


def named_specials_exist(context: CheckContext) -> Iterator[Finding]:
    """Every special token that tokenizer_config.json names is in the vocabulary.

    Cause: a role was set by name only, or tokenizer_config.json belongs to another tokenizer.
    Example: transformers adds the missing token on load, so len grows from 1,000 to 1,001 and the new id has
    no embedding row; tokenizer.cls_token = "[X]" in Python gives the id of [UNK] instead, without a word.
    Source: transformers #2155
    """
    named_here = dict.fromkeys(extra_of(context.config), "special")
    named_here |= {token: role for role, token in roles_of(context.config).items()}
    missing = [(what, token) for token, what in named_here.items() if token not in context.vocabulary]
    if missing:
        options = " ".join(f"--special {shlex.quote(token)}" for _, token in missing[:4])
        yield Finding(
            f"{plural(len(missing), 'special token is', 'special tokens are')} named, "
            "but not in the vocabulary",
            first_few([f"{what}: {quoted(token)}" for what, token in missing]),
            f"tokbench add-tokens {context.word} {options} -o whole",
        )


def unknown_tokens_agree(context: CheckContext) -> Iterator[Finding]:
    """The unknown token of tokenizer_config.json is the one the model block gives.

    Cause: the wrapper was given another unk_token than the tokenizer was trained with.
    Example: a text of unknown words still comes out as [UNK] while unk_token_id is that of <unk>: counting
    unknown tokens finds none.
    Source: transformers #24179, tokenizers #320
    """
    inside, outside = context.unknown, context.roles.get("unk")
    if inside is None or inside not in context.vocabulary or inside == outside:
        return
    if outside is not None or context.is_generic:
        yield Finding(
            "the unknown token has two names" if outside else "the config names no unknown token",
            f"tokenizer.json: {quoted(inside)}, tokenizer_config.json: {quoted(outside)}",
            f"tokbench wrap {context.word} -o whole --role {shlex.quote(f'unk={inside}')}",
            severity="error" if outside else "warning",
        )


def unknown_token_is_inside(context: CheckContext) -> Iterator[Finding]:
    """A model that can meet unknown text has its unknown token in the vocabulary.

    Cause: it was not among the trainer's special tokens; the library says so only when it meets such a text.
    Example: WordPiece raises "Missing [UNK] token" in the middle of a data set; BPE without one drops the
    characters it does not know: "thΩe" comes out as "the".
    Source: tokenizers #517, HF course #775
    """
    needs = context.kind in ("WordPiece", "WordLevel", "Unigram") or context.unknown is not None
    if needs and context.unknown not in context.vocabulary:
        yield Finding(
            f"{context.kind} has no unknown token in its vocabulary, and fails on unknown text",
            f"unknown token {quoted(context.unknown)}, {plural(len(context.vocabulary), 'token')}",
            "train again with the token among special_tokens",
        )
    elif not needs and not _knows_all_bytes(context):
        yield Finding(
            "characters outside the vocabulary are dropped without a trace",
            f"{context.kind or 'BPE'} with neither unknown token, bytes, nor byte fallback",
            "train again byte-level (tokbench train-bpe corpus.txt) or with an unknown token",
        )


def padding_stands_apart(context: CheckContext) -> Iterator[Finding]:
    """The padding token has no other role.

    Cause: pad_token = eos_token, the usual way out where a model has no padding token.
    Example: collators mask padding out of the labels, and the end token with it: the model never learns to
    stop. With pad = unk every unknown word is masked.
    Source: transformers #23530, #22794, trl #976
    """
    padding = context.roles.get("pad")
    others = set(context.roles) - {"pad"} - ({"unk"} if context.unknown is None else set())
    shared = [role for role in context.roles if role in others and context.roles[role] == padding]
    if padding is not None and shared:
        yield Finding(
            f"the padding token is also {' and '.join(shared)}",
            tokens_with_ids([(padding, context.vocabulary.get(padding))]),
            _padded(context),
            severity="note" if set(shared) <= {"bos", "eos"} else "warning",
        )


def there_is_a_padding_token(context: CheckContext) -> Iterator[Finding]:
    """A padding token is declared, or the tokenizer's class brings one.

    Cause: GPT-2 and Llama have none, nor has a class that transformers does not know.
    Example: tokenizer(texts, padding=True) raises ValueError; a decoder cannot classify batches of more than
    one text.
    Source: transformers #9785
    """
    roles = context.roles or guessed_roles(context.raw)
    if "pad" not in roles and not brings_padding(str(context.config.get("tokenizer_class") or "")):
        yield Finding(
            "no padding token is declared, so texts of different length make no batch",
            f"roles: {first_few(list(roles)) or 'none'}",
            _padded(context),
        )


def added_tokens_are_reached(context: CheckContext) -> Iterator[Finding]:
    """Every added token is found where a text has it: alone, between spaces and between signs.

    Cause: the normalizer makes two added tokens the same, or changes the text so that none matches.
    Example: with a lowercasing normalizer "covid" and "COVID" are one: either takes both, and the row of the
    other is never trained. Where a normalizer puts ▁ before a text and the token, "(covid)" is not met.
    Source: tokenizers #1408
    """
    lost = [harm for harm in context.harms if harm.kind == UNMET and not harm.special]
    never = [harm for harm in lost if harm.place == ALONE.name]
    if lost:
        count = plural(len(never or lost), "added token")
        yield Finding(
            f"{count} can never occur" if never else f"{count} {'is' if len(lost) == 1 else 'are'} missed",
            first_few([f"{quoted(harm.text)} ({harm.id}) {_encoded(harm)}" for harm in never or lost]),
            "remove them from added_tokens, or add them with normalized=False",
        )


def _encoded(harm: Harm) -> str:
    return f"comes out as {quoted(harm.seen)}"


def neighbours_are_left_alone(context: CheckContext) -> Iterator[Finding]:
    """What stands beside an added token comes back, and has the ids that it has beside any other word.

    Cause: the library treats what is between added tokens as texts of their own, so a mark for the start of a
    text, or of a word, is written behind every added token.
    Example: with "foxy" added inside words "foxys" comes back as "foxy s"; where a normalizer prepends ▁,
    "see foxy here" comes back with two spaces.
    Source: tokenizers #1174
    """
    changed = [harm for harm in context.harms if harm.kind in (TEXT, IDS)]
    if changed:
        yield Finding(
            f"{plural(len(changed), 'added token changes', 'added tokens change')} what stands beside them",
            first_few([harm.sentence for harm in changed], 2),
            remedy(context.raw),
            severity="note" if all(harm.special for harm in changed) else "warning",
        )


def _padded(context: CheckContext) -> str:
    """The commands that give a tokenizer a padding token of its own; one that waits for it comes first."""
    others = set(context.roles.values())
    waiting = [each for each in context.added.values() if each.special and "pad" in each.content.lower()]
    if named := [each.content for each in waiting if each.content not in others]:
        return f"tokbench wrap {context.word} -o ready --role {shlex.quote(f'pad={named[0]}')}"
    add = f"tokbench add-tokens {context.word} --special '[PAD]' -o padded"
    return f"{add} && tokbench wrap padded -o ready --role 'pad=[PAD]'"


def _knows_all_bytes(context: CheckContext) -> bool:
    """Whether the tokenizer works on bytes; TB502 and TB503 check that it has them."""
    levels = context.has("pre_tokenizer", "ByteLevel") or context.has("normalizer", "ByteLevel")
    return levels or bool(context.raw.get("model", {}).get("byte_fallback"))


FREQUENT = 10  # what stands in every text is learned early: in the first tenth of the ids
SHORTEST = 3  # characters of a fragment that hardly comes about by chance


def specials_are_taken_literally(context: CheckContext) -> Iterator[Finding]:
    """A special token is matched as it is written, never in another case or form.

    Cause: it was added with normalized=True, so the normalizer changes both the text and the token.
    Example: with a lowercasing normalizer the text "[e1]" of a user becomes the special token "[E1]", and
    decode leaves it out.
    Source: tokenizers #1408, #376
    """
    normalizer = context.tokenizer.normalizer
    if normalizer is None:
        return
    loose = {
        token.content: after
        for token in context.added.values()
        if token.special and token.normalized and (after := normalizer.normalize_str(token.content))
    }
    wrong = [(token, after) for token, after in loose.items() if after != token]
    if wrong:
        yield Finding(
            f"{plural(len(wrong), 'special token is', 'special tokens are')} also found in other spellings",
            first_few([f"{quoted(after)} is taken for {quoted(token)}" for token, after in wrong]),
            'write "normalized": false into their added_tokens in tokenizer.json',
        )


def specials_are_not_learned(context: CheckContext) -> Iterator[Finding]:
    """No piece of a special token was learned from the texts.

    Cause: the training texts had the special tokens written in them.
    Example: "MASK" and "SEP" take places in the vocabulary, and where "[MASK]" is no added token it comes out
    as "[MAS", "K]".
    Source: tokenizers #985, #1616
    """
    added = {token.content for token in context.added.values()}
    found = {
        form: context.vocabulary[form]
        for token in context.specials
        for piece in _fragments(token)
        for form in (piece, f"##{piece}")
        if form in context.vocabulary and form not in added
    }
    bracketed = [piece for piece in found if not piece.removeprefix("##").isalnum()]
    early = context.size // FREQUENT
    names = [
        piece for piece, number in found.items() if piece.isupper() and piece.isalnum() and number < early
    ]
    if bracketed or len(names) > 1:
        yield Finding(
            f"{plural(len(found), 'piece of a special token was', 'pieces of special tokens were')} "
            "learned as words",
            tokens_with_ids(found.items()),
            "take the special tokens out of the texts and train again",
        )


def _fragments(token: str) -> Iterator[str]:
    """The name inside the brackets, and what begins or ends with a bracket and more than half the token."""
    name = token.strip("[]<>|/_")
    if name != token and len(name) >= SHORTEST:
        yield name
        half = max(SHORTEST, len(token) // 2 + 1)
        for size in range(half, len(token)):
            yield token[:size]
            yield token[-size:]


def added_tokens_stay_apart(context: CheckContext) -> Iterator[Finding]:
    """No two added tokens are the same to the normalizer.

    Cause: both are looked for in normalized texts (normalized=True), and the normalizer makes them equal.
    Example: with a lowercasing normalizer "CAFÉ" and "café" are one; the library keeps them in a hash table,
    so the same file gives the id of the one in this process and that of the other in the next.
    Source: tokenizers, added_vocabulary.rs
    """
    equal = equal_tokens(context.tokenizer.normalizer, context.added.values())
    if equal:
        shown = [f"{' and '.join(map(quoted, tokens))} → {quoted(form)}" for form, tokens in equal.items()]
        yield Finding(
            f"{plural(len(equal), 'text has', 'texts have')} two added tokens, and either id at random",
            first_few(shown),
            'remove one of each pair, or write "normalized": false into both in added_tokens',
        )


RULES = (
    Rule("TB201", "specials-stay-whole", "error", "", specials_stay_whole, fixes.specials_are_declared),
    Rule("TB202", "named-specials-exist", "error", "", named_specials_exist, fixes.roles_name_known_tokens),
    Rule("TB203", "unknown-tokens-agree", "error", "", unknown_tokens_agree,
         fixes.unknown_token_is_the_models),
    Rule("TB204", "unknown-token-is-inside", "error", "", unknown_token_is_inside),
    Rule("TB205", "padding-stands-apart", "warning", "", padding_stands_apart),
    Rule("TB206", "there-is-a-padding-token", "note", "", there_is_a_padding_token),
    Rule("TB207", "added-tokens-are-reached", "warning", "", added_tokens_are_reached),
    Rule("TB208", "specials-are-taken-literally", "warning", "", specials_are_taken_literally,
         fixes.specials_are_taken_as_written),
    Rule("TB209", "specials-are-not-learned", "note", "", specials_are_not_learned),
    Rule("TB210", "neighbours-are-left-alone", "warning", "", neighbours_are_left_alone),
    Rule("TB211", "added-tokens-stay-apart", "error", "", added_tokens_stay_apart,
         fixes.equal_tokens_are_taken_as_written),
)  # fmt: skip
