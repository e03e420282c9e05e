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
    from testio_analytics.answers import bugs_answer as bugs_answer
    from testio_analytics.answers import plan_answer as plan_answer
    from testio_analytics.answers import stories_answer as stories_answer
    from testio_analytics.answers import triage_answer as triage_answer
    from testio_analytics.backtest import backtest as backtest
    from testio_analytics.backtest import backtest_sentence as backtest_sentence
    from testio_analytics.backtest import backtest_summary as backtest_summary
    from testio_analytics.backtest import exposures as exposures
    from testio_analytics.bugs import bug_bucket as bug_bucket
    from testio_analytics.bugs import bugs_by_device as bugs_by_device
    from testio_analytics.bugs import bugs_by_product as bugs_by_product
    from testio_analytics.bugs import bugs_per_feature as bugs_per_feature
    from testio_analytics.bugs import located_bugs as located_bugs
    from testio_analytics.bugs import severity_score as severity_score
    from testio_analytics.bugs import unattributed_bugs as unattributed_bugs
    from testio_analytics.bugs import unknown_bug_values as unknown_bug_values
    from testio_analytics.catalog import feature_catalog as feature_catalog
    from testio_analytics.catalog import removed_features as removed_features
    from testio_analytics.catalog import unlinked_stories as unlinked_stories
    from testio_analytics.catalog import untested_features as untested_features
    from testio_analytics.client import Client as Client
    from testio_analytics.completeness import completeness as completeness
    from testio_analytics.config import resolve_api as resolve_api
    from testio_analytics.config import resolve_db_path as resolve_db_path
    from testio_analytics.coverage import coverage_by_product as coverage_by_product
    from testio_analytics.coverage import coverage_by_section as coverage_by_section
    from testio_analytics.coverage import coverage_total as coverage_total
    from testio_analytics.definitions import definitions as definitions
    from testio_analytics.demo.truth import generated_exposures as generated_exposures
    from testio_analytics.drawing import picture as picture
    from testio_analytics.errors import ApiError as ApiError
    from testio_analytics.errors import AuthenticationError as AuthenticationError
    from testio_analytics.errors import ConfigError as ConfigError
    from testio_analytics.errors import LockedError as LockedError
    from testio_analytics.errors import NotFoundError as NotFoundError
    from testio_analytics.errors import ReportError as ReportError
    from testio_analytics.errors import SchemaVersionError as SchemaVersionError
    from testio_analytics.errors import StoreError as StoreError
    from testio_analytics.errors import TestioError as TestioError
    from testio_analytics.errors import UnknownValueError as UnknownValueError
    from testio_analytics.executed import unknown_statuses as unknown_statuses
    from testio_analytics.executed import unlinked_test_features as unlinked_test_features
    from testio_analytics.export import export as export
    from testio_analytics.frames import Mirror as Mirror
    from testio_analytics.frames import load_bug_devices as load_bug_devices
    from testio_analytics.frames import load_bugs as load_bugs
    from testio_analytics.frames import load_executions as load_executions
    from testio_analytics.frames import load_feature_sections as load_feature_sections
    from testio_analytics.frames import load_features as load_features
    from testio_analytics.frames import load_mirror as load_mirror
    from testio_analytics.frames import load_products as load_products
    from testio_analytics.frames import load_rejected_rows as load_rejected_rows
    from testio_analytics.frames import load_sections as load_sections
    from testio_analytics.frames import load_stream_states as load_stream_states
    from testio_analytics.frames import load_sync_gaps as load_sync_gaps
    from testio_analytics.frames import load_sync_runs as load_sync_runs
    from testio_analytics.frames import load_test_feature_results as load_test_feature_results
    from testio_analytics.frames import load_test_features as load_test_features
    from testio_analytics.frames import load_test_reads as load_test_reads
    from testio_analytics.frames import load_test_user_stories as load_test_user_stories
    from testio_analytics.frames import load_tests as load_tests
    from testio_analytics.frames import load_user_stories as load_user_stories
    from testio_analytics.health import health_summary as health_summary
    from testio_analytics.health import status as status
    from testio_analytics.impact import read_impact as read_impact
    from testio_analytics.impact import unknown_impact_ids as unknown_impact_ids
    from testio_analytics.intervals import wilson as wilson
    from testio_analytics.overview import overview as overview
    from testio_analytics.pages import make_pages as make_pages
    from testio_analytics.planning import next_tests as next_tests
    from testio_analytics.planning import packed_tests as packed_tests
    from testio_analytics.plots import plot_coverage_by_product as plot_coverage_by_product
    from testio_analytics.plots import plot_coverage_by_section as plot_coverage_by_section
    from testio_analytics.plots import plot_coverage_over_time as plot_coverage_over_time
    from testio_analytics.plots import plot_last_tested as plot_last_tested
    from testio_analytics.plots import plot_states as plot_states
    from testio_analytics.plots_of_bugs import plot_backtest as plot_backtest
    from testio_analytics.plots_of_bugs import plot_bugs_per_feature as plot_bugs_per_feature
    from testio_analytics.plots_of_bugs import plot_next_tests as plot_next_tests
    from testio_analytics.plots_of_bugs import plot_stories as plot_stories
    from testio_analytics.plots_of_bugs import plot_trends as plot_trends
    from testio_analytics.plots_of_bugs import plot_triage as plot_triage
    from testio_analytics.render import definition_list as definition_list
    from testio_analytics.render import facts as facts
    from testio_analytics.render import figures as figures
    from testio_analytics.render import html_table as html_table
    from testio_analytics.render import notice as notice
    from testio_analytics.render import state_bar as state_bar
    from testio_analytics.render import statement as statement
    from testio_analytics.render import verdict as verdict
    from testio_analytics.results import evidence_by_product as evidence_by_product
    from testio_analytics.results import feature_results as feature_results
    from testio_analytics.results import story_results as story_results
    from testio_analytics.results import unknown_story_statuses as unknown_story_statuses
    from testio_analytics.running import run as run
    from testio_analytics.sections import get_section_ids as get_section_ids
    from testio_analytics.sections import has_sections as has_sections
    from testio_analytics.shrinkage import poisson_interval as poisson_interval
    from testio_analytics.shrinkage import shrunk_rates as shrunk_rates
    from testio_analytics.stories import story_coverage as story_coverage
    from testio_analytics.stories import story_coverage_by_feature as story_coverage_by_feature
    from testio_analytics.stories import story_coverage_by_product as story_coverage_by_product
    from testio_analytics.stories import story_coverage_by_section as story_coverage_by_section
    from testio_analytics.summary import coverage_summary as coverage_summary
    from testio_analytics.sync import FeatureCounts as FeatureCounts
    from testio_analytics.sync import SyncResult as SyncResult
    from testio_analytics.sync import sync as sync
    from testio_analytics.sync import sync_async as sync_async
    from testio_analytics.sync import sync_features as sync_features
    from testio_analytics.trend import coverage_over_time as coverage_over_time
    from testio_analytics.trends import trends as trends
    from testio_analytics.trends import trends_by_product as trends_by_product
    from testio_analytics.trends import trends_by_week as trends_by_week
    from testio_analytics.triage import triage as triage
    from testio_analytics.triage import triage_by_month as triage_by_month
    from testio_analytics.triage import triage_by_product_and_month as triage_by_product_and_month
    from testio_analytics.triage import triage_total as triage_total

