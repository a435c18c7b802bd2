"""Export to vocab.txt, and to vocab.json with merges.txt: read back the same, or refused by the rule."""

import json

import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

import tokbench as tb
from tests.formats.test_byte_level_files import clip_file
from tests.formats.texts import EVERY
from tokbench.errors import UsageError
from tokbench.pretrained.folder import load


def converted(source, folder):
    tb.convert(source, folder)
    return folder


def same_files(one, other, *names):
    return [name for name in names if (one / name).read_bytes() != (other / name).read_bytes()]


def test_a_vocab_txt_converted_and_exported_has_the_same_bytes(vocab_txt, tmp_path):
    folder = converted(vocab_txt, tmp_path / "folder")
    exported = tb.export(folder, tmp_path / "out", to="vocab")
    assert (exported.proof.package, exported.proof.differing) == ("transformers' BERT in Python", 0)
    assert exported.special_tokens == {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4}
    assert (tmp_path / "out" / "vocab.txt").read_bytes() == vocab_txt.read_bytes()
    again = converted(tmp_path / "out", tmp_path / "again")
    assert same_files(folder, again, "tokenizer.json", "tokenizer_config.json") == []


def test_case_accents_and_added_tokens_are_said_in_the_config(vocab_txt, tmp_path):
    folder = load(vocab_txt, cased=True)
    folder.tokenizer.add_tokens(["zebra"])
    tb.export(folder, tmp_path / "out", to="vocab")
    back = load(tmp_path / "out").tokenizer
    for text in (*EVERY, "A zebra HELLO", "[MASK] hat"):
        assert back.encode(text).ids == folder.tokenizer.encode(text).ids, text


def wordpiece(**changed):
    settings = {"prefix": "##", "longest": 100, "normalizer": normalizers.BertNormalizer(),
                "cutter": pre_tokenizers.BertPreTokenizer(), "vocabulary": ["[UNK]", "a", "##b"]}  # fmt: skip
    settings |= changed
    vocabulary = settings["vocabulary"]
    numbered = (
        vocabulary if isinstance(vocabulary, dict) else {each: at for at, each in enumerate(vocabulary)}
    )
    tokenizer = Tokenizer(
        models.WordPiece(
            numbered,
            unk_token="[UNK]",
            continuing_subword_prefix=settings["prefix"],
            max_input_chars_per_word=settings["longest"],
        )
    )
    tokenizer.normalizer, tokenizer.pre_tokenizer = settings["normalizer"], settings["cutter"]
    return tokenizer


