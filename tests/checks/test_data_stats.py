"""What a file of texts shows: counted by script, causes named, each figure as the library itself has it."""

import os
import unicodedata

import pytest

from tokbench.checks.context import check_context
from tokbench.checks.data_stats import collect_data_stats, why_unknown

from .folders import KINDS, clean

TEXTS = [
    "The quick fox, twice.",
    "한국어 여우",
    "In 2024 it cost 7%.",
    "café 🙂",
    "日本語と中国语",
    "a" * 120,
]


@pytest.fixture
def surveyed(tmp_path):
    def look(files, texts, **choices):
        path = tmp_path / "texts.txt"
        path.write_text("\n".join(texts) + "\n", encoding="utf-8")
        return collect_data_stats(check_context(files.write(tmp_path / "folder")), str(path), **choices)

    return look


@pytest.mark.parametrize("kind", KINDS)
def test_the_sums_are_those_of_the_library(kind, surveyed, tmp_path):
    shown = surveyed(clean(kind), TEXTS)
    context = check_context(tmp_path / "folder")
    encodings = context.tokenizer.encode_batch(TEXTS, add_special_tokens=False)
    unknown = context.vocabulary.get(context.unknown)
    assert shown.texts == len(TEXTS)
    assert shown.characters == sum(map(len, TEXTS))
    assert shown.words == sum(len(text.split()) for text in TEXTS)
    assert shown.tokens == sum(len(each.ids) for each in encodings)
    assert shown.unknown == sum(each.ids.count(unknown) for each in encodings)
    assert shown.used == len({number for each in encodings for number in each.ids})
    assert sum(each.tokens for each in shown.scripts) == shown.tokens
    assert sum(each.unknown for each in shown.scripts) == shown.unknown
    assert sum(cause.tokens for cause in shown.causes) == shown.unknown


def test_scripts_are_told_apart(surveyed):
    shown = {each.script: each for each in surveyed(clean("gpt2"), TEXTS).scripts}
    assert {"Latin", "Hangul", "Chinese", "Kana", "digits", "symbols and emoji"} <= shown.keys()
    assert shown["Hangul"].words == 2
    assert shown["Hangul"].characters == 5


@pytest.mark.parametrize(
    ("kind", "text", "reason"),
    [
        ("bert", "a" * 120, "longer than 100 characters"),
        ("bert", "fox☕", "one unknown character (symbols and emoji) makes the whole word unknown"),
        ("bert", "☕", "symbols and emoji: characters that are not in the vocabulary"),
        ("wordlevel", "elephant", "a word that is not in the vocabulary"),
        ("characters", "한", "Hangul: characters that are not in the vocabulary"),
    ],
)
def test_the_cause_of_an_unknown_piece_is_named(kind, text, reason, tmp_path):
    context = check_context(clean(kind).write(tmp_path))
    assert why_unknown(context, text)[0] == reason


def test_a_letter_known_at_the_start_of_words_only_is_named(tmp_path):
    files = clean("bert")
    files.raw["model"]["vocab"]["zz##x"] = files.raw["model"]["vocab"].pop("##x")
    context = check_context(files.write(tmp_path))
    assert context.tokenizer.encode("mox", add_special_tokens=False).tokens == ["[UNK]"]
    reason, shown = why_unknown(context, "mox")
    assert reason == "a letter is known only at the start of a word, not inside one"
    assert shown == "##x"


def test_blocks_that_do_not_fit_are_named(tmp_path):
    files = clean("bert")
    files.raw["pre_tokenizer"] = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True,
                                  "use_regex": True}  # fmt: skip
    assert why_unknown(check_context(files.write(tmp_path)), "fox")[0].startswith("the blocks do not fit")


def test_what_nfd_costs_is_counted(surveyed):
    texts = [unicodedata.normalize("NFD", "한국어 café"), "plain"]
    shown = surveyed(clean("gpt2"), texts)
    assert shown.decomposed == 1
    assert shown.decomposed_tokens > shown.composed_tokens > 0


def test_korean_that_the_normalizer_takes_apart_is_counted(surveyed):
    assert (lambda shown: (shown.korean, shown.taken_apart))(surveyed(clean("bert"), ["한국어", "fox"])) == (
        1,
        1,
    )


def test_a_sample_is_drawn_by_chance_and_always_the_same(surveyed):
    texts = [f"the fox {number}" for number in range(500)]
    one, other = (surveyed(clean("gpt2"), texts, sample=20) for _ in range(2))
    assert one == other
    assert one.texts == 20
    assert one.characters != surveyed(clean("gpt2"), texts[:20]).characters


def test_fertility_by_script_divides_the_tokens_in_words_by_these_words(surveyed):
    shown = {
        each.script: each for each in surveyed(clean("characters"), ["The 12 2024x", "quick 345"]).scripts
    }
    letters = next(each for each in shown.values() if each.script.startswith("Latin"))
    digits = next(each for script, each in shown.items() if "digit" in script or "number" in script)
    # 2024x counts for the script of its first letter, so its digits are tokens of a word in Latin letters
    assert (letters.words, digits.words) == (3, 2)
    assert (letters.word_tokens, digits.word_tokens) == (3 + 5 + 5, 2 + 3)
    assert digits.fertility == pytest.approx(2.5)
    assert letters.fertility == pytest.approx(13 / 3)
    assert digits.tokens == 9


@pytest.mark.parametrize("kind", KINDS)
def test_no_token_is_counted_in_two_words(kind, surveyed):
    shown = surveyed(clean(kind), TEXTS)
    assert sum(each.word_tokens for each in shown.scripts) <= shown.tokens
    assert sum(each.words for each in shown.scripts) == shown.words


def test_the_bar_of_reading_is_not_held_back(surveyed, capfd):
    """What the library writes on stderr is held back, and a bar is on stderr, too."""
    seen = []

    def progress(stage, done, total):
        os.write(2, b"bar")
        seen.append(capfd.readouterr().err)

    surveyed(clean("gpt2"), TEXTS, progress=progress)
    assert seen
    assert set(seen) == {"bar"}
