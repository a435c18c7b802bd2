import json
import os
import resource
import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.model.conftest import hidden_states
from tokbench.adapt.grow import add_tokens, grow_model
from tokbench.errors import FileError, ResourceError, UsageError
from tokbench.model.loading import load_model
from tokbench.model.probes import old_inputs
from tokbench.pretrained.added_tokens import with_tokens
from tokbench.pretrained.folder import load

SPECIAL, REGULAR = ["[E1]", "[/E1]"], ["hospital", "foxes-19"]


@pytest.fixture
def add(tokenizer_folder, tmp_path):
    """A function: add the same four tokens and save."""

    def added(model=None, out="grown", **choices):
        wanted = {"special": SPECIAL, "tokens": REGULAR, **choices}
        return add_tokens(tokenizer_folder.path, output=tmp_path / out, model=model, **wanted)

    return added


def test_a_grown_model_reads_old_texts_to_the_bit_and_fits_its_tokenizer(
    family, build, save_model, add, tokenizer_folder
):
    kind, tie = family
    old = save_model(build(kind))
    growth = add(old, pad_to_multiple_of=8)
    again, before = load_model(growth.path), load_model(old)
    assert type(again.model).__name__ == kind
    assert (again.fresh, again.dropped) == ((), ())
    tokens = load(growth.path).tokenizer
    assert growth.plan.tokens == tokens.get_vocab_size()
    assert again.model.config.vocab_size == growth.plan.size == growth.resized.rows
    assert growth.plan.size % 8 == 0
    assert growth.resized.head == tie
    inputs = old_inputs(tokenizer_folder.tokenizer, tokens)
    states = zip(hidden_states(before.model, inputs), hidden_states(again.model, inputs), strict=True)
    assert all(torch.equal(one, other) for one, other in states)
    assert growth.proof.texts == len(inputs) >= 5
    assert growth.proof.largest_difference == 0.0
    new = tokens.encode("[E1] hospital").ids
    assert torch.isfinite(hidden_states(again.model, [new])[0]).all()


def test_the_folder_holds_tokenizer_and_model_and_no_pickle(build, save_model, add, capfd):
    growth = add(save_model(build("GPT2LMHeadModel")))
    assert sorted(path.name for path in growth.path.iterdir()) == [
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokbench.json",
        "tokenizer.json",
        "tokenizer_config.json",
    ]
    assert {path.stat().st_mode & 0o777 for path in growth.path.iterdir()} == {
        growth.path.stat().st_mode & 0o666
    }
    assert capfd.readouterr() == ("", "")


def test_growing_twice_gives_the_same_bytes(build, save_model, add):
    model = save_model(build())
    one, two = add(model, "one").path, add(model, "two").path
    for path in one.iterdir():
        assert path.read_bytes() == (two / path.name).read_bytes()


def test_spare_rows_make_a_resize_needless(build, save_model, add, tokenizer_folder):
    rows = tokenizer_folder.tokenizer.get_vocab_size() + 10
    growth = add(save_model(build(vocab_size=rows)))
    assert not growth.plan.resize_needed
    assert len(growth.plan.spare_used) == 4
    assert growth.plan.spare_left == 6
    assert load_model(growth.path).model.config.vocab_size == rows


def test_only_old_tokens_need_no_row(build, save_model, add):
    growth = add(save_model(build()), special=["[MASK]"], tokens=["fox"])
    assert growth.plan.started == ()
    assert not growth.plan.resize_needed
    assert growth.added.existing.keys() == {"[MASK]", "fox"}


def test_without_a_model_only_the_tokenizer_is_saved(add):
    growth = add()
    assert (growth.plan, growth.resized, growth.proof) == (None, None, None)
    assert {path.name for path in growth.path.iterdir()} == {
        "tokenizer.json",
        "tokenizer_config.json",
        "tokbench.json",
    }


def test_transformers_loads_the_pair(build, save_model, add):
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    path = add(save_model(build())).path
    tokenizer, model = AutoTokenizer.from_pretrained(path), AutoModelForMaskedLM.from_pretrained(path)
    batch = tokenizer(["a [E1] fox", "hospital"], ["the", "fox"], padding=True, return_tensors="pt")
    assert "token_type_ids" in batch
    assert model(**batch).logits.shape[-1] == model.config.vocab_size
    assert tokenizer.decode(tokenizer("see [E1]")["input_ids"], skip_special_tokens=True) == "s e e".replace(
        " ", ""
    )


