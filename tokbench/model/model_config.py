"""config.json looked at and changed: every key judged, every value checked by the config's own class."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tokbench.errors import FileError, UsageError, clipped, did_you_mean, plural
from tokbench.io.atomic import atomic_folder
from tokbench.io.json_files import read_object
from tokbench.io.links import copy_inside
from tokbench.model.files import CONFIG, GENERATION, counts_positions_from_padding, find_model, how_to_check
from tokbench.results import Result

MAY, MUST_NOT, RESIZE = "may", "must not", "only with a resize"


@dataclass(frozen=True)
class Verdict:
    """Whether a key may change, and why; `keys` are regular expressions of whole key names."""

    allowed: str
    why: str
    keys: tuple[str, ...]


# The first one that fits decides. A key of no row belongs to the architecture: see ARCHITECTURE.
VERDICTS = (
    Verdict(
        RESIZE,
        "the embedding has that many rows; tokbench resize changes both",
        ("vocab_size", "n_vocab"),
    ),
    Verdict(
        MAY,
        "only training drops anything; what the model answers stays the same",
        (r".*dropout(_prob|_rate)?", r".*_?pdrop", r".*layerdrop"),
    ),
    Verdict(
        MAY,
        "names of the labels; how many there are is the head's business",
        ("id2label", "label2id", "problem_type"),
    ),
    Verdict(
        MUST_NOT,
        "they stand for pictures and sounds, whose weights were trained with them",
        (r"(image|video|audio|boi|eoi).*_token_(id|index)",),
    ),
    Verdict(
        MAY,
        "an id below vocab_size; the tokenizer should say the same: tokbench check",
        (r"(bos|eos|pad|cls|sep|mask|unk|decoder_start|forced_bos|forced_eos|classifier)_token_id",),
    ),
    Verdict(
        MAY,
        "how new weights are drawn; those that exist stay",
        ("initializer_range", "initializer_factor", "initializer_cutoff_factor", "init_std"),
    ),
    Verdict(
        MAY,
        "what a call returns or keeps, not what it computes",
        ("output_attentions", "output_hidden_states", "return_dict", "use_cache", "chunk_size_feed_forward"),
    ),
    Verdict(MAY, "the number type that weights are loaded in", ("dtype", "torch_dtype")),
    Verdict(
        MAY,
        "a note that nothing computes with",
        ("transformers_version", "_name_or_path", "name_or_path"),
    ),
    Verdict(
        MUST_NOT,
        "it says which class reads the weights",
        (
            "model_type", "architectures", "auto_map", "is_encoder_decoder", "is_decoder",
            "add_cross_attention",
        ),
    ),
    Verdict(
        MUST_NOT,
        "the matrices are one or two in the file; another value loses one or starts one anew",
        ("tie_word_embeddings", "tie_encoder_decoder"),
    ),
    Verdict(
        MUST_NOT,
        "each position or segment has a row in the weights, or was trained at that distance",
        (
            r"(max_|n_).*positions?(_embeddings)?", "type_vocab_size", "type_vocabulary_size", r"rope_.*",
            r".*relative_.*", "sinusoidal_pos_embds", "position_biased_input", "position_embedding_type",
            "position_buckets", "pos_att_type", "clamp_len", "local_attention", "sliding_window",
            "use_sliding_window", "max_window_layers", "layer_types",
        ),
    ),
    Verdict(
        MUST_NOT,
        "the weights have this shape",
        (
            r".*hidden_size", r".*intermediate_size", r"(num|n)_.*(layers?|heads?|groups?|group_num)",
            r".*_(layers|attention_heads|ffn_dim)", "inner_group_num", "embedding_size", "dim", "hidden_dim",
            r"n_(embd|inner|head|layer)", r"d_(model|ff|kv|head|inner)", "head_dim",
        ),
    ),
    Verdict(
        MUST_NOT,
        "the weights were trained with this function; another one gives other answers",
        (
            r".*(activation|hidden_act)(_function)?", "dense_act_fn", "feed_forward_proj", "is_gated_act",
            r".*norm_eps(ilon)?", r".*_bias", r"summary_.*", r"scale_.*", "classifier_pooling",
        ),
    ),
)  # fmt: skip
ARCHITECTURE = Verdict(
    MUST_NOT, "it belongs to the architecture, and the weights were trained with its value", ()
)


@dataclass(frozen=True)
class ConfigKey:
    """A key of a config (dotted where it is nested), its value, and whether and why it may change."""

    key: str
    value: Any
    allowed: str
    why: str


def config_verdict(key: str) -> Verdict:
    """What the table says about a key; the last part decides of a dotted one.

    >>> config_verdict("hidden_dropout_prob").allowed, config_verdict("text_config.vocab_size").allowed
    ('may', 'only with a resize')
    >>> config_verdict("something_new").why
    'it belongs to the architecture, and the weights were trained with its value'
    """
    last = key.rpartition(".")[2]
    fitting = (each for each in VERDICTS if any(re.fullmatch(one, last) for one in each.keys))
    return next(fitting, ARCHITECTURE)


def judged(values: Mapping[str, Any], prefix: str = "") -> Iterator[ConfigKey]:
    """Every key of a config with its verdict; a config inside the config follows with dotted keys."""
    for key, value in values.items():
        if isinstance(value, Mapping) and key.endswith("_config"):
            yield from judged(value, f"{prefix}{key}.")
        else:
            found = config_verdict(key)
            yield ConfigKey(prefix + key, value, found.allowed, found.why)


DTYPES = ("float16", "bfloat16", "float32", "float64")
LABELS = ("id2label", "label2id")
NAMED = 'id2label=\'["no", "yes"]\''


def parsed(text: str) -> Any:  # noqa: ANN401  any JSON value
    """The JSON value in `text`, or the text itself.

    >>> parsed("0.2"), parsed("true"), parsed("null"), parsed("gelu"), parsed('["no", "yes"]')
    (0.2, True, None, 'gelu', ['no', 'yes'])
    """
    try:
        return json.loads(text)
    except ValueError:
        return text


def labels(
    name: str | Path, wanted: Mapping[str, Any], known: Mapping[str, Any], raw: Mapping[str, Any]
) -> dict[str, Any]:
    """The wanted keys with both label tables, whichever was given; a list names the labels in order.

    UsageError when a classifier has another number of rows than there are names.
    """
    given = [key for key in LABELS if key in wanted]
    if not given:
        return dict(wanted)
    names = _names(given[0], wanted[given[0]])
    before = len(known.get("id2label") or {})
    if len(names) != before and any("Classification" in str(each) for each in raw.get("architectures") or ()):
        raise UsageError(
            f"{plural(len(names), 'label was', 'labels were')} named, "
            f"and the head of this model has {plural(before, 'row')}",
            fix=f"name {before}; another number needs a new head, trained on rows with these labels:"
            f" tokbench finetune --task own --data FILE --model {shlex.quote(str(name))} -o OUT",
        )
    tables = {
        "id2label": {str(at): name for at, name in enumerate(names)},
        "label2id": {name: at for at, name in enumerate(names)},
    }
    return {**{key: value for key, value in wanted.items() if key not in LABELS}, **tables}


def checked(name: str | Path, config: Mapping[str, Any], keys: Sequence[str]) -> None:
    """UsageError when the config's class refuses a value, or one of the changed keys is out of range."""
    from huggingface_hub.errors import StrictDataclassError
    from transformers import AutoConfig

    from tokbench.io.quiet import quiet

    for key in keys:
        _in_range(key, _value(config, key))
    kind = str(config.get("model_type"))
    rest = {key: value for key, value in config.items() if key != "model_type"}
    try:
        with quiet():
            AutoConfig.for_model(kind, **rest)
    except (StrictDataclassError, TypeError, ValueError, AttributeError, KeyError) as error:
        for key in keys:
            if f"'{key}'" in str(error) and (types := TYPE_NAMES.findall(str(error))):
                wanted = " or ".join(sorted({TYPES.get(each, each) for each in types}))
                raise UsageError(
                    f"{key} takes {wanted}, not {clipped(_value(config, key))}",
                    fix=f"write for example {key}={EXAMPLES.get(types[0], 'null')}",
                ) from error
        raise UsageError(
            f"{', '.join(keys)}: the config's class refuses it: {_reason(error)}",
            fix=f"tokbench config show {shlex.quote(str(name))}",
        ) from error


