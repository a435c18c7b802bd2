"""The recipe behind a name, a file or a result, or the one that a library's tokenizer amounts to."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenizers import Tokenizer, models

from tokbench.errors import RecipeError, UsageError, did_you_mean
from tokbench.pretrained.chat_template import DEFAULT, taken_templates, written_templates
from tokbench.pretrained.folder import TokenizerFolder, TokenizerSource, load, names_a_repository
from tokbench.recipes.algorithms import AFFIXES, ALGORITHMS
from tokbench.recipes.build import assemble
from tokbench.recipes.decoders import DECODERS
from tokbench.recipes.normalizers import NORMALIZERS
from tokbench.recipes.post_processors import post_processor, post_processors
from tokbench.recipes.pre_tokenizers import PRE_TOKENIZERS
from tokbench.recipes.presets import DEFAULTS, PRESETS, NamedRecipe, choose_recipe
from tokbench.recipes.recipe import Recipe, change, from_data
from tokbench.recipes.validate import BYTES, MOST_TOKENS, TOKEN_OPTIONS, WRAPPER

if TYPE_CHECKING:
    from tokbench.recipes.options import Option
    from tokbench.recipes.registry import BlockSpec

TOML = "tokbench.toml"
MODELS = {
    models.BPE: "bpe",
    models.WordPiece: "wordpiece",
    models.Unigram: "unigram",
    models.WordLevel: "wordlevel",
}
RENAMED = {
    ("normalizer", "Strip"): {"strip_left": "left", "strip_right": "right"},
    ("decoder", "Strip"): {"start": "left", "stop": "right"},
}
UNKNOWN = "<unk>"  # as SentencePiece spells it
ADDED = ("keep", "special", "drop")  # which tokens that were not learned a new tokenizer gets
# Where SentencePiece cuts in training: before spaces, runs of them whole, and between digits if told to.
BEFORE_SPACES = {"type": "Split", "regex": "▁+[^▁]*|[^▁]+", "behavior": "isolated"}
BETWEEN_DIGITS = {"type": "Digits", "individual_digits": True}
ACROSS_SPACES, TWO_DIGITS = re.compile("[^▁]▁"), re.compile("[0-9]{2}")
FEW = 1000  # so many pieces would hold two digits somewhere
SELDOM = 0.001  # what was cut leaves no such piece, but some are given a few by hand: Gemma 1, Mistral 10
INSIDE = ("normalizers", "pretokenizers", "processors", "decoders")  # of a Sequence
TABLES: Mapping[str, Mapping[str, BlockSpec[Any]]] = {
    "normalizer": NORMALIZERS,
    "pre_tokenizer": PRE_TOKENIZERS,
    "post_processor": post_processors({}),
    "decoder": DECODERS,
}
RecipeSource = NamedRecipe | TokenizerSource


def recipe(
    source: RecipeSource = "bpe",
    *,
    vocab_size: int | None = None,
    special: Sequence[str] = (),
    cased: bool = False,
    **choices: Any,  # noqa: ANN401  any value that TOML has
) -> Recipe:
    """The recipe of an algorithm, of a preset, in a TOML file or of a tokenizer, with these choices.

    A tokenizer that tokbench trained has its recipe beside it; of any other (a library's object, a folder or
    file of any format, a name with a slash on the hub) the blocks and given tokens are said as one, which
    trains such a tokenizer on other texts: how often a piece had to occur is not in its files, and special
    tokens get the ids from 0, then those that were added.
    `special` are more special tokens. `choices` are fields of a Recipe, as in TOML; tables are merged into
    those of the recipe. RecipeError for a name or a choice that no recipe has, and for a tokenizer that no
    recipe makes.

    >>> chosen = recipe("bert", vocab_size=8000, trainer={"min_frequency": 3}, special=["[E1]"])
    >>> chosen.vocab_size, dict(chosen.trainer), chosen.tokens[-1]
    (8000, {'min_frequency': 3}, '[E1]')
    >>> from tokenizers import pre_tokenizers
    >>> tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "the": 1}, "[UNK]"))
    >>> tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    >>> recipe(tokenizer).pre_tokenizers
    (Block(type='Whitespace', options={}),)
    """
    return choose_recipe(_named(source), vocab_size=vocab_size, special=special, cased=cased, **choices)


def set_recipe(source: RecipeSource, settings: Mapping[str, str], *, cased: bool = False) -> Recipe:
    """The same with choices by dotted keys, as `--set` has them: change of recipes.recipe.

    It may lack what train-like completes: the words that are counted, and a sweep's tokens, are the same.
    """
    return change(choose_recipe(_named(source, may_lack=True), cased=cased), settings)


def _named(source: RecipeSource, *, may_lack: bool = False) -> NamedRecipe:
    """What names a recipe already, as it is; the recipe of a tokenizer that has none."""
    if isinstance(source, str | PathLike):
        name = str(source)
        return recipe_of(load(name), may_lack=may_lack) if _names_a_tokenizer(name) else name
    if isinstance(source, Recipe) or isinstance(getattr(source, "recipe", None), Recipe):
        return source  # type: ignore[return-value]
    if not isinstance(source, TokenizerFolder | Tokenizer) and not hasattr(source, "backend_tokenizer"):
        raise RecipeError(
            f"{source!r:.60} is no recipe", fix="give a name, a TOML file, a tokenizer or its folder"
        )
    folder = load(source)  # type: ignore[arg-type]  # the library's is known by what it offers
    return folder.path if (folder.path / TOML).is_file() else recipe_of(folder, may_lack=may_lack)


def _names_a_tokenizer(source: str) -> bool:
    """Whether a name is that of a tokenizer without a recipe: one of a recipe comes first."""
    path = Path(source).expanduser()
    if source in DEFAULTS or source in PRESETS or path.suffix == ".toml" or (path / TOML).is_file():
        return False
    return path.exists() or ("/" in source and names_a_repository(source))


def recipe_of(folder: TokenizerFolder, added: str = "keep", *, may_lack: bool = False) -> Recipe:
    """The blocks, given tokens and wrapper of a tokenizer; RecipeError where no recipe makes them.

    `added`: keep all tokens that were not learned, only those that are special, or drop all without a role
    or a place in the template. What it `may_lack` is the recipe's own: a decoder, and the unknown token that
    Unigram needs.
    """
    if added not in ADDED:
        raise UsageError(f"added tokens cannot be told {added}", fix=did_you_mean(added, ADDED))
    tokenizer = folder.tokenizer
    blocks = {place: _blocks(getattr(tokenizer, place), place) for place in TABLES}
    algorithm = MODELS[type(tokenizer.model)]
    if algorithm == "wordlevel" and blocks["pre_tokenizer"][-1:] == [{"type": "FixedLength", "length": 1}]:
        algorithm = "character"
        del blocks["pre_tokenizer"][-1]
    post, given = blocks["post_processor"], _given_tokens(folder, added)
    chosen = from_data(
        {
            "algorithm": algorithm,
            "vocab_size": tokenizer.get_vocab_size(),
            **(_with_unknown(given) if may_lack and algorithm == "unigram" else given),
            "normalizers": blocks["normalizer"],
            "pre_tokenizers": blocks["pre_tokenizer"],
            "training_pre_tokenizers": _training_cuts(tokenizer) if algorithm in ("bpe", "unigram") else (),
            "decoders": blocks["decoder"],
            **(
                {"post_processor": post[0] if len(post) == 1 else {"type": "Sequence", "blocks": post}}
                if post
                else {}
            ),
            **_model(folder, algorithm),
            "wrapper": _wrapper(folder, added),
        },
        name=f"{folder.name} as a recipe",
    )
    _ensure_the_same(folder, chosen, decoder=folder.tokenizer.decoder is not None or not may_lack)
    return chosen


def _blocks(block: Any, place: str) -> list[dict[str, Any]]:  # noqa: ANN401  one of the library's blocks
    """The blocks at this place as a recipe's tables, in order."""
    if block is None:
        return []
    raw = json.loads(block.__getstate__())
    return list(_inside(raw, place)) if raw["type"] == "Sequence" else [_table(raw, place)]


