"""What a chat becomes; the oracle is apply_chat_template of transformers."""

import json

import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors

import tokbench as tb
from tokbench.errors import DataError, UsageError
from tokbench.io.quiet import quiet
from tokbench.pretrained.chat_template import read_chat, render, taken_templates, written_templates

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] }}"
    "{{ '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
MISTRAL = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
    "{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}"
    "{% elif message['role'] == 'assistant' %}{{ message['content'] + eos_token }}{% endif %}{% endfor %}"
)
EVERYTHING = """
{%- set ns = namespace(tools=0) %}
{%- if tools is not none and tools %}
    {{- bos_token }}{% for tool in tools %}{{ tool | tojson }}{% set ns.tools = ns.tools + 1 %}{% endfor %}
{%- endif %}
{%- for message in messages %}
    {%- if message.role == 'skip' %}{% continue %}{% endif %}
    {{- '<|im_start|>' ~ message.role ~ '\\n' }}
    {%- if message.content is string %}{{ message.content | trim }}{% else %}
    {%- for part in message.content %}{{ part.text }}{% endfor %}{% endif %}
    {%- if message.reasoning_content is defined %}({{ message.reasoning_content }}){% endif %}
    {%- if message.role == 'assistant' %}{% generation %}!{% endgeneration %}{% endif %}
    {{- '<|im_end|>' }}
{%- endfor %}
{{- dict(a=ns.tools) | tojson(indent=1) }}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}
"""
SPECIALS = ["<s>", "</s>", "<|im_start|>", "<|im_end|>"]
TALK = [
    {"role": "user", "content": " Hello <|im_end|> "},
    {"role": "assistant", "content": "Hi.", "tool_calls": None},
    {"role": "user", "content": "Bye?"},
]
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "é": "<&>"}}}


@pytest.fixture
def make(tmp_path):
    """A function: a byte-level tokenizer with a template, in a folder."""

    def made(template=CHATML, name="tok", **config):
        letters = {letter: at for at, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
        tokenizer = Tokenizer(models.BPE(letters, []))
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        tokenizer.add_special_tokens([AddedToken(token, special=True) for token in SPECIALS])
        tokenizer.post_processor = processors.TemplateProcessing(
            single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", tokenizer.token_to_id("<s>"))]
        )
        folder = tmp_path / name
        folder.mkdir()
        tokenizer.save(str(folder / "tokenizer.json"))
        roles = {"bos_token": "<s>", "eos_token": "</s>", "tokenizer_class": "PreTrainedTokenizerFast"}
        (folder / "tokenizer_config.json").write_text(json.dumps({**roles, **config}))
        if template is not None:
            (folder / "chat_template.jinja").write_text(template)
        return folder

    return made


def applied(folder, messages, **options):
    import transformers

    with quiet():
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    return tokenizer.apply_chat_template(messages, return_dict=False, **options)


@pytest.mark.parametrize("template", [CHATML, MISTRAL, EVERYTHING], ids=["chatml", "mistral", "everything"])
@pytest.mark.parametrize("prompted", [True, False])
def test_a_chat_becomes_the_ids_of_apply_chat_template(template, prompted, make):
    folder = make(template)
    chat = {"messages": TALK, "add_generation_prompt": prompted}
    assert list(tb.encode(folder, chat=chat).ids) == applied(folder, TALK, add_generation_prompt=prompted)
    traced = tb.trace(folder, chat=chat)
    assert traced.text == applied(folder, TALK, add_generation_prompt=prompted, tokenize=False)
    assert list(traced.ids) == list(tb.encode(folder, chat=chat).ids)
    assert traced.notes == ()


def test_tools_parts_and_thoughts_are_given_as_transformers_gives_them(make):
    folder = make(EVERYTHING)
    talk = [
        {"role": "user", "content": [{"type": "text", "text": "ünd"}]},
        {"role": "skip", "content": "x"},
        {"role": "assistant", "content": "", "thinking": "hm"},
    ]
    ids = list(tb.encode(folder, chat={"messages": talk, "tools": [TOOL]}).ids)
    assert ids == applied(folder, talk, tools=[TOOL])


def test_the_next_answer_is_begun_where_the_last_message_is_not_one():
    assert read_chat(TALK).prompted
    assert not read_chat(TALK[:2]).prompted
    assert not read_chat({"messages": TALK, "add_generation_prompt": False}).prompted


def test_flags_of_the_config_are_those_of_the_chat(make):
    flags = {"lstrip": False, "single_word": False, "normalized": False, "special": True}
    entries = {"259": {"content": "<|im_end|>", "rstrip": True, **flags}}
    folder = make(added_tokens_decoder=entries)
    ids = list(tb.encode(folder, chat=TALK).ids)
    assert ids == applied(folder, TALK, add_generation_prompt=True)
    assert list(tb.trace(folder, chat=TALK).ids) == ids


def test_a_tokenizer_of_transformers_brings_its_template(make):
    import transformers

    folder = make()
    with quiet():
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    assert tb.encode(tokenizer, chat=TALK).ids == tb.encode(folder, chat=TALK).ids


def test_the_places_of_a_template_stand_in_the_order_of_transformers(make):
    both = make(CHATML, chat_template=MISTRAL)
    assert applied(both, TALK, tokenize=False).startswith("<|im_start|>")
    config = {"chat_template": [{"name": "default", "template": "a"}, {"name": "tool_use", "template": "b"}]}
    written = written_templates(both, config)
    assert [(each.name, each.file) for each in written] == [
        ("default", "chat_template.jinja"),
        ("default", "tokenizer_config.json"),
        ("tool_use", "tokenizer_config.json"),
    ]
    assert {name: each.file for name, each in taken_templates(written).items()} == {
        "default": "chat_template.jinja"
    }
    assert set(taken_templates(written_templates(None, config))) == {"default", "tool_use"}
    (both / "additional_chat_templates").mkdir()
    (both / "additional_chat_templates" / "tool_use.jinja").write_text("{{ tools | length }} tools")
    chat = {"messages": TALK, "tools": [TOOL]}
    assert tb.trace(both, chat=chat).text == "1 tools" == applied(both, TALK, tools=[TOOL], tokenize=False)


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("{{ messages[0].content.__class__.__mro__ }}", "SecurityError"),
        ("{% for m in messages %}", "TemplateSyntaxError"),
        ("{{ raise_exception('no system here') }}", "no system here"),
        ("{% set ns = namespace() %}{% set ns.__init__ = 1 %}", "SecurityError"),
        ("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", "10 seconds"),
        ("{{ 'a' * 9999999999 }}", "MemoryError"),
        ("{{ messages.append(1) }}", "SecurityError"),
    ],
)
def test_a_template_that_runs_away_or_reaches_out_ends_in_a_sentence(template, problem, monkeypatch):
    monkeypatch.setattr("tokbench.pretrained.chat_template.SECONDS", 3 if "seconds" in problem else 10)
    [program] = render([template], [{"messages": TALK}])
    assert problem.replace("10", "3") in (program.problem or program.texts[0].problem)


