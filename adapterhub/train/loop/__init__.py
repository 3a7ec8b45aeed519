"""Steps over rows: order, optimizer, checkpoints, the best epoch, and Ctrl-C."""
