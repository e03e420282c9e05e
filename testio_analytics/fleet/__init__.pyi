from .engine import run as run

__all__: list[str]