def test_the_dtype_is_the_file_s(build, save_model, add):
    growth = add(save_model(build().to(torch.bfloat16)))
    assert (
        load_file(growth.path / "model.safetensors")["bert.embeddings.word_embeddings.weight"].dtype
        == torch.bfloat16
    )
    assert json.loads((growth.path / "config.json").read_text())["dtype"] == "bfloat16"


def test_sharded_weights_are_read(build, tmp_path, add):
    from tokbench.io.quiet import quiet

    with quiet():
        build().save_pretrained(tmp_path / "model", max_shard_size="20KB")
    assert len(list((tmp_path / "model").glob("*.safetensors"))) > 1
    assert add(tmp_path / "model").proof.holds


def test_the_record_ties_the_tokenizer_to_the_weights(build, save_model, add):
    import hashlib

    model = save_model(build())
    path = add(model).path
    record = json.loads((path / "tokbench.json").read_text())
    assert record["grown_from"]["model"] == str(model)
    assert (
        record["tokenizer_json_sha256"] == hashlib.sha256((path / "tokenizer.json").read_bytes()).hexdigest()
    )
    assert list(record["added"]["special"]) == SPECIAL


def test_the_model_s_own_folder_can_be_replaced(build, save_model, tokenizer_folder):
    path = save_model(build())
    for file in tokenizer_folder.path.iterdir():
        (path / file.name).write_bytes(file.read_bytes())
    growth = add_tokens(path, output=path, special=SPECIAL, model=path, force=True)
    assert load_model(path).model.config.vocab_size == growth.plan.size


def edit_weights(folder: Path, change) -> None:
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def test_a_body_that_would_be_random_is_refused(build, save_model, add, tmp_path):
    path = save_model(build())
    edit_weights(path, lambda weights: weights.pop("bert.encoder.layer.0.output.dense.weight"))
    with pytest.raises(FileError, match=r"lacks 1 weight of its body, bert\.encoder\.layer\.0\.output"):
        add(path)
    assert not (tmp_path / "grown").exists()


def test_a_missing_pooler_or_head_is_told(build, save_model, add):
    path = save_model(build("BertForSequenceClassification"))
    edit_weights(
        path, lambda weights: [weights.pop(key) for key in list(weights) if "pooler" in key or "class" in key]
    )
    growth = add(path)
    assert {key.split(".")[-2] for key in growth.fresh} == {"dense", "classifier"}


def test_weights_that_no_class_takes_are_told(build, save_model, add):
    path = save_model(build())
    edit_weights(path, lambda weights: weights.update({"extra.weight": torch.zeros(2)}))
    assert add(path).dropped == ("extra.weight",)


def test_an_unknown_architecture_runs_no_code_and_loads_the_body(build, save_model, add):
    path = save_model(build("BertModel"))
    config = json.loads((path / "config.json").read_text())
    (path / "evil.py").write_text("raise SystemExit('ran')")
    config |= {"architectures": ["EvilModel"], "auto_map": {"AutoModel": "evil.EvilModel"}}
    (path / "config.json").write_text(json.dumps(config))
    assert type(add(path).grown).__name__ == "BertModel"


DAMAGES = {
    "cut weights": lambda path: os.truncate(path / "model.safetensors", 999),
    "a pointer": lambda path: (path / "model.safetensors").write_text(
        "version https://git-lfs.github.com/spec/v1"
    ),
    "no JSON": lambda path: (path / "config.json").write_text("{"),
    "an unknown type": lambda path: (path / "config.json").write_text('{"model_type": "nonsense"}'),
    "another size": lambda path: (path / "config.json").write_text(
        (path / "config.json").read_text().replace('"hidden_size": 16', '"hidden_size": 18')
    ),
    "half a head": lambda path: (path / "config.json").write_text(
        (path / "config.json").read_text().replace('"num_attention_heads": 2', '"num_attention_heads": 3')
    ),
    "no number": lambda path: (path / "config.json").write_text(
        (path / "config.json").read_text().replace('"vocab_size": ', '"vocab_size": "x", "v": ')
    ),
}


