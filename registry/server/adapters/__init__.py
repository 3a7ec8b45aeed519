"""This project's own endpoints: what the Hub's protocol has no words for. They are the OpenAPI document.

Paths and bodies here are promises to clients; everything in ``hub`` promises what huggingface_hub expects.
"""

from __future__ import annotations

ABOUT = """
A Hugging Face Hub that knows adapters. Any Hub client works with it; these are the endpoints that the Hub lacks.

A **version** is a SemVer tag on a commit that was admitted: `POST /api/models/{id}/tag/{revision}`, as every Hub
client sends it, judges the commit and refuses it with the reason. It never changes. Its identity is its **digest**:
the sha256 of its manifest's canonical form (RFC 8785). An **alias** is a name for a version that moves by
compare-and-set. Both are revisions for Hub clients.

A failure is JSON, `{"error": "what happened, and what to do", "code": "alias-conflict"}`.
"""
"""What the document begins with."""
