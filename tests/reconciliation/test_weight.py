"""What comparing two relations loads."""

from __future__ import annotations

import subprocess
import sys


def test_a_comparison_of_relations_loads_no_parser_of_sql_and_no_pandas() -> None:
    code = (
        "import sys, cockroach_pipelines.reconciliation; print({'sqlglot', 'pandas', 'structlog'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
