"""Two relations compared."""

from cockroach_pipelines.reconciliation import telling
from cockroach_pipelines.reconciliation.columns import SchemaDifference
from cockroach_pipelines.reconciliation.dataset import DIFFERENCE_COLUMNS
from cockroach_pipelines.reconciliation.engine import reconcile
from cockroach_pipelines.reconciliation.errors import KeyColumnError, NoCommonColumnsError, ReconciliationError
from cockroach_pipelines.reconciliation.matching import DuplicateKey
from cockroach_pipelines.reconciliation.mending import Direction, mending_sql
from cockroach_pipelines.reconciliation.picture import svg, thumbnail
from cockroach_pipelines.reconciliation.relation import Relation
from cockroach_pipelines.reconciliation.result import (
    ColumnCount,
    Counts,
    Histogram,
    Kind,
    Pattern,
    Progress,
    RecheckOutcome,
    Reconciliation,
    SideConsistency,
    StrategyChoice,
    Verdict,
)
from cockroach_pipelines.reconciliation.spec import (
    Bound,
    Care,
    Expectation,
    HashKind,
    Measure,
    Recheck,
    ReconciliationSpec,
    Stop,
    Strategy,
    Tolerance,
)
from cockroach_pipelines.reconciliation.upserting import upserting_sql

__all__ = [
    "DIFFERENCE_COLUMNS",
    "Bound",
    "Care",
    "ColumnCount",
    "Counts",
    "Direction",
    "DuplicateKey",
    "Expectation",
    "HashKind",
    "Histogram",
    "KeyColumnError",
    "Kind",
    "Measure",
    "NoCommonColumnsError",
    "Pattern",
    "Progress",
    "Recheck",
    "RecheckOutcome",
    "Reconciliation",
    "ReconciliationError",
    "ReconciliationSpec",
    "Relation",
    "SchemaDifference",
    "SideConsistency",
    "Stop",
    "Strategy",
    "StrategyChoice",
    "Tolerance",
    "Verdict",
    "mending_sql",
    "reconcile",
    "svg",
    "telling",
    "thumbnail",
    "upserting_sql",
]
