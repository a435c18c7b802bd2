"""A tokenizer that spells and small random models of many families that fit it."""

import importlib.util
import string
import sys
from pathlib import Path

import pytest
import torch
import transformers
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from tokbench.io.quiet import quiet
from tokbench.pretrained.folder import load, save_folder
from tokbench.pretrained.wrap import wrapper_config

ROLES = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}
LETTERS = [*string.ascii_lowercase, *string.digits, *string.punctuation]
VOCABULARY = [
    *ROLES.values(),
    *LETTERS,
    *(f"##{letter}" for letter in LETTERS),
    "the",
    "quick",
    "fox",
    "##es",
]
V = len(VOCABULARY)

BERT = {
    "vocab_size": V, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
    "intermediate_size": 32, "max_position_embeddings": 64, "pad_token_id": 0,
}  # fmt: skip
ENDS = {"bos_token_id": 2, "eos_token_id": 3}
DISTILBERT = {
    "vocab_size": V,
    "dim": 16,
    "n_layers": 2,
    "n_heads": 2,
    "hidden_dim": 32,
    "max_position_embeddings": 64,
}
GPT2 = {"vocab_size": V, "n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 64, **ENDS}
# class → its config's class, what makes it small, and whether its output matrix is the input's
FAMILIES = {
    "BertForMaskedLM": ("BertConfig", BERT, "tied"),
    "BertForPreTraining": ("BertConfig", BERT, "tied"),
    "BertForSequenceClassification": ("BertConfig", BERT, "none"),
    "BertModel": ("BertConfig", BERT, "none"),
    "RobertaForMaskedLM": ("RobertaConfig", {**BERT, **ENDS}, "tied"),
    "DistilBertForMaskedLM": ("DistilBertConfig", DISTILBERT, "tied"),
    "GPT2LMHeadModel": ("GPT2Config", GPT2, "tied"),
    "ElectraForMaskedLM": ("ElectraConfig", {**BERT, "embedding_size": 8}, "tied"),
    "AlbertForMaskedLM": ("AlbertConfig", {**BERT, "embedding_size": 8}, "tied"),
    "LlamaForCausalLM": ("LlamaConfig", {**BERT, **ENDS, "tie_word_embeddings": False}, "own"),
}


def make_tokenizer() -> Tokenizer:
    tokenizer = Tokenizer(
        models.WordPiece({token: at for at, token in enumerate(VOCABULARY)}, unk_token="[UNK]")
    )
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.add_special_tokens(
        [AddedToken(token, special=True, normalized=False) for token in ROLES.values()]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    return tokenizer


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Tiny matrices are slower on many."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tokenizer_folder(tmp_path_factory):
    """The loaded folder of the spelling tokenizer."""
    path, tokenizer = tmp_path_factory.mktemp("tokenizer"), make_tokenizer()
    save_folder(tokenizer, wrapper_config(tokenizer, ROLES, model_max_length=64), path)
    return load(path)


def make_model(kind: str = "BertForMaskedLM", **changes):
    """A random model of a family, biases of its head included."""
    config, small, _ = FAMILIES[kind]
    torch.manual_seed(7)
    model = getattr(transformers, kind)(getattr(transformers, config)(**{**small, **changes}))
    head = model.get_output_embeddings()
    if getattr(head, "bias", None) is not None:
        torch.nn.init.normal_(head.bias)
    return model.eval()


@pytest.fixture
def build():
    """A function: a random model of a family with these changes to its config."""
    return make_model


@pytest.fixture
def save_model(tmp_path):
    """A function: the folder of a model."""

    def saved(model, name="model"):
        with quiet():
            model.save_pretrained(tmp_path / name)
        return tmp_path / name

    return saved


@pytest.fixture(params=FAMILIES)
def family(request):
    """A class of each family, and how its head is tied."""
    return request.param, FAMILIES[request.param][2]


@pytest.fixture(scope="session")
def tiny():
    """benchmarks/tiny_models.py: small models of every family of transformers."""
    script = Path(__file__).parents[2] / "benchmarks" / "tiny_models.py"
    if not script.exists():
        pytest.skip("the benchmarks are not here")
    spec = importlib.util.spec_from_file_location("tiny_models", script)
    module = sys.modules["tiny_models"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def hidden_states(model, inputs):
    """The last hidden states (T, H) of each input, of the encoder where there are two stacks."""
    body = model.get_encoder() if model.config.is_encoder_decoder else model.base_model
    with torch.inference_mode():
        return [body(input_ids=torch.tensor([list(ids)]))[0][0] for ids in inputs]
