import pytest

from tokbench.errors import FileError
from tokbench.pretrained.companions import OLD_VOCABULARY, chat_files, companions

ALONG = (
    "chat_template.jinja", "chat_template.json", "additional_chat_templates/tool_use.jinja",
    "preprocessor_config.json", "processor_config.json", "video_preprocessor_config.json",
    "tokenization_x.py", "LICENSE.txt", "README.md",
)  # fmt: skip
STAYS = ("tokenizer.model", "spiece.model", "qwen.tiktoken", "vocab.txt", "vocab.json", "merges.txt")


def fill(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder


@pytest.mark.parametrize("name", ALONG)
def test_what_the_vocabulary_does_not_change_goes_along(name, tmp_path):
    found = companions(fill(tmp_path / "a", name))
    assert (list(found.copied), found.left) == ([name], {})
    found.copy(tmp_path / "b")
    assert (tmp_path / "b" / name).read_text() == name


@pytest.mark.parametrize("name", STAYS)
def test_an_old_vocabulary_stays_and_is_named(name, tmp_path):
    found = companions(fill(tmp_path / "a", name))
    assert (found.copied, found.left) == ({}, {name: OLD_VOCABULARY})


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("pytorch_model.bin", "has the old rows"),
        ("model.gguf", "has the old rows"),
        ("adapter_model.safetensors", "is an adapter of the old rows"),
        ("training_args.bin", "is of a training run"),
        ("special_tokens_map.json", "is part of tokenizer.json and tokenizer_config.json"),
        ("notes.docx", "is not known to go with a tokenizer or a model"),
        ("config.json", "is the model's, and no model was given"),
    ],
)
def test_whatever_stays_has_its_reason(name, why, tmp_path):
    assert companions(fill(tmp_path, name)).left == {name: why}


def test_what_is_written_anew_is_not_spoken_of(tmp_path):
    names = (
        "tokenizer.json",
        "tokenizer_config.json",
        "config.json",
        "model-00001-of-2.safetensors",
        ".git/x",
    )
    found = companions(fill(tmp_path, *names), tmp_path)
    assert (found.copied, found.left) == ({}, {})


def test_layers_of_sentence_transformers_and_generation_go_with_a_model(tmp_path):
    names = ("1_Pooling/config.json", "generation_config.json", "modules.json")
    assert sorted(companions(None, fill(tmp_path, *names)).copied) == sorted(names)


def test_the_models_former_tokenizer_stays_and_its_template_too(tmp_path):
    own = fill(tmp_path / "tok", "README.md")
    found = companions(own, fill(tmp_path / "model", "README.md", "vocab.txt", "chat_template.jinja"))
    assert found.copied == {"README.md": own / "README.md"}
    assert set(found.left) == {"vocab.txt", "chat_template.jinja"}


def test_a_tokenizer_without_a_folder_has_no_companions(tmp_path):
    assert companions(tmp_path / "nowhere").copied == {}
    assert chat_files(tmp_path) == {}


def test_nothing_is_copied_from_outside(tmp_path):
    fill(tmp_path, "secret", "a/README.md")
    (tmp_path / "a" / "additional_chat_templates").symlink_to(tmp_path / "hidden")
    fill(tmp_path / "hidden", "x.jinja")
    with pytest.raises(FileError, match="hidden"):
        companions(tmp_path / "a").copy(tmp_path / "b")