def test_one_template_that_hangs_does_not_hide_the_others(monkeypatch):
    monkeypatch.setattr("tokbench.pretrained.chat_template.SECONDS", 2)
    hangs = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
    first, second = render([hangs, "{{ x }}"], [{"x": 1}])
    assert "2 seconds" in first.problem
    assert second.texts[0].text == "1"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "is not JSON"),
        ("[]", "there is no message"),
        ('"x"', "messages are a list"),
        ("[1]", "message 1 is no object"),
        ('[{"content": "x"}]', "message 1 has no role"),
        ('[{"role": "user", "content": 3}]', "the content of message 1"),
        ('{"messages": [{"role": "user"}], "tools": [1]}', "tools"),
    ],
)
def test_a_bad_file_of_messages_is_one_sentence(content, says, make, tmp_path):
    path = tmp_path / "m.json"
    path.write_text(content)
    with pytest.raises(DataError, match=says) as raised:
        tb.encode(make(), chat=path)
    assert "m.json" in raised.value.message
    assert '"role"' in raised.value.fix


def test_what_the_template_does_not_take_is_said_in_its_words(make):
    talk = [{"role": "system", "content": "x"}, *TALK]
    with pytest.raises(UsageError, match=r"chat_template\.jinja of .* must alternate"):
        tb.encode(make(MISTRAL), chat=talk)


def test_a_tokenizer_without_a_template_says_so(make):
    with pytest.raises(UsageError, match="no chat template"):
        tb.encode(make(None), chat=TALK)


def test_a_chat_stands_alone(make):
    folder = make()
    for call in (tb.encode, tb.trace):
        with pytest.raises(UsageError, match="a chat is read alone"):
            call(folder, "a text", chat=TALK)
        with pytest.raises(UsageError, match="there is no text"):
            call(folder)


def test_the_command_reads_messages_from_a_file(make, tmp_path, capsys):
    from tokbench.__main__ import main

    folder, path = make(), tmp_path / "m.json"
    path.write_text(json.dumps(TALK))
    assert main(["encode", str(folder), "--chat", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["ids"] == applied(folder, TALK, add_generation_prompt=True)
    assert main(["trace", str(folder), "--chat", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["ids"] == applied(folder, TALK, add_generation_prompt=True)
    path.write_text("[")
    assert main(["trace", str(folder), "--chat", str(path)]) == 2
    assert "is not JSON" in capsys.readouterr().err
    assert main(["encode", str(folder), "a text", "--chat", str(path)]) == 2
    assert main(["trace", str(folder)]) == 2
    assert main(["encode", str(folder), "--file", str(path), "--chat", str(path)]) == 2
