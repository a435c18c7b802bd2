"""What goes wrong in chats, each with a template that does it; and templates with which nothing does."""

import json

import pytest

from tests.pretrained.test_chat_template import CHATML, EVERYTHING, MISTRAL, make
from tokbench.checks.run import check
from tokbench.pretrained.chat_facts import chat_facts
from tokbench.pretrained.folder import load

__all__ = ["make"]
LOOP = "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + END }}{% endfor %}"
PROMPT = "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"


def chatml(end="'<|im_end|>\n'", before="", behind=PROMPT):
    return before + LOOP.replace("END", end) + behind


def found(folder, model=None):
    """Code → severity and evidence of what check finds about chats."""
    findings = check(folder, model, quick=True).findings
    return {each.code: each for each in findings if each.code.startswith("TB8")}


@pytest.fixture
def sound(make):
    """A function: the tokenizer with a template whose turns end with its eos_token."""
    return lambda template, **config: make(template, **{"eos_token": "<|im_end|>", **config})


def test_a_sound_template_has_only_the_note_that_users_may_write_tokens(sound):
    assert set(found(sound(chatml(before="{{ bos_token }}")))) == {"TB804", "TB809"}
    assert found(sound(chatml(), name="b", bos_token=None)).keys() == {"TB809"}


def test_a_tokenizer_without_a_template_is_asked_nothing(make):
    assert found(make(None)) == {}
    assert chat_facts(load(make(None, name="b"))) is None


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{% for m in messages %}", "TemplateSyntaxError"),
        ("{{ raise_exception('never') }}", "never"),
        ("{{ messages[1].content }}{{ messages[9].content }}", "UndefinedError"),
        ("{% if messages | length > 2 %}{{ 1 / 0 }}{% endif %}", "ZeroDivisionError"),
    ],
)
def test_a_template_that_does_not_render_is_an_error_in_its_words(template, words, sound):
    [finding] = found(sound(template)).values()
    assert (finding.code, finding.severity) == ("TB801", "error")
    assert words in finding.evidence


def test_a_template_that_is_no_text_is_an_error(sound):
    folder = sound(chatml())
    (folder / "chat_template.jinja").write_bytes(b"\xff\xfe")
    assert "not UTF-8" in found(folder)["TB801"].evidence


def test_only_named_templates_are_no_default(sound):
    folder = sound(None, chat_template=[{"name": "rag", "template": "x"}])
    assert "rag" in found(folder)["TB801"].evidence


def test_two_places_that_differ_are_named(sound):
    folder = sound(chatml(), chat_template=chatml(behind=""))
    assert "chat_template.jinja, tokenizer_config.json" in found(folder)["TB802"].message
    assert "TB802" not in found(sound(chatml(), name="b", chat_template=chatml() + "\n"))
    (folder / "chat_template.json").write_text(json.dumps({"chat_template": "x"}))
    assert "chat_template.json" in found(folder)["TB802"].message


def test_strings_that_are_no_token_are_shown_in_pieces_with_the_command_that_adds_them(sound):
    finding = found(sound(chatml().replace("im_start", "start_it")))["TB803"]
    assert finding.severity == "warning"
    assert "'<|start_it|>' → <, |, s" in finding.evidence
    assert "--special '<|start_it|>'" in finding.fix


def test_a_beginning_that_comes_twice_and_one_that_never_comes(sound):
    twice = found(sound(chatml(before="{{ bos_token }}")))["TB804"]
    assert "writes it again" in twice.message
    assert "[256, 256, 258" in twice.evidence
    never = found(sound(chatml(), name="b"))["TB804"]
    assert "chats do not" in never.message


@pytest.mark.parametrize(
    ("end", "config", "words"),
    [
        ("'\n'", {}, "nothing follows it"),
        ("'###\n'", {}, "'###\\n' follows it"),
        ("eos_token | default('')", {"eos_token": None}, "nothing follows it"),
        ("'<|eot|>'", {}, "'<|eot|>' follows it"),
    ],
)
def test_an_answer_that_no_token_ends_is_an_error(end, config, words, sound):
    finding = found(sound(chatml(end), **config))["TB805"]
    assert finding.severity == "error"
    assert words in finding.message


