"""Tasks on a decoder: a prompt is read, and the text that follows is the answer.

`task` holds what they share (prompt, targets, decoding), `prompt` how rows become tokens, `scores` their figures; each
task adds what is its own in one file. Importing this package brings neither torch nor transformers.
"""
