"""What this server knows of adapters beyond the Hub: our own endpoints, in the OpenAPI document."""
