"""Endpoints of this project's own: what a Hub does not know of adapters."""
