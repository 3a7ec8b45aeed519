"""What is seen of a run while it goes on: in the terminal, as a picture, in TensorBoard."""