def _names(key: str, value: Any) -> list[str]:  # noqa: ANN401  any JSON value
    """The labels in the order of their numbers, from a list or from either table."""
    if isinstance(value, Mapping):
        pairs = value.items() if key == "id2label" else [(number, name) for name, number in value.items()]
        numbered = {str(number): name for number, name in pairs}
        value = [numbered.get(str(at)) for at in range(len(numbered))]
    is_list = isinstance(value, list) and all(isinstance(each, str) and each for each in value)
    if not is_list or not value or len(set(value)) != len(value):
        raise UsageError(f"{key} must name every label once, from 0 on, not {value!r}", fix=NAMED)
    return list(value)


def _in_range(key: str, value: Any) -> None:  # noqa: ANN401  any JSON value
    last = key.rpartition(".")[2]
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if ("dropout" in last or last.endswith("pdrop")) and number and not 0 <= value < 1:
        raise UsageError(f"{key} is a share of what is dropped, not {value}", fix="0 or more, below 1")
    if last in ("dtype", "torch_dtype") and value not in DTYPES:
        raise UsageError(f"{key} is no number type: {value}", fix=f"known: {', '.join(DTYPES)}")


def _value(config: Mapping[str, Any], key: str) -> Any:  # noqa: ANN401  any JSON value
    for part in key.split("."):
        config = config[part]
    return config


