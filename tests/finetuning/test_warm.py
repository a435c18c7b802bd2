"""Warming up: the new rows learn, every other number keeps its bits, and a stop changes nothing."""

import json
import os
import shutil
import signal
from hashlib import sha256

import numpy as np
import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_file

import tokbench as tb
from tests.stopping import StopsAt
from tokbench.errors import DataError, RunInterruptedError, UsageError
from tokbench.finetuning.data.paired_texts import PairedText, TextReader, paired_texts, rows_of
from tokbench.io.quiet import quiet
from tokbench.pretrained.folder import load

TEXTS = [
    f"the {adjective} fox {verb} over the {noun} near a {place} today"
    for adjective in ("quick", "lazy", "brown", "sly")
    for verb in ("jumped", "walked", "ran")
    for noun in ("dog", "fence", "hedgehog")
    for place in ("farmhouse", "riverbank")
]
NEW = ["jumped", "hedgehog", "farmhouse", "riverbank"]
SMALL = {
    "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32,
    "max_position_embeddings": 64,
}  # fmt: skip
KINDS = {
    "BertModel": ("BertConfig", {}),
    "BertForMaskedLM": ("BertConfig", {}),
    "T5ForConditionalGeneration": ("T5Config", {"d_kv": 8, "decoder_start_token_id": 0}),
    "tied": ("LlamaConfig", {"tie_word_embeddings": True}),
    "own": ("LlamaConfig", {"tie_word_embeddings": False}),
    "bf16": ("LlamaConfig", {"tie_word_embeddings": True}),
}
CASES = [
    ("BertModel", "distil"),
    ("BertForMaskedLM", "mlm"),
    ("T5ForConditionalGeneration", "distil"),
    ("tied", "distil"),
    ("tied", "clm"),
    ("own", "clm"),
    ("bf16", "distil"),
]


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """For each kind a folder `KIND` with model and tokenizer, and one `KIND-grown` of it with NEW."""
    folder = tmp_path_factory.mktemp("warm")
    for kind, (config, changes) in KINDS.items():
        bert = config != "LlamaConfig"
        tok = tb.train(TEXTS, "wordpiece" if bert else "bpe", vocab_size=60 if bert else 262)
        torch.manual_seed(1)
        name = kind if bert else "LlamaForCausalLM"
        model = getattr(transformers, name)(
            getattr(transformers, config)(vocab_size=tok.reached, **SMALL, **changes)
        )
        tb.train(TEXTS, "wordpiece" if bert else "bpe", vocab_size=60 if bert else 262, output=folder / kind)
        with quiet():
            (model.bfloat16() if kind == "bf16" else model).save_pretrained(folder / kind)
        grown = folder / f"{kind}-grown"
        tb.add_tokens(folder / kind, tokens=NEW, model=folder / kind, start="normal", output=grown)
    return folder


def warmed(place, kind, out, **choices):
    return tb.warm(
        place / f"{kind}-grown",
        TEXTS,
        output=out,
        **{"steps": 6, "batch_size": 8, "max_length": 32, **choices},
    )


