"""What a run leaves: an adapter folder with its manifest and model card."""
