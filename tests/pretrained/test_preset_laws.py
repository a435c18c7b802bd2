"""What transformers does with every default and preset: the laws its own tests ask of a tokenizer, and more.

Every law is asked twice: of the folder as a training leaves it, and of the same one grown by tokens.
"""

import itertools
import os
import pickle
from functools import cache

import pytest

import tokbench as tb
from tokbench.pretrained.folder import load
from tokbench.recipes.presets import DEFAULTS, PRESETS

CORPUS = [
    "The harbour was quiet, and the boats lay still under a grey sky.",
    "She counted 12 gulls, 345 nets and 6789 knots before breakfast.",
    "A loaf of bread costs 2.50 today; yesterday it cost less, didn't it?",
    "“Look,” said the captain, “the wind has turned.” And it had.",
    "바다가 조용했고 배들은 잿빛 하늘 아래 가만히 떠 있었다.",
    "def area(width, height):\n    return width * height  # square metres",
    "The café on the corner serves crème brûlée and strong coffee. 🙂",
] * 3
TEXTS = [
    "the boats lay still under a grey sky",
    "  She counted\t12 gulls ,\n and didn't stop . ",
    "바다가 조용했고 café 🙂 \u200b ﬁ",
    "x",
    "",
]
PAIR = ("the boats lay still under a grey sky, and the wind had turned", "she counted the nets")
# They differ from llama3 in a pattern alone, which transformers only copies.
ALIKE = set() if "TOKBENCH_SLOW" in os.environ else {"cl100k", "o200k", "qwen2", "mistral-tekken"}
NAMES = [*(f"default {name}" for name in DEFAULTS), *(name for name in PRESETS if name not in ALIKE)]
GROWN = ("[E1]", "[/E1]", "lantern", "mill3")  # two special tokens and two others
TEMPLATE = (
    "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}[E1]\n{% endfor %}"
    "{% if add_generation_prompt %}assistant:{% endif %}"
)
CHAT = [{"role": "user", "content": "The boats?"}, {"role": "assistant", "content": "Still there."}]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A function: the folder of a preset, as trained or grown; made once."""
    place = tmp_path_factory.mktemp("presets")

    @cache
    def make(name, grown):
        path = place / name.replace(" ", "-")
        if grown:
            more = place / f"{path.name}-grown"
            tb.add_tokens(make(name, False), special=GROWN[:2], tokens=GROWN[2:], output=more)
            return more
        tb.train(CORPUS, name.removeprefix("default "), vocab_size=900, output=path)
        return path

    return make


@pytest.fixture(params=[(name, grown) for name in NAMES for grown in (False, True)], ids=str)
def path(request, trained):
    """The folder of each preset, as trained and grown."""
    return trained(*request.param)


@pytest.fixture
def auto(path):
    """What AutoTokenizer makes of it, with a pad token to pad with."""
    return read(path)


@cache
def _read(path):
    from transformers import AutoTokenizer

    return pickle.dumps(AutoTokenizer.from_pretrained(path, local_files_only=True))


def read(path):
    """A tokenizer of its own for each test: setters change it."""
    return pickle.loads(_read(path))


def seen(auto):
    """All that a user of transformers meets: ids, masks, roles, sizes and how it is called."""
    return {
        "encoded": [dict(auto(text, return_special_tokens_mask=True)) for text in TEXTS],
        "pairs": [dict(auto(text, PAIR[1])) for text in TEXTS],
        "decoded": [auto.decode(auto(text)["input_ids"]) for text in TEXTS],
        "vocabulary": auto.get_vocab(),
        "roles": auto.special_tokens_map,
        "special": (auto.all_special_tokens, auto.all_special_ids, auto.extra_special_tokens),
        "added": {number: str(token) for number, token in auto.added_tokens_decoder.items()},
        "sizes": (len(auto), auto.vocab_size, auto.model_max_length),
        "sides": (auto.padding_side, auto.truncation_side),
        "inputs": (auto.model_input_names, auto.clean_up_tokenization_spaces),
    }


def test_transformers_reads_what_tokbench_reads(path, auto):
    for text in TEXTS:
        for pair in (None, PAIR[1]):
            ours, theirs = tb.encode(path, text, pair=pair), auto(text, pair, return_special_tokens_mask=True)
            assert list(ours.ids) == theirs["input_ids"]
            assert list(ours.special_tokens_mask) == theirs["special_tokens_mask"]
            if "token_type_ids" in theirs:
                assert list(ours.type_ids) == theirs["token_type_ids"]
        assert list(tb.encode(path, text, special=False).ids) == auto.encode(text, add_special_tokens=False)
    info = tb.info(path)
    roles = {f"{role}_token": token for role, (token, _) in info.special_tokens.items()}
    assert roles == auto.special_tokens_map
    assert len(load(path).tokenizer.get_vocab(with_added_tokens=True)) == len(auto)


def test_saving_loading_and_pickling_change_nothing(path, auto, tmp_path):
    before = seen(auto)
    auto.save_pretrained(tmp_path / "theirs")
    assert seen(read(tmp_path / "theirs")) == before
    tb.wrap(tmp_path / "theirs", tmp_path / "ours", model_max_length=auto.model_max_length)
    assert seen(read(tmp_path / "ours")) == before
    assert seen(pickle.loads(pickle.dumps(auto))) == before
    assert tb.same(path, tmp_path / "theirs").passed


def test_what_transformers_adds_is_read_back_by_tokbench(auto, tmp_path):
    size = len(auto)
    auto.add_tokens(["COVID19", "quiet harbour"])
    auto.add_special_tokens({"extra_special_tokens": [*auto.extra_special_tokens, "<mark>"]})
    auto.save_pretrained(tmp_path)
    folder = load(tmp_path)
    assert [folder.tokenizer.token_to_id(token) for token in ("COVID19", "quiet harbour", "<mark>")] == [
        size,
        size + 1,
        size + 2,
    ]
    text = "a COVID19 case, a quiet harbour<mark>"
    assert list(tb.encode(tmp_path, text).ids) == auto(text)["input_ids"]
    assert "<mark>" in folder.special_contents


def test_a_batch_is_its_texts_one_by_one_padded_on_either_side(auto):
    if auto.pad_token is None:
        with pytest.raises(ValueError, match="pad"):
            auto(TEXTS, padding=True)
        auto.pad_token = auto.eos_token
    plain = [auto(text)["input_ids"] for text in TEXTS]
    assert auto(TEXTS)["input_ids"] == plain
    for side in ("right", "left"):
        auto.padding_side = side
        batch = auto(TEXTS, padding=True, pad_to_multiple_of=8)
        length = -(-max(map(len, plain)) // 8) * 8
        for ids, mask, alone in zip(batch["input_ids"], batch["attention_mask"], plain, strict=True):
            pads, ones = [auto.pad_token_id] * (length - len(alone)), [1] * len(alone)
            none = [0] * len(pads)
            assert ids == (alone + pads if side == "right" else pads + alone)
            assert mask == (ones + none if side == "right" else none + ones)
        assert set(batch) == set(auto.model_input_names)


def test_truncation_keeps_the_special_tokens_and_one_end_of_the_text(path, auto):
    around = auto.num_special_tokens_to_add(pair=False)
    plain = auto.encode(PAIR[0], add_special_tokens=False)
    room = len(plain) - 3
    for side in ("right", "left"):
        auto.truncation_side = side
        cut = auto(PAIR[0], truncation=True, max_length=room + around, return_special_tokens_mask=True)
        kept = [
            number
            for number, mask in zip(cut["input_ids"], cut["special_tokens_mask"], strict=True)
            if not mask
        ]
        assert kept == (plain[:room] if side == "right" else plain[3:])
        assert len(cut["input_ids"]) == room + around
    auto.truncation_side = "right"
    for length in range(auto.num_special_tokens_to_add(pair=True), 24):
        ours = tb.encode(path, PAIR[0], pair=PAIR[1], max_length=length)
        assert list(ours.ids) == auto(*PAIR, truncation=True, max_length=length)["input_ids"]


def test_windows_with_a_stride_hold_every_token_once_and_the_overlap_twice(auto):
    plain = auto.encode(PAIR[0], add_special_tokens=False)
    around = auto.num_special_tokens_to_add(pair=False)
    windows = auto(
        PAIR[0],
        truncation=True,
        max_length=7 + around,
        stride=2,
        return_overflowing_tokens=True,
        return_special_tokens_mask=True,
    )
    texts = [
        [number for number, mask in zip(ids, masks, strict=True) if not mask]
        for ids, masks in zip(windows["input_ids"], windows["special_tokens_mask"], strict=True)
    ]
    assert [number for at, window in enumerate(texts) for number in window[2 if at else 0 :]] == plain
    assert all(one[-2:] == two[:2] for one, two in itertools.pairwise(texts))


def test_the_mask_marks_what_the_template_adds_and_nothing_else(auto):
    for first, second in [(text, None) for text in TEXTS] + [PAIR]:
        found = auto(first, second, return_special_tokens_mask=True)
        mask = found["special_tokens_mask"]
        bare = auto(first, second, add_special_tokens=False)["input_ids"]
        assert [each for each, marked in zip(found["input_ids"], mask, strict=True) if not marked] == bare
        assert sum(mask) == auto.num_special_tokens_to_add(pair=second is not None)
        parts = auto.encode(first, add_special_tokens=False)
        parts += auto.encode(second, add_special_tokens=False) if second else []
        assert bare == parts


def test_offsets_go_through_the_text_in_order_and_those_of_added_tokens_are_exact(path, auto):
    texts = [*TEXTS, "a[E1]b lantern [/E1]", *auto.all_special_tokens]
    for text in texts:
        found = auto(text, return_offsets_mapping=True, add_special_tokens=False)
        offsets = found["offset_mapping"]
        assert offsets == sorted(offsets)
        assert all(0 <= start <= end <= len(text) for start, end in offsets)
        assert list(map(tuple, offsets)) == list(tb.encode(path, text, special=False).offsets)
        for number, (start, end) in zip(found["input_ids"], offsets, strict=True):
            token = auto.added_tokens_decoder.get(number)
            if token is not None and str(token) in text:
                assert text[start:end].strip() == str(token)


def test_tokens_ids_and_decoding_agree(path, auto):
    vocabulary = auto.get_vocab()
    assert sorted(vocabulary.values()) == list(range(len(vocabulary)))
    assert auto.convert_ids_to_tokens(list(vocabulary.values())) == list(vocabulary)
    assert auto.convert_tokens_to_ids(list(vocabulary)) == list(vocabulary.values())
    for text in TEXTS:
        ids = auto(text)["input_ids"]
        for skip in (False, True):
            ours = tb.decode(path, ids, skip_special_tokens=skip).text
            assert auto.decode(ids, skip_special_tokens=skip) == ours
    assert (
        auto.decode(auto.encode("still , under", add_special_tokens=False))
        == tb.decode(path, auto.encode("still , under", add_special_tokens=False)).text
    )  # nothing is cleaned up behind the decoder's back


def test_every_special_token_in_a_text_is_one_id_and_leaves_with_the_special_ones(auto):
    for token, number in zip(auto.all_special_tokens, auto.all_special_ids, strict=True):
        assert auto.convert_tokens_to_ids(token) == number
        assert auto.encode(token, add_special_tokens=False) == [number]
        ids = auto.encode(f"the {token} sky", add_special_tokens=False)
        assert ids.count(number) == 1
        assert token in auto.decode(ids)
        assert token not in auto.decode(ids, skip_special_tokens=True)


def test_a_chat_is_its_rendered_text_here_and_there(path, auto, tmp_path):
    auto.chat_template = TEMPLATE
    auto.save_pretrained(tmp_path)
    again = read(tmp_path)
    assert again.chat_template == TEMPLATE
    for talk, prompted in ((CHAT, False), (CHAT[:1], True)):
        text = again.apply_chat_template(talk, tokenize=False, add_generation_prompt=prompted)
        ids = again.apply_chat_template(talk, add_generation_prompt=prompted)["input_ids"]
        assert ids == again.encode(text, add_special_tokens=False)
        assert list(tb.encode(tmp_path, chat=talk).ids) == ids


def test_tensors_and_lists_hold_the_same(auto):
    found, lists = auto([PAIR[0]], [PAIR[1]], return_tensors="pt"), auto([PAIR[0]], [PAIR[1]])
    assert set(found) == set(lists) == set(auto.model_input_names)
    for name, tensor in found.items():
        assert tensor.tolist() == lists[name]