@pytest.mark.parametrize("case", DAMAGES)
def test_a_damaged_model_is_one_sentence_and_nothing_is_written(
    build, save_model, add, tmp_path, capfd, case
):
    path = save_model(build())
    DAMAGES[case](path)
    with pytest.raises(FileError) as caught:
        add(path)
    assert str(path) in caught.value.message
    assert "\n" not in caught.value.message
    assert not (tmp_path / "grown").exists()
    assert capfd.readouterr() == ("", "")


def test_a_tokenizer_and_a_model_that_do_not_belong_together_are_refused(build, save_model, add):
    with pytest.raises(UsageError, match=r"has 20 rows, but the ids of .* go up to"):
        add(save_model(build(vocab_size=20)))


def test_a_taken_place_is_told_before_the_model_is_loaded(add, tmp_path):
    (tmp_path / "grown").mkdir()
    with pytest.raises(FileError, match="exists already"):
        add(tmp_path / "no-model")


def test_an_unknown_start_names_the_known_ones(add, build, save_model):
    with pytest.raises(UsageError, match="cannot start with pieze"):
        add(save_model(build()), start="pieze")


def test_growing_writes_nothing(build, save_model, tokenizer_folder, tmp_path):
    path = save_model(build())
    growth = grow_model(tokenizer_folder, path, with_tokens(tokenizer_folder, regular=REGULAR))
    assert growth.path is None
    assert [entry.name for entry in tmp_path.iterdir()] == ["model"]


@contextmanager
def files_end_at(size: int):
    """What a full disk looks like: no file can grow beyond this."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_in_the_middle_of_the_weights_leaves_the_old_folder(build, save_model, add):
    path = save_model(build())
    out = add(path).path
    before = {file.name: file.read_bytes() for file in out.iterdir()}
    with pytest.raises(ResourceError, match=f"the disk is full: {out}"), files_end_at(20_000):
        add(path, special=["[E3]"], force=True)
    assert {file.name: file.read_bytes() for file in out.iterdir()} == before
    assert sorted(entry.name for entry in out.parent.iterdir()) == ["grown", "model"]


def test_growth_takes_along_what_the_vocabulary_does_not_change_and_names_the_rest(
    build, save_model, tokenizer_folder, tmp_path
):
    own = shutil.copytree(tokenizer_folder.path, tmp_path / "tok")
    (own / "additional_chat_templates").mkdir()
    (own / "additional_chat_templates" / "tool.jinja").write_text("{{ 1 }}")
    (own / "chat_template.json").write_text("{}")
    (own / "tokenizer.model").write_bytes(b"")
    old = save_model(build("GPT2LMHeadModel"))
    (old / "video_preprocessor_config.json").write_text("{}")
    (old / "modeling_x.py").write_text("")
    growth = add_tokens(own, REGULAR, output=tmp_path / "grown", model=old)
    assert set(growth.copied) >= {
        "additional_chat_templates/tool.jinja", "chat_template.json", "modeling_x.py",
        "video_preprocessor_config.json",
    }  # fmt: skip
    assert all((growth.path / name).is_file() for name in growth.copied)
    assert growth.left == {"tokenizer.model": "holds the vocabulary as it was"}
    assert not (growth.path / "tokenizer.model").exists()


@pytest.mark.parametrize("where", ["tokenizer", "model"])
def test_a_link_out_of_a_folder_is_refused_before_anything_is_loaded(
    where, build, save_model, tokenizer_folder, tmp_path
):
    own = shutil.copytree(tokenizer_folder.path, tmp_path / "tok")
    old = save_model(build("GPT2LMHeadModel"))
    (tmp_path / "secret").write_text("s3cret")
    ({"tokenizer": own, "model": old}[where] / "chat_template.jinja").symlink_to(tmp_path / "secret")
    with pytest.raises(FileError, match=r"chat_template\.jinja is a link to .*/secret"):
        add_tokens(own, REGULAR, output=tmp_path / "grown", model=old)
    assert not (tmp_path / "grown").exists()
