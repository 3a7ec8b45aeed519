from __future__ import annotations

import io

from rich.console import Console

from adapterhub.train.progress import ConsoleProgress


def test_a_terminal_sees_stages_steps_and_epochs() -> None:
    terminal = io.StringIO()
    with ConsoleProgress(Console(file=terminal, force_terminal=True, width=120)) as progress:
        progress.phase("scoring 7 rows")
        progress.steps(3, 9)
        progress.step(5)
        progress.validated(2, {"accuracy": 0.5})
    written = terminal.getvalue()
    assert "scoring 7 rows" in written
    assert "5/9" in written
    assert "epoch 2  validation  accuracy 0.5000" in written
