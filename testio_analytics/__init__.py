"""Mirror a Test IO account into one SQLite file and report what was never tested.

Use it as ``import testio_analytics as ta``. Names are resolved when first used, so that importing the package costs
next to nothing; which name lives where stands in ``__init__.pyi``.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