_ROOMS: dict[str, tuple[str, ...]] = {
    "answers": ("bugs_answer", "plan_answer", "stories_answer", "triage_answer"),
    "backtest": ("backtest", "backtest_sentence", "backtest_summary", "exposures"),
    "bugs": (
        "bug_bucket",
        "bugs_by_device",
        "bugs_by_product",
        "bugs_per_feature",
        "located_bugs",
        "severity_score",
        "unattributed_bugs",
        "unknown_bug_values",
    ),
    "catalog": ("feature_catalog", "removed_features", "unlinked_stories", "untested_features"),
    "client": ("Client",),
    "completeness": ("completeness",),
    "config": ("resolve_api", "resolve_db_path"),
    "coverage": ("coverage_by_product", "coverage_by_section", "coverage_total"),
    "definitions": ("definitions",),
    "demo.truth": ("generated_exposures",),
    "drawing": ("picture",),
    "errors": (
        "ApiError",
        "AuthenticationError",
        "ConfigError",
        "LockedError",
        "NotFoundError",
        "ReportError",
        "SchemaVersionError",
        "StoreError",
        "TestioError",
        "UnknownValueError",
    ),
    "executed": ("unknown_statuses", "unlinked_test_features"),
    "export": ("export",),
    "frames": (
        "Mirror",
        "load_bug_devices",
        "load_bugs",
        "load_executions",
        "load_feature_sections",
        "load_features",
        "load_mirror",
        "load_products",
        "load_rejected_rows",
        "load_sections",
        "load_stream_states",
        "load_sync_gaps",
        "load_sync_runs",
        "load_test_feature_results",
        "load_test_features",
        "load_test_reads",
        "load_test_user_stories",
        "load_tests",
        "load_user_stories",
    ),
    "health": ("health_summary", "status"),
    "impact": ("read_impact", "unknown_impact_ids"),
    "intervals": ("wilson",),
    "overview": ("overview",),
    "pages": ("make_pages",),
    "planning": ("next_tests", "packed_tests"),
    "plots": (
        "plot_coverage_by_product",
        "plot_coverage_by_section",
        "plot_coverage_over_time",
        "plot_last_tested",
        "plot_states",
    ),
    "plots_of_bugs": (
        "plot_backtest",
        "plot_bugs_per_feature",
        "plot_next_tests",
        "plot_stories",
        "plot_trends",
        "plot_triage",
    ),
    "render": ("definition_list", "facts", "figures", "html_table", "notice", "state_bar", "statement", "verdict"),
    "results": ("evidence_by_product", "feature_results", "story_results", "unknown_story_statuses"),
    "running": ("run",),
    "sections": ("get_section_ids", "has_sections"),
    "shrinkage": ("poisson_interval", "shrunk_rates"),
    "stories": (
        "story_coverage",
        "story_coverage_by_feature",
        "story_coverage_by_product",
        "story_coverage_by_section",
    ),
    "summary": ("coverage_summary",),
    "sync": ("FeatureCounts", "SyncResult", "sync", "sync_async", "sync_features"),
    "trend": ("coverage_over_time",),
    "trends": ("trends", "trends_by_product", "trends_by_week"),
    "triage": ("triage", "triage_by_month", "triage_by_product_and_month", "triage_total"),
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
