"""config.json looked at and changed: every key judged, every value checked by the config's own class."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tokbench.errors import AskedWrongly, FileProblem, did_you_mean
from tokbench.model.config_keys import MAY, RESIZE, ConfigKey, judged, verdict
from tokbench.model.config_values import checked, labels, parsed
from tokbench.model.source import CONFIG, GENERATION, find_config, find_model
from tokbench.pretrained.json_files import read_object
from tokbench.pretrained.swap import replacing

# Their positions start behind the padding's id, so another one moves every position.
COUNTED_POSITIONS = frozenset(
    {"camembert", "data2vec-text", "esm", "ibert", "longformer", "mpnet", "roberta",
     "roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl", "xmod"}
)  # fmt: skip


@dataclass(frozen=True)
class ConfigView:
    """All keys of a model's config, those at their class's default included."""

    model: str
    model_type: str
    keys: tuple[ConfigKey, ...]


@dataclass(frozen=True, kw_only=True)
class ConfigChange:
    """What was set: key → old and new value, `file: key` where it is another file than config.json."""

    model: str
    path: Path
    changed: dict[str, tuple[Any, Any]]
    unchanged: tuple[str, ...] = ()
    new: tuple[str, ...] = field(default=())


def show_config(name: str | Path, *, only: Sequence[str] = ()) -> ConfigView:
    """Every key, or only these, with its value and whether it may change."""
    folder = find_config(name)
    raw = read_object(folder / CONFIG)
    values = _over(_defaults(folder, raw), raw)
    keys = {each.key: each for each in judged(values)}
    for key in only:
        if key not in keys:
            raise AskedWrongly(f"the config has no key {key}", fix=did_you_mean(key, keys))
    shown = tuple(keys[key] for key in only or keys)
    return ConfigView(str(name), str(raw.get("model_type", "")), shown)


def set_config(
    name: str | Path,
    settings: Mapping[str, str],
    *,
    out: Path | None = None,
    allow_new: bool = False,
    force: bool = False,
) -> ConfigChange:
    """Set keys of a model's config and write its folder to `out`, or in place without one.

    AskedWrongly for a key that must not change, that does not exist (unless `allow_new`), or whose value
    its class refuses. Weights and all other files stay as they are; nothing is half written.
    """
    if not settings:
        raise AskedWrongly("nothing to set was named", fix="write for example hidden_dropout_prob=0.2")
    folder = find_model(name) if out is not None else _own_folder(name)
    raw = read_object(folder / CONFIG)
    values = _over(_defaults(folder, raw), raw)
    known = {each.key: each.value for each in judged(values)}
    wanted = {key: parsed(text) for key, text in _named(settings, known, folder, allow_new=allow_new).items()}
    wanted = labels(wanted, known, raw)
    for key, value in wanted.items():
        if key not in known or value != known[key]:
            _refuse(str(name), key, value, known, raw)
    wanted = {key: value for key, value in wanted.items() if key not in known or value != known[key]}
    changed = json.loads(json.dumps(raw))
    for key, value in wanted.items():
        _put(changed, key, value)
    checked(changed, list(wanted))
    generation, followed = _generation(folder, wanted)
    _write(folder, out, {CONFIG: changed, **generation}, force=force)
    return ConfigChange(
        model=str(name),
        path=out or folder,
        changed={**{key: (known.get(key), value) for key, value in wanted.items()}, **followed},
        unchanged=tuple(key for key in settings if key in known and key not in wanted),
        new=tuple(key for key in wanted if key not in known),
    )


def _own_folder(name: str | Path) -> Path:
    path = Path(name).expanduser()
    if not path.is_dir():
        raise FileProblem(
            f"{name} is no folder of yours to change in place", fix="write a changed copy with -o FOLDER"
        )
    return find_config(path)


def _defaults(folder: Path, raw: Mapping[str, Any]) -> dict[str, Any]:
    """All keys with the values the class gives them; none for a class that transformers does not have."""
    from transformers import AutoConfig

    from tokbench.model.quiet import quiet

    try:
        with quiet():
            config = AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    except (AttributeError, ImportError, LookupError, OSError, TypeError, ValueError) as error:
        if raw.get("model_type") or raw.get("auto_map"):
            return {}
        raise FileProblem(f"{folder / CONFIG} names no model_type", fix=f"tokbench check {folder}") from error
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
    settings: Mapping[str, str], known: Mapping[str, Any], folder: Path, *, allow_new: bool
) -> dict[str, str]:
    """The settings under the names that the file uses; AskedWrongly for a key that does not exist."""
    from transformers import AutoConfig

    kind = str(read_object(folder / CONFIG).get("model_type"))
    try:
        aliases = type(AutoConfig.for_model(kind)).attribute_map
    except ValueError:
        aliases = {}
    named = {aliases.get(key, key): text for key, text in settings.items()}
    for key in named:
        if key == "num_labels":
            raise AskedWrongly("the number of labels follows their names", fix='id2label=\'["no", "yes"]\'')
        if key not in known and not allow_new:
            raise AskedWrongly(
                f"the config has no key {key}",
                fix=f"{did_you_mean(key, known)} (--allow-new adds a key of your own)",
            )
    return named


def _refuse(name: str, key: str, value: Any, known: Mapping[str, Any], raw: Mapping[str, Any]) -> None:  # noqa: ANN401
    found = verdict(key)
    if key in known and found.allowed == RESIZE:
        raise AskedWrongly(
            f"{key} changes only with a resize: {found.why}",
            fix=f"tokbench resize {name} --tokenizer TOKENIZER -o OUT",
        )
    if key in known and found.allowed != MAY:
        raise AskedWrongly(f"{key} must not change: {found.why}", fix=f"tokbench config show {name}")
    if not key.endswith("_token_id"):
        return
    rows = known.get(f"{key.rpartition('.')[0]}.vocab_size".lstrip("."), 0)
    ids = value if isinstance(value, list) else [value]
    if any(isinstance(each, int) and not 0 <= each < rows for each in ids):
        raise AskedWrongly(f"{key} is {value}, and the model has {rows:,} rows", fix=f"0 to {rows - 1}")
    if key == "pad_token_id" and raw.get("model_type") in COUNTED_POSITIONS:
        raise AskedWrongly(
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
    with replacing(place, force=force or out is None) as new:
        _take_along(folder, new, set(texts), os.link if out is None else shutil.copyfile)
        for name, text in texts.items():
            (new / name).write_text(text, encoding="utf-8", newline="\n")


def _take_along(folder: Path, new: Path, without: set[str], take: Callable[[Path, Path], object]) -> None:
    for path, _, names in os.walk(folder):
        inside = Path(path).relative_to(folder)
        (new / inside).mkdir(exist_ok=True)
        for name in names:
            if inside != Path() or name not in without:
                take(Path(path, name), new / inside / name)
