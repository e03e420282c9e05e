"""Mirror a Test IO account into one SQLite file and report what was never tested.

Use it as ``import testio_analytics as ta``. Names are resolved when first used, so that importing the package costs
next to nothing; which name lives where stands in ``__init__.pyi``.
"""

from lazy_loader import attach_stub as _attach_stub

__getattr__, __dir__, __all__ = _attach_stub(__name__, __file__)
