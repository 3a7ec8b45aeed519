"""The Hub's own endpoints, a file for each thing that they are about. huggingface_hub 2.4 is the specification."""
