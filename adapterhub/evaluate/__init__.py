"""One way to score predictions, for training, the command line and review alike.

`Evaluation` is what one predictor made of some rows; `evaluate` are its figures. Everything beyond them is a room of
its own that reads an evaluation: `report` and what is in it (`classes`, `confusion`, `calibration`), `figures` to look
at, `predictions` to keep, `comparison` of two; and what is asked about fairness (`fairness`). Imports neither torch
nor what draws and counts until it is asked for.
"""

from adapterhub.evaluate.evaluation import Evaluation, Predictor, evaluate, inputs_of
from adapterhub.evaluate.metric import MetricValue

__all__ = ["Evaluation", "MetricValue", "Predictor", "evaluate", "inputs_of"]
