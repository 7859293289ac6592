"""What the README and the pages beside it say of keys and commands is what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

from cockroach_pipelines.cli.app import app
from cockroach_pipelines.cli.exit_codes import ExitCode
from cockroach_pipelines.config import ConfigManager, DatabaseConfig
from cockroach_pipelines.queries import RECONCILIATION_KEYS, BatchRules, Header, ReportRules, SQLRepository

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
LINK = re.compile(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)")


def _page(name: str) -> str:
    return (ROOT / "docs" / f"{name}.md").read_text()


def _section(text: str, title: str) -> str:
    return text.partition(f"## {title}\n")[2].partition("\n## ")[0]


def _first_cells(section: str) -> list[str]:
    return [line.split(" | ")[0] for line in section.splitlines() if line.startswith("| `")]


def test_every_header_key_is_in_the_table_and_every_key_in_the_table_exists() -> None:
    written = {key for cell in _first_cells(_section(README, "A SQL file")) for key in re.findall(r"`(\w+)`", cell)}
    assert written == {field.alias or name for name, field in Header.model_fields.items()}


def test_every_key_of_a_reconciliation_is_in_its_table_and_every_key_in_the_table_exists() -> None:
    written = {
        key
        for cell in _first_cells(_section(_page("reconciliation"), "Keys of the header"))
        for key in re.findall(r"`(\w+)`", cell)
    }
    assert written == set(RECONCILIATION_KEYS) - set(Header.model_fields)


def test_every_key_of_a_batch_is_in_its_table_and_its_example_is_a_valid_file(tmp_path: Path) -> None:
    written = {key for cell in _first_cells(_page("maintenance")) for key in re.findall(r"`(\w+)`", cell)}
    assert written == set(BatchRules.model_fields)
    section = _section(_page("maintenance"), "Batches")
    (example,) = re.findall(r"\n\n((?:    .*\n)+)", f"\n{section}")
    folder = tmp_path / "queries" / "maintenance"
    folder.mkdir(parents=True)
    (folder / "example.sql").write_text("".join(line[4:] + "\n" for line in example.splitlines()))
    assert SQLRepository(tmp_path).get("example").batch


def test_every_key_of_a_report_is_in_its_table_and_every_key_in_the_table_exists() -> None:
    written = {key for cell in _first_cells(_page("reports")) for key in re.findall(r"`(\w+)`", cell)}
    assert written == set(ReportRules.model_fields)


def test_the_example_of_a_report_is_a_valid_file(tmp_path: Path) -> None:
    example = re.findall(r"\n\n((?:    .*\n)+)", _page("reports"))[0]
    folder = tmp_path / "queries" / "reporting"
    folder.mkdir(parents=True)
    (folder / "example.sql").write_text("".join(line[4:] + "\n" for line in example.splitlines()))
    repository = SQLRepository(tmp_path, ["main"])
    assert not repository.broken, [str(each.error) for each in repository.broken.values()]


def test_each_form_of_a_reconciliation_is_a_valid_file(tmp_path: Path) -> None:
    section = _section(_page("reconciliation"), "Three forms")
    examples = [
        "".join(line[4:] + "\n" for line in block.splitlines()) for block in re.findall(r"\n\n((?:    .*\n)+)", section)
    ]
    folder = tmp_path / "queries" / "reconciliation"
    folder.mkdir(parents=True)
    for number, text in enumerate(examples):
        (folder / f"form_{number}.sql").write_text(text)
    repository = SQLRepository(tmp_path, ["main", "warehouse"])
    assert not repository.broken, [str(each.error) for each in repository.broken.values()]
    compares = [query.comparison is not None for query in repository.queries.values()]
    assert compares == [True, True, False, True]


def test_every_command_is_in_the_table_and_every_command_in_the_table_exists() -> None:
    written = {
        re.findall(r"`cockroach-pipelines (\w+)", cell)[0] for cell in _first_cells(_section(README, "Commands"))
    }
    assert written == set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


def test_exit_codes_are_those_of_the_commands() -> None:
    (sentence,) = re.findall(r"Exit codes: (.+?)\.\n", README, re.DOTALL)
    assert [int(code) for code in re.findall(r"\b\d+\b", sentence)] == [code.value for code in ExitCode]


def test_example_of_notifications_is_a_valid_configuration(tmp_path: Path) -> None:
    (example,) = re.findall(r"\n((?:    .*\n)+)", _page("notifications"))
    block = "\n".join(line[4:] for line in example.splitlines())
    (tmp_path / "config.yaml").write_text(f"connections: {{main: {{embedded: {{}}}}}}\n{block}\n")
    notifications = ConfigManager.load(tmp_path / "config.yaml", {}).settings.notifications
    assert notifications is not None and notifications.webhook and notifications.email and notifications.email.to_owners


def test_example_of_a_connection_is_a_valid_configuration(tmp_path: Path) -> None:
    (example,) = re.findall(r"\n((?:    .*\n)+)", _section(README, "Connections").partition("With `ticket_cache`")[0])
    block = "\n".join(line[4:] for line in example.splitlines())
    (tmp_path / "config.yaml").write_text(block)
    main = ConfigManager.load(tmp_path / "config.yaml", {}).connection()
    assert isinstance(main, DatabaseConfig)
    assert main.kerberos is not None and main.kerberos.principal == "etl@EXAMPLE.COM"
    assert block.startswith("connections:")


def test_examples_of_the_readme_are_valid_files(tmp_path: Path) -> None:
    examples = re.findall(r"\n((?:    .*\n)+)", _section(README, "What files can do"))
    checks, reconciliation, command, batch = (
        "".join(line[4:] + "\n" for line in each.splitlines()) for each in examples
    )
    for folder, text in [
        ("reporting", f"/* @asset\n{checks}*/\nSELECT 'UA' AS carrier, 1 AS day"),
        ("reconciliation", reconciliation),
        ("maintenance", batch),
    ]:
        (tmp_path / "queries" / folder).mkdir(parents=True)
        (tmp_path / "queries" / folder / "example.sql").write_text(text)
    repository = SQLRepository(tmp_path, ["main", "warehouse"])
    assert not repository.broken, [str(each.error) for each in repository.broken.values()]
    assert len(repository.queries) == 3
    assert command.startswith("uv run cockroach-pipelines reconcile")


@pytest.mark.parametrize("page", ["README.md", *sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("docs/*.md"))])
def test_links_lead_somewhere(page: str) -> None:
    for target, heading in LINK.findall((ROOT / page).read_text()):
        path = ((ROOT / page).parent / target) if target else ROOT / page
        assert path.exists(), target
        if heading:
            headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
            assert heading in {re.sub(r"[^\w -]", "", each).lower().replace(" ", "-") for each in headings}
