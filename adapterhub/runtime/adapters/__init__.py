"""From a folder to validated tensors: what each method of `peft` is to one row of a batch."""