def test_a_token_that_the_template_writes_and_nobody_declares_is_named(make):
    finding = found(make("{% for m in messages %}{{ m.content }}{{ eos_token }}{% endfor %}", eos_token=None))
    assert "not declared: eos_token" in finding["TB805"].evidence


@pytest.mark.parametrize(
    ("generation", "severity"), [(257, "error"), ([257, 259], "note"), (None, "error"), ("absent", "warning")]
)
def test_generation_must_stop_at_the_token_that_ends_a_turn(generation, severity, make):
    folder = make(chatml())  # eos_token is </s> = 257, a turn ends with <|im_end|> = 259
    if generation != "absent":
        config = {"model_type": "llama", "vocab_size": 260, "eos_token_id": 257}
        (folder / "config.json").write_text(json.dumps(config))
    if generation not in ("absent", None):
        (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": generation}))
    finding = found(folder)["TB806"]
    assert finding.severity == severity
    assert "'<|im_end|>' = 259" in finding.evidence


def test_a_generation_prompt_that_is_ignored_is_told_with_what_it_should_be(sound):
    finding = found(sound(chatml(behind="")))["TB807"]
    assert finding.evidence == "before an answer: '<|im_start|>assistant\\n'"
    assert "TB807" not in found(sound(MISTRAL, name="b")), "nothing stands before an answer there"


def test_roles_that_are_not_taken_are_told(sound):
    strict = found(sound(MISTRAL))["TB808"]
    assert strict.severity == "note"
    assert "system message: 'Conversation roles must alternate" in strict.evidence
    assert "two questions in a row" in strict.evidence
    silent = chatml().replace("messages %}", "messages if m.role != 'system' %}")
    assert found(sound(silent, name="b"))["TB808"].severity == "warning"


def test_what_a_template_does_is_read_off_its_texts(sound):
    facts = chat_facts(load(sound(EVERYTHING)))
    assert facts.roles == ("system", "user", "assistant", "tool")
    assert (facts.tools, facts.alternates, facts.problem) == (True, False, "")
    facts = chat_facts(load(sound(CHATML, name="b")))
    assert (facts.prompt, facts.header, facts.ending) == (*["<|im_start|>assistant\n"] * 2, "<|im_end|>\n")
    assert (facts.ends_with, facts.ends_with_id, facts.tools) == ("<|im_end|>", 259, False)
    assert facts.source == "chat_template.jinja"
    facts = chat_facts(load(sound(MISTRAL, name="c")))
    assert (facts.alternates, facts.roles, facts.prompt) == (True, ("user", "assistant"), "")


def test_info_shows_the_templates_facts(sound, capsys):
    from tokbench.__main__ import main

    assert main(["info", str(sound(chatml()))]) == 0
    said = capsys.readouterr().out
    for words in (
        "chat_template.jinja",
        "system, user, assistant",
        "<|im_start|>assistant",
        "<|im_end|> = 259",
    ):
        assert words in said
    assert main(["info", str(sound("{% for %}", name="b")), "--json"]) == 0
    assert "TemplateSyntaxError" in json.loads(capsys.readouterr().out)["chat"]["problem"]


def test_look_commands_say_when_the_folder_loads_as_something_else(make, capsys):
    from tokbench.__main__ import main

    flags = {"lstrip": False, "single_word": False, "normalized": False, "special": True}
    folder = make(added_tokens_decoder={"259": {"content": "<|im_end|>", "rstrip": True, **flags}})
    for word in ("encode", "trace", "info"):
        assert main([word, str(folder), *(["a"] if word != "info" else [])]) == 0
        assert "<|im_end|> with rstrip=True" in "".join(capsys.readouterr()), word
    assert main(["encode", str(make(name="b")), "a"]) == 0
    assert capsys.readouterr().err == ""
