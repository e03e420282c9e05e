"""Accounts with a file each in, what became of each of them out; no row leaves its account.

``ta.fleet.run`` is a promise of its own; which name lives where stands in ``__init__.pyi``.
"""

from lazy_loader import attach_stub as _attach_stub

__getattr__, __dir__, __all__ = _attach_stub(__name__, __file__)
