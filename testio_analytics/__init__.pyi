"""Every public name and where it lives; the package resolves them from here when first used."""

from .api.client import Client as Client
from .api.sections import get_section_ids as get_section_ids
from .api.sections import has_sections as has_sections
from .concurrency import run as run
from .config import resolve_api as resolve_api
from .config import resolve_db_path as resolve_db_path
from .demo.truth import generated_exposures as generated_exposures
from .display.blocks import definition_list as definition_list
from .display.blocks import facts as facts
from .display.blocks import figures as figures
from .display.blocks import notice as notice
from .display.blocks import state_bar as state_bar
from .display.blocks import statement as statement
from .display.blocks import verdict as verdict
from .display.evidence import evidence as evidence
from .display.files import export as export
from .display.html_table import html_table as html_table
from .display.plots.coverage import plot_coverage_by_product as plot_coverage_by_product
from .display.plots.coverage import plot_coverage_by_section as plot_coverage_by_section
from .display.plots.coverage import plot_coverage_over_time as plot_coverage_over_time
from .display.plots.coverage import plot_last_tested as plot_last_tested
from .display.plots.coverage import plot_states as plot_states
from .display.plots.findings import plot_backtest as plot_backtest
from .display.plots.findings import plot_bugs_per_feature as plot_bugs_per_feature
from .display.plots.findings import plot_next_tests as plot_next_tests
from .display.plots.findings import plot_stories as plot_stories
from .display.plots.findings import plot_trends as plot_trends
from .display.plots.findings import plot_triage as plot_triage
from .display.plots.style import picture as picture
from .display.report_tables import settings as settings
from .display.report_tables import since_last_report as since_last_report
from .display.report_tables import sources as sources
from .display.report_tables import table as table
from .errors import ApiError as ApiError
from .errors import AuthenticationError as AuthenticationError
from .errors import ConfigError as ConfigError
from .errors import LockedError as LockedError
from .errors import NotFoundError as NotFoundError
from .errors import ReportError as ReportError
from .errors import SchemaVersionError as SchemaVersionError
from .errors import StoreError as StoreError
from .errors import TestioError as TestioError
from .errors import UnknownValueError as UnknownValueError
from .frames.history import load_history as load_history
from .frames.loaders import load_bug_devices as load_bug_devices
from .frames.loaders import load_bugs as load_bugs
from .frames.loaders import load_endpoint_findings as load_endpoint_findings
from .frames.loaders import load_executions as load_executions
from .frames.loaders import load_feature_sections as load_feature_sections
from .frames.loaders import load_features as load_features
from .frames.loaders import load_mirror as load_mirror
from .frames.loaders import load_packed_runs as load_packed_runs
from .frames.loaders import load_products as load_products
from .frames.loaders import load_rejected_rows as load_rejected_rows
from .frames.loaders import load_reported as load_reported
from .frames.loaders import load_row_changes as load_row_changes
from .frames.loaders import load_sections as load_sections
from .frames.loaders import load_stream_reads as load_stream_reads
from .frames.loaders import load_stream_states as load_stream_states
from .frames.loaders import load_sync_gaps as load_sync_gaps
from .frames.loaders import load_sync_runs as load_sync_runs
from .frames.loaders import load_test_feature_results as load_test_feature_results
from .frames.loaders import load_test_features as load_test_features
from .frames.loaders import load_test_reads as load_test_reads
from .frames.loaders import load_test_user_stories as load_test_user_stories
from .frames.loaders import load_tests as load_tests
from .frames.loaders import load_user_stories as load_user_stories
from .frames.mirror import Mirror as Mirror
from .mirror.sync import FeatureCounts as FeatureCounts
from .mirror.sync import SyncResult as SyncResult
from .mirror.sync import sync as sync
from .mirror.sync import sync_async as sync_async
from .mirror.sync import sync_features as sync_features
from .pages.build import make_pages as make_pages
from .reports.answers import bugs_answer as bugs_answer
from .reports.answers import coverage_summary as coverage_summary
from .reports.answers import plan_answer as plan_answer
from .reports.answers import stories_answer as stories_answer
from .reports.answers import triage_answer as triage_answer
from .reports.backtest import backtest as backtest
from .reports.backtest import backtest_sentence as backtest_sentence
from .reports.backtest import backtest_summary as backtest_summary
from .reports.backtest import exposures as exposures
from .reports.bugs import bugs_by_device as bugs_by_device
from .reports.bugs import bugs_by_product as bugs_by_product
from .reports.bugs import bugs_per_feature as bugs_per_feature
from .reports.bugs import severity_score as severity_score
from .reports.changes import Changes as Changes
from .reports.changes import changes as changes
from .reports.changes import changes_since as changes_since
from .reports.changes import what_changed as what_changed
from .reports.coverage import coverage_by_product as coverage_by_product
from .reports.coverage import coverage_by_section as coverage_by_section
from .reports.coverage import coverage_over_time as coverage_over_time
from .reports.coverage import coverage_total as coverage_total
from .reports.facts import bug_bucket as bug_bucket
from .reports.facts import located_bugs as located_bugs
from .reports.facts import story_results as story_results
from .reports.features import feature_catalog as feature_catalog
from .reports.features import untested_features as untested_features
from .reports.gate import Gate as Gate
from .reports.gate import gate as gate
from .reports.glossary import band_definitions as band_definitions
from .reports.glossary import definitions as definitions
from .reports.health import completeness as completeness
from .reports.health import health_summary as health_summary
from .reports.impact import read_impact as read_impact
from .reports.impact import unknown_impact_ids as unknown_impact_ids
from .reports.leftovers import lapsed_tests as lapsed_tests
from .reports.leftovers import removed_features as removed_features
from .reports.leftovers import unattributed_bugs as unattributed_bugs
from .reports.leftovers import unknown_bug_values as unknown_bug_values
from .reports.leftovers import unknown_statuses as unknown_statuses
from .reports.leftovers import unknown_story_statuses as unknown_story_statuses
from .reports.leftovers import unlinked_stories as unlinked_stories
from .reports.leftovers import unlinked_test_features as unlinked_test_features
from .reports.next_tests import next_tests as next_tests
from .reports.next_tests import packed_tests as packed_tests
from .reports.overview import overview as overview
from .reports.rate_intervals import poisson_interval as poisson_interval
from .reports.rate_intervals import wilson as wilson
from .reports.results import evidence_by_product as evidence_by_product
from .reports.results import feature_results as feature_results
from .reports.shrinkage import shrunk_rates as shrunk_rates
from .reports.status import status as status
from .reports.stories import story_coverage as story_coverage
from .reports.stories import story_coverage_by_feature as story_coverage_by_feature
from .reports.stories import story_coverage_by_product as story_coverage_by_product
from .reports.stories import story_coverage_by_section as story_coverage_by_section
from .reports.totals import bugs_total as bugs_total
from .reports.totals import evidence_total as evidence_total
from .reports.totals import story_coverage_total as story_coverage_total
from .reports.trends import trends as trends
from .reports.trends import trends_by_product as trends_by_product
from .reports.trends import trends_by_week as trends_by_week
from .reports.triage import triage as triage
from .reports.triage import triage_by_month as triage_by_month
from .reports.triage import triage_by_product_and_month as triage_by_product_and_month
from .reports.triage import triage_total as triage_total