def _inside(sequence: Mapping[str, Any], place: str) -> Iterator[dict[str, Any]]:
    for name in INSIDE:
        for each in sequence.get(name) or ():
            yield _table(each, place)


def _table(raw: Mapping[str, Any], place: str) -> dict[str, Any]:
    """A block of tokenizer.json as a recipe writes it: options by their names in Python, no defaults."""
    kind = raw["type"]
    if kind == "Sequence":
        return {"type": kind, "blocks": list(_inside(raw, place))}
    renamed = RENAMED.get((place, kind), {})
    options = {renamed.get(key, key): value for key, value in raw.items() if key != "type"}
    if isinstance(sought := options.pop("pattern", None), Mapping):
        [(how, words)] = sought.items()
        options["regex" if how == "Regex" else "pattern"] = words
    if "behavior" in options:
        options["behavior"] = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", options["behavior"]).lower()
    if kind in ("BertProcessing", "RobertaProcessing"):
        options |= {end: options[end][0] for end in ("sep", "cls")}
    if kind == "TemplateProcessing":
        options = {name: [_place(each) for each in raw[name]] for name in ("single", "pair")}
    known = TABLES[place][kind].options if kind in TABLES[place] else {}
    if kind == "ByteLevel":  # as a normalizer or a decoder it tells options that change nothing there
        options = {name: value for name, value in options.items() if name in known}
    chosen = {name: value for name, value in options.items() if not _is_default(known.get(name), value)}
    return {"type": kind, **chosen}


