"""Admission: whether a tree of files may become a version, judged by its bytes alone. Fail-closed."""

from __future__ import annotations

from registry.admit.admission import Admission, admit, check_listing

__all__ = ["Admission", "admit", "check_listing"]