__all__ = [
    "ApiError",
    "AuthenticationError",
    "Changes",
    "Client",
    "ConfigError",
    "FeatureCounts",
    "Gate",
    "LockedError",
    "Mirror",
    "NotFoundError",
    "ReportError",
    "SchemaVersionError",
    "StoreError",
    "SyncResult",
    "TestioError",
    "UnknownValueError",
    "backtest",
    "backtest_sentence",
    "backtest_summary",
    "band_definitions",
    "bug_bucket",
    "bugs_answer",
    "bugs_by_device",
    "bugs_by_product",
    "bugs_per_feature",
    "bugs_total",
    "changes",
    "changes_since",
    "completeness",
    "coverage_by_product",
    "coverage_by_section",
    "coverage_over_time",
    "coverage_summary",
    "coverage_total",
    "definition_list",
    "definitions",
    "evidence_by_product",
    "evidence_total",
    "export",
    "exposures",
    "facts",
    "feature_catalog",
    "feature_results",
    "figures",
    "gate",
    "generated_exposures",
    "get_section_ids",
    "has_sections",
    "health_summary",
    "html_table",
    "lapsed_tests",
    "load_bug_devices",
    "load_bugs",
    "load_endpoint_findings",
    "load_executions",
    "load_feature_sections",
    "load_features",
    "load_history",
    "load_mirror",
    "load_packed_runs",
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
    "located_bugs",
    "make_pages",
    "next_tests",
    "notice",
    "overview",
    "packed_tests",
    "picture",
    "plan_answer",
    "plot_backtest",
    "plot_bugs_per_feature",
    "plot_coverage_by_product",
    "plot_coverage_by_section",
    "plot_coverage_over_time",
    "plot_last_tested",
    "plot_next_tests",
    "plot_states",
    "plot_stories",
    "plot_trends",
    "plot_triage",
    "poisson_interval",
    "read_impact",
    "removed_features",
    "resolve_api",
    "resolve_db_path",
    "run",
    "settings",
    "severity_score",
    "shrunk_rates",
    "since_last_report",
    "sources",
    "state_bar",
    "statement",
    "status",
    "stories_answer",
    "story_coverage",
    "story_coverage_by_feature",
    "story_coverage_by_product",
    "story_coverage_by_section",
    "story_coverage_total",
    "story_results",
    "sync",
    "sync_async",
    "sync_features",
    "table",
    "trends",
    "trends_by_product",
    "trends_by_week",
    "triage",
    "triage_answer",
    "triage_by_month",
    "triage_by_product_and_month",
    "triage_total",
    "unattributed_bugs",
    "unknown_bug_values",
    "unknown_impact_ids",
    "unknown_statuses",
    "unknown_story_statuses",
    "unlinked_stories",
    "unlinked_test_features",
    "untested_features",
    "verdict",
    "what_changed",
    "wilson",
]
