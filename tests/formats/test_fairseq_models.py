"""Models of XLM-R, CamemBERT and mBART: ids moved as their Python code in transformers 4 moves them."""

import json
import os
import subprocess

import pytest

from tests.formats.sentencepiece_training import trained
from tests.formats.texts import EVERY
from tokbench.errors import FileError
from tokbench.formats.sentencepiece_models import FAIRSEQ, LANGUAGES
from tokbench.pretrained.folder import load

pytest.importorskip("sentencepiece", reason="the package sentencepiece is an extra")
pytest.importorskip("google.protobuf", reason="the package protobuf comes with the extra sentencepiece")

IDENTITY = {"normalization_rule_name": "identity"}
SLOW = """
import json, sys
import transformers
name, path, texts = json.loads(sys.argv[1])
tok = getattr(transformers, name)(path)
ids = [tok(text, add_special_tokens=True)["input_ids"] for text in texts]
pair = tok(texts[0], texts[1])["input_ids"]
special = tok.convert_tokens_to_ids(["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
print(json.dumps([ids, pair, len(tok), special]))
"""


@pytest.fixture
def model(tmp_path):
    return trained(tmp_path / "sentencepiece.bpe.model", **IDENTITY)


def ids_of(tokenizer):
    return [tokenizer.token_to_id(each) for each in ("<s>", "<pad>", "</s>", "<unk>", "<mask>")]


@pytest.mark.parametrize("name", FAIRSEQ)
def test_ids_are_those_of_the_class_in_transformers_4(name, model):
    python = os.environ.get("TOKBENCH_TRANSFORMERS4", "")
    if not python:
        pytest.skip("TOKBENCH_TRANSFORMERS4 names no Python that has transformers 4.57")
    texts = [text for text in EVERY if not any(each in text for each in ("<s>", "\x00"))] + ["a <mask> cat"]
    arguments = json.dumps([name, str(model), texts])
    done = subprocess.run([python, "-c", SLOW, arguments], capture_output=True, text=True, check=True)
    theirs, pair, size, special = json.loads(done.stdout)
    ours = load(model, tokenizer_class=name).tokenizer
    assert [text for text, ids in zip(texts, theirs, strict=True) if ours.encode(text).ids != ids] == []
    assert ours.encode(texts[0], texts[1]).ids == pair
    assert (ours.get_vocab_size(), ids_of(ours)) == (size, special)


def test_xlm_r_moves_every_piece_by_one_behind_tokens_of_its_own(model):
    plain, moved = load(model), load(model, tokenizer_class="XLMRobertaTokenizer")
    assert ids_of(moved.tokenizer) == [0, 1, 2, 3, moved.tokenizer.get_vocab_size() - 1]
    ids = [each.tokenizer.encode("the cat", add_special_tokens=False).ids for each in (plain, moved)]
    assert [each + 1 for each in ids[0]] == ids[1]
    assert moved.tokenizer.encode("the cat").ids == [0, *ids[1], 2]
    assert moved.roles["mask"] == "<mask>"
    assert "ids moved as XLMRobertaTokenizer does" in moved.found.said


def test_camembert_keeps_what_fairseq_does_not_use(model):
    folder = load(model, tokenizer_class="CamembertTokenizer")
    names = [folder.tokenizer.id_to_token(number) for number in range(7)]
    assert names == ["<s>NOTUSED", "<pad>", "</s>NOTUSED", "<unk>", "<unk>NOTUSED", "<s>", "</s>"]


def test_mbart_puts_the_language_of_its_config_around_a_text(model):
    (model.parent / "config.json").write_text('{"model_type": "mbart"}')
    (model.parent / "tokenizer_config.json").write_text('{"src_lang": "ko_KR"}')
    folder = load(model.parent)
    assert folder.tokenizer.encode("cat").tokens[-2:] == ["</s>", "ko_KR"]
    assert folder.tokenizer.get_vocab_size() == load(
        model, tokenizer_class="XLMRobertaTokenizer"
    ).tokenizer.get_vocab_size() + len(LANGUAGES.split())
    assert "25 languages, texts are ko_KR" in folder.found.said
    (model.parent / "tokenizer_config.json").write_text('{"src_lang": "xx"}')
    with pytest.raises(FileError, match="MBartTokenizer has no language 'xx'"):
        load(model.parent)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("tokenizer_config.json", {"tokenizer_class": "XLMRobertaTokenizerFast"}),
        ("config.json", {"model_type": "xlm-roberta"}),
        ("config.json", {"model_type": "bert", "tokenizer_class": "XLMRobertaTokenizer"}),
    ],
)
def test_the_files_beside_it_say_whose_model_it_is(file, content, model):
    (model.parent / file).write_text(json.dumps(content))
    assert "ids moved as XLMRobertaTokenizer does" in load(model).found.said


def test_without_a_config_its_own_ids_are_read_and_the_option_is_said(model):
    said = load(model).found.said
    assert "with its own ids; XLM-R, CamemBERT and mBART move them: --tokenizer-class" in said


def test_a_model_that_does_not_begin_as_fairseqs_is_refused(tmp_path):
    path = trained(tmp_path / "m.model", pad_id=3, unk_id=2, bos_id=0, eos_id=1, **IDENTITY)
    with pytest.raises(FileError, match="does not begin with <unk>, <s> and </s>"):
        load(path, tokenizer_class="XLMRobertaTokenizer")
