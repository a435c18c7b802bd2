"""Small texts, and every default and preset trained on them once."""

from functools import cache

import pytest
from tokenizers import Tokenizer

from tokbench.recipes.build import build
from tokbench.recipes.presets import DEFAULTS, PRESETS
from tokbench.recipes.recipe import Recipe, change

RECIPES = {**{f"default {name}": recipe for name, recipe in DEFAULTS.items()}, **PRESETS}
TEXTS = [
    "The harbour was quiet, and the boats lay still under a grey sky.",
    "She counted 12 gulls, 345 nets and 6789 knots before breakfast.",
    "Nobody knew who had left the lantern burning in the old mill.",
    "A loaf of bread costs 2.50 today; yesterday it cost less, didn't it?",
    "We walked along the river until the road ended at a wooden gate.",
    "The café on the corner serves crème brûlée and strong coffee.",
    "“Look,” said the captain, “the wind has turned.” And it had.",
    "Reading slowly is a pleasure that nobody can take from us.",
    "Old maps show a village here, but the sea has taken it.",
    "He repaired clocks, radios and, once, a very angry accordion.",
    "바다가 조용했고 배들은 잿빛 하늘 아래 가만히 떠 있었다.",
    "그는 아침을 먹기 전에 갈매기 열두 마리를 세었다.",
    "오늘은 날씨가 좋아서 강가를 오래 걸었습니다.",
    "도서관에서 빌린 책을 내일까지 돌려줘야 해요 ㅋㅋㅋ",
    "할머니께서 만들어 주신 떡국은 언제나 맛있었다.",
    "비가 오면 창문을 닫고 음악을 크게 틀어요!",
    "def area(width, height):\n    return width * height  # square metres",
    "for name in sorted(names):\n\tif name not in seen:\n\t\tseen.add(name)",
    "const total = items.reduce((sum, item) => sum + item.price, 0);",
    "SELECT name, count(*) FROM visits WHERE year >= 2020 GROUP BY name;",
    "日本の駅で切符を買いました。 Ünïcödé täst: straße, naïve, Zoë 🙂👍",
]


@pytest.fixture(scope="session")
def texts() -> list[str]:
    """A few lines of prose, Korean, code and others, each three times."""
    return TEXTS * 3


@cache
def _built(name: str, vocab_size: int) -> tuple[Recipe, Tokenizer]:
    recipe = change(RECIPES[name], {"vocab_size": str(vocab_size)})
    return recipe, build(recipe, [TEXTS * 3])


@pytest.fixture(scope="session")
def built():
    """A recipe by name and the tokenizer it makes of the texts, trained once in a session."""
    return lambda name, vocab_size=900: _built(name, vocab_size)


@pytest.fixture(scope="session")
def assert_sound():
    """What must hold for every tokenizer a recipe makes."""

    def check(recipe: Recipe, tokenizer: Tokenizer) -> None:
        vocab = tokenizer.get_vocab()
        assert sorted(vocab.values()) == list(range(len(vocab)))
        assert len(vocab) <= recipe.vocab_size
        for number, token in enumerate(recipe.tokens):
            assert vocab[token] == number
            for text in (token, f"x{token}y", f"a {token} b"):
                ids = tokenizer.encode(text, add_special_tokens=False).ids
                assert number in ids, text
                assert ids.count(number) == 1 or token == recipe.special_tokens["unk"], text
        assert sorted(each.content for each in tokenizer.get_added_tokens_decoder().values()) == sorted(
            recipe.given_tokens
        )
        tokenizer.encode("never seen: \U000e0fff ⟆ ꙮ")
        again = Tokenizer.from_str(tokenizer.to_str())
        assert again.to_str() == tokenizer.to_str()

    return check
