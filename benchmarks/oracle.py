"""Plain `peft` as the judge of an engine's answers: the first few adapters of a fleet, on the same texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor

from adapterhub.backbone import Backbone, locate
from adapterhub.runtime.engine import Request
from adapterhub.tasks import Answer
from benchmarks import clients, harness
from benchmarks.contenders.peft_classifier import PeftClassifier
from benchmarks.fleet import LABELS
from benchmarks.harness import TOLERANCE, Disagreement
from registry import Registry

CHECKED = 4  # adapters


class Oracle:
    """What plain `peft` makes of the first few names and texts, one row and one adapter at a time."""

    def __init__(self, registry: Registry, names: Sequence[str], texts: Sequence[str], backbone: Backbone) -> None:
        """Run them.

        Raises:
            Disagreement: an adapter changes so little that agreement would prove nothing.
        """
        classifier = PeftClassifier(locate(backbone.identity.id).folder, len(LABELS))
        for place, name in enumerate(names[:CHECKED]):
            classifier.load(registry.pull(name), str(place))
        self._names, self._texts = names[:CHECKED], texts
        rows = [backbone.tokenizer(text)["input_ids"] for text in texts]
        self._expected: dict[tuple[str, str], Tensor] = {}
        for place, name in enumerate(self._names):
            logits = [classifier.logits(str(place), row) for row in rows]
            heads = [classifier.head_logits(str(place), row) for row in rows]
            if problem := harness.changed(logits, heads, TOLERANCE):
                raise Disagreement(f"{name}: {problem}")
            self._expected.update(zip(((name, text) for text in texts), logits, strict=True))

    def check(self, engine: str, names: Sequence[str], answer: Callable[[Request], Answer]) -> None:
        """Ask an engine for the same by many clients at once, as far as it is to know `names`.

        Raises:
            Disagreement: an answer is another one.
        """
        asked = [request for request in self._expected if request[0] in names]
        found = [one.logits for one in clients.ask(answer, asked).answers]
        if problem := harness.disagreement(found, [self._expected[request] for request in asked], TOLERANCE):
            raise Disagreement(f"{engine}: {problem}")
