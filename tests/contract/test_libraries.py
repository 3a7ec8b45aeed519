"""peft's and transformers' own push_to_hub and from_pretrained."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract.client import run_python
from tests.support.hub import HubServer
from tests.support.tiny import make_tiny_bert

PROGRAM = """
import sys, torch
from peft import AutoPeftModelForSequenceClassification, LoraConfig, PeftModel, get_peft_model
from transformers import AutoModel, AutoModelForSequenceClassification, AutoTokenizer
folder, owner = sys.argv[1:]
base = AutoModel.from_pretrained(folder)
tokenizer = AutoTokenizer.from_pretrained(folder)
base.push_to_hub(f"{owner}/base")
tokenizer.push_to_hub(f"{owner}/base")
ids = tokenizer("my computer is on fire", return_tensors="pt")
again, tokenizer = AutoModel.from_pretrained(f"{owner}/base"), AutoTokenizer.from_pretrained(f"{owner}/base")
assert torch.equal(again(**ids).last_hidden_state, base(**ids).last_hidden_state)
assert torch.equal(tokenizer("my computer is on fire", return_tensors="pt")["input_ids"], ids["input_ids"])

torch.manual_seed(1)
model = AutoModelForSequenceClassification.from_pretrained(f"{owner}/base", num_labels=3)
config = LoraConfig(task_type="SEQ_CLS", r=4, target_modules=["query", "value"], init_lora_weights=False)
adapted = get_peft_model(model, config).eval()
adapted.push_to_hub(f"{owner}/adapter")
other = AutoModelForSequenceClassification.from_pretrained(f"{owner}/base", num_labels=3)
loaded = PeftModel.from_pretrained(other, f"{owner}/adapter").eval()
assert torch.equal(loaded(**ids).logits, adapted(**ids).logits)
auto = AutoPeftModelForSequenceClassification.from_pretrained(f"{owner}/adapter", num_labels=3).eval()
assert torch.equal(auto(**ids).logits, adapted(**ids).logits)
try:
    AutoModel.from_pretrained(f"{owner}/none")
    raise SystemExit("a model that is not there was loaded")
except OSError as error:
    assert "is not a local folder and is not a valid model identifier" in str(error), error
print("done")
"""


@pytest.mark.slow
@pytest.mark.parametrize("xet", [True, False], ids=["xet", "lfs"])
def test_models_and_adapters_go_and_come_back(server: HubServer, home: Path, tmp_path: Path, xet: bool) -> None:
    folder = make_tiny_bert(tmp_path / "tiny")
    owner = f"org-{xet}".lower()
    server.command("org", "add", owner)
    assert run_python(PROGRAM, server, home, str(folder), owner, xet=xet).endswith("done\n")