TYPE_NAMES = re.compile(r"(?:<class '|expected )(\w+)")  # as huggingface_hub's dataclasses say it
TYPES = {"float": "a number", "int": "a number", "bool": "true or false", "str": "a word", "list": "a list"}
EXAMPLES = {"float": "0.1", "int": "1", "bool": "true", "str": "gelu", "list": "[0, 1]"}


def _reason(error: Exception) -> str:
    """The line that names the field; the library puts the field's name into a line of its own before."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1].partition(" Errors:")[0] if lines else type(error).__name__)[:200]


@dataclass(frozen=True, repr=False)
class ConfigView(Result, kind="config", table="keys"):
    """All keys of a model's config, those at their class's default included."""

    model: str
    model_type: str
    keys: tuple[ConfigKey, ...]


@dataclass(frozen=True, kw_only=True, repr=False)
class ConfigChange(Result, kind="config-change"):
    """What was set: key → old and new value, `file: key` where it is another file than config.json."""

    model: str
    path: Path
    changed: dict[str, tuple[Any, Any]]
    unchanged: tuple[str, ...] = ()
    new: tuple[str, ...] = field(default=())


def config(model: str | Path, *, only: Sequence[str] = ()) -> ConfigView:
    """Every key, or only these, with its value and whether it may change.

    Raises FileError where there is no model, UsageError for a key that its config has not.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as place:
    ...     told = '{"model_type": "bert", "hidden_dropout_prob": 0.1}'
    ...     _ = (Path(place) / "config.json").write_text(told)
    ...     shown = config(place, only=["hidden_dropout_prob"])
    >>> [(each.key, each.value, each.allowed) for each in shown.keys]
    [('hidden_dropout_prob', 0.1, 'may')]
    """
    folder = find_model(model, weights=False)
    raw = read_object(folder / CONFIG)
    values = _over(_defaults(folder, raw), raw)
    keys = {each.key: each for each in judged(values)}
    for key in only:
        if key not in keys:
            raise UsageError(f"the config has no key {key}", fix=did_you_mean(key, keys))
    shown = tuple(keys[key] for key in only or keys)
    return ConfigView(str(model), str(raw.get("model_type", "")), shown)


def set_config(
    model: str | Path,
    output: str | Path | None = None,
    *,
    in_place: bool = False,
    allow_new: bool = False,
    force: bool = False,
    **values: Any,  # noqa: ANN401  any JSON value
) -> ConfigChange:
    """Set keys of a model's config, and write its folder to `output` or in place.

    A value that is text is read as JSON where it is JSON. UsageError for a key that must not change, that
    does not exist (unless `allow_new`), or whose value its class refuses. Weights and all other files stay as
    they are; nothing is half written.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as place:
    ...     told = '{"model_type": "bert", "hidden_dropout_prob": 0.1}'
    ...     _ = (Path(place) / "config.json").write_text(told)
    ...     change = set_config(place, in_place=True, hidden_dropout_prob=0.2)
    >>> change.changed
    {'hidden_dropout_prob': (0.1, 0.2)}
    """
    if (output is None) is not in_place:
        raise UsageError("say once where to write", fix="-o FOLDER for a copy, or --in-place")
    if not values:
        raise UsageError("nothing to set was named", fix="write for example hidden_dropout_prob=0.2")
    name, out = model, None if output is None else Path(output)
    folder = find_model(name) if out is not None else _own_folder(name)
    raw = read_object(folder / CONFIG)
    known = {each.key: each.value for each in judged(_over(_defaults(folder, raw), raw))}
    named = _named(values, known, folder, allow_new=allow_new)
    wanted = {key: parsed(value) if isinstance(value, str) else value for key, value in named.items()}
    wanted = labels(name, wanted, known, raw)
    for key, value in wanted.items():
        if key not in known or value != known[key]:
            _refuse(str(name), key, value, known, raw)
    wanted = {key: value for key, value in wanted.items() if key not in known or value != known[key]}
    changed = json.loads(json.dumps(raw))
    for key, value in wanted.items():
        _put(changed, key, value)
    checked(name, changed, list(wanted))
    generation, followed = _generation(folder, wanted)
    _write(folder, out, {CONFIG: changed, **generation}, force=force)
    return ConfigChange(
        model=str(name),
        path=out or folder,
        changed={**{key: (known.get(key), value) for key, value in wanted.items()}, **followed},
        unchanged=tuple(key for key in values if key in known and key not in wanted),
        new=tuple(key for key in wanted if key not in known),
    )


def _own_folder(name: str | Path) -> Path:
    path = Path(name).expanduser()
    if not path.is_dir():
        raise FileError(
            f"{name} is no folder of yours to change in place", fix="write a changed copy with -o FOLDER"
        )
    return find_model(path, weights=False)


def _defaults(folder: Path, raw: Mapping[str, Any]) -> dict[str, Any]:
    """All keys with the values the class gives them; none for a class that transformers does not have."""
    from transformers import AutoConfig

    from tokbench.io.quiet import quiet

    try:
        with quiet():
            config = AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    except (AttributeError, ImportError, LookupError, OSError, TypeError, ValueError) as error:
        if raw.get("model_type") or raw.get("auto_map"):
            return {}
        raise FileError(f"{folder / CONFIG} names no model_type", fix=how_to_check(folder)) from error
    values: dict[str, Any] = json.loads(config.to_json_string(use_diff=False))
    values.pop("_name_or_path", None)  # where it was read just now
    return values


def _over(defaults: Mapping[str, Any], raw: Mapping[str, Any]) -> dict[str, Any]:
    """The defaults with what the file says over them; a config inside the config alike."""
    return {
        **defaults,
        **{
            key: _over(defaults[key], value)
            if key.endswith("_config")
            and isinstance(value, Mapping)
            and isinstance(defaults.get(key), Mapping)
            else value
            for key, value in raw.items()
        },
    }


def _named(
    settings: Mapping[str, Any], known: Mapping[str, Any], folder: Path, *, allow_new: bool
) -> dict[str, Any]:
    """The settings under the names that the file uses; UsageError for a key that does not exist."""
    from transformers import AutoConfig

    kind = str(read_object(folder / CONFIG).get("model_type"))
    try:
        aliases = type(AutoConfig.for_model(kind)).attribute_map
    except ValueError:
        aliases = {}
    named = {aliases.get(key, key): text for key, text in settings.items()}
    for key in named:
        if key == "num_labels":
            raise UsageError("the number of labels follows their names", fix='id2label=\'["no", "yes"]\'')
        if key not in known and not allow_new:
            raise UsageError(
                f"the config has no key {key}",
                fix=f"{did_you_mean(key, known)} (--allow-new adds a key of your own)",
            )
    return named


def _refuse(name: str, key: str, value: Any, known: Mapping[str, Any], raw: Mapping[str, Any]) -> None:  # noqa: ANN401
    found = config_verdict(key)
    if key in known and found.allowed == RESIZE:
        raise UsageError(
            f"{key} changes only with a resize: {found.why}",
            fix=f"tokbench resize {shlex.quote(str(name))} --tokenizer TOKENIZER -o OUT",
        )
    if key in known and found.allowed != MAY:
        see = f"tokbench config show {shlex.quote(name)}"
        raise UsageError(f"{key} must not change: {found.why}", fix=see)
    if not key.endswith("_token_id"):
        return
    rows = known.get(f"{key.rpartition('.')[0]}.vocab_size".lstrip("."), 0)
    ids = value if isinstance(value, list) else [value]
    if any(isinstance(each, int) and not 0 <= each < rows for each in ids):
        raise UsageError(f"{key} is {value}, and the model has {rows:,} rows", fix=f"0 to {rows - 1}")
    if key == "pad_token_id" and counts_positions_from_padding(str(raw.get("model_type"))):
        raise UsageError(
            f"{key} must not change: {raw['model_type']} counts positions from the padding's id, "
            "so every text would get other ones",
            fix="give the tokenizer's padding token that id instead",
        )


def _put(config: dict[str, Any], key: str, value: Any) -> None:  # noqa: ANN401  any JSON value
    *outer, last = key.split(".")
    for part in outer:
        config = config.setdefault(part, {})
    config[last] = value


def _generation(folder: Path, wanted: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, tuple[Any, Any]]]:
    """generation_config.json with the same special ids, where it names them at all."""
    if not (folder / GENERATION).exists():
        return {}, {}
    stated = dict(read_object(folder / GENERATION))
    ids = {key: value for key, value in wanted.items() if key.endswith("_token_id") and key in stated}
    followed = {f"{GENERATION}: {key}": (stated[key], value) for key, value in ids.items()}
    return ({GENERATION: {**stated, **ids}} if ids else {}), followed


def _write(folder: Path, out: Path | None, files: Mapping[str, Any], *, force: bool) -> None:
    """The folder with these JSON files; in place the others keep their bytes by a second name."""
    texts = {name: json.dumps(value, indent=2, ensure_ascii=False) + "\n" for name, value in files.items()}
    place = (out or folder).resolve() if out is None else out
    with atomic_folder(place, force=force or out is None) as new:
        _take_along(folder, new, set(texts), os.link if out is None else _copied_from(folder))
        for name, text in texts.items():
            (new / name).write_text(text, encoding="utf-8", newline="\n")


def _take_along(folder: Path, new: Path, without: set[str], take: Callable[[Path, Path], object]) -> None:
    for path, _, names in os.walk(folder):
        inside = Path(path).relative_to(folder)
        (new / inside).mkdir(exist_ok=True)
        for name in names:
            if inside != Path() or name not in without:
                take(Path(path, name), new / inside / name)


def _copied_from(folder: Path) -> Callable[[Path, Path], object]:
    """What copies one file of the folder, and none that lies outside it."""
    return lambda source, place: copy_inside([(source, place)], folder)
