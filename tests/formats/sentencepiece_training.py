"""Small models of SentencePiece, trained by the package itself."""

import io

from tests.formats.texts import TEXTS

COMMON = {
    "vocab_size": 340,
    "minloglevel": 2,
    "hard_vocab_limit": False,
    "num_threads": 1,
    "character_coverage": 1.0,
    "max_sentence_length": 999,
}
KINDS = {
    "bpe as Llama 2": {"model_type": "bpe", "byte_fallback": True, "normalization_rule_name": "identity",
                       "remove_extra_whitespaces": False},
    "bpe without a first space": {"model_type": "bpe", "add_dummy_prefix": False, "byte_fallback": True,
                                  "normalization_rule_name": "identity", "remove_extra_whitespaces": False},
    "bpe with unknown characters": {"model_type": "bpe", "normalization_rule_name": "identity"},
    "bpe with user-defined pieces": {"model_type": "bpe", "byte_fallback": True,
                                     "remove_extra_whitespaces": False, "normalization_rule_name": "identity",
                                     "user_defined_symbols": ["cat", "cats", "the", "  "]},
    "unigram": {"model_type": "unigram", "normalization_rule_name": "identity"},
    "unigram with bytes": {"model_type": "unigram", "byte_fallback": True,
                           "normalization_rule_name": "identity"},
    "unigram with user-defined pieces": {"model_type": "unigram", "user_defined_symbols": ["cat", "hats"],
                                         "normalization_rule_name": "identity"},
    "unigram with control pieces": {"model_type": "unigram", "control_symbols": ["<ctl>"],
                                    "normalization_rule_name": "identity"},
}  # fmt: skip
MAPPED = ("nmt_nfkc", "nmt_nfkc_cf", "nfkc")


def trained(path, **settings):
    import sentencepiece

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([*TEXTS * 5, "< 0 x A >"]), model_writer=model, **{**COMMON, **settings}
    )
    path.write_bytes(model.getvalue())
    return path
