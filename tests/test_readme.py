"""What the README says of keys and commands is what there is."""

from __future__ import annotations

import re
from pathlib import Path

import typer

from cockroach_pipelines.cli.app import app
from cockroach_pipelines.cli.exit_codes import ExitCode
from cockroach_pipelines.config import ConfigManager, DatabaseConfig
from cockroach_pipelines.queries import RECONCILIATION_KEYS, BatchRules, Header, SQLRepository

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def _first_cells(title: str) -> list[str]:
    section = README.partition(f"## {title}\n")[2].partition("\n## ")[0]
    return [line.split(" | ")[0] for line in section.splitlines() if line.startswith("| `")]


def test_every_header_key_is_in_the_table_and_every_key_in_the_table_exists() -> None:
    written = {key for cell in _first_cells("A SQL file") for key in re.findall(r"`(\w+)`", cell)}
    assert written == {field.alias or name for name, field in Header.model_fields.items()}


def test_every_key_of_a_reconciliation_is_in_its_table_and_every_key_in_the_table_exists() -> None:
    written = {key for cell in _first_cells("Reconciliation") for key in re.findall(r"`(\w+)`", cell)}
    assert written == set(RECONCILIATION_KEYS) - set(Header.model_fields)


def test_every_key_of_a_batch_is_in_its_table_and_its_example_is_a_valid_file(tmp_path: Path) -> None:
    written = {key for cell in _first_cells("Maintenance in batches") for key in re.findall(r"`(\w+)`", cell)}
    assert written == set(BatchRules.model_fields)
    section = README.partition("## Maintenance in batches\n")[2].partition("\n## ")[0]
    (example,) = re.findall(r"\n\n((?:    .*\n)+)", f"\n{section}")
    folder = tmp_path / "queries" / "maintenance"
    folder.mkdir(parents=True)
    (folder / "example.sql").write_text("".join(line[4:] + "\n" for line in example.splitlines()))
    assert SQLRepository(tmp_path).get("example").batch


def test_each_form_of_a_reconciliation_is_a_valid_file(tmp_path: Path) -> None:
    section = README.partition("## Reconciliation\n")[2].partition("\n## ")[0]
    examples = [
        "".join(line[4:] + "\n" for line in block.splitlines()) for block in re.findall(r"\n\n((?:    .*\n)+)", section)
    ]
    folder = tmp_path / "queries" / "reconciliation"
    folder.mkdir(parents=True)
    for number, text in enumerate(examples[:3]):
        (folder / f"form_{number}.sql").write_text(text)
    repository = SQLRepository(tmp_path, ["main", "warehouse"])
    assert not repository.broken, [str(each.error) for each in repository.broken.values()]
    compares = [query.comparison is not None for query in repository.queries.values()]
    assert compares == [False, True, True]
    assert examples[3].startswith("uv run cockroach-pipelines reconcile")


def test_every_command_is_in_the_table_and_every_command_in_the_table_exists() -> None:
    written = {re.findall(r"`cockroach-pipelines (\w+)", cell)[0] for cell in _first_cells("Commands")}
    assert written == set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


def test_exit_codes_are_those_of_the_commands() -> None:
    (sentence,) = re.findall(r"Exit codes: (.+?)\.\n", README, re.DOTALL)
    assert [int(code) for code in re.findall(r"\b\d+\b", sentence)] == [code.value for code in ExitCode]


def test_example_of_notifications_is_a_valid_configuration(tmp_path: Path) -> None:
    section = README.partition("## Sensors and notifications\n")[2].partition("\n## ")[0]
    (example,) = re.findall(r"\n((?:    .*\n)+)", section)
    block = "\n".join(line[4:] for line in example.splitlines())
    (tmp_path / "config.yaml").write_text(f"connections: {{main: {{embedded: {{}}}}}}\n{block}\n")
    notifications = ConfigManager.load(tmp_path / "config.yaml", {}).settings.notifications
    assert notifications is not None and notifications.webhook and notifications.email and notifications.email.to_owners


def test_example_of_a_connection_is_a_valid_configuration(tmp_path: Path) -> None:
    (example,) = re.findall(
        r"\n((?:    .*\n)+)", README.partition("## Connections\n")[2].partition("With `ticket_cache`")[0]
    )
    block = "\n".join(line[4:] for line in example.splitlines())
    (tmp_path / "config.yaml").write_text(block)
    main = ConfigManager.load(tmp_path / "config.yaml", {}).connection()
    assert isinstance(main, DatabaseConfig)
    assert main.kerberos is not None and main.kerberos.principal == "etl@EXAMPLE.COM"
    assert block.startswith("connections:")
