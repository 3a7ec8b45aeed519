"""Rows answered by a plain model of transformers and `peft`, in padded batches.

It is what training scores with, what gradients are taken of, and what the engine is held against. It and the
engine never import each other: they agree because both go through the task.
"""
