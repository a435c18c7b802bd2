"""Config: what may change in a model's config.json, and changing it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from tokbench.cli import options as o
from tokbench.cli.show import hint, put
from tokbench.errors import AskedWrongly, did_you_mean

ACTIONS = ("show", "set")


def config(
    action: Annotated[str, Argument(help="show or set.", show_default=False)],
    model: Annotated[str, Argument(help="The model: a folder or hub name.", show_default=False)],
    settings: Annotated[
        list[str] | None,
        Argument(
            help="set: key=value, a value in JSON or a word. show: only these keys.", show_default=False
        ),
    ] = None,
    output: Annotated[
        Path | None, Option("--output", "-o", help="Write a changed copy here.", show_default=False)
    ] = None,
    in_place: Annotated[bool, Option("--in-place", help="Change the model's own folder.")] = False,
    allow_new: Annotated[
        bool, Option("--allow-new", help="Add keys that the config's class has not.")
    ] = False,
    force: o.Force = False,
    json: o.AsJson = False,
) -> None:
    """Show what may change in a model's config, or set it.

    Every key is one that may change, one that must not (the weights were trained with it), or one that only
    changes together with the rows of the weights. Values are checked by the config's own class.

    Example: `tokbench config show my-model` ·
    `tokbench config set my-model hidden_dropout_prob=0.2 --in-place`
    """
    from tokbench.model.configure import set_config, show_config
    from tokbench.report import configuring

    if action not in ACTIONS:
        raise AskedWrongly(f"config does not {action}", fix=did_you_mean(action, ACTIONS))
    if action == "show":
        put(show_config(model, only=settings or ()), configuring.view, "config", json=json)
        return
    if (output is None) is not in_place:
        raise AskedWrongly("say once where to write", fix="-o FOLDER for a copy, or --in-place")
    wanted = o.pairs(settings, "hidden_dropout_prob=0.2")
    change = set_config(model, wanted, out=output, allow_new=allow_new, force=force)
    put(change, configuring.change, "config-change", json=json)
    hint(f"check: tokbench check {change.path}")
