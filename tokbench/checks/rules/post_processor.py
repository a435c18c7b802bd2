"""Rules about what is put around a text: the template, its ids, and the segments it tells apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from tokbench.checks import fixes
from tokbench.checks.context import SAMPLES, CheckContext
from tokbench.checks.findings import Finding, Rule, first_few, quoted
from tokbench.pretrained.wrap import tells_segments

if TYPE_CHECKING:
    from tokbench.checks.model_files import ModelFiles


def template_ids_are_the_vocabularys(context: CheckContext) -> Iterator[Finding]:
    """The post-processor's tokens have the ids of the vocabulary.

    Cause: the vocabulary was trained again or renumbered, and the template was not.
    Example: train_new_from_iterator leaves the old ids in a Sequence: it emits id 348 of 288, an IndexError
    in the model; a wrong id within the range is silently another token.
    Source: transformers #30752, #33998, PR #34246
    """
    wrong = [
        (token, number)
        for block in context.blocks("post_processor")
        for token, number in _tokens(block)
        if context.vocabulary.get(token) != number
    ]
    if wrong:
        shown = [
            f"{quoted(token)} is {context.vocabulary.get(token)}, the template says {number}"
            for token, number in dict.fromkeys(wrong)
        ]
        yield Finding(
            "the post-processor puts other ids around a text than its tokens have",
            first_few(shown),
            "write the vocabulary's ids into post_processor in tokenizer.json",
        )


def declared_ends_are_put_around(context: CheckContext) -> Iterator[Finding]:
    """Where a cls and a sep token are declared, they stand around every text and every pair.

    Cause: no post-processor was set (wrapping does not set one), or a role moved and the template did not.
    Example: the model was trained with [CLS] first and [SEP] last, and gets neither; pooling takes the first
    word for [CLS]. Without a template for pairs both texts run into one.
    Source: transformers #13000, tokenizers #1208
    """
    ends = {role: context.id_of(role) for role in ("cls", "sep")}
    if None in ends.values():
        return
    for texts in (("a",), ("a", "b")):
        encoding = context.tokenizer.encode(*texts)
        absent = [role for role, number in ends.items() if number not in encoding.ids]
        if absent:
            what = "a pair" if len(texts) > 1 else "a text"
            yield Finding(
                f"{' and '.join(absent)} declared, but not put around {what}",
                f"{' + '.join(map(quoted, texts))} → {first_few(encoding.tokens, 8)}",
                "set a TemplateProcessing for one text and for pairs as post_processor in tokenizer.json",
            )
            return


def segments_reach_the_model(context: CheckContext) -> Iterator[Finding]:
    """Where the template tells two segments apart, token_type_ids are among the inputs.

    Cause: the generic class of transformers 5 returns input_ids and attention_mask only, unless
    model_input_names says more. A template of a decoder, with no token behind a text, has no such reader.
    Example: a BERT fine-tuned on pairs sees both sentences as segment 0; accuracy drops, nothing is said.
    Source: transformers #48128
    """
    names = context.config.get("model_input_names")
    given = names if isinstance(names, list) else []
    if not (given or context.is_generic) or "token_type_ids" in given or _takes_no_segments(context.model):
        return
    if context.model is None and not tells_segments(context.raw.get("post_processor") or {}):
        return
    segments = _segments(context)
    if any(segments):
        yield Finding(
            "the template tells segments apart, but token_type_ids are not given to the model",
            f"segments of a pair {segments}, model_input_names {names}",
            'put "token_type_ids" into model_input_names in tokenizer_config.json',
        )


def segments_have_rows(context: CheckContext, model: ModelFiles) -> Iterator[Finding]:
    """No segment id of the template is beyond the model's type_vocab_size.

    Cause: a template of BERT before a model with one segment, such as RoBERTa.
    Example: the first pair of texts raises IndexError: index out of range in self.
    Source: transformers #1538
    """
    rows = model.number("type_vocab_size")
    names = context.config.get("model_input_names")
    if not rows or not isinstance(names, list) or "token_type_ids" not in names:
        return
    segments = _segments(context)
    highest = max(segments, default=0)
    if highest >= rows:
        yield Finding(
            f"the template gives segment {highest}, the model has {rows}",
            f"type_vocab_size {rows}, segments of a pair {segments}",
            'take "token_type_ids" out of model_input_names in tokenizer_config.json',
        )


def _segments(context: CheckContext) -> list[int]:
    """The segments that the template gives a pair; [] without a template."""
    templates = ("TemplateProcessing", "BertProcessing")
    if not any(block.get("type") in templates for block in context.blocks("post_processor")):
        return []
    return context.tokenizer.encode("a", "b").type_ids


def _takes_no_segments(model: ModelFiles | None) -> bool:
    return model is not None and (model.number("type_vocab_size") or 0) < 2


def _tokens(block: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """The tokens that a post-processor emits, with the ids it emits for them."""
    if block.get("type") in ("BertProcessing", "RobertaProcessing"):
        for role in ("sep", "cls"):
            token, number = block[role]
            yield token, number
    for entry in (block.get("special_tokens") or {}).values():
        yield from zip(entry["tokens"], entry["ids"], strict=False)


WORDS = ("The", "fox", "jumps")
EMPTY = {"zero width space": "\u200b", "byte order mark": "\ufeff", "soft hyphen": "\u00ad"}
MOST_TOKENS = 64  # for one character; byte-level emoji take 4 to 25


def words_are_tokens_of_the_text(context: CheckContext, model: ModelFiles) -> Iterator[Finding]:
    """A text given as words has the tokens of the text, and no word goes without one.

    Cause: byte-level BPE without add_prefix_space marks a space that single words do not have; a normalizer
    deletes characters of which a word may consist.
    Example: a model that labels words sees other tokens than in pre-training, and no error; a word of U+200B
    alone has no token, so its label is lost: word_ids 0, 2, 4.
    Source: transformers #8962, #14055, #12317, tokenizers #2149
    """
    if not model.architecture.endswith("ForTokenClassification"):
        return
    text = context.tokenizer.encode(" ".join(WORDS), add_special_tokens=False).tokens
    words = context.tokenizer.encode(WORDS, is_pretokenized=True, add_special_tokens=False).tokens
    lost = [name for name, word in EMPTY.items() if not _tokens_of_word(context, word)]
    if words != text:
        yield Finding(
            "words given one by one get other tokens than in a text",
            f"{quoted(' '.join(WORDS))}: {first_few(text, 6)} → {first_few(words, 6)}",
            'write "add_prefix_space": true into the ByteLevel pre_tokenizer, or give texts and use offsets',
        )
    elif lost:
        yield Finding(
            "some words have no token, and so no place for their label",
            f"a word of only a {first_few(lost)}",
            "drop such words and their labels together before training",
            severity="note",
        )


def texts_stay_short(context: CheckContext) -> Iterator[Finding]:
    """A text has no more tokens than its characters can need.

    Cause: a Replace or Prepend of the normalizer that puts in far more than it takes out.
    Example: with "e" replaced by a megabyte, 29 letters become 29 million ids in 20 seconds.
    Source: 66 damaged folders, loaded with tokenizers 0.23
    """
    sizes = {
        name: len(context.tokenizer.encode(text, add_special_tokens=False)) for name, text in SAMPLES.items()
    }
    grown = [f"{name}: {len(SAMPLES[name])} characters, {size:,} tokens" for name, size in sizes.items()
             if size > MOST_TOKENS * len(SAMPLES[name])]  # fmt: skip
    if grown:
        yield Finding(
            "texts grow out of all proportion",
            first_few(grown),
            "take the Replace or Prepend that does it out of normalizer in tokenizer.json",
        )


def _tokens_of_word(context: CheckContext, word: str) -> list[str]:
    return context.tokenizer.encode([word], is_pretokenized=True, add_special_tokens=False).tokens


RULES = (
    Rule("TB301", "template-ids-are-the-vocabularys", "error", "", template_ids_are_the_vocabularys,
         fixes.template_follows_the_vocabulary),
    Rule("TB302", "declared-ends-are-put-around", "warning", "", declared_ends_are_put_around),
    Rule("TB303", "segments-reach-the-model", "warning", "", segments_reach_the_model,
         fixes.segments_are_given),
    Rule("TB304", "segments-have-rows", "error", "model", segments_have_rows, fixes.segments_are_left_out),
    Rule("TB305", "words-are-tokens-of-the-text", "warning", "model", words_are_tokens_of_the_text),
    Rule("TB511", "texts-stay-short", "error", "", texts_stay_short),
)  # fmt: skip