def hashes(folder):
    """The sha256 of every tensor's bytes."""
    with safe_open(folder / "model.safetensors", framework="pt") as found:
        return {
            name: sha256(found.get_tensor(name).contiguous().view(torch.uint8).numpy().tobytes()).hexdigest()
            for name in found.keys()  # noqa: SIM118
        }


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.mark.parametrize(("kind", "objective"), CASES)
def test_the_new_rows_alone_are_trained(kind, objective, place, tmp_path):
    result = warmed(place, kind, tmp_path / "out", objective=objective, learning_rate=0.01)
    grown = place / f"{kind}-grown"
    before, after = hashes(grown), hashes(tmp_path / "out")
    changed = {name for name in before if before[name] != after[name]}
    tables = {"BertForMaskedLM": 2, "own": 2}.get(kind, 1)
    assert len(changed) == tables
    assert result.untouched == len(before) - tables
    new = sorted(json.loads((grown / "tokbench.json").read_text())["added"]["regular"].values())
    old, trained = (load_file(each / "model.safetensors") for each in (grown, tmp_path / "out"))
    for name in changed:
        moved = (old[name] != trained[name]).reshape(len(old[name]), -1).any(1).nonzero().flatten()
        assert moved.tolist() == new
    assert (result.kept, result.rows, result.seen) == ("after", 4, 4)
    assert result.loss.after < result.loss.before
    assert (result.cosine is None) == (objective != "distil")
    assert (result.bits_per_byte is None) == ("For" in kind or "Bert" in kind)
    told = json.loads((tmp_path / "out" / "tokbench.json").read_text())
    assert told["warmed"]["loss"] == {"before": result.loss.before, "after": result.loss.after}
    findings = [tb.check(each, each).findings for each in (grown, tmp_path / "out")]
    assert [each.code for each in findings[0]] == [each.code for each in findings[1]]


def test_a_distilled_encoder_comes_nearer_to_its_teacher(place):
    result = warmed(place, "BertModel", None, steps=60, learning_rate=0.01)
    assert result.loss.after < 0.8 * result.loss.before
    assert result.curve[0].step == 0
    assert result.path is None
    assert isinstance(result.warmed, transformers.BertModel)


def test_the_same_seed_gives_the_same_bytes_and_a_stop_changes_none(place, tmp_path):
    whole = warmed(place, "BertModel", tmp_path / "whole")
    warmed(place, "BertModel", tmp_path / "again")
    with pytest.raises(RunInterruptedError, match="stopped after step 3 of 6") as stopped:
        warmed(place, "BertModel", tmp_path / "stopped", progress=StopsAt(3))
    assert stopped.value.exit_code == 130
    assert not (tmp_path / "stopped").exists()
    with pytest.raises(UsageError, match="holds a run that was stopped"):
        warmed(place, "BertModel", tmp_path / "stopped")
    with pytest.raises(UsageError, match="other choices"):
        warmed(place, "BertModel", tmp_path / "stopped", seed=7, resume=True)
    resumed = warmed(place, "BertModel", tmp_path / "stopped", resume=True)
    assert files(tmp_path / "again") == files(tmp_path / "whole") == files(tmp_path / "stopped")
    assert resumed.curve == whole.curve
    assert not (tmp_path / "stopped.unfinished").exists()
    other = warmed(place, "BertModel", None, seed=7)
    assert other.curve != whole.curve


def test_a_killed_run_goes_on_to_the_same_bytes(place, tmp_path):
    """The child is a fork, since importing torch takes longer than the test."""
    warmed(place, "tied", tmp_path / "whole")
    child = os.fork()
    if not child:
        try:
            warmed(place, "tied", tmp_path / "killed", save_every=1, progress=StopsAt(4, signal.SIGKILL))
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert not (tmp_path / "killed").exists()
    warmed(place, "tied", tmp_path / "killed", resume=True, save_every=1)
    assert files(tmp_path / "killed") == files(tmp_path / "whole")


def test_the_command_shows_what_changed(place, tmp_path, capsys):
    from tokbench.__main__ import main

    corpus = tmp_path / "corpus.txt"
    corpus.write_text("\n".join(TEXTS))
    words = f"warm {place / 'BertModel-grown'} --corpus {corpus} -o {tmp_path / 'out'} --steps 4 -q"
    assert main(words.split()) == 0
    shown = capsys.readouterr().out
    assert "4 rows trained, held-out loss" in shown
    assert "tensors, bit by bit; in the others these rows alone" in shown
    assert main([*words.split(), "--dry-run"]) == 0
    assert "a dry run, nothing was trained: 4 rows by distil, 3 steps" in capsys.readouterr().out
    assert main(words.split()) == 2
    assert "exists already" in capsys.readouterr().err


