import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, processors

from tokbench.errors import UsageError
from tokbench.pretrained.added_tokens import with_tokens
from tokbench.pretrained.special_tokens import moved_roles


@pytest.fixture
def wordpiece(make_folder, kinds):
    """A folder with a BERT-like tokenizer of this post-processor, whose roles are declared."""

    def made(processor=None, **roles):
        tokenizer = Tokenizer.from_str(kinds["wordpiece"][0].to_str())
        if processor is not None:
            tokenizer.post_processor = processor
        named = {"unk": "[UNK]", "pad": "[PAD]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]", **roles}
        return make_folder(tokenizer, {f"{role}_token": token for role, token in named.items()})

    return made


def tokens(added, *texts):
    return added.tokenizer.encode(*texts).tokens


TEMPLATE = processors.TemplateProcessing(
    single="[CLS] $A [SEP]",
    pair="[CLS] $A [SEP] $B:1 [SEP]:1",
    special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
)
PROCESSORS = {
    "template": TEMPLATE,
    "bert": processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2)),
    "roberta": processors.RobertaProcessing(("[SEP]", 3), ("[CLS]", 2)),
    "sequence": processors.Sequence([processors.ByteLevel(), TEMPLATE]),
}


@pytest.mark.parametrize("kind", PROCESSORS)
def test_a_moved_role_stands_where_the_old_token_stood(wordpiece, kind):
    folder = wordpiece(PROCESSORS[kind])
    ids = [folder.tokenizer.token_to_id(token) for token in ("[CLS]", "[SEP]")]
    assert ids == [2, 3]
    before = [folder.tokenizer.encode(*texts).tokens for texts in (("a cat",), ("a cat", "fox"))]
    added = with_tokens(folder, roles={"cls": "[CLS2]", "sep": "[SEP2]"})
    names = {"[CLS]": "[CLS2]", "[SEP]": "[SEP2]"}
    after = [tokens(added, "a cat"), tokens(added, "a cat", "fox")]
    assert after == [[names.get(token, token) for token in row] for row in before]
    assert [move.template for move in added.roles] == [True, True]
    assert added.tokenizer.encode("a", "b").type_ids == folder.tokenizer.encode("a", "b").type_ids


def test_the_config_follows_and_the_old_token_stays_special(wordpiece):
    added = with_tokens(wordpiece(), special=["[E1]"], roles={"cls": "[CLS2]"})
    assert added.config["cls_token"] == "[CLS2]"
    assert added.config["sep_token"] == "[SEP]"
    assert set(added.config["additional_special_tokens"]) == {"[CLS]", "[E1]"}
    assert added.special == {"[E1]": added.before, "[CLS2]": added.before + 1}


def test_transformers_sees_the_moved_role(wordpiece, tmp_path):
    from transformers import AutoTokenizer

    from tokbench.pretrained.folder import save_folder

    added = with_tokens(wordpiece(TEMPLATE), roles={"cls": "[CLS2]", "pad": "[PAD2]"})
    (tmp_path / "out").mkdir()
    save_folder(added.tokenizer, added.config, tmp_path / "out")
    loaded = AutoTokenizer.from_pretrained(tmp_path / "out")
    assert (loaded.cls_token, loaded.pad_token) == ("[CLS2]", "[PAD2]")
    batch = loaded(["a", "a fox"], padding=True)["input_ids"]
    assert batch[0][0] == added.special["[CLS2]"]
    assert batch[0][-1] == added.special["[PAD2]"]


def test_a_role_may_move_to_a_token_that_exists(wordpiece):
    added = with_tokens(wordpiece(TEMPLATE), roles={"cls": "[MASK]"})
    assert added.before == added.after
    assert tokens(added, "a")[0] == "[MASK]"


def test_a_new_role_changes_no_template(wordpiece):
    folder = wordpiece(TEMPLATE)
    added = with_tokens(folder, roles={"eos": "</s>"})
    [move] = added.roles
    assert (move.before, move.template) == ("", False)
    assert tokens(added, "a") == folder.tokenizer.encode("a").tokens
    assert added.config["eos_token"] == "</s>"


def test_a_place_that_two_roles_share_is_the_template_s(wordpiece):
    folder = wordpiece(TEMPLATE, eos="[SEP]")
    added = with_tokens(folder, roles={"eos": "</s>"})
    assert tokens(added, "a")[-1] == "[SEP]"


def test_a_role_that_is_there_already_moves_nowhere(wordpiece):
    added = with_tokens(wordpiece(), special=["[E1]"], roles={"cls": "[CLS]"})
    assert added.roles == ()


def test_the_unknown_token_moves_only_inside_the_vocabulary(wordpiece):
    folder = wordpiece()
    with pytest.raises(UsageError, match="unk cannot move to <unk>"):
        with_tokens(folder, roles={"unk": "<unk>"})
    added = with_tokens(folder, roles={"unk": "[MASK]"})
    assert json.loads(added.tokenizer.to_str())["model"]["unk_token"] == "[MASK]"
    assert "[MASK]" in tokens(added, "한")


@pytest.mark.parametrize(
    ("roles", "sentence"), [({"clz": "[C]"}, "no role clz"), ({"cls": " "}, "names no token")]
)
def test_what_is_no_role_is_refused(wordpiece, roles, sentence):
    with pytest.raises(UsageError, match=sentence):
        with_tokens(wordpiece(), roles=roles)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(role=st.sampled_from(["cls", "sep"]), text=st.text("abcfox ", max_size=20))
def test_moving_there_and_back_changes_nothing(kinds, role, text):
    tokenizer = Tokenizer.from_str(kinds["wordpiece"][0].to_str())
    tokenizer.post_processor = TEMPLATE
    old = f"[{role.upper()}]"
    there, _ = moved_roles(tokenizer, {role: old}, {role: "[MASK]"})
    back, _ = moved_roles(there, {role: "[MASK]"}, {role: old})
    assert back.encode(text, text).ids == tokenizer.encode(text, text).ids
