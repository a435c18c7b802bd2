"""Rules about the chat template: does it render, do its strings, ends and starts reach the model."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from tokbench.checks import fixes
from tokbench.checks.findings import Finding, Rule, first_few, quoted
from tokbench.pretrained.chat_template import chat_tokenizer
from tokbench.pretrained.token_facts import FolderFacts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokbench.checks.context import CheckContext
    from tokbench.pretrained.chat_facts import ChatFacts


def chat_template_renders(context: CheckContext) -> Iterator[Finding]:
    """The chat template takes a question, an answer and a second question.

    Cause: a template was edited by hand, cut short, or written for another engine than jinja2's sandbox.
    Example: apply_chat_template raises on the first conversation; a template without an end hangs the server.
    Source: transformers #28366, CVE-2024-34359
    """
    facts = context.chat
    if facts is not None and facts.problem:
        yield Finding(
            f"the chat template in {facts.source} does not take a conversation of two turns",
            quoted(facts.problem, 160),
            f"mend it in {facts.source}, and try it: tokbench encode {context.word} --chat messages.json",
        )


def chat_templates_agree(context: CheckContext) -> Iterator[Finding]:
    """The template is the same wherever the folder has it.

    Cause: transformers 5 writes chat_template.jinja and leaves an older one in tokenizer_config.json.
    Example: transformers takes chat_template.jinja; programs that know only tokenizer_config.json, or the
    processor's chat_template.json, build other prompts for the same model.
    Source: measured with transformers 5.23
    """
    written = sorted(context.chat.written if context.chat else (), key=lambda each: each.name)
    for name, group in groupby(written, key=lambda each: each.name):
        same = list(group)
        other = [each.file for each in same[1:] if each.text.strip() != same[0].text.strip()]
        if other:
            yield Finding(
                f"the chat template {name} is not the same in {first_few([same[0].file, *other])}",
                f"transformers takes that of {same[0].file}",
                f"take chat_template out of {first_few(other)}, or write the same there",
            )


def control_strings_are_tokens(context: CheckContext) -> Iterator[Finding]:
    """Every control string that the template writes is one added token, and nothing of it is unknown.

    Cause: a template of another model, or ChatML, was set and its tokens were not added.
    Example: <|im_start|> is read as <, |, im, _, start, |, >: six tokens for each mark, that no training ever
    tied together; under WordPiece it may be [UNK].
    Source: trl #1242, axolotl #678
    """
    facts = _sound(context)
    if facts is None:
        return
    assert context.source is not None
    tokenizer = chat_tokenizer(context.source)
    added = {entry.content for entry in tokenizer.get_added_tokens_decoder().values()}
    lost = [string for string in facts.control if string not in added]
    pieces = {string: tokenizer.encode(string, add_special_tokens=False).tokens for string in lost}
    unknown = any(context.unknown is not None and context.unknown in found for found in pieces.values())
    if lost:
        yield Finding(
            f"the chat template writes {first_few(lost)}, which the tokenizer does not have as a token",
            first_few([f"{quoted(string)} → {first_few(found, 9)}" for string, found in pieces.items()], 2),
            f"tokbench add-tokens {context.word} "
            + " ".join(f"--special '{string}'" for string in lost)
            + " -o grown",
            severity="" if unknown else "warning",
        )


def chats_begin_once(context: CheckContext) -> Iterator[Finding]:
    """A chat begins with the token that texts begin with, and with one of it.

    Cause: the template writes bos_token and the post_processor puts it around every text.
    Example: who renders the chat first and encodes the text then, as many trainers and servers do, gets <s>
    twice; who lets apply_chat_template encode gets it once. Where only the post_processor writes it, chats
    have none, for apply_chat_template applies no post_processor.
    Source: DeepSeek-R1 #151, llama.cpp #7107, vllm #27486
    """
    facts = _sound(context)
    if facts is None:
        return
    text = facts.texts["prompted"].text
    plain = context.tokenizer.encode(text, add_special_tokens=False).ids
    around = context.tokenizer.encode(text, add_special_tokens=True).ids
    first = context.id_of("bos")
    if first is None or around[:1] != [first] or len(around) == len(plain):
        return
    token = quoted(context.roles["bos"])
    twice = plain[:1] == [first]
    yield Finding(
        f"the chat template writes {token}, and the post_processor writes it again"
        if twice
        else f"texts begin with {token}, and chats do not",
        f"encoded as a text: {around[:4]}; by apply_chat_template: {plain[:3]}",
        "encode rendered chats with add_special_tokens=False, or let apply_chat_template encode them"
        if twice
        else "begin the template with {{ bos_token }}, if the model was trained so",
    )


def answers_end(context: CheckContext) -> Iterator[Finding]:
    """One token ends every answer of the assistant.

    Cause: the template forgets eos_token, or ends a turn with text; eos_token is not declared, and nothing is
    written in its place; or the token that ends a turn was not added.
    Example: a model trained on such chats never learns to stop: it writes the user's next turn as well.
    Source: bitnet in llama.cpp (ik_llama.cpp #339), trl #1242
    """
    facts = _sound(context)
    if facts is None or facts.ends_with is not None or "assistant" not in facts.roles:
        return
    what = quoted(facts.ending) if facts.ending.strip() else "nothing"
    yield Finding(
        f"no token ends the assistant's answer: {what} follows it",
        f"the end of a chat: {quoted(facts.texts['answer'].text[-40:], 60)}"
        + (f"; not declared: {first_few(facts.unset)}" if facts.unset else ""),
        "write {{ eos_token }} behind the assistant's content in the template, and declare eos_token",
    )


def generation_ends_with_the_turn(context: CheckContext) -> Iterator[Finding]:
    """Generation stops at the token that ends a turn.

    Cause: a base model's eos_token stayed when the chat template came; generation_config.json was not copied.
    Example: eos_token is <|endoftext|> and turns end with <|im_end|>: the model writes <|im_end|> and goes on
    with a question of its own, up to the limit of tokens.
    Source: mlx-vlm #1501, axolotl #678
    """
    facts = _sound(context)
    if facts is None or facts.ends_with_id is None:
        return
    stops = _stops(context)
    own = context.id_of("eos")
    shown = f"a turn ends with {quoted(facts.ends_with)} = {facts.ends_with_id}"
    eos = f"eos_token {quoted(context.roles.get('eos'))} = {own}"
    if stops and facts.ends_with_id not in {number for _, numbers in stops for number in numbers}:
        said = "; ".join(f"{file} {', '.join(map(str, numbers))}" for file, numbers in stops)
        yield Finding(
            "generation does not stop at the token that ends a turn",
            f"{shown}; eos_token_id: {said}; {eos}",
            f"write eos_token_id {facts.ends_with_id} into generation_config.json, in a list with the others",
        )
    elif own != facts.ends_with_id:
        yield Finding(
            "eos_token is not the token that ends a turn",
            f"{shown}; {eos}",
            "name the turn's token in eos_token_id of generation_config.json too, and in what you train with",
            severity="note" if stops else "warning",
        )


def generation_is_prompted(context: CheckContext) -> Iterator[Finding]:
    """add_generation_prompt adds what stands before an answer.

    Cause: the template does not ask for add_generation_prompt.
    Example: generation starts behind the user's turn: the model may go on with the user's words, or begins
    with the header that training had as given.
    Source: transformers, docs of chat templates
    """
    facts = _sound(context)
    if facts is not None and facts.header.strip() and not facts.prompt:
        yield Finding(
            "add_generation_prompt changes nothing, though every answer has something before it",
            f"before an answer: {quoted(facts.header)}",
            f"put {{% if add_generation_prompt %}}{{{{ {facts.header!r} }}}}{{% endif %}} behind the loop",
        )


def usual_roles_are_taken(context: CheckContext) -> Iterator[Finding]:
    """The template takes a system message, and two messages of one role in a row.

    Cause: the model was trained without a system role, or on strict turns.
    Example: data with system messages raises "Conversation roles must alternate"; or, worse, the template
    leaves the system message out without a word.
    Source: transformers #28366, unsloth #334
    """
    facts = _sound(context)
    if facts is None:
        return
    found = []
    if "system" not in facts.roles:
        why = facts.texts["system"].problem
        found.append(f"a system message: {quoted(why, 80) if why else 'left out without a word'}")
    if facts.alternates:
        found.append(f"two questions in a row: {quoted(facts.texts['twice'].problem, 80)}")
    if found:
        silent = "system" not in facts.roles and not facts.texts["system"].problem
        yield Finding(
            "the chat template does not take every conversation",
            "; ".join(found),
            "put system messages into the first question, and join questions, before the template is applied",
            severity="" if silent else "note",
        )


def user_text_is_text(context: CheckContext) -> Iterator[Finding]:
    """What a user writes cannot become a control token.

    Cause: the tokenizer matches its added tokens wherever they stand, also in a message.
    Example: a user who writes <|im_end|> ends the turn, and may go on as the system.
    Source: transformers, apply_chat_template(sanitize_control_tokens=True)
    """
    facts = _sound(context)
    if facts is not None and facts.ends_with is not None:
        yield Finding(
            "a user who writes a control token writes the token, not its letters",
            f"{quoted(facts.ends_with)} in a message is {facts.ends_with_id}, which ends the turn",
            "apply_chat_template(…, sanitize_control_tokens=True), or take them out of what users write",
        )


def _sound(context: CheckContext) -> ChatFacts | None:
    """The facts of a template that takes a conversation."""
    facts = context.chat
    return None if facts is None or facts.problem else facts


def _stops(context: CheckContext) -> list[tuple[str, tuple[int, ...]]]:
    """The file and the ids at which generate stops: generation_config.json's, or else config.json's."""
    home = context.model.folder if context.model is not None else None
    for name in ("generation_config.json", "config.json"):
        for said in FolderFacts(home).of(name) if home is not None and home.is_dir() else ():
            if "eos" in said.numbers:
                return [(said.file, said.numbers["eos"])]
    return []


RULES = (
    Rule("TB801", "chat-template-renders", "error", "", chat_template_renders),
    Rule("TB802", "chat-templates-agree", "warning", "", chat_templates_agree,
         fixes.other_templates_follow),
    Rule("TB803", "control-strings-are-tokens", "error", "", control_strings_are_tokens),
    Rule("TB804", "chats-begin-once", "warning", "", chats_begin_once),
    Rule("TB805", "answers-end", "error", "", answers_end),
    Rule("TB806", "generation-ends-with-the-turn", "error", "", generation_ends_with_the_turn,
         fixes.generation_stops_at_the_turn),
    Rule("TB807", "generation-is-prompted", "warning", "", generation_is_prompted),
    Rule("TB808", "usual-roles-are-taken", "warning", "", usual_roles_are_taken),
    Rule("TB809", "user-text-is-text", "note", "", user_text_is_text),
)  # fmt: skip
