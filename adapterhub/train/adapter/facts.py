"""What a run knows of its adapter in the end, besides the weights: what manifest and model card are written from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from adapterhub.backbone import BaseIdentity
from adapterhub.evaluate import MetricValue
from adapterhub.evaluate.report import Report
from adapterhub.recipe import Recipe
from adapterhub.tasks import Task
from adapterhub.tasks.data import Splits


@dataclass(frozen=True)
class Facts:
    """Figures of the test split are `before` training and in `report`; `parent` is the digest of what it began with."""

    recipe: Recipe
    task: Task
    splits: Splits
    base: BaseIdentity
    before: Mapping[str, MetricValue]
    report: Report
    parent: str | None