def _place(piece: Mapping[str, Mapping[str, Any]]) -> str:
    """One place of a template: $A, $B:1 or a special token.

    >>> _place({"Sequence": {"id": "B", "type_id": 1}})
    '$B:1'
    """
    [(kind, told)] = piece.items()
    number = f":{told['type_id']}" if told["type_id"] else ""
    return f"{'$' if kind == 'Sequence' else ''}{told['id']}{number}"


def _is_default(option: Option | None, value: object) -> bool:
    return value is None or (option is not None and not option.required and option.default == value)


def _accepted(values: Mapping[str, Any], known: Mapping[str, Option]) -> dict[str, Any]:
    """Those of the values that are options and not their defaults."""
    return {
        name: values[name]
        for name, option in known.items()
        if name in values and not _is_default(option, values[name]) and option.accepts(values[name])
    }


def _given_tokens(folder: TokenizerFolder, added: str) -> dict[str, Any]:
    """Roles, further special tokens, added tokens, and the options of all, each in the order of their ids.

    A token with a role is special whatever the file says: transformers makes it so when it loads.
    """
    there = sorted(folder.tokenizer.get_added_tokens_decoder().items())
    tokens = {token.content: token for _, token in there}
    roles = {role: token for role, token in folder.roles.items() if token in tokens}
    unknown = _unknown(folder)
    if unknown and "unk" not in roles:
        roles["unk"] = unknown
    needed = {*roles.values(), *_framing(folder.tokenizer)}
    dropped = dropped_tokens(folder, added)
    at = {token: number for number, token in enumerate(tokens)}
    special = dict.fromkeys(token for token in tokens if tokens[token].special and token not in dropped)
    special |= dict.fromkeys(token for token in needed if token not in special)
    extra = [token for token in special if token not in roles.values()]
    plain = [token for token in tokens if token not in special and token not in dropped]
    options = {
        token: {name: True for name in TOKEN_OPTIONS if getattr(tokens[token], name)}
        for token in (*special, *plain)
        if token in tokens
    }
    return {
        "special_tokens": dict(sorted(roles.items(), key=lambda named: at.get(named[1], -1))),
        "extra_special_tokens": sorted(extra, key=lambda token: at.get(token, len(at))),
        "added_tokens": plain,
        "token_options": {token: chosen for token, chosen in options.items() if chosen},
    }


def _with_unknown(given: Mapping[str, Any]) -> dict[str, Any]:
    """The same given tokens, with one for what Unigram does not know if they have none.

    >>> _with_unknown({"special_tokens": {"bos": "<s>"}})
    {'special_tokens': {'unk': '<unk>', 'bos': '<s>'}}
    """
    if "unk" in given["special_tokens"] or any(UNKNOWN in tokens for tokens in given.values()):
        return dict(given)
    return {**given, "special_tokens": {"unk": UNKNOWN, **given["special_tokens"]}}


def dropped_tokens(folder: TokenizerFolder, added: str) -> frozenset[str]:
    """The added tokens that a new tokenizer does not get; those with a role or in a template always stay."""
    needed = {*folder.roles.values(), _unknown(folder), *_framing(folder.tokenizer)}
    tokens = folder.tokenizer.get_added_tokens_decoder().values()
    gone = [each for each in tokens if added == "drop" or (added == "special" and not each.special)]
    return frozenset(each.content for each in gone if each.content not in needed)


def _framing(tokenizer: Tokenizer) -> set[str]:
    """The tokens that the post-processor puts around a text."""
    found: set[str] = set()
    waiting = [json.loads(tokenizer.post_processor.__getstate__())] if tokenizer.post_processor else []
    while waiting:
        raw = waiting.pop()
        waiting += raw.get("processors") or ()
        found |= {raw[end][0] for end in ("sep", "cls") if end in raw}
        places = (*(raw.get("single") or ()), *(raw.get("pair") or ()))
        found |= {place["SpecialToken"]["id"] for place in places if "SpecialToken" in place}
    return found


def _wrapper(folder: TokenizerFolder, added: str) -> dict[str, Any]:
    """What transformers is told, with the chat templates of all files unless one writes a dropped token."""
    told = _accepted(folder.config, WRAPPER)
    told.pop("chat_template", None)
    templates = chat_templates_of(folder)
    dropped = [token for token in dropped_tokens(folder, added) if token.strip(" \n\t▁")]
    if any(token in text for text in templates.values() for token in dropped):
        return told
    if len(templates) == 1 and DEFAULT in templates:
        return told | {"chat_template": templates[DEFAULT]}
    several = [{"name": name, "template": text} for name, text in templates.items()]
    return told | ({"chat_template": several} if several else {})


