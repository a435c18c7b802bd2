"""What a chat template does, seen by what it makes of small conversations: roles, tools, ends of answers."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tokbench.errors import FileError
from tokbench.pretrained.chat_template import (
    DEFAULT,
    TOOLS,
    ChatTemplate,
    Conversation,
    Program,
    Rendered,
    chat_tokenizer,
    render,
    special_variables,
    taken_templates,
    written_templates,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokbench.pretrained.folder import TokenizerFolder

# Words that no template writes by itself, so that what stands around them is the template's.
ASKED, ANSWERED, AGAIN, RULED, CALLED = "Query 31", "Reply 41", "Query 59", "Rule 53", "Result 97"
USER, ANSWER, NEXT = (
    {"role": "user", "content": ASKED},
    {"role": "assistant", "content": ANSWERED},
    {"role": "user", "content": AGAIN},
)
TOOL = {
    "type": "function",
    "function": {
        "name": "look_up",
        "description": "Look a word up.",
        "parameters": {
            "type": "object",
            "properties": {"word": {"type": "string", "description": "The word."}},
            "required": ["word"],
        },
    },
}
CALL = {"type": "function", "id": "call00001", "function": {"name": "look_up", "arguments": {"word": "a"}}}
USE = (
    USER,
    {"role": "assistant", "content": "", "tool_calls": [CALL]},
    {"role": "tool", "name": "look_up", "tool_call_id": "call00001", "content": CALLED},
)
PROBES: dict[str, Conversation] = {
    "question": Conversation((USER,)),
    "prompted": Conversation((USER,), prompted=True),
    "answer": Conversation((USER, ANSWER)),
    "turns": Conversation((USER, ANSWER, NEXT), prompted=True),
    "system": Conversation(({"role": "system", "content": RULED}, USER, ANSWER)),
    "tools": Conversation((USER,), (TOOL,), prompted=True),
    "use": Conversation(USE, (TOOL,), prompted=True),
    "twice": Conversation((USER, NEXT)),
}
# What looks like one token to whoever writes a template, and is hoped to be one.
CONTROL = re.compile(r"<\|[^|<>\s]{1,40}\|>|<｜[^<>｜\s]{1,40}｜>|</?[a-z]{1,9}_of_[a-z]{1,9}>")


@dataclass(frozen=True, kw_only=True)
class ChatFacts:
    """What the default template of a folder does.

    `source` is its file, `names` are those of all templates there. `roles` are the ones it takes, and
    `alternates` says that user and assistant must take turns. `prompt` is what add_generation_prompt puts
    behind a question, `header` what stands before an answer of the assistant, `ending` what stands behind
    it. `begins` is what stands before the first message. `ends_with` is the token that ends an answer, and
    None where no single token does. `unset` are tokens it writes and the tokenizer does not declare.
    `problem` says why it takes no conversation of two turns.
    """

    source: str
    names: tuple[str, ...]
    roles: tuple[str, ...] = ()
    alternates: bool = False
    tools: bool = False
    prompt: str = ""
    header: str = ""
    ending: str = ""
    ends_with: str | None = None
    ends_with_id: int | None = None
    unset: tuple[str, ...] = ()
    problem: str = ""
    texts: Mapping[str, Rendered] = field(default_factory=dict, repr=False, metadata={"json": False})
    written: tuple[ChatTemplate, ...] = field(default=(), repr=False, metadata={"json": False})

    @property
    def control(self) -> tuple[str, ...]:
        """The strings in its texts that look like control tokens, in the order of their first use."""
        found = (match[0] for each in self.texts.values() for match in CONTROL.finditer(each.text))
        return tuple(dict.fromkeys(found))


def chat_facts(folder: TokenizerFolder) -> ChatFacts | None:
    """What the chat template of a folder does; None where there is none."""
    try:
        written = written_templates(folder.path if folder.path.is_dir() else None, folder.config)
    except FileError as error:
        return ChatFacts(source="a file", names=(), problem=error.message)
    taken = taken_templates(written)
    if not taken:
        return None
    names = tuple(sorted(taken))
    if DEFAULT not in taken:
        source = next(iter(taken.values())).file
        problem = f"no template is called {DEFAULT}, and only {', '.join(names)}"
        return ChatFacts(source=source, names=names, problem=problem, written=written)
    special = special_variables(folder.config, folder.roles)
    programs = render(
        [taken[name].text for name in (DEFAULT, TOOLS) if name in taken],
        [{**special, **probe.variables} for probe in PROBES.values()],
    )
    return _facts(folder, taken[DEFAULT], programs, special, names=names, written=written)


def _facts(
    folder: TokenizerFolder,
    template: ChatTemplate,
    programs: list[Program],
    special: Mapping[str, str],
    **places: Any,  # noqa: ANN401  names and written
) -> ChatFacts:
    main = programs[0]
    if main.problem:
        return ChatFacts(source=template.file, problem=main.problem, **places)
    texts = dict(zip(PROBES, main.texts, strict=True))
    if len(programs) > 1 and not programs[1].problem:
        with_tools = dict(zip(PROBES, programs[1].texts, strict=True))
        texts |= {name: with_tools[name] for name in ("tools", "use")}
    problems = (texts[name].problem for name in ("question", "answer", "turns"))
    broken = next((problem for problem in problems if problem), "")
    ending = texts["answer"].text.rpartition(ANSWERED)[2]
    ends = _ending_token(folder, ending)
    return ChatFacts(
        source=template.file,
        roles=tuple(_roles(texts)),
        alternates=bool(texts["twice"].problem) and not broken,
        tools=TOOL["function"]["name"] in texts["tools"].text,  # type: ignore[index]
        prompt=_behind(texts["question"].text, texts["prompted"].text),
        header=_behind(texts["question"].text, texts["answer"].text).partition(ANSWERED)[0],
        ending=ending,
        ends_with=ends[0] if ends else None,
        ends_with_id=ends[1] if ends else None,
        unset=tuple(_unset(main, template, special)),
        problem=broken,
        texts=texts,
        **places,
    )


def _roles(texts: Mapping[str, Rendered]) -> list[str]:
    """The roles whose words arrive in the text."""
    where = {"system": ("system", RULED), "user": ("answer", ASKED), "assistant": ("answer", ANSWERED)}
    where["tool"] = ("use", CALLED)
    return [role for role, (probe, words) in where.items() if words in texts[probe].text]


def _behind(before: str, after: str) -> str:
    """What the second text has behind all that both have in common from the start.

    >>> _behind("<u>Query 31</u>", "<u>Query 31</u><a>")
    '<a>'
    """
    if after.startswith(before):
        return after[len(before) :]
    return after.rpartition(ASKED)[2]


def _unset(program: Program, template: ChatTemplate, special: Mapping[str, str]) -> list[str]:
    """The tokens a template writes without a declared value, as far as it does not ask whether they are."""
    named = [name for name in program.names if name.endswith("_token") and name not in special]
    return [name for name in named if not re.search(rf"{name}\s+is\s+(not\s+)?defined", template.text)]


def _ending_token(folder: TokenizerFolder, ending: str) -> tuple[str, int] | None:
    """The first added token behind an answer; None where there is plain text alone."""
    if not ending.strip():
        return None
    tokenizer = chat_tokenizer(folder)
    added = tokenizer.get_added_tokens_decoder()
    ids = tokenizer.encode(ending, add_special_tokens=False).ids
    return next(((added[number].content, number) for number in ids if number in added), None)
