"""Data in, for every task: rows from files or the Hub, checked and divided before any model is loaded.

Used by training and evaluation alike. Imports no torch, and what reads a format only when a file of it is read.
"""

from adapterhub.tasks.data.leakage import Leak, Leakage
from adapterhub.tasks.data.rows import DataRow, fingerprint
from adapterhub.tasks.data.sampling import within_tokens
from adapterhub.tasks.data.splits import Splits, locate, part_of, read_column, read_rows, read_split, read_splits
from adapterhub.tasks.data.weights import class_weights

__all__ = [
    "DataRow",
    "Leak",
    "Leakage",
    "Splits",
    "class_weights",
    "fingerprint",
    "locate",
    "part_of",
    "read_column",
    "read_rows",
    "read_split",
    "read_splits",
    "within_tokens",
]
