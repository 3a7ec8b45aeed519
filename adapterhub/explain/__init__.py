"""Why an adapter answers as it does: what each token of a row adds to an output.

Gradients are needed, which the engine that serves never computes; so the adapter is opened with plain `peft` on a copy
of the base of its own. Needs ``pip install 'adapterhub[explain]'``.
"""

from adapterhub.explain.attribution import Attribution, attribute, refuse_unread

__all__ = ["Attribution", "attribute", "refuse_unread"]
