"""For every rule a folder that violates it: what was done to clean files, and what must be found."""

import json
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tokbench.io.extras import has

from .folders import Files, clean, clean_pair, vocabulary
from .real_models import adapter, config, copied, huge, prefixed, saved, without


@dataclass(frozen=True)
class Case:
    """`damage` is done to the clean files of `kind`; `evidence` are words that the finding must show."""

    code: str
    severity: str
    kind: str
    damage: Callable[[Files], None]
    evidence: tuple[str, ...]
    label: str = ""
    alone: bool = False  # the tokenizer without a model

    @property
    def files(self):
        files = (clean if self.alone or self.kind in ("wordlevel", "characters") else clean_pair)(self.kind)
        self.damage(files)
        return files


def added(content, number, **options):
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {"id": number, "content": content, **flags, **options}


def rename(files, old, new):
    """Another name for a token, everywhere in tokenizer.json."""
    text = json.dumps(files.raw, ensure_ascii=False)
    files.raw = json.loads(text.replace(json.dumps(old), json.dumps(new)))


def drop(files, token):
    """Take a token out of the vocabulary and the added tokens; the others keep their ids."""
    del files.raw["model"]["vocab"][token]
    files.raw["added_tokens"] = [each for each in files.raw["added_tokens"] if each["content"] != token]


def put(files, part, **values):
    getattr(files, part).update(values)


def plain(files, *tokens):
    """Regular added tokens behind the last id."""
    for token in tokens:
        files.raw["added_tokens"].append(added(token, files.rows(), special=False, normalized=True))


def linked_out(files):
    """A file that is a link to one outside the folder."""
    files.after = lambda folder: (folder / "notes.txt").symlink_to(__file__)


def beside(**sides):
    """Further files, `__` for the dot; bytes are written as they are."""

    def damage(files):
        text = {name.replace("__", "."): content for name, content in sides.items()}
        files.sides.update({name: each for name, each in text.items() if not isinstance(each, bytes)})
        binary = {name: each for name, each in text.items() if isinstance(each, bytes)}
        files.after = lambda folder: [(folder / name).write_bytes(each) for name, each in binary.items()]

    return damage


def sentencepiece(*pieces):
    """The pieces as SentencePiece's protobuf has them, with a score and a type behind each."""

    def field(content):
        size = len(content)
        return b"\x0a" + (bytes([size]) if size < 128 else bytes([size & 127 | 128, size >> 7])) + content

    bodies = [field(each.encode()) + b"\x15\0\0\0\0\x18\1" for each in pieces]
    return b"".join(map(field, bodies)) + b"\x12\x02\x08\x01"


def in_decoder(token, **flags):
    """An added_tokens_decoder that says something else of a token."""

    def damage(files):
        entries = {each["id"]: dict(each) for each in files.raw["added_tokens"]}
        next(each for each in entries.values() if each["content"] == token).update(flags)
        decoder = {str(entry.pop("id")): entry for entry in entries.values()}
        files.config["added_tokens_decoder"] = decoder

    return damage


def added_behind(files):
    """A tokenizer.model of the pieces, and a token that came later."""
    pieces = [piece for piece, _ in files.raw["model"]["vocab"]]
    plain(files, "foxy")
    beside(tokenizer__model=sentencepiece(*pieces))(files)


def stale_beside_decoder(files):
    in_decoder("[SEP]")(files)
    files.sides["added_tokens.json"] = {"<x>": 2000}


def chat(end="{{ eos_token }}", before="", behind="", loop="{% for m in messages %}", **config):
    """A chat template of turns such as `user: words`, and what stands around them."""

    def damage(files):
        turn = loop + "{{ m.role }}: {{ m.content }}" + end + "{% endfor %}"
        files.sides["chat_template.jinja"] = before + turn + behind
        put(files, "config", **config)

    return damage


def picture_moved(files):
    plain(files, "<image>")
    put(files, "config", image_token="<image>")
    put(files, "model", image_token_id=5)


def picture_elsewhere(files):
    """A picture's token that has a row, and another id in both configs."""
    put(files, "config", image_token="fox")
    put(files, "model", image_token_id=5)
    files.sides["generation_config.json"] = {"image_token_id": 5}


def renamed_picture(files):
    """The tokenizer's token for images has another name than the processor's files know."""
    put(files, "config", image_token="fox")
    beside(processor_config__json={"image_token": "<picture>"})(files)


def without_segments(files):
    for entry in files.raw["post_processor"]["pair"]:
        next(iter(entry.values()))["type_id"] = 0


def gap(files):
    files.raw["model"]["vocab"]["the"] = 700


def ids_shared(files):
    files.raw["model"]["vocab"]["the"] = files.raw["model"]["vocab"]["fox"]


def moved(files):
    files.raw["added_tokens"].append(added("<|end|>", 500))


def nothing_learned(files):
    kept = {each["content"] for each in files.raw["added_tokens"]}
    files.raw["model"]["vocab"] = {token: at for token, at in vocabulary(files.raw).items() if token in kept}


