"""A registry on a server: it speaks the HTTP protocol of the Hugging Face Hub."""
