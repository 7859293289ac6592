"""Reports in Dagster: snapshots, tables, deliveries, and what their checks say."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from cockroach_pipelines.config import ConfigManager
from cockroach_pipelines.orchestration import build_definitions
from cockroach_pipelines.reporting import REPORTS, SnapshotStore
from tests.peers.mail import MailServer
from tests.peers.postgres import PostgresServer
from tests.peers.project import make_project

pytestmark = pytest.mark.usefixtures("jvm")

REPORT = """
    /* @asset
    partition: {every: day, from: 2024-01-01, to: 2024-02-01}
    checks: {few: {sql: SELECT count(*) FROM result HAVING count(*) > 5, blocking: true}}
    report:
      title: Numbers
      compare: previous partition
      kpis: {total: {value: sum(n), alert: {change_above: 10%}}}
      into: {table: marts.numbers, partition: day}
      deliver: {to: email, recipients: [ann@example.com], attach: [html]}
    */
    SELECT :partition_key::date AS day, n FROM generate_series(1, extract(day FROM :partition_key::date)::int) AS n
"""


RUN = """
import sys
from pathlib import Path
import dagster as dg
from cockroach_pipelines.config import ConfigManager
from cockroach_pipelines.orchestration import build_definitions

job = build_definitions(ConfigManager.load(Path(sys.argv[1]), {})).resolve_implicit_global_asset_job_def()
range_of = "dagster/asset_partition_range_"
job.execute_in_process(
    asset_selection=[dg.AssetKey(["reporting", "numbers"])],
    tags={range_of + "start": "2024-01-02", range_of + "end": "2024-01-02"},
)
"""


@pytest.fixture
def config(server: PostgresServer, mail: MailServer, tmp_path: Path) -> ConfigManager:
    server.psql("DROP SCHEMA IF EXISTS marts CASCADE; CREATE SCHEMA marts; GRANT ALL ON SCHEMA marts TO PUBLIC")
    make_project(tmp_path, {"main": server.config}, {"reporting/numbers.sql": REPORT})
    path = tmp_path / "config.yaml"
    email = {"host": "127.0.0.1", "port": mail.port, "security": "none", "from": "reports@example.com"}
    path.write_text(json.dumps(json.loads(path.read_text()) | {"notifications": {"email": email, "on": []}}))
    return ConfigManager.load(path, {})


def run(config: ConfigManager, first: str, last: str | None = None) -> dg.ExecuteInProcessResult:
    job = build_definitions(config).resolve_implicit_global_asset_job_def()
    tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last or first}
    return job.execute_in_process(
        asset_selection=[dg.AssetKey(["reporting", "numbers"])], tags=tags, raise_on_error=False
    )


def checks(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    return {each.check_name: each for each in result.get_asset_check_evaluations()}


def metadata(result: dg.ExecuteInProcessResult) -> dict[str | None, dict[str, Any]]:
    events = result.get_asset_materialization_events()
    return {
        event.partition: {name: value.value for name, value in event.materialization.metadata.items()}
        for event in events
    }


def test_each_partition_is_kept_published_and_delivered(
    config: ConfigManager, server: PostgresServer, mail: MailServer
) -> None:
    result = run(config, "2024-01-01", "2024-01-03")
    assert result.success
    store = SnapshotStore(config.settings.results_folder / REPORTS)
    assert store.partitions("reporting/numbers") == ["2024-01-01", "2024-01-02", "2024-01-03"]
    assert (store.folder / "index.html").is_file()
    said = metadata(result)
    assert {key: each["kpi/total"] for key, each in said.items()} == {
        "2024-01-01": 1.0,
        "2024-01-02": 3.0,
        "2024-01-03": 6.0,
    }
    latest = store.find("reporting/numbers")
    page = latest.path("html")
    assert page is not None
    assert said["2024-01-03"]["report"] == page.as_uri()
    assert said["2024-01-03"]["report_path"] == str(page)
    assert said["2024-01-03"]["report_preview"].startswith("![reporting/numbers](data:image/png;base64,")
    assert said["2024-01-03"]["table"] == "3 rows in marts.numbers"
    assert server.psql("SELECT day, count(*) FROM marts.numbers GROUP BY day ORDER BY day").splitlines() == [
        "2024-01-01|1",
        "2024-01-02|2",
        "2024-01-03|3",
    ]
    assert [sent.message["Subject"] for sent in mail.mails] == [
        "Numbers · 2024-01-01",
        "⚠ Numbers · 2024-01-02",
        "⚠ Numbers · 2024-01-03",
    ]
    assert checks(result)["report_delivered"].passed


def test_alerts_are_a_check_and_what_cannot_be_judged_an_error(config: ConfigManager) -> None:
    alerts = checks(run(config, "2024-01-01"))["alerts"]
    assert (alerts.passed, alerts.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert alerts.description == (
        "Could not be evaluated: 2024-01-01: the change of Total: there is no partition before 2024-01-01"
    )
    alerts = checks(run(config, "2024-01-02"))["alerts"]
    assert (alerts.passed, alerts.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert alerts.description == "2024-01-02: Total changed by +200.0%, more than +10.0%"


def test_a_rerun_makes_no_second_snapshot_and_no_second_mail(config: ConfigManager, mail: MailServer) -> None:
    first = metadata(run(config, "2024-01-02"))["2024-01-02"]
    again = metadata(run(config, "2024-01-02"))["2024-01-02"]
    assert again["report"] == first["report"]
    assert again["snapshot"].endswith("made before with the same content")
    assert len(mail.mails) == 1


def test_a_blocked_report_is_neither_kept_nor_published_nor_delivered(
    config: ConfigManager, server: PostgresServer, mail: MailServer
) -> None:
    result = run(config, "2024-01-06")
    assert not result.success
    found = checks(result)
    assert not found["few"].passed
    assert (found["report_delivered"].passed, found["report_delivered"].description) == (
        False,
        "Not delivered: a blocking check failed.",
    )
    assert mail.mails == []
    assert not (config.settings.results_folder / REPORTS).exists()
    assert server.psql("SELECT to_regclass('marts.numbers') IS NULL") == "t"


def test_a_delivery_that_fails_is_a_failed_check_of_a_report_that_is_there(
    config: ConfigManager, mail: MailServer
) -> None:
    mail.refuse = {"ann@example.com": "550 no such person"}
    result = run(config, "2024-01-02")
    assert result.success
    delivered = checks(result)["report_delivered"]
    assert not delivered.passed
    assert "2024-01-02: e-mail to ann@example.com: failed" in str(delivered.description)
    assert "550 no such person" in str(delivered.description)
    mail.clear()
    assert checks(run(config, "2024-01-02"))["report_delivered"].passed
    assert len(mail.mails) == 1


def test_a_run_that_is_killed_while_it_delivers_leaves_one_mail_and_a_failed_check(
    config: ConfigManager, mail: MailServer
) -> None:
    runs: list[subprocess.Popen[bytes]] = []

    def kill() -> None:
        runs[0].kill()
        runs[0].wait()

    mail.before_answer["DATA"] = kill
    runs.append(subprocess.Popen([sys.executable, "-c", RUN, str(config.path)], start_new_session=True))
    assert runs[0].wait(120) == -signal.SIGKILL
    mail.before_answer.clear()
    for _ in range(2):
        delivered = checks(run(config, "2024-01-02"))["report_delivered"]
        assert not delivered.passed
        assert "e-mail to ann@example.com: in doubt" in str(delivered.description)
        assert "report confirm reporting/numbers -p 2024-01-02 --snapshot" in str(delivered.description)
        assert len(mail.mails) == 1


def test_a_report_that_cannot_be_made_fails_with_its_place_and_delivers_nothing(
    config: ConfigManager, mail: MailServer, tmp_path: Path
) -> None:
    path = tmp_path / "sql" / "queries" / "reporting" / "numbers.sql"
    text = (
        path.read_text()
        .replace("sum(n)", "sum(m)")
        .replace("SELECT :partition_key::date AS day, n FROM", "SELECT * FROM")
    )
    path.write_text(text)
    result = run(config, "2024-01-02")
    failure = result.failure_data_for_node("reporting__numbers")
    assert failure is not None and failure.user_failure_data is not None
    said = str(failure.user_failure_data.description)
    assert "numbers.sql:7:25: The result has no column 'm'." in said
    assert mail.mails == []


def test_each_partition_of_a_range_has_its_own_sections_and_comparison(config: ConfigManager, tmp_path: Path) -> None:
    path = tmp_path / "sql" / "queries" / "reporting" / "numbers.sql"
    path.write_text("""
        /* @asset
        partition: {p: {every: day, from: 2024-01-01, column: day}, k: {keys: [eu, us]}}
        report: {compare: previous partition, kpis: {total: sum(n), others: {value: count, of: other}}}
        */
        -- name: first
        SELECT :partition_start::date AS day, n FROM generate_series(1, extract(day FROM :partition_start)::int) AS n
        -- name: other
        SELECT :partition_key AS key
        """)
    result = run(config, "eu|2024-01-02", "eu|2024-01-03")
    assert result.success
    said = metadata(result)
    assert {key: (each["kpi/total"], each["kpi/others"]) for key, each in said.items()} == {
        "eu|2024-01-02": (3.0, 1.0),
        "eu|2024-01-03": (6.0, 1.0),
    }
    assert not any("statement_ran_for" in each for each in said.values())
    store = SnapshotStore(config.settings.results_folder / REPORTS)
    compared = {key: store.find("reporting/numbers", key).manifest.compared_with for key in said}
    assert compared == {"eu|2024-01-02": "eu|2024-01-01", "eu|2024-01-03": "eu|2024-01-02"}


def test_a_report_without_a_page_is_a_folder_of_files(config: ConfigManager, tmp_path: Path) -> None:
    path = tmp_path / "sql" / "queries" / "reporting" / "numbers.sql"
    header = "/* @asset\npartition: {every: day, from: 2024-01-01}\nreport: {formats: [csv]}\n*/\nSELECT :partition_key AS day"
    path.write_text(header)
    said = metadata(run(config, "2024-01-02"))["2024-01-02"]
    assert {path.name for path in Path(said["report_path"]).iterdir()} == {"data.csv", "data.parquet", "manifest.json"}
    assert "report_preview" not in said
