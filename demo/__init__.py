"""The demo: two adapters trained, published, served in one batch, and one of them swapped while it is in use."""
