import json

from tokbench.pretrained.special_tokens import declared, extra_of, guessed_roles, roles_of, special_tokens_of


def raw(tokenizer):
    return json.loads(tokenizer.to_str())


def test_roles_come_in_one_order_whatever_the_file_says_first():
    assert list(roles_of({"mask_token": "m", "pad_token": "p", "bos_token": "b"})) == ["bos", "pad", "mask"]


def test_both_versions_names_for_further_special_tokens_are_read():
    assert extra_of({"extra_special_tokens": ["a"], "additional_special_tokens": ["b", "a"]}) == ("b", "a")
    assert (
        extra_of({"extra_special_tokens": {"image_token": "<img>"}}) == ()
    )  # named ones are roles of their own


def test_usual_spellings_are_recognised(kind):
    tokenizer, roles = kind
    guessed = guessed_roles(raw(tokenizer))
    assert guessed.items() >= {role: token for role, token in roles.items() if role != "pad"}.items()


def test_old_style_post_processors_name_their_tokens(folder):
    with_processor = {
        **folder.raw,
        "post_processor": {"type": "BertProcessing", "sep": ["it", 9], "cls": ["12", 8]},
    }
    assert guessed_roles(with_processor)["sep"] == "it"


def test_declared_tokens_come_out_whole(folder):
    special = declared(folder.tokenizer, ["fox"])
    assert "fox" in special_tokens_of(special)
    assert special.encode("xfoxx", add_special_tokens=False).tokens == ["x", "fox", "x"]
    assert special.get_vocab() == folder.tokenizer.get_vocab()
    assert "fox" not in special_tokens_of(folder.tokenizer)
