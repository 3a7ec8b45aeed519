"""The Hub server: the Hugging Face Hub's HTTP protocol over the registry's index and store, which knows adapters."""