def test_the_card_says_what_was_trained_and_what_it_changed(place, tmp_path):
    shutil.copytree(place / "BertModel-grown", tmp_path / "grown")
    (tmp_path / "grown" / "README.md").write_text("# Mine\n")
    result = tb.warm(tmp_path / "grown", TEXTS, output=tmp_path / "out", steps=4)
    card = (tmp_path / "out" / "README.md").read_text()
    assert card.startswith("# Mine\n\n## Warmed up\n")
    assert f"| loss | {result.loss.before:.4f} | {result.loss.after:.4f} |" in card
    assert "4 rows of the embedding trained for 3 steps with\n`BertModel` as the teacher" in card


def test_rows_that_training_made_worse_are_not_kept(place, tmp_path):
    result = warmed(place, "tied", tmp_path / "out", objective="clm", learning_rate=100.0)
    assert (result.kept, result.kept_step) == ("before", 0)
    assert result.loss.after > result.loss.before
    assert result.bits_per_byte.after == result.bits_per_byte.before
    assert hashes(tmp_path / "out") == hashes(place / "tied-grown")


def test_a_dry_run_trains_nothing_and_says_on_what(place, tmp_path):
    result = warmed(place, "BertModel", tmp_path / "out", dry_run=True)
    assert (result.dry, result.loss, result.kept, result.steps) == (True, None, "", 6)
    assert (result.texts, result.held_out) == (48, 5)
    assert not (tmp_path / "out").exists()


def test_rows_can_be_named_and_a_corpus_without_some_of_them_leaves_those(place):
    grown = load(place / "BertModel-grown").tokenizer
    first, last = (grown.token_to_id(word) for word in ("jumped", "farmhouse"))
    result = tb.warm(place / "BertModel-grown", TEXTS, rows=f"{first},{last}", steps=1)
    assert result.rows == result.seen == 2
    every = tb.warm(place / "BertModel-grown", TEXTS, rows="all", steps=1)
    assert every.rows == grown.get_vocab_size()
    few = tb.warm(place / "BertModel-grown", ["a farmhouse", "the farmhouse"], steps=1)
    assert (few.rows, few.seen) == (4, 1)
    assert "no train text has a token of 3 rows" in few.notes[0]


def test_rows_that_moved_are_found_by_the_record_s_ranges(place, tmp_path):
    shutil.copytree(place / "BertModel-grown", tmp_path / "moved")
    record = json.loads((tmp_path / "moved" / "tokbench.json").read_text())
    record["rows"]["started"] = [[60, 61], [63, 63]]
    (tmp_path / "moved" / "tokbench.json").write_text(json.dumps(record))
    assert tb.warm(tmp_path / "moved", TEXTS, dry_run=True).rows == 3


def test_a_transplanted_model_learns_the_rows_that_are_no_old_token_s(place, tmp_path):
    tb.train(TEXTS, "wordpiece", vocab_size=90, output=tmp_path / "tok")
    base, moved = place / "BertModel", tmp_path / "moved"
    tb.transplant(tmp_path / "tok", model=base, corpus=TEXTS, output=moved)
    result = tb.warm(moved, TEXTS, steps=6, batch_size=8, output=tmp_path / "out")
    assert result.teacher == str(base)
    assert 0 < result.rows < load(moved).tokenizer.get_vocab_size()
    assert result.loss.after < result.loss.before
    assert result.untouched == len(hashes(moved)) - 1


def edited(place, into, **changes):
    """The grown folder with another record."""
    shutil.copytree(place / "BertModel-grown", into)
    record = json.loads((into / "tokbench.json").read_text())
    (into / "tokbench.json").write_text(json.dumps({**record, **changes}))
    return into


