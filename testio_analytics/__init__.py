"""Mirror a Test IO account into one SQLite file and report what was never tested.

Use it as ``import testio_analytics as ta``. Names are resolved when first used, so that importing the package costs
next to nothing.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from testio_analytics.client import Client as Client
    from testio_analytics.config import resolve_api as resolve_api
    from testio_analytics.config import resolve_db_path as resolve_db_path
    from testio_analytics.running import run as run
    from testio_analytics.sections import get_section_ids as get_section_ids
    from testio_analytics.sections import has_sections as has_sections
    from testio_analytics.sync import sync as sync
    from testio_analytics.sync import sync_async as sync_async
    from testio_analytics.sync import sync_features as sync_features

_ROOMS: dict[str, tuple[str, ...]] = {
    "catalog": ("feature_catalog", "removed_features", "unlinked_stories", "untested_features"),
    "client": ("Client",),
    "completeness": ("completeness",),
    "config": ("resolve_api", "resolve_db_path"),
    "coverage": ("coverage_by_product", "coverage_by_section", "coverage_total"),
    "definitions": ("definitions",),
    "executed": ("unknown_statuses", "unlinked_test_features"),
    "frames": (
        "Mirror",
        "load_feature_sections",
        "load_features",
        "load_mirror",
        "load_products",
        "load_rejected_rows",
        "load_sections",
        "load_stream_states",
        "load_sync_gaps",
        "load_sync_runs",
        "load_test_features",
        "load_tests",
        "load_user_stories",
    ),
    "health": ("health_summary", "status"),
    "intervals": ("wilson",),
    "pages": ("make_pages",),
    "plots": (
        "picture",
        "plot_coverage_by_product",
        "plot_coverage_by_section",
        "plot_coverage_over_time",
        "plot_last_tested",
        "plot_states",
    ),
    "render": ("definition_list", "facts", "html_table", "notice", "state_bar", "verdict"),
    "running": ("run",),
    "sections": ("get_section_ids", "has_sections"),
    "summary": ("coverage_summary",),
    "trend": ("coverage_over_time",),
    "sync": ("sync", "sync_async", "sync_features"),
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = sorted(_ROOM_OF)


def __getattr__(name: str) -> Any:
    room = _ROOM_OF.get(name)
    if room is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{room}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _Package(ModuleType):
    """The type of this package: a public function keeps its name when the room of the same name is imported."""

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, ModuleType) and name in _ROOM_OF:
            value = getattr(value, name)
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