def chat_templates_of(folder: TokenizerFolder) -> dict[str, str]:
    """Name → the chat templates that transformers takes from the folder's files."""
    written = written_templates(folder.path if folder.path.is_dir() else None, folder.config)
    return {name: template.text for name, template in taken_templates(written).items() if template.text}


def _training_cuts(tokenizer: Tokenizer) -> list[dict[str, Any]]:
    """The cuts of SentencePiece's training, of which a BPE with ▁ and no pre-tokenizer keeps nothing else.

    Read from what was learned: where pieces reach across spaces there was no cut, and where none has two
    digits there was one between any two.
    """
    text = tokenizer.normalizer.normalize_str("a b 12") if tokenizer.normalizer else "a b 12"
    words = tokenizer.pre_tokenizer.pre_tokenize_str(text) if tokenizer.pre_tokenizer else [(text, (0, 0))]
    if len(words) > 1 or "▁" not in words[0][0]:
        return []
    given = {*BYTES, *(token.content for token in tokenizer.get_added_tokens_decoder().values())}
    learned = [piece for piece in tokenizer.get_vocab() if piece not in given]
    cuts: list[dict[str, Any]] = []
    if _are_seldom(ACROSS_SPACES, learned):
        cuts.append(BEFORE_SPACES)
    if len(learned) > FEW and _are_seldom(TWO_DIGITS, learned):
        cuts.append(BETWEEN_DIGITS)
    return cuts


def _are_seldom(sought: re.Pattern[str], pieces: Sequence[str]) -> bool:
    return sum(bool(sought.search(piece)) for piece in pieces) <= SELDOM * len(pieces)


def _unknown(folder: TokenizerFolder) -> str:
    """The token for what the model does not know, or ""."""
    model = folder.outline["model"]
    if model.get("unk_id") is not None:
        return str(folder.tokenizer.id_to_token(model["unk_id"]))
    return model.get("unk_token") or ""


def _model(folder: TokenizerFolder, algorithm: str) -> dict[str, dict[str, Any]]:
    """The options of the model, and those of its trainer that show in it."""
    model = folder.tokenizer.model
    told = {name: getattr(model, name, None) for name in (*ALGORITHMS[algorithm].model_options, *AFFIXES)}
    if algorithm == "unigram":
        told = {"byte_fallback": folder.outline["model"].get("byte_fallback", False)}
    trainer = _accepted(told, ALGORITHMS[algorithm].trainer_options)
    return {"model": _accepted(told, ALGORITHMS[algorithm].model_options), "trainer": trainer}


def _ensure_the_same(folder: TokenizerFolder, chosen: Recipe, *, decoder: bool) -> None:
    """RecipeError unless the recipe makes the tokenizer's own blocks, with or without the decoder."""
    library = folder.tokenizer
    made = assemble(replace(chosen, vocab_size=MOST_TOKENS))  # its own may be smaller than a training's least
    places = ("normalizer", "pre_tokenizer", *(("decoder",) if decoder else ()))
    blocks: dict[str, list[Any]] = {
        place: [_blocks(getattr(each, place), place) for each in (library, made)] for place in places
    }
    if chosen.algorithm == "character":  # its trainer adds the last block
        del blocks["pre_tokenizer"]
    ids = {token: number for token in chosen.tokens if (number := library.token_to_id(token)) is not None}
    around = library.post_processor, post_processor(chosen.post_processor, ids)
    blocks["post_processor"] = [
        None if each is None else _alone(json.loads(each.__getstate__())) for each in around
    ]
    for place, (there, here) in blocks.items():
        if there != here:
            raise _not_the_same(folder, f"{place} {there or None!r:.80}", here)
    if not chosen.is_byte_level and chosen.algorithm != "unigram":  # bytes are never unknown
        unknown = library.model.unk_token or None, made.model.unk_token
        if unknown[0] != unknown[1]:
            raise _not_the_same(folder, f"unknown token {unknown[0]}", unknown[1])


def _alone(raw: dict[str, Any]) -> dict[str, Any]:
    """The post-processor that a Sequence holds alone, which does the same.

    >>> _alone({"type": "Sequence", "processors": [{"type": "ByteLevel"}]})
    {'type': 'ByteLevel'}
    """
    while raw["type"] == "Sequence" and len(raw["processors"]) == 1:
        [raw] = raw["processors"]
    return raw


def _not_the_same(folder: TokenizerFolder, what: str, here: object) -> RecipeError:
    return RecipeError(
        f"no recipe makes {folder.name}: its {what} would become {here!r:.80}",
        fix="start from a preset that is near: tokbench presets",
    )
