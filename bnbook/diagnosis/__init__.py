"""What is wrong with a network's normalisation, one finding a file, found by themselves."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from bnbook.data import Batched, Dataset
from bnbook.diagnosis.base import (
    DiagnosisError,
    Finding,
    Look,
    Patient,
    Sign,
    in_order,
    registry,
    sign,
)
from bnbook.diagnosis.report import Report
from bnbook.measuring import BATCH_SIZE
from bnbook.norms import NormError
from bnbook.probes.base import SPLITS, STATISTICS

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

__all__ = [
    "DiagnosisError",
    "Finding",
    "Look",
    "Patient",
    "Report",
    "Sign",
    "diagnose",
    "looks",
    "names",
    "sign",
]


def names() -> list[str]:
    """Names of all that can be found, in alphabetical order."""
    return sorted(registry)


def looks() -> tuple[Look, ...]:
    """What each sign is looked for with; a plan that has them is another one when a sign is."""
    return tuple(registry[name].look for name in names())


def diagnose(
    model: nn.Module,
    data: Dataset,
    *,
    batch_size: int | None = None,
    replicas: int = 1,
    optimizer: torch.optim.Optimizer | None = None,
) -> Report:
    """What is wrong with the normalisation of a model, how sure that is, and what to do.

    model       any classifier, as it is trained: its training flags are part of the evidence. It is
                left as it is
    data        what it is trained and tested on: a name's `bnbook.data.load`, or `from_batches` of
                one's own loaders, which also tells how batches are made
    batch_size  examples in a training batch; by default that of the data, where they know it, else
                64
    replicas    devices over which each batch is divided; by default those of an nn.DataParallel
    optimizer   that of the training, whose groups tell what is decayed

    A finding is given only where it follows from the network as it is, or where a measurement on
    the examples is clear of chance and large enough to matter; a healthy network gets none. What
    cannot be adopted is refused, see `bnbook.adopt`.
    """
    if isinstance(model, nn.DataParallel):
        replicas = max(replicas, len(model.device_ids))
    if isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel):
        model = model.module
    if replicas < 1:
        raise DiagnosisError(f"replicas is {replicas}; it is a number of devices, 1 or more")
    known = data.batch_size if isinstance(data, Batched) else BATCH_SIZE
    patient = Patient(model, data, batch_size or known, replicas, optimizer)
    assert patient.net is not None  # what cannot be adopted is refused before anything is looked at
    found: list[Finding] = []
    refused: dict[str, str] = {}
    for each in in_order():
        if patient.found & set(each.unless):
            continue
        try:
            seen = each.look(patient)
        except (NormError, ValueError) as error:
            refused[each.name] = str(error)
            continue
        if seen is not None:
            patient.found.add(each.name)
            found.append(replace(seen, name=each.name, kind=each.kind, page=each.page))
    faults, remarks = ([f for f in found if f.kind == kind] for kind in ("fault", "remark"))
    return Report(
        type(model).__name__,
        data.name,
        patient.batch_size,
        _scores(patient),
        tuple(faults),
        tuple(remarks),
        refused,
    )


def _scores(patient: Patient) -> dict[tuple[str, str], tuple[float, float]]:
    """Accuracy and loss by split and statistics, what cannot be had left out."""
    scores: dict[Any, tuple[float, float]] = {}
    for split in SPLITS:
        for kind in STATISTICS:
            try:
                loss = float(patient.losses(split, kind).mean())
                scores[split, kind] = (patient.accuracy(split, kind), loss)
            except NormError:
                continue
    return scores
