"""What Lightning trains: a module and a data module, with our batches, rates and evaluations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import lightning
import numpy as np
import torch
from torch import nn

from tokbench.finetune.batches import Batch, Batches, by_length, padded
from tokbench.finetune.encoding import Ids, in_order
from tokbench.finetune.guest import Epochs, Guest, in_parts
from tokbench.finetune.judging import Judge
from tokbench.finetune.loop import of_pieces


class Classifier(lightning.LightningModule):
    """A model, its optimizer and its metrics, as Lightning calls them."""

    def __init__(self, guest: Guest) -> None:
        super().__init__()
        self.save_hyperparameters({"rate": guest.rate, "steps": guest.steps, **dict(guest.plan.settings)})
        self.model, self.guest = guest.model, guest
        self.logits: dict[int, list[torch.Tensor]] = {}

    def on_train_start(self) -> None:
        """Train mode: a model that was loaded is in evaluation mode, and Lightning would leave it there."""
        self.model.train()
        self.guest.begin()

    def training_step(self, batch: Batch, _: int) -> torch.Tensor:
        """The loss of one batch; of one in parts the last part's, the others have left their gradients."""
        self.guest.optimizer.zero_grad()
        *earlier, last = in_parts(batch, self.guest.rows_in_a_part)
        whole = torch.zeros((), device=self.guest.machine.device)
        for share, part in earlier:
            loss = self.model(**part).loss * share
            with torch.autocast(loss.device.type, enabled=False):
                loss.backward()
            whole += loss.detach()
        share, part = last
        loss = self.model(**part).loss
        loss = loss if share == 1.0 else loss * share
        self.guest.losses.add(whole + loss.detach())
        return loss  # type: ignore[no-any-return]

    def optimizer_zero_grad(self, *_: object) -> None:
        """Nothing: it is called between a step's parts; they were forgotten when the step began."""

    def on_validation_start(self) -> None:
        """No logits yet."""
        self.logits.clear()

    def validation_step(self, batch: Batch, _: int, dataloader_idx: int = 0) -> None:
        """Keep the logits of one batch of dev rows."""
        given = {name: each for name, each in batch.items() if name != "labels"}
        found = of_pieces(self.model(**given).logits.float(), batch["attention_mask"])
        self.logits.setdefault(dataloader_idx, []).append(found)

    def on_validation_epoch_end(self) -> None:
        """Metrics over all dev rows, under the names that checkpoints and early stopping watch."""
        guest, data = self.guest, self.trainer.datamodule  # type: ignore[attr-defined]
        if self.trainer.sanity_checking:
            return
        logits = {name: data.in_order(name, self.logits.pop(at)) for at, name in enumerate(data.evaluation)}
        assert isinstance(guest.watch.evaluate, Judge)
        found = guest.watch.evaluate.weigh(logits)
        guest.watch.record(guest.step, guest.since_last_look(), found)
        # as doubles, so that two metrics that differ for our watch differ for Lightning's callbacks too
        self.log_dict(
            {f"dev_{name}": torch.tensor(each, dtype=torch.float64) for name, each in found.items()}
        )

    def configure_gradient_clipping(
        self, _: object, gradient_clip_val: float | None = None, gradient_clip_algorithm: str | None = None
    ) -> None:
        """Clip as the loop does: Lightning's own way refuses an optimizer in one kernel under bf16."""
        if gradient_clip_val and gradient_clip_algorithm == "value":
            nn.utils.clip_grad_value_(self.model.parameters(), gradient_clip_val)
        elif gradient_clip_val:
            nn.utils.clip_grad_norm_(self.model.parameters(), gradient_clip_val)

    def configure_optimizers(self) -> Any:  # noqa: ANN401  Lightning's own shape
        """AdamW and the course of its rate, a step at a time."""
        schedule = {"scheduler": self.guest.schedule, "interval": "step"}
        return {"optimizer": self.guest.optimizer, "lr_scheduler": schedule}


class Rows(lightning.LightningDataModule):
    """The train batches of each epoch, and every dev split in batches."""

    def __init__(self, guest: Guest) -> None:
        super().__init__()
        assert isinstance(guest.watch.evaluate, Judge)
        self.guest, self.evaluation = guest, dict(guest.watch.evaluate.evaluation)
        self.orders = {
            name: by_length(each.encoded.lengths, each.size) for name, each in self.evaluation.items()
        }

    def train_dataloader(self) -> Epochs:
        """The batches of the epoch that begins."""
        return Epochs(self.guest.batches, epochs=self.guest.plan.epochs, done=self.guest.done)

    def val_dataloader(self) -> list[_Split]:
        """The dev splits, longest rows first."""
        return [_Split(self.evaluation[name], order) for name, order in self.orders.items()]

    def in_order(self, name: str, parts: list[torch.Tensor]) -> np.ndarray[Any, Any]:
        """Logits of a split in the order of its rows."""
        found = torch.cat(parts).cpu().numpy()
        return in_order(found, np.concatenate(self.orders[name]), self.evaluation[name].encoded)


class _Split:
    """The batches of a dev split: no list, which Lightning would take for a list of loaders."""

    def __init__(self, batches: Batches, order: list[Ids]) -> None:
        self.batches, self.order = batches, order

    def __len__(self) -> int:
        return len(self.order)

    def __iter__(self) -> Iterator[Batch]:
        return (padded(self.batches.encoded, rows, self.batches.feed) for rows in self.order)
