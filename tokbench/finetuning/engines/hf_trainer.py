"""The engine of transformers' Trainer, with our batches, rates and evaluations."""

from __future__ import annotations

import contextlib
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from transformers import (
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from tokbench.errors import UsageError
from tokbench.finetuning.defaults import BATCH_SIZE
from tokbench.finetuning.engines.passthrough import Fields
from tokbench.finetuning.engines.state import (
    Epochs,
    FitResult,
    TrainingJob,
    TrainingState,
    in_parts,
)
from tokbench.io.atomic import scratch_folder

if TYPE_CHECKING:
    from tokbench.finetuning.config import FinetuneConfig
    from tokbench.finetuning.data.batches import Batch

PLANNED = {
    "learning_rate": "--learning-rate",
    "num_train_epochs": "--epochs",
    "max_steps": "--epochs",
    "per_device_train_batch_size": "--batch-size",
    "per_device_eval_batch_size": "--batch-size",
    "gradient_accumulation_steps": "--set accumulate=2",
    "max_grad_norm": "--set clip=1.0",
    "seed": "--seed",
    "bf16": "--precision bf16",
    "use_cpu": "--device cpu",
    "output_dir": "-o FOLDER",
    "warmup_steps": "--set warmup=0.06",
    "eval_strategy": "--set evaluate_every=100",
    "eval_steps": "--set evaluate_every=100",
    "save_strategy": "--set keep=best",
    "save_steps": "--set save_every=100",
    "load_best_model_at_end": "--set keep=best",
    "metric_for_best_model": "--set metric=loss",
    "greater_is_better": "--set mode=min",
    "resume_from_checkpoint": "--resume",
}
OPTIMIZER = {"adam_beta1": (float,), "adam_beta2": (float,), "adam_epsilon": (float,)}
TAKEN = {
    **OPTIMIZER,
    "label_smoothing_factor": (float,),
    "neftune_noise_alpha": (float,),
    "activation_checkpointing": (bool,),  # in older versions gradient_checkpointing
    "activation_checkpointing_kwargs": (dict,),
    "gradient_checkpointing": (bool,),
    "gradient_checkpointing_kwargs": (dict,),
    "torch_compile": (bool,),
    "torch_compile_backend": ("inductor", "aot_eager", "eager", "cudagraphs"),
    "torch_compile_mode": ("default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs"),
    "torch_empty_cache_steps": (int,),
    "tf32": (bool,),
    "full_determinism": (bool,),
}
KNOWN = tuple(each.name for each in fields(TrainingArguments))
FIELDS = Fields(KNOWN, TAKEN, PLANNED)


def check(plan: FinetuneConfig) -> None:
    """Nothing, or UsageError for a field of TrainingArguments that cannot be taken as it was given."""
    chosen = FIELDS.values(plan)
    with scratch_folder() as place:
        _arguments(plan, chosen, str(place), cpu=plan.device == "cpu" or not torch.cuda.is_available())


def fit(job: TrainingJob) -> FitResult:
    """Train as the loop does, by transformers' Trainer."""
    plan, model, machine = job.config, job.model, job.machine
    chosen = FIELDS.values(plan)
    if chosen.get("label_smoothing_factor"):
        _must_be_smoothable(job)
    state = TrainingState(job)
    with scratch_folder() as place, state.interruptible():
        if not state.goes_on():
            return state.finished()
        epochs = 1 if state.done else job.plan.epochs
        arguments = _arguments(plan, chosen, str(place), cpu=not machine.gpu, epochs=epochs)
        for group in state.optimizer.param_groups:
            group.update(betas=(arguments.adam_beta1, arguments.adam_beta2), eps=arguments.adam_epsilon)
        trainer = _Trainer(
            model=model,
            args=arguments,
            optimizers=(state.optimizer, state.schedule),
            callbacks=[_Following(state)],
        )
        trainer.remove_callback(PrinterCallback)
        trainer.run = state
        trainer.train()
        return state.finished()


def _must_be_smoothable(job: TrainingJob) -> None:
    """Nothing, or UsageError where labels are no single classes that all count alike."""
    if job.model.config.problem_type == "regression":  # type: ignore[union-attr]
        raise UsageError("label_smoothing_factor is for labels, and the rows have scores", fix="leave it out")
    if job.objective.multi_label:
        raise UsageError("label_smoothing_factor is for rows of one label", fix="leave it out")
    if job.objective.weights is not None:
        raise UsageError(
            "label_smoothing_factor and class_weights are two losses", fix="leave one of them out"
        )


def _arguments(
    plan: FinetuneConfig, chosen: dict[str, Any], place: str, *, cpu: bool, epochs: int = 1
) -> TrainingArguments:
    """What the plan says, in the Trainer's words; UsageError where it does not like them."""
    try:
        found = TrainingArguments(
            output_dir=place,
            num_train_epochs=epochs,
            per_device_train_batch_size=BATCH_SIZE,  # not read: the batches are ours
            max_grad_norm=plan.clip,
            seed=plan.seed,
            use_cpu=cpu,
            save_strategy="no",
            logging_strategy="no",
            report_to="none",
            disable_tqdm=True,
            remove_unused_columns=False,
            **_renamed(chosen),
        )
        betas = (found.adam_beta1, found.adam_beta2)
        torch.optim.AdamW([torch.zeros(1)], betas=betas, eps=found.adam_epsilon)  # refuses what it cannot be
    except (ValueError, TypeError, ImportError, RuntimeError) as problem:
        raise UsageError(
            f"TrainingArguments refuses {', '.join(chosen)}: {str(problem).strip().splitlines()[0]}",
            fix="leave it out, or give it another value",
        ) from problem
    return found


def _renamed(chosen: dict[str, Any]) -> dict[str, Any]:
    """The fields under the names of the installed version: the old ones still work, with a warning."""
    new = {name: name.replace("gradient_checkpointing", "activation_checkpointing") for name in chosen}
    return {new[name] if new[name] in KNOWN else name: each for name, each in chosen.items()}


class _Trainer(Trainer):
    """The Trainer, fed with our batches; its losses are kept, not logged."""

    run: TrainingState
    share = 1.0  # of the part that is computed in the mean loss of its batch

    def get_train_dataloader(self) -> Any:  # noqa: ANN401  anything with a length that gives batches
        """Our batches, epoch after epoch."""
        return Epochs(self.run.job.batches, epochs=self.run.job.plan.epochs, done=self.run.done)

    def training_step(self, model: nn.Module, inputs: Batch, *_: Any, **__: Any) -> torch.Tensor:  # noqa: ANN401
        """The Trainer's step, on each part of the batch; without its count of items, which is the whole's."""
        loss = torch.zeros((), device=self.run.machine.device)
        for share, part in in_parts(inputs, self.run.rows_in_a_part, self.run.job.objective):
            self.share = share
            loss += super().training_step(model, part).detach()
        self.run.losses.add(loss)
        return loss

    def compute_loss(self, model: nn.Module, inputs: Batch, *given: Any, **named: Any) -> Any:  # noqa: ANN401
        """The Trainer's loss, or the objective's own, as much of it as the part is of the batch."""
        objective = self.run.job.objective
        own = objective.weights is not None or objective.multi_label
        loss: Any = objective(model, inputs) if own else super().compute_loss(model, inputs, *given, **named)
        return loss if self.share == 1.0 else loss * self.share

    def autocast_smart_context_manager(self, *_: Any, **__: Any) -> contextlib.AbstractContextManager[Any]:  # noqa: ANN401
        """The precision that every engine computes in."""
        return self.run.machine.autocast()


class _Following(TrainerCallback):
    """Evaluates, tells, keeps and stops where the loop does."""

    def __init__(self, run: TrainingState) -> None:
        self.run = run

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        """Draw from where the loop draws."""
        self.run.begin()

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        """Look at the dev rows when it is time."""
        self.run.stepped()
        self.run.evaluate_if_due()
        control.should_training_stop |= self.run.enough
        self.run.keep()