REFUSED = {
    "another prefix": ({"prefix": "@@"}, "pieces inside words begin with '@@'"),
    "longer words": ({"longest": 200}, "the longest word it knows has 200 characters, not 100"),
    "another normalizer": ({"normalizer": normalizers.Lowercase()}, "its normalizer is Lowercase"),
    "no normalizer": ({"normalizer": None}, "its normalizer is none"),
    "a second normalizer": (
        {"normalizer": normalizers.Sequence([normalizers.NFKC(), normalizers.BertNormalizer()])},
        "its normalizer NFKC changes texts",
    ),
    "another cut": ({"cutter": pre_tokenizers.Whitespace()}, "texts are cut by Whitespace"),
    "a hole": ({"vocabulary": {"[UNK]": 0, "a": 2}}, "no token has id 1"),
    "a line break": ({"vocabulary": ["[UNK]", "a\nb"]}, "'a\\nb' has a line break"),
    "a carriage return": ({"vocabulary": ["[UNK]", "a\r"]}, "'a\\r' has a line break"),
    "a space": ({"vocabulary": ["[UNK]", "a b"]}, "'a b' is or has a space"),
    "nothing but space": ({"vocabulary": ["[UNK]", " "]}, "' ' is or has a space"),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_what_no_vocab_txt_holds_is_refused_by_its_rule(fault, tmp_path):
    changed, rule = REFUSED[fault]
    with pytest.raises(UsageError) as caught:
        tb.export(wordpiece(**changed), tmp_path / "out", to="vocab")
    assert rule in caught.value.message
    assert not (tmp_path / "out").exists()


def test_another_model_is_refused_for_both(trained_bytes, tmp_path):
    with pytest.raises(UsageError, match=r"its model is BPE, and vocab\.txt holds BERT's WordPiece"):
        tb.export(Tokenizer.from_str(trained_bytes.to_str()), tmp_path / "out", to="vocab")
    with pytest.raises(UsageError, match="its model is WordPiece, and merges are BPE's"):
        tb.export(wordpiece(), tmp_path / "out", to="merges")


def gpt2(trained, **options):
    model = json.loads(trained.to_str())["model"]
    merges = [tuple(pair) for pair in model["merges"]]
    tokenizer = Tokenizer(models.BPE(model["vocab"], merges, **options))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    tokenizer.add_special_tokens([AddedToken("<|endoftext|>", special=True, normalized=False)])
    return tokenizer


def test_vocab_json_and_merges_converted_and_exported_have_the_same_bytes(trained_bytes, tmp_path):
    (tmp_path / "own").mkdir()
    trained_bytes.save_model(str(tmp_path / "own"))
    folder = converted(tmp_path / "own", tmp_path / "folder")
    tb.export(folder, tmp_path / "out", to="merges")
    assert same_files(tmp_path / "own", tmp_path / "out", "merges.txt") == []
    tables = [json.loads((tmp_path / name / "vocab.json").read_text()) for name in ("own", "out")]
    assert tables[0] == tables[1]
    again = converted(tmp_path / "out", tmp_path / "again")
    assert same_files(folder, again, "tokenizer.json", "tokenizer_config.json") == []


def test_clips_merges_come_back_too(tmp_path):
    source = clip_file(tmp_path / "bpe_simple_vocab_16e6.txt.gz")
    folder = converted(source, tmp_path / "folder")
    exported = tb.export(folder, tmp_path / "out", to="merges", allow=1)
    # transformers' CLIP forgets that case does not matter in 'S, which long s is too
    assert (exported.proof.package, exported.proof.differing) == ("transformers' CLIP", 1)
    assert exported.proof.first.text == "ſ 'ſ K"
    again = converted(tmp_path / "out", tmp_path / "again")
    assert same_files(folder, again, "tokenizer.json") == []


def qwen_cut(tokenizer):
    tokenizer.normalizer = normalizers.NFC()
    return tokenizer


def spaced():
    letters = {letter: at for at, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    tokenizer = Tokenizer(models.BPE({**letters, " ": 256, "a ": 257}, [("a", " ")]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return tokenizer


def test_what_two_files_do_not_say_is_refused_by_its_rule(trained_bytes, tmp_path):
    cases = (
        (qwen_cut(gpt2(trained_bytes)), "it cuts texts as no GPT-2, RoBERTa, Qwen 2 or CLIP does"),
        (gpt2(trained_bytes, dropout=0.1), "dropout 0.1"),
        (gpt2(trained_bytes, end_of_word_suffix="@"), "otherwise than CLIP's with </w>"),
        (spaced(), "its merge of 'a' and ' ' has a space or a line break"),
    )
    for tokenizer, rule in cases:
        with pytest.raises(UsageError) as caught:
            tb.export(tokenizer, tmp_path / "out", to="merges")
        assert rule in caught.value.message


def test_a_token_that_no_merge_makes_is_refused_where_merges_are_ignored(trained_bytes, tmp_path):
    spec = json.loads(gpt2(trained_bytes, ignore_merges=True).to_str())
    spec["model"]["vocab"]["zqzq"] = 9_999
    with pytest.raises(UsageError, match="1 token such as 'zqzq' is made by no merge"):
        tb.export(Tokenizer.from_str(json.dumps(spec)), tmp_path / "out", to="merges")
