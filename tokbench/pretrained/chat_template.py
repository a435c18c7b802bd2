"""Chat templates: where a folder has them, and what they make of a conversation, as transformers does it."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from tokenizers import Tokenizer

from tokbench.errors import DataError, UsageError
from tokbench.io.json_files import MIB, read_object, read_text
from tokbench.pretrained.companions import CHAT_FILES
from tokbench.pretrained.special_tokens import content_of, roles_of
from tokbench.pretrained.token_facts import changed_flags, named_roles

if TYPE_CHECKING:
    from tokbench.pretrained.folder import TokenizerFolder

SECONDS, MEMORY = 10, 1 << 30  # what the templates of one folder may take
LONGEST = 4 * MIB
DEFAULT, TOOLS = "default", "tool_use"
REASONING = ("reasoning_content", "thinking", "reasoning")
JINJA, JSON, FOLDER = CHAT_FILES

Message = Mapping[str, Any]
Chat = Sequence[Message] | Mapping[str, Any] | str | Path


@dataclass(frozen=True)
class ChatTemplate:
    """A template by its name, the file it stands in, and its text."""

    name: str
    file: str
    text: str


def written_templates(folder: Path | None, config: Mapping[str, Any]) -> tuple[ChatTemplate, ...]:
    """All templates of a folder, those first that transformers takes; FileError for a file it cannot read.

    Where chat_template.jinja or a file of additional_chat_templates stands, tokenizer_config.json's is not
    read. chat_template.json is the processors' older place.
    """
    found = []
    if folder is not None and (folder / JINJA).is_file():
        found.append(ChatTemplate(DEFAULT, JINJA, read_text(folder / JINJA, limit=LONGEST)))
    more = sorted((folder / FOLDER).glob("*.jinja")) if folder is not None else []
    found += [
        ChatTemplate(path.stem, f"{FOLDER}/{path.name}", read_text(path, limit=LONGEST)) for path in more
    ]
    found += _in_object(config, "tokenizer_config.json")
    for name in (JSON, "processor_config.json"):
        if folder is not None and (folder / name).is_file():
            found += _in_object(read_object(folder / name), name)
    return tuple(found)


def taken_templates(written: Sequence[ChatTemplate]) -> dict[str, ChatTemplate]:
    """Name → template as transformers' tokenizer has them, from one kind of place only."""
    files = [each for each in written if each.file.endswith(".jinja")]
    chosen = files or [each for each in written if each.file == "tokenizer_config.json"] or list(written)
    return {each.name: each for each in reversed(chosen)}