def not_declared(files):
    files.raw["added_tokens"] = [each for each in files.raw["added_tokens"] if each["content"] != "[MASK]"]


def without_unknown(files):
    files.raw["model"]["unk_token"] = "[GONE]"


def plain_bpe(files):
    files.raw["pre_tokenizer"] = {"type": "Whitespace"}


def covid_twice(files):
    plain(files, "covid", "COVID")


def learned_byte_piece(files):
    model = files.raw["model"]
    model["byte_fallback"] = True
    for piece in ("<0x0", "A>", "<0x0A>"):
        model["vocab"][piece] = files.rows()
    model["merges"].append(["<0x0", "A>"])


def bytes_before_signs(files):
    cutters = [files.raw["pre_tokenizer"], {"type": "Punctuation", "behavior": "Isolated"}]
    files.raw["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": cutters}


def split_at_no_space(files):
    """As Gemma has it: ▁ is written for every space, and then spaces are looked for."""
    files.raw["normalizer"] = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
    cut = {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False}
    files.raw["pre_tokenizer"] = cut


def prefixed_bytes(files):
    """ByteLevel that puts a space before every text, and a token that is met inside words."""
    files.raw["pre_tokenizer"]["add_prefix_space"] = True
    plain(files, "foxy")


def trimming(files):
    prefixed_bytes(files)
    files.raw["post_processor"] = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True}
    files.raw["post_processor"]["use_regex"] = True


def joined_by_nothing(files):
    """WordPiece whose decoder glues everything, so that only ids tell where a word begins."""
    files.raw["decoder"] = {"type": "Fuse"}
    plain(files, "foxy")


def prepending(files):
    """As Llama 2 has it: the normalizer writes ▁ before every part of a text."""
    files.raw["pre_tokenizer"] = None
    blocks = [
        {"type": "Prepend", "prepend": "▁"},
        {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
    ]
    files.raw["normalizer"] = {"type": "Sequence", "normalizers": blocks}
    plain(files, "foxy")
    files.raw["added_tokens"][-1]["normalized"] = False


def missed_behind_signs(files):
    """A normalizer that puts ▁ before the token as well as before the text."""
    prepending(files)
    files.raw["added_tokens"][-1]["normalized"] = True


def template_of(token, number):
    def damage(files):
        files.raw["post_processor"]["special_tokens"][token]["ids"] = [number]

    return damage


def template_in_sequence(files):
    template_of("</s>", 348)(files)
    files.raw["post_processor"] = {"type": "Sequence", "processors": [files.raw["post_processor"]]}


def old_processor(files):
    ends = {"sep": ["[SEP]", 77], "cls": ["[CLS]", 2]}
    files.raw["post_processor"] = {"type": "BertProcessing", **ends}


def no_pair_template(files):
    without = [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}]
    files.raw["post_processor"]["pair"] = without


def segments_before_roberta(files):
    files.model["type_vocab_size"] = 1


def tensors(**shapes):
    def damage(files):
        for name, shape in shapes.items():
            files.tensors[name.replace("__", ".")] = shape

    return damage


def rows(number, *, stated=True):
    """A model with so many rows."""

    def damage(files):
        files.tensors = {name: (number, *shape[1:]) for name, shape in files.tensors.items()}
        if stated:
            files.model["vocab_size"] = number

    return damage


def no_tensors(files, **sides):
    files.tensors = None
    files.sides |= sides


def small_llama(files):
    """A decoder whose config keeps its class's ids, and none for padding."""
    files.model = {"model_type": "llama", "vocab_size": files.rows(), "max_position_embeddings": 128}
    files.tensors = {"model.embed_tokens.weight": (files.rows(), 8), "lm_head.weight": (files.rows(), 8)}


def classifying_llama(files):
    small_llama(files)
    put(files, "model", architectures=["LlamaForSequenceClassification"], pad_token_id=5)


def labels(forth, back, rows=2):
    def damage(files):
        put(files, "model", id2label=forth, label2id=back, architectures=["BertForSequenceClassification"])
        files.tensors |= {"classifier.weight": (rows, 8), "classifier.bias": (rows,)}

    return damage


def missing_in_template(files):
    files.raw["post_processor"]["special_tokens"].pop("[SEP]")


def bytes_missing(files):
    vocab = files.raw["model"]["vocab"]
    for letter in ("Ã", "ì", "Ł"):
        vocab[f"{letter}-renamed"] = vocab.pop(letter)


def byte_piece_missing(files):
    files.raw["model"]["vocab"][20][0] = "<gone>"


def no_fallback(files):
    files.raw["model"]["byte_fallback"] = False


def no_decoder(files):
    files.raw["decoder"] = None


