"""The runtime: adapters checked against a backbone, held in slots, and worn by the rows of one batch."""
