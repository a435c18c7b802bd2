"""Rules about what the files of a folder say of the same tokens: one fact, one value, whoever reads it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from tokbench.checks import fixes
from tokbench.checks.contradictions import (
    added_ends,
    contradicting_vocabularies,
    contradictions,
    media_corrections,
    media_facts,
    own_facts,
    unread_vocabularies,
    unseen_tokens,
)
from tokbench.checks.findings import Finding, Rule, first_few, quoted, tokens_with_ids
from tokbench.errors import plural
from tokbench.io.links import links_out
from tokbench.pretrained.token_facts import changed_flags
from tokbench.pretrained.wrap import first_space

if TYPE_CHECKING:
    from tokbench.checks.context import CheckContext
    from tokbench.pretrained.token_facts import TokenFacts

SIDES = ("added_tokens.json", "special_tokens_map.json")
DECODER = "added_tokens_decoder of tokenizer_config.json"


def side_files_say_the_same(context: CheckContext) -> Iterator[Finding]:
    """added_tokens.json and special_tokens_map.json, which are still read, agree with the other files.

    Cause: transformers 5 no longer writes them, so a save into an old folder leaves them behind.
    Example: a stale special_tokens_map.json wins over tokenizer_config.json: len 2,000 becomes 2,001, and the
    padding id 2,000 has no row. Beside an added_tokens_decoder in tokenizer_config.json transformers leaves
    them out, and llama.cpp, which reads added_tokens.json, believes it.
    Source: measured with transformers 5.23
    """
    own = own_facts(context)
    for said in context.facts.of(*SIDES):
        wrong = [each.words for each in contradictions(said, own)]
        if wrong or said.problem:
            believer = "llama.cpp" if context.has_decoder else "transformers"
            yield Finding(
                f"{said.file} contradicts the other files, and {believer} believes it",
                said.problem or first_few(wrong),
                f"delete {said.file}",
                severity="warning" if context.has_decoder else "",
            )


def old_vocabularies_say_the_same(context: CheckContext) -> Iterator[Finding]:
    """Vocabularies in other formats, where they lie beside tokenizer.json, give the same ids and merges.

    Cause: they are of an older tokenizer, and the new one was saved into its folder; or tokens were added,
    and only tokenizer.json learned of them.
    Example: who reads tokenizer.model, vocab.txt, vocab.json, merges.txt or a .tiktoken file gives the model
    other ids. llama.cpp takes tokenizer.model first: an added token that no file beside it names is lost.
    Source: transformers #26773, llama.cpp #3633
    """
    for said, wrong in contradicting_vocabularies(context):
        if said.problem:
            yield _unlike(said, "it cannot be read", said.problem)
            continue
        ids = sum(each.kind in ("id", "missing") for each in wrong)
        what = plural(ids, "token has", "tokens have") + " another id there" if ids else "its merges differ"
        yield _unlike(said, what, first_few([each.words for each in wrong]))
    for said in unread_vocabularies(context):
        assert said.missing is not None
        yield Finding(
            f"{said.file} was not compared", said.missing.message, said.missing.fix, severity="note"
        )
    unseen = unseen_tokens(context)
    if unseen:
        has = plural(len(unseen), "token", "tokens")
        yield Finding(
            f"tokenizer.model lacks {has} of tokenizer.json, and no file beside it names them for llama.cpp",
            tokens_with_ids(unseen.items()),
            "delete tokenizer.model, so that every program takes tokenizer.json",
        )


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


def added_tokens_are_matched_alike(context: CheckContext) -> Iterator[Finding]:
    """Added tokens have the same flags and ids in tokenizer.json and in tokenizer_config.json.

    Cause: one of the files was edited, or a token was changed after it had been saved.
    Example: <|im_end|> has rstrip in added_tokens_decoder and not in tokenizer.json: transformers takes the
    former and swallows the line break behind every turn; who reads tokenizer.json alone keeps it.
    Source: axolotl #678, measured with transformers 5.23
    """
    changed = changed_flags(context.tokenizer, context.config)
    if changed:
        tokens = plural(len(changed), "added token is", "added tokens are")
        plain = all(set(flags) == {"special"} for flags in changed.values())
        yield Finding(
            f"{tokens} matched otherwise once transformers has loaded the folder",
            first_few([_flags(token, flags) for token, flags in changed.items()]),
            "write the flags that transformers takes into tokenizer.json as well: "
            f"tokbench check {context.word} --fix -o fixed",
            severity="warning" if plain else "",
        )
    for said in context.facts.of("tokenizer_config.json"):
        wrong = [each.words for each in contradictions(replace(said, roles={}), own_facts(context))]
        if wrong:
            yield Finding(
                "added_tokens_decoder has other tokens than tokenizer.json",
                first_few(wrong),
                f"write into {DECODER} what tokenizer.json says, or take it out: tokenizer.json has it all",
            )


def roles_have_one_id(context: CheckContext) -> Iterator[Finding]:
    """The tokens for images, sounds and the like are the same in the processor's files and in config.json.

    Cause: tokens were added or moved after the model was configured; a processor of another model.
    Example: config.json says image_token_id 32000 and <image> is 32001: no picture is put in, and the model
    raises that features and tokens do not match, or answers without having looked.
    Source: transformers #36002
    """
    own, fixed = media_facts(context), {file for file, _, _ in media_corrections(context)}
    fix = f": tokbench check {context.word} --fix -o fixed"
    for said in context.facts.of("*processor_config.json"):
        yield from _otherwise(said, own, fix if said.file in fixed else "")
    for said in context.facts.of("config.json", "generation_config.json"):
        media = {role: numbers for role, numbers in said.numbers.items() if role not in context.roles}
        yield from _otherwise(replace(said, numbers=media), own, fix if said.file in fixed else "")


def flags_are_the_pipelines(context: CheckContext) -> Iterator[Finding]:
    """What tokenizer_config.json says of bos, eos and a first space is what tokenizer.json does.

    Cause: transformers 4 makes the pipeline anew by add_bos_token and add_eos_token (Llama, Gemma, Cohere)
    and by add_prefix_space (every class, false where nothing is said); transformers 5 leaves tokenizer.json
    as it is where it does not know the class better, and llama.cpp believes add_bos_token.
    Example: DeepSeek-V3 says add_bos_token and has no template: "hi" begins with its bos in transformers
    4.57 and in llama.cpp, and without one in 5.23 and for who reads tokenizer.json.
    Source: measured with transformers 4.57.6 and 5.23.0
    """
    for key, token, does in added_ends(context):
        says = context.config.get(key)
        if isinstance(says, bool) and says != does:
            what = f"{'puts' if does else 'does not put'} {quoted(token)} around a text"
            yield Finding(
                f"{key} is {_json(says)} in tokenizer_config.json, and tokenizer.json {what}",
                "transformers 4 and llama.cpp take the former, transformers 5 the latter",
                f"write {key} {_json(does)}, or make the post_processor of tokenizer.json do it",
            )
    does_space = first_space(context.tokenizer)
    says_space = context.config.get("add_prefix_space")
    if does_space is not None and bool(says_space) != does_space:
        said = "missing" if says_space is None else _json(bool(says_space))
        yield Finding(
            f"add_prefix_space is {said} in tokenizer_config.json and {_json(does_space)} in tokenizer.json",
            "transformers 4 takes the former, false where it is missing; tokenizers the latter",
            f"tokbench check {context.word} --fix -o fixed"
            if says_space is None
            else f"write add_prefix_space {_json(does_space)}, or change the block in tokenizer.json",
        )


def _otherwise(said: TokenFacts, own: TokenFacts, fix: str = "") -> Iterator[Finding]:
    wrong = [each.words for each in contradictions(said, own)]
    if wrong:
        yield Finding(
            f"{said.file} names other tokens or ids than the tokenizer; it is read by {said.readers}",
            first_few(wrong),
            f"write the tokenizer's into {said.file}{fix}",
        )


def _unlike(said: TokenFacts, message: str, evidence: str) -> Finding:
    return Finding(
        f"{said.file} is not this tokenizer's: {message}",
        f"{evidence}; it is read by {said.readers}",
        f"delete {said.file}",
    )


def _flags(token: str, flags: dict[str, bool]) -> str:
    told = ", ".join(f"{name} {_json(not value)} → {_json(value)}" for name, value in flags.items())
    return f"{quoted(token)}: {told} by {DECODER}"


def _json(value: bool) -> str:
    return str(value).lower()


RULES = (
    Rule("TB606", "side-files-say-the-same", "error", "folder", side_files_say_the_same,
         fixes.dropping("added_tokens.json", "special_tokens_map.json")),
    Rule("TB607", "old-vocabularies-say-the-same", "warning", "folder", old_vocabularies_say_the_same,
         fixes.contradicting_files_go),
    Rule("TB612", "files-lie-in-the-folder", "warning", "folder", files_lie_in_the_folder),
    Rule("TB613", "added-tokens-are-matched-alike", "error", "folder", added_tokens_are_matched_alike,
         fixes.flags_are_those_transformers_takes),
    Rule("TB614", "roles-have-one-id", "error", "folder", roles_have_one_id,
         fixes.media_are_the_tokenizers),
    Rule("TB615", "flags-are-the-pipelines", "warning", "folder", flags_are_the_pipelines,
         fixes.first_space_is_said),
)  # fmt: skip