def removing(files):
    split = {"type": "Split", "pattern": {"String": "o"}, "behavior": "Removed", "invert": False}
    files.raw["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [split, files.raw["pre_tokenizer"]]}


def all_unknown(files):
    vocab = files.raw["model"]["vocab"]
    files.raw["model"]["vocab"] = {
        token if token.startswith("[") else f"zz{number}": number for token, number in vocab.items()
    }


def cut_and_padded(files):
    files.raw["truncation"] = {"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0}
    strategy = {"strategy": {"Fixed": 6}, "direction": "Right", "pad_to_multiple_of": None}
    files.raw["padding"] = strategy | {"pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"}


def no_config(files):
    files.config = None


def cased(files):
    files.raw["normalizer"]["lowercase"] = False
    files.config["tokenizer_class"] = "BertTokenizer"


def renamed_class(name):
    return lambda files: put(files, "config", tokenizer_class=name)


def never(files):
    """Tokens that no text leads to: capitals behind a lowercasing normalizer."""
    for number in range(files.rows(), files.rows() + 40):
        files.raw["model"]["vocab"][f"Word{number}"] = number


def merged_never(files):
    files.raw["model"]["vocab"]["zqxj"] = files.rows()


def normalized_special(files):
    files.raw["added_tokens"].append(added("[E1]", files.rows(), normalized=True))


def learned_specials(files):
    for piece in ("MASK", "SEP", "##[MAS"):
        files.raw["model"]["vocab"][piece] = files.rows()


def labelling(kind):
    def damage(files):
        files.model["architectures"] = ["AForTokenClassification"]
        if kind == "silent":
            files.raw["pre_tokenizer"]["add_prefix_space"] = True
            clean_up = {"type": "Replace", "pattern": {"String": "\u200b"}, "content": ""}
            files.raw["normalizer"] = clean_up

    return damage


def layers(count, *names):
    """A BERT whose config says `count` layers, and whose weights have these tensors of layers."""

    def damage(files):
        files.model["num_hidden_layers"] = count
        files.tensors |= {f"bert.encoder.layer.{name}": (8, 8) for name in names}

    return damage


def renamed_tensors(files):
    files.tensors = {"mine.a": (8, 8), "mine.b": (8, 8)}


def headless_llama(files):
    small_llama(files)
    del files.tensors["lm_head.weight"]
    files.model["architectures"] = ["LlamaForCausalLM"]


def numbers(at, content):
    """Bytes written into the weights, counted from the first number."""

    def overwrite(folder):
        path = folder / "model.safetensors"
        data = bytearray(path.read_bytes())
        start = 8 + int.from_bytes(data[:8], "little") + at
        data[start : start + len(content)] = content
        path.write_bytes(data)

    return lambda files: setattr(files, "after", overwrite)


def pasted_row(files):
    """The row of the last token is the one before it."""

    def overwrite(folder):
        path = folder / "model.safetensors"
        data = bytearray(path.read_bytes())
        last = 8 + int.from_bytes(data[:8], "little") + (files.rows() - 1) * 32
        data[last : last + 32] = data[last - 32 : last]
        path.write_bytes(data)

    files.after = overwrite


def rows_at_the_mean(files):
    """The last eight rows stand where mean_resizing puts new ones: at the mean of the others."""

    def overwrite(folder):
        path = folder / "model.safetensors"
        data = bytearray(path.read_bytes())
        first = 8 + int.from_bytes(data[:8], "little")
        rows = np.frombuffer(data, "<f4", files.rows() * 8, first).reshape(-1, 8).copy()
        rows[-8:] = rows[:-8].mean(axis=0) + np.linspace(1e-6, 1e-5, 8)[:, None]
        data[first : first + rows.nbytes] = rows.astype("<f4").tobytes()
        path.write_bytes(data)

    files.after = overwrite


def jamo_letters(files):
    files.raw["normalizer"] = {"type": "NFKC"}


def growing(files):
    files.raw["normalizer"] = {"type": "Replace", "pattern": {"String": "o"}, "content": "o" * 30 * 30}


def data(text):
    return lambda files: setattr(files, "data", text)


def long_texts(files):
    files.config["model_max_length"] = 8
    files.data = "the fox\n" + "the fox jumps over the dog " * 3


def deleting(files):
    files.raw["normalizer"] = {"type": "Replace", "pattern": {"String": "\u200b"}, "content": ""}
    files.data = "the \u200b fox"


def decomposed(text):
    return data(unicodedata.normalize("NFD", text))


def labelled(table, name="texts.csv", names=("b", "a"), architecture="BertForSequenceClassification"):
    """A classifier with these labels, and a table with others."""

    def damage(files):
        forth = {str(at): label for at, label in enumerate(names)}
        put(files, "model", id2label=forth, label2id=dict(zip(names, range(len(names)), strict=True)))
        files.model["architectures"] = [architecture]
        files.data, files.data_name = table, name

    return damage


BERT_CLASSIFIER = "BertForSequenceClassification"
GPT2_CLASSIFIER = "GPT2ForSequenceClassification"
DENSE = "bert.encoder.layer.1.output.dense.weight"
LORA = "base_model.model.transformer.h.0.attn.c_attn.lora_A.weight"
ON_WTE, ON_HEAD = (
    "base_model.model.transformer.wte.lora_embedding_A",
    "base_model.model.lm_head.lora_B.weight",
)
WTE = "base_model.model.transformer.wte.weight"

# Whoever has no sentencepiece is told that the file was not compared.
MODELS = [
    Case(
        "TB607",
        "warning",
        "bert",
        beside(tokenizer__model=sentencepiece("fox")),
        ("'fox' is",),
        "pieces",
    ),
    Case("TB607", "warning", "t5", added_behind, ("'foxy' = ",), "a piece less"),
    Case("TB607", "warning", "t5", beside(spiece__model=b"\x0a\x7f"), ("SentencePiece",), "cut short"),
] if has("sentencepiece") and has("google") else [
    Case("TB607", "note", "t5", added_behind, ("needs the package sentencepiece",), "no package"),
]  # fmt: skip

CASES = [
    Case("TB101", "warning", "bert", gap, ("highest id 700", "first gap at")),
    Case("TB102", "error", "bert", ids_shared, ("'the'", "'fox'")),
    Case("TB103", "error", "bert", moved, ("'<|end|>' 500 → ",)),
    Case("TB104", "error", "wordlevel", nothing_learned, ("'[PAD]' = 0", "'[UNK]' = 1")),
    Case("TB201", "error", "bert", not_declared, ("'a[MASK]b' → ", "its id is 4")),
    Case(
        "TB201",
        "error",
        "bert",
        lambda files: files.raw["added_tokens"][4].update(special=False, single_word=False, content="[MASK"),
        ("its id is 4",),
        "only a part of it is an added token",
    ),
    Case("TB202", "error", "bert", lambda files: put(files, "config", cls_token="[X]"), ("cls: '[X]'",)),
    Case(
        "TB202",
        "error",
        "bert",
        lambda files: put(files, "config", additional_special_tokens=["<e1>", {"content": "<e2>"}]),
        ("'<e1>'", "'<e2>'"),
        "an extra one",
    ),
    Case(
        "TB203",
        "error",
        "bert",
        lambda files: put(files, "config", unk_token="[MASK]"),
        ("'[UNK]'", "'[MASK]'"),
    ),
    Case(
        "TB203", "warning", "bert", lambda files: files.config.pop("unk_token"), ("'[UNK]'", "None"), "no unk"
    ),
    Case("TB204", "error", "bert", without_unknown, ("'[GONE]'",), "WordPiece"),
    Case("TB204", "error", "wordlevel", without_unknown, ("'[GONE]'",), "WordLevel"),
    Case(
        "TB204",
        "error",
        "t5",
        lambda files: put(files, "raw", model=files.raw["model"] | {"unk_id": None}),
        ("None",),
    ),
    Case(
        "TB204", "error", "gpt2", plain_bpe, ("neither unknown token, bytes, nor byte fallback",), "BPE drops"
    ),
    Case(
        "TB205",
        "note",
        "gpt2",
        lambda files: put(files, "config", pad_token="<|endoftext|>"),
        ("<|endoftext|>",),
    ),
    Case(
        "TB205",
        "warning",
        "bert",
        lambda files: put(files, "config", pad_token="[UNK]"),
        ("'[UNK]' = 1",),
        "unk",
    ),
    Case("TB206", "note", "gpt2", lambda files: files.config.pop("pad_token"), ("bos, eos",)),
    Case("TB207", "warning", "bert", covid_twice, ("comes out as",)),
    Case("TB207", "warning", "t5", missed_behind_signs, ("'(foxy)'",), "behind signs"),
    Case("TB210", "warning", "bert", joined_by_nothing, ("'afoxyb' is encoded as a foxy b",)),
    Case("TB210", "warning", "gpt2", prefixed_bytes, ("'(foxy)' comes back as",), "split by a prefix space"),
    Case("TB210", "warning", "t5", prepending, ("see foxy  here",), "two spaces for one"),
    Case("TB211", "error", "bert", covid_twice, ("'covid' and 'COVID' → 'covid'",)),
    Case("TB514", "warning", "gpt2", learned_byte_piece, ("'<0x0A>' → '\\n'",), alone=True),
    Case("TB512", "warning", "gpt2", trimming, ("'(foxy)' has the offsets",)),
    Case("TB513", "warning", "gpt2", bytes_before_signs, ("'라 마 카 를' → 'ë', 'Ŀ', '¼'",)),
    Case("TB513", "note", "t5", split_at_no_space, ("라",), "finds nothing to do"),
    Case("TB301", "error", "roberta", template_of("</s>", 3), ("'</s>' is 2, the template says 3",)),
    Case(
        "TB301",
        "error",
        "roberta",
        template_in_sequence,
        ("'</s>' is 2, the template says 348",),
        "in a Sequence",
    ),
    Case("TB301", "error", "bert", old_processor, ("'[SEP]' is 3, the template says 77",), "of the old kind"),
    Case("TB302", "warning", "bert", lambda files: put(files, "raw", post_processor=None), ("'a' → a",)),
    Case("TB302", "warning", "bert", no_pair_template, ("'a' + 'b' → a, b",), "for a pair"),
    Case(
        "TB303",
        "warning",
        "bert",
        lambda files: put(files, "config", model_input_names=["input_ids", "attention_mask"]),
        ("[0, 0, 0, 1, 1]",),
    ),
    Case(
        "TB303",
        "warning",
        "bert",
        lambda files: files.config.pop("model_input_names"),
        ("None",),
        "silent",
        True,
    ),
    Case("TB304", "error", "bert", segments_before_roberta, ("type_vocab_size 1", "[0, 0, 0, 1, 1]")),
    Case("TB401", "error", "bert", rows(100), ("'fox' = ", "'##ck' = ")),
    Case(
        "TB401",
        "error",
        "bert",
        lambda files: (rows(100)(files), no_tensors(files)),
        ("'fox' = ",),
        "by config only",
    ),
    Case(
        "TB402",
        "error",
        "bert",
        lambda files: put(files, "model", vocab_size=77),
        ("word_embeddings.weight",),
    ),
    Case("TB403", "note", "bert", rows(128), ("128 rows",)),
    Case("TB403", "warning", "bert", rows(30522), ("30,522 rows",), "not its own"),
    Case("TB404", "error", "bert", tensors(cls__predictions__bias=(50,)), ("cls.predictions.bias 50",)),
    Case("TB404", "error", "gpt2", tensors(lm_head__weight=(50, 8)), ("lm_head.weight 50",), "the head"),
    Case(
        "TB405",
        "error",
        "bert",
        lambda files: no_tensors(files, **{"model.safetensors": "version 1"}),
        ("header",),
    ),
    Case(
        "TB405",
        "error",
        "bert",
        lambda files: no_tensors(
            files, **{"model.safetensors.index.json": {"weight_map": {"a": "../elsewhere.safetensors"}}}
        ),
        ("points out of the folder: ../elsewhere.safetensors",),
        "an index that leads astray",
    ),
    Case(
        "TB406",
        "error",
        "bert",
        lambda files: no_tensors(files, **{"pytorch_model.bin": "x"}),
        ("no command opens it",),
    ),
    Case(
        "TB411",
        "error",
        "bert",
        lambda files: put(files, "model", pad_token_id=1),
        ("'[PAD]' = 0", "1, '[UNK]'"),
    ),
    Case(
        "TB411",
        "error",
        "roberta",
        lambda files: put(files, "model", pad_token_id=3),
        ("'<pad>' = 1", "3, '<unk>'"),
    ),
    Case("TB411", "error", "gpt2", classifying_llama, ("5",), "a decoder that classifies"),
    Case("TB411", "warning", "gpt2", small_llama, ("config.json: none",), "a decoder without padding"),
    Case("TB411", "warning", "t5", lambda files: put(files, "model", pad_token_id=3), ("'<pad>' = 0",), "t5"),
    Case(
        "TB412",
        "warning",
        "gpt2",
        lambda files: put(files, "model", eos_token_id=7),
        ("'<|endoftext|>' = 0", "7"),
    ),
    Case("TB412", "warning", "gpt2", small_llama, ("bos_token_id: 1",), "the class's default"),
    Case(
        "TB412",
        "warning",
        "gpt2",
        lambda files: files.sides.update({"generation_config.json": {"eos_token_id": [4, 5]}}),
        ("eos_token_id: 4", "5"),
        "generation_config",
    ),
    Case(
        "TB413",
        "error",
        "bert",
        lambda files: put(files, "model", pad_token_id=50283),
        ("pad_token_id 50283",),
    ),
    Case(
        "TB413",
        "error",
        "gpt2",
        lambda files: [files.model.pop(key) for key in ("bos_token_id", "eos_token_id")],
        ("bos_token_id 50256", "eos_token_id 50256"),
        "the class's default",
    ),
    Case(
        "TB414",
        "error",
        "t5",
        lambda files: (
            files.model.pop("decoder_start_token_id"),
            put(files, "model", architectures=["T5ForConditionalGeneration"]),
        ),
        ("t5",),
    ),
    Case("TB421", "error", "bert", lambda files: put(files, "config", model_max_length=-1), ("-1",)),
    Case(
        "TB421",
        "error",
        "bert",
        lambda files: put(files, "config", model_max_length="512"),
        ("'512'",),
        "a string",
    ),
    Case(
        "TB422",
        "error",
        "bert",
        lambda files: put(files, "config", model_max_length=129),
        ("129", "positions 128"),
    ),
    Case(
        "TB422",
        "error",
        "roberta",
        lambda files: put(files, "config", model_max_length=130),
        ("positions 128",),
    ),
    Case(
        "TB422", "warning", "bert", lambda files: files.config.pop("model_max_length"), ("none",), "no limit"
    ),
    Case(
        "TB431", "error", "bert", labels({"0": "no", "1": "yes"}, {"no": 1, "yes": 0}), ("no → 1", "yes → 0")
    ),
    Case(
        "TB432",
        "error",
        "bert",
        labels({"0": "no", "1": "yes"}, {"no": 0, "yes": 1}, 3),
        ("classifier.weight: 3",),
    ),
    Case("TB501", "error", "bert", missing_in_template, ("PanicException",)),
    Case("TB501", "error", "wordlevel", without_unknown, ("Missing",), "no unknown token"),
    Case("TB502", "error", "gpt2", bytes_missing, ("0xC3 'Ã'", "0xEC 'ì'", "0x9F 'Ł'")),
    Case("TB503", "error", "t5", byte_piece_missing, ("<0x11>",)),
    Case("TB503", "warning", "t5", no_fallback, ("<0x00> = 3",), "off"),
    Case("TB504", "error", "gpt2", no_decoder, ("Ġ",), "byte level"),
    Case("TB504", "error", "bert", no_decoder, ("##",), "WordPiece"),
    Case("TB504", "error", "t5", no_decoder, ("▁",), "Unigram"),
    Case("TB504", "warning", "characters", no_decoder, ("'T h e",), "characters"),
    Case("TB504", "warning", "gpt2", removing, ("→",), "letters are removed"),
    Case("TB505", "warning", "gpt2", lambda files: plain(files, "Ö"), ("'Ö' → ",)),
    Case("TB506", "note", "bert", lambda files: None, ("'The quick", "'the quick")),
    Case("TB507", "note", "bert", lambda files: None, ("Korean", "emoji")),
    Case("TB507", "warning", "characters", all_unknown, ("English",), "all of them"),
    Case("TB508", "note", "gpt2", lambda files: None, ("in NFC", "in NFD")),
    Case("TB509", "note", "bert", lambda files: None, ("19 characters become 43",)),
    Case("TB601", "error", "bert", no_config, ("'[PAD]'",), alone=True),
    Case("TB602", "warning", "bert", renamed_class("TokenizersBackend"), ("TokenizersBackend",)),
    Case(
        "TB602",
        "warning",
        "bert",
        lambda files: put(files, "config", extra_special_tokens=["[CLS]"]),
        ("extra_",),
        "list",
    ),
    Case("TB603", "error", "bert", lambda files: put(files, "config", pad_token=["[PAD]"]), ("TypeError",)),
    Case("TB604", "error", "bert", cased, ("The quick", "[UNK]"), "rebuilt blocks"),
    Case("TB605", "error", "wordlevel", renamed_class("GPT2Tokenizer"), ("'<|endoftext|>'",)),
    Case(
        "TB606",
        "error",
        "bert",
        lambda files: files.sides.update({"added_tokens.json": {"<x>": 2000}}),
        ("'<x>' = 2000",),
    ),
    Case(
        "TB606",
        "error",
        "bert",
        lambda files: files.sides.update({"special_tokens_map.json": {"pad_token": "<stalepad>"}}),
        ("pad: '<stalepad>'", "'[PAD]'"),
        "roles",
    ),
    Case(
        "TB607",
        "warning",
        "bert",
        lambda files: files.sides.update({"vocab.txt": "[PAD]\nfox\n"}),
        ("'fox' is",),
    ),
    Case(
        "TB607",
        "warning",
        "gpt2",
        lambda files: files.sides.update({"vocab.json": "{"}),
        ("vocab.json",),
        "broken",
    ),
    Case("TB608", "warning", "bert", cut_and_padded, ("truncation: 4", "padding: {'Fixed': 6}")),
    Case(
        "TB609",
        "warning",
        "bert",
        lambda files: put(files, "config", auto_map={"AutoTokenizer": ["t.T", None]}),
        ("t.T",),
    ),
    Case(
        "TB610",
        "note",
        "bert",
        lambda files: files.sides.update({"tokbench.json": {"tokenizer_json_sha256": "ab"}}),
        ("ab",),
    ),
    Case("TB105", "warning", "bert", never, ("'Word104' = 104",), "capitals"),
    Case("TB105", "note", "gpt2", merged_never, ("'zqxj' = ",), "no merge leads there"),
    Case("TB208", "warning", "bert", normalized_special, ("'[e1]' is taken for '[E1]'",)),
    Case("TB209", "note", "bert", learned_specials, ("'MASK' = ", "'SEP' = ")),
    Case("TB305", "warning", "gpt2", labelling("other"), ("The, Ġ", "→ The, ")),
    Case("TB305", "note", "gpt2", labelling("silent"), ("zero width space",), "without a token"),
    Case(
        "TB407", "error", "bert", layers(2, "0.q", "0.k"), ("config.json: 2 layers", "bert.encoder.layer: 1")
    ),
    Case("TB407", "error", "bert", layers(2, "0.q", "0.k", "1.k"), ("layer.1 has no q",), "a tensor less"),
    Case("TB407", "error", "bert", layers(2), ("no tensor of a layer",), "none"),
    Case("TB408", "error", "gpt2", headless_llama, ("LlamaForCausalLM",)),
    Case("TB409", "error", "bert", renamed_tensors, ("mine.a, mine.b",)),
    Case("TB441", "error", "bert", numbers(40, b"\0\0\xc0\x7f"), ("word_embeddings.weight",), "NaN"),
    Case("TB441", "error", "bert", numbers(44, b"\0\0\x80\x7f"), ("word_embeddings.weight",), "infinity"),
    Case("TB441", "warning", "bert", numbers(0, bytes(104 * 32)), ("word_embeddings.weight",), "all zero"),
    Case("TB442", "warning", "bert", numbers(64, bytes(32)), ("'[CLS]' = 2",), "zeros"),
    Case("TB442", "warning", "bert", pasted_row, ("'##ck' = 103",), "twins"),
    Case("TB442", "note", "bert", rows_at_the_mean, ("and 4 more",), "at the mean"),
    Case(
        "TB451",
        "warning",
        "bert",
        lambda files: put(files, "model", auto_map={"AutoModel": "m.M"}),
        ("auto_map", "m.M"),
    ),
    Case("TB510", "note", "t5", jamo_letters, ("U+314B → ", "U+110F")),
    Case("TB511", "error", "gpt2", growing, ("English: 51 characters",)),
    Case(
        "TB611",
        "note",
        "bert",
        lambda files: files.sides.update({"training_args.bin": "x"}),
        ("training_args.bin",),
    ),
    Case("TB606", "warning", "bert", stale_beside_decoder, ("'<x>' = 2000",), "llama.cpp alone"),
    *MODELS,
    Case("TB607", "warning", "gpt2", beside(qwen__tiktoken="IQ== 7\n"), ("'!' is", "says 7"), "ranks"),
    Case(
        "TB607",
        "warning",
        "gpt2",
        beside(merges__txt="#version\nq u\n"),
        ("merge 1 is", "'q u'"),
        "merges",
    ),
    Case("TB612", "warning", "bert", linked_out, ("notes.txt → ", "/cases.py")),
    Case("TB613", "error", "bert", in_decoder("[SEP]", rstrip=True), ("'[SEP]': rstrip false → true",)),
    Case(
        "TB613",
        "warning",
        "gpt2",
        in_decoder("<|pad|>", special=False),
        ("special true → false",),
        "decoding",
    ),
    Case("TB614", "error", "bert", picture_moved, ("image: '<image>' is 104, config.json says 5",), "no row"),
    Case("TB614", "error", "bert", picture_elsewhere, ("image: 'fox' is ", "config.json says 5"), "a row"),
    Case(
        "TB614",
        "error",
        "bert",
        beside(processor_config__json={"image_token": "<image>"}),
        ("image: '<image>', which is not",),
        "a processor's",
    ),
    Case(
        "TB614",
        "error",
        "bert",
        renamed_picture,
        ("image: '<picture>', in tokenizer_config.json 'fox'",),
        "a processor's old name",
    ),
    Case(
        "TB615",
        "warning",
        "gpt2",
        lambda files: put(files, "config", add_bos_token=True),
        ("transformers 4 and llama.cpp",),
        "bos",
    ),
    Case(
        "TB615",
        "warning",
        "roberta",
        lambda files: put(files, "config", add_eos_token=False),
        ("transformers 4 and llama.cpp",),
        "eos",
    ),
    Case("TB615", "warning", "gpt2", prefixed_bytes, ("false where it is missing",), "a first space"),
    Case("TB701", "warning", "bert", data("the fox 🙂 fox☕\n"), ("symbols and emoji",)),
    Case("TB701", "note", "bert", data("the fox " * 200 + "☕\n"), ("symbols and emoji",), "a few"),
    Case("TB702", "warning", "bert", data("the fox\n" * 20 + "빠른 여우 " * 20), ("Hangul 40 of 40",)),
    Case("TB703", "warning", "gpt2", decomposed("한국어 문장\n" * 3), ("in NFC",)),
    Case("TB704", "warning", "bert", data("빠른 여우\n"), ("1 of 1 text",)),
    Case("TB705", "note", "wordlevel", data("fox fox fox fox\n" * 500), ("tokens in 2,000 of text",)),
    Case("TB706", "note", "gpt2", deleting, ("'\\u200b'",)),
    Case("TB707", "note", "bert", long_texts, ("longest ", "model_max_length 8")),
    Case(
        "TB410",
        "error",
        "bert",
        saved(BERT_CLASSIFIER, prefixed("mine.")),
        ("41 missing", "41 not taken: mine.bert"),
        "all renamed",
    ),
    Case("TB410", "error", "bert", saved(BERT_CLASSIFIER, without(DENSE)), (f"1 missing: {DENSE}",), "one"),
    Case(
        "TB410",
        "error",
        "bert",
        saved(BERT_CLASSIFIER, without("classifier.weight")),
        ("1 missing: classifier.weight",),
        "the head",
    ),
    Case(
        "TB410",
        "error",
        "bert",
        saved(BERT_CLASSIFIER, config(type_vocab_size=3)),
        ("1 of another size: bert.embeddings.token_type",),
        "a size",
    ),
    Case("TB453", "error", "gpt2", adapter({}), ("there is no adapter_model.safetensors",), "no weights"),
    Case(
        "TB453",
        "error",
        "gpt2",
        adapter({LORA: (4, 8)}, modules_to_save=["score"]),
        ("names score; 1 tensor",),
        "a module",
    ),
    Case("TB454", "error", "gpt2", adapter({LORA: (4, 8)}, base_rows=290), (" = 290", "base: 290 rows")),
    Case(
        "TB454",
        "error",
        "gpt2",
        adapter({LORA: (4, 8), WTE: (295, 8)}, base_rows=290),
        (f"{WTE} 295",),
        "too few of its own",
    ),
    Case(
        "TB454",
        "note",
        "gpt2",
        adapter({LORA: (4, 8), WTE: (300, 8)}, base_rows=290),
        ("290 rows, the adapter for",),
        "a resized base",
    ),
    Case(
        "TB454",
        "note",
        "gpt2",
        adapter({LORA: (4, 8)}, base_rows=290, trainable_token_indices=[295]),
        ("290 rows, the adapter for",),
        "single rows",
    ),
    Case(
        "TB455",
        "warning",
        "gpt2",
        adapter({LORA: (4, 8)}, base_model_name_or_path="/home/me/run-7"),
        ("'/home/me/run-7'",),
    ),
    Case(
        "TB456",
        "error",
        "gpt2",
        adapter({WTE: (300, 8)}, base_rows=304),
        (f"{WTE} 300",),
        "whole",
    ),
    Case(
        "TB456",
        "error",
        "gpt2",
        adapter({ON_WTE: (4, 300), ON_HEAD: (300, 4)}, base_rows=304),
        (f"{ON_WTE} 300", f"{ON_HEAD} 300"),
        "adapted",
    ),
    Case(
        "TB457",
        "warning",
        "gpt2",
        adapter({LORA: (4, 8)}, base_rows=300, base_without="a"),
        ("'a' = ",),
    ),
    Case(
        "TB462",
        "error",
        "bert",
        saved("RobertaForMaskedLM", type_vocab_size=1, pad_token_id=0),
        ("IndexError",),
        "a pair",
    ),
    Case(
        "TB443",
        "error",
        "gpt2",
        saved("GPT2LMHeadModel", copied("transformer.wte.weight", "lm_head.weight")),
        ("tie_word_embeddings True",),
    ),
    Case("TB461", "error", "bert", saved(BERT_CLASSIFIER, config(num_attention_heads=3)), ("multiple",)),
    Case(
        "TB462",
        "error",
        "roberta",
        saved("RobertaForMaskedLM", max_position_embeddings=40),
        ("index 40 is out of bounds",),
        "long texts",
    ),
    Case(
        "TB463",
        "error",
        "bert",
        saved(BERT_CLASSIFIER, huge("bert.encoder.layer.0.output.LayerNorm.weight")),
        ("100% of the numbers",),
    ),
    Case("TB464", "error", "gpt2", saved(GPT2_CLASSIFIER, pad_token_id=5), ("off by ", "padding id 1")),
    Case(
        "TB464", "error", "gpt2", saved(GPT2_CLASSIFIER, pad_token_id=None), ("Cannot handle batch",), "none"
    ),
    Case("TB708", "error", "bert", labelled("text,label\nfox,a\nthe,zz\n"), ("column label: zz",), "a name"),
    Case(
        "TB708",
        "error",
        "bert",
        labelled('{"text":"fox","label":2}\n', "texts.jsonl"),
        ("label: 2",),
        "an id",
    ),
    Case(
        "TB708",
        "warning",
        "bert",
        labelled("text\tgold_label\nfox\t-1\n", "texts.tsv"),
        ("column gold_label: -1",),
        "no answers",
    ),
    Case(
        "TB708", "note", "bert", labelled("text,label\nfox,a\nthe,b\n"), ("a, b; id2label: b, a",), "by name"
    ),
    Case(
        "TB708",
        "error",
        "bert",
        labelled("text,label\nfox,a\nthe,b\nit,c\n", names=("LABEL_0", "LABEL_1")),
        ("a, b, c",),
        "too many",
    ),
    Case("TB801", "error", "gpt2", chat(end="{% if %}"), ("TemplateSyntaxError",)),
    Case("TB802", "warning", "gpt2", chat(chat_template="x"), ("chat_template.jinja",)),
    Case("TB803", "error", "bert", chat(end="<|end|>"), ("'<|end|>' → [UNK]",)),
    Case("TB803", "warning", "gpt2", chat(before="<|begin|>"), ("'<|begin|>' → <, |, ",), "pieces"),
    Case("TB804", "warning", "roberta", chat(before="{{ bos_token }}"), ("[0, 0,", "[0, "), "twice"),
    Case("TB804", "warning", "roberta", chat(), ("encoded as a text: [0,",), "never"),
    Case("TB805", "error", "gpt2", chat(end="\n"), ("Reply 41",)),
    Case("TB806", "error", "gpt2", chat(end="<|pad|>"), ("'<|pad|>' = 1", "config.json 0")),
    Case("TB807", "warning", "gpt2", chat(), ("'assistant: '",)),
    Case("TB808", "warning", "gpt2", chat(loop="{% for m in messages if m.role[0] != 's' %}"), ("left out",)),
    Case("TB809", "note", "gpt2", chat(), ("'<|endoftext|>' in a message is 0",)),
]
