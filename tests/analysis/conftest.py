"""Small corpora, and tokenizers trained on them once."""

import pytest

from tokbench.recipes.build import build
from tokbench.recipes.presets import resolve_recipe

ENGLISH = [
    "The lighthouse keeper had two clocks, and only one of them told the truth.",
    "Dew does not fall; it forms where the night has cooled a leaf.",
    "Nobody visited often, and the boat came once in a month.",
    "She set the slow clock back again, twelve minutes instead of eleven.",
] * 5
KOREAN = [
    "등대지기에게는 시계가 두 개 있었고, 그중 하나만 맞았다.",
    "이슬은 내리지 않는다. 밤이 잎을 식힌 곳에 맺힌다.",
    "찾아오는 사람은 드물었고 배는 한 달에 한 번 왔다.",
    "그녀는 느린 시계를 다시 돌려놓았다.",
] * 5
SIZES = {"bpe": 400, "wordpiece": 150, "unigram": 120, "wordlevel": 60, "character": 60}


@pytest.fixture(scope="session")
def trained():
    """Algorithm → a tokenizer of it that learned the English texts."""
    return {
        name: build(resolve_recipe(name, {"vocab_size": str(size)}), [ENGLISH])
        for name, size in SIZES.items()
    }


@pytest.fixture
def corpora(tmp_path):
    """Name → a file with these texts."""
    found = {}
    for name, texts in {"en": ENGLISH, "ko": KOREAN}.items():
        found[name] = tmp_path / f"{name}.txt"
        found[name].write_text("\n".join(texts) + "\n", encoding="utf-8")
    return found


@pytest.fixture
def saved(trained, tmp_path):
    """Algorithm → the tokenizer.json of its tokenizer."""
    for name, tokenizer in trained.items():
        (tmp_path / name).mkdir()
        tokenizer.save(str(tmp_path / name / "tokenizer.json"))
    return {name: str(tmp_path / name / "tokenizer.json") for name in trained}