@pytest.mark.parametrize(
    ("changes", "choices", "sentence"),
    [
        ({"added": None, "rows": None}, {}, "has no tokbench.json that says which rows are new"),
        ({"added": {"special": {}, "regular": {}}}, {}, "has no new rows"),
        ({"grown_from": None}, {}, "nothing in .* says which model it was grown from"),
        ({"grown_from": {"tokenizer": "t", "model": "/gone"}}, {}, "grown from /gone, which cannot be read"),
        ({}, {"objective": "mlm"}, r"no trained head for mlm: cls\..* would be random"),
        ({}, {"objective": "clm"}, "no trained head for clm"),
        ({}, {"objective": "distill"}, "there is no objective distill"),
        ({}, {"steps": 0}, "0 steps train nothing"),
        ({}, {"rows": "9999"}, "row 9,999 cannot be trained"),
        ({}, {"rows": []}, "no rows cannot be trained"),
        ({}, {"rows": "old"}, "rows cannot be 'old'"),
        ({}, {"learning_rate": 0.0}, "learning_rate is 0"),
    ],
)
def test_what_cannot_be_warmed_is_said_in_a_sentence(changes, choices, sentence, place, tmp_path):
    with pytest.raises(UsageError, match=sentence) as refused:
        tb.warm(edited(place, tmp_path / "it", **changes), TEXTS, **choices)
    assert refused.value.fix


def test_another_model_is_no_teacher(place, tmp_path):
    with pytest.raises(UsageError, match=r"is a BertForMaskedLM, so it is not the model|differs in"):
        warmed(place, "BertModel", None, teacher=place / "BertForMaskedLM")
    other = tmp_path / "other"
    shutil.copytree(place / "BertModel", other)
    torch.manual_seed(2)
    config = transformers.BertConfig.from_pretrained(other)
    with quiet():
        transformers.BertModel(config).save_pretrained(other)
    with pytest.raises(UsageError, match=r"differs in .*weight, so it is not the model that"):
        warmed(place, "BertModel", None, teacher=other)


def test_a_corpus_without_the_new_tokens_is_told(place):
    for texts, said in ((["a dog", "a sly dog"], "no text"), (["a hedgehog"], "one text only")):
        with pytest.raises(DataError, match=f"the corpus has {said} with a token of 4 rows"):
            tb.warm(place / "BertModel-grown", texts)
    with pytest.raises(DataError):
        tb.warm(place / "BertModel-grown", [])


@pytest.fixture(scope="module")
def tokenizers():
    texts = ["abc é한 cab # cc", "한é abcabc ba"] * 3
    found = (tb.train(texts, kind, vocab_size=size) for kind, size in (("wordpiece", 40), ("bpe", 266)))
    return [each.tokenizer for each in found]


WORDS = st.text("abc é한\n#", min_size=1, max_size=40)


@given(texts=st.lists(WORDS, min_size=1, max_size=6), limit=st.integers(4, 12))
@settings(max_examples=40)
def test_paired_tokens_end_at_one_character(texts, limit, tokenizers):
    own, other = tokenizers
    chosen = np.ones(own.get_vocab_size(), np.bool_)
    sides = (TextReader(own, "own", limit), TextReader(other, "other", 4 * limit))
    found = list(paired_texts([texts], *sides, chosen))
    for each in found:
        assert len(each.own.ids) <= limit
        assert len(each.other.ids) <= 4 * limit
        ends = [end for _, end in each.own.offsets]
        special = each.own.special_tokens_mask
        for at, place in enumerate(each.places):
            if place >= 0 and not special[at]:
                assert each.other.offsets[place][1] == ends[at]


def test_places_are_numbered_through_all_texts(place):
    own, other = (load(place / name) for name in ("BertModel-grown", "BertModel"))
    pairs = [PairedText(text, own.tokenizer.encode(text), other.tokenizer.encode(text)) for text in TEXTS[:3]]
    made = rows_of(pairs)
    for row in range(3):
        labels = made.rows.labels[made.rows.starts[row] : made.rows.starts[row + 1]]
        assert labels[0] == made.others.starts[row]
        assert labels[-1] == made.others.starts[row + 1] - 1
        assert (np.diff(labels[labels >= 0]) > 0).all()
