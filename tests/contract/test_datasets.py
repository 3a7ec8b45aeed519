"""A data set of `datasets`' own files, uploaded, and read by a recipe's ``[data.hub]``, at a revision."""

from __future__ import annotations

from pathlib import Path

from tests.contract.client import run_python
from tests.support.hub import HubServer

PROGRAM = """
import sys, tempfile
from datasets import ClassLabel, Dataset, Features, Value
from huggingface_hub import HfApi
from adapterhub.errors import DataError
from adapterhub.recipe import Data, HubData
from adapterhub.tasks import get_task
from adapterhub.tasks.data import read_splits

name = sys.argv[1]
texts = {"train": ["apples", "pears"], "validation": ["plums"], "test": ["figs"]}
features = Features({"body": Value("string"), "queue": ClassLabel(names=["x", "y"])})
def push(more):
    with tempfile.TemporaryDirectory() as folder:
        for part, rows in texts.items():
            columns = {"body": rows + more, "queue": [1, 0][: len(rows)] + [0] * len(more)}
            Dataset.from_dict(columns, features).to_parquet(f"{folder}/{part}.parquet")
        return HfApi().upload_folder(repo_id=name, folder_path=folder, repo_type="dataset").oid
HfApi().create_repo(name, repo_type="dataset")
first = push([])
push(["lemons"])

task = get_task("text-classification")
named = {"train": "train", "validation": "validation", "test": "test", "columns": {"text": "body", "label": "queue"}}
def read(**hub):
    return read_splits(Data(name="d", licence="mit", hub=HubData(id=name, **hub), leakage="warn", **named), task)
assert [len(rows) for _, rows in read().items()] == [3, 2, 2]
splits = read(revision=first)
assert splits.train == ({"text": "apples", "label": "y"}, {"text": "pears", "label": "x"}), splits.train
assert {part: [row["text"] for row in rows] for part, rows in splits.items()} == texts
try:
    read(revision="nowhere")
    raise SystemExit("a revision that is not there was read")
except DataError as error:
    assert f"{name}[train]: cannot be loaded" in error.message and "\\n" not in error.message, error.message
print("done")
"""


def test_rows_by_the_name_of_a_data_set(server: HubServer, home: Path) -> None:
    assert run_python(PROGRAM, server, home, "admin/tickets").endswith("done\n")