def _in_object(content: Mapping[str, Any], file: str) -> list[ChatTemplate]:
    """The template of a JSON file: a text, or a list of names and texts."""
    value = content.get("chat_template")
    if isinstance(value, str):
        return [ChatTemplate(DEFAULT, file, value)]
    if isinstance(value, Mapping):
        value = [{"name": name, "template": text} for name, text in value.items()]
    entries = [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []
    return [ChatTemplate(str(each.get("name")), file, str(each.get("template"))) for each in entries]


@dataclass(frozen=True)
class Rendered:
    """What a template makes of one conversation: its text, or the problem in its own words."""

    text: str = ""
    problem: str = ""


@dataclass(frozen=True)
class Program:
    """What became of one template: the texts asked for, in order, the names it uses, its literal texts.

    `problem` says why it could not be rendered at all: its syntax, or that it did not come to an end.
    """

    texts: tuple[Rendered, ...] = ()
    names: tuple[str, ...] = ()
    literals: tuple[str, ...] = ()
    problem: str = ""


def render(templates: Sequence[str], variables: Sequence[Mapping[str, Any]]) -> list[Program]:
    """Every template with each of these sets of variables, in a process of its own with a clock."""
    if not templates:
        return []
    child = Path(__file__).with_name("chat_worker.py")
    asked = [{"template": text, "variables": list(variables)} for text in templates]
    request = json.dumps({"memory": MEMORY, "templates": asked})
    try:
        done = subprocess.run(
            [sys.executable, "-P", str(child)], input=request.encode(), capture_output=True, timeout=SECONDS
        )
    except subprocess.TimeoutExpired:
        return _ended(templates, variables, f"it had not come to an end after {SECONDS} seconds")
    if done.returncode:
        return _ended(templates, variables, "it ended the process, or took all of 1 GiB of memory")
    return [
        Program(
            tuple(Rendered(**each) for each in answer["texts"]),
            tuple(answer["names"]),
            tuple(answer["literals"]),
            answer["problem"],
        )
        for answer in json.loads(done.stdout)
    ]


def _ended(templates: Sequence[str], variables: Sequence[Mapping[str, Any]], why: str) -> list[Program]:
    """The same for each of several templates on its own, of which one did not come back."""
    if len(templates) == 1:
        return [Program(problem=why)]
    return [program for each in templates for program in render([each], variables)]


def special_variables(config: Mapping[str, Any], roles: Mapping[str, str]) -> dict[str, str]:
    """bos_token, eos_token and the like, which transformers gives to every template."""
    named = {**roles, **roles_of(config), **named_roles(config)}
    return {f"{role}_token": token for role, token in named.items()}


@dataclass(frozen=True)
class Conversation:
    """Messages as a file or a caller gives them; `prompted` asks for the start of the next answer.

    Where nothing says so, it is asked for if the last message is not the assistant's.
    """

    messages: tuple[Message, ...]
    tools: tuple[Mapping[str, Any], ...] | None = None
    prompted: bool = False

    @property
    def variables(self) -> dict[str, Any]:
        """What the template is given: without keys that are null, and reasoning under all its names."""
        messages = [
            _with_reasoning({key: value for key, value in each.items() if value is not None})
            for each in self.messages
        ]
        tools = None if self.tools is None else list(self.tools)
        return {
            "messages": messages,
            "tools": tools,
            "documents": None,
            "add_generation_prompt": self.prompted,
        }


def _with_reasoning(message: dict[str, Any]) -> dict[str, Any]:
    """A message whose thoughts have every name under which templates look for them, as in transformers."""
    thoughts = next((message[key] for key in REASONING if key in message), None)
    return message if thoughts is None else {REASONING[1]: thoughts, **message, REASONING[0]: thoughts}


SHAPE = '[{"role": "user", "content": "Hello"}]'


def read_chat(chat: Chat) -> Conversation:
    """Messages from a list, an object with `messages` and `tools`, or a JSON file; DataError for others."""
    name, found = "the chat", cast("Any", chat)
    if isinstance(chat, str | Path):
        name = str(chat)
        try:
            found = json.loads(read_text(Path(chat).expanduser(), limit=64 * MIB))
        except (ValueError, RecursionError) as error:
            raise DataError(f"{name} is not JSON: {error}", fix=f"write messages into it: {SHAPE}") from error
    content: Mapping[str, Any] = found if isinstance(found, Mapping) else {"messages": found}
    messages: Any = content.get("messages")
    tools = content.get("tools")
    problem = _messages_problem(messages)
    if not problem and tools is not None and not (isinstance(tools, list) and all(map(_is_object, tools))):
        problem = "its tools are no list of objects"
    if problem:
        raise DataError(f"{name} holds no conversation: {problem}", fix=f"messages look so: {SHAPE}")
    prompted = content.get("add_generation_prompt", messages[-1]["role"] != "assistant")
    return Conversation(tuple(messages), None if tools is None else tuple(tools), bool(prompted))


def _is_object(value: object) -> bool:
    return isinstance(value, Mapping)


def _messages_problem(messages: object) -> str:
    """What is wrong with messages, in words; "" for nothing."""
    if not isinstance(messages, Sequence) or isinstance(messages, str):
        return "messages are a list"
    if not messages:
        return "there is no message"
    for number, each in enumerate(messages, 1):
        if not isinstance(each, Mapping):
            return f"message {number} is no object"
        if not isinstance(each.get("role"), str):
            return f"message {number} has no role"
        if not isinstance(each.get("content"), str | list | None):
            return f"the content of message {number} is no text"
    return ""


def chat_text(folder: TokenizerFolder, chat: Chat) -> str:
    """What the folder's template makes of a conversation.

    UsageError where the folder has no template, or its template does not take the conversation.
    """
    talk = read_chat(chat)
    place = folder.path if folder.path.is_dir() else None
    templates = taken_templates(written_templates(place, folder.config))
    name = TOOLS if talk.tools is not None and TOOLS in templates else DEFAULT
    if name not in templates:
        raise UsageError(
            f"{folder.name} has no chat template" + (" called default" if templates else ""),
            fix=f"put one beside tokenizer.json as {JINJA}",
        )
    variables = {**special_variables(folder.config, folder.roles), **talk.variables}
    [program] = render([templates[name].text], [variables])
    problem = program.problem or program.texts[0].problem
    if problem:
        raise UsageError(
            f"{templates[name].file} of {folder.name} does not take this conversation: {problem}",
            fix=f"see which roles it takes: tokbench info {shlex.quote(folder.name)}",
        )
    return program.texts[0].text


def chat_tokenizer(folder: TokenizerFolder, *, bare: bool = False) -> Tokenizer:
    """The tokenizer with the flags that transformers takes; `bare` is without a post_processor.

    apply_chat_template applies none: a template writes its special tokens itself.
    """
    changed = changed_flags(folder.tokenizer, folder.config)
    if not changed and not bare:
        return folder.untruncated
    raw = json.loads(folder.untruncated.to_str())
    for entry in raw["added_tokens"]:
        entry.update(changed.get(content_of(entry), {}))
    return Tokenizer.from_str(json.dumps({**raw, "post_processor": None} if bare else raw))
