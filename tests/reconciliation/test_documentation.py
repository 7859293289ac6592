"""What docs/reconciliation.md says of keys, files, strategies and exit codes is what there is."""

from __future__ import annotations

import re
from pathlib import Path

from cockroach_pipelines.cli.exit_codes import ExitCode
from cockroach_pipelines.queries import RECONCILIATION_KEYS, SQLRepository
from cockroach_pipelines.reconciliation import DIFFERENCE_COLUMNS, Strategy

TEXT = (Path(__file__).parents[2] / "docs" / "reconciliation.md").read_text()


def section(title: str) -> str:
    return TEXT.partition(f"## {title}\n")[2].partition("\n## ")[0]


def first_cells(text: str) -> list[str]:
    return [line.split(" | ")[0].removeprefix("| ") for line in text.splitlines() if re.match(r"\| [`\d]", line)]


def test_every_key_is_in_the_table_and_every_key_in_the_table_exists() -> None:
    written = [key for cell in first_cells(section("Keys of the header")) for key in re.findall(r"`(\w+)`", cell)]
    assert sorted(written) == sorted(RECONCILIATION_KEYS)


def test_every_example_is_a_valid_file(tmp_path: Path) -> None:
    blocks = re.findall(r"\n\n((?:    .*\n)+)", section("Three forms"))
    folder = tmp_path / "queries" / "reconciliation"
    folder.mkdir(parents=True)
    for number, block in enumerate(blocks):
        text = "".join(line[4:] + "\n" for line in block.splitlines())
        (folder / f"form_{number}.sql").write_text(text)
    repository = SQLRepository(tmp_path, ["main", "warehouse"])
    assert not repository.broken, [str(each.error) for each in repository.broken.values()]
    compares = [query.comparison is not None for _, query in sorted(repository.queries.items())]
    assert compares == [True, True, False, True]


def test_every_strategy_is_in_the_table_and_every_strategy_in_the_table_exists() -> None:
    written = [cell.strip("`") for cell in first_cells(section("How rows meet"))]
    assert sorted(written) == sorted(Strategy)


def test_every_column_of_the_dataset_is_named() -> None:
    assert all(f"`{name}`" in section("What you get") for name in DIFFERENCE_COLUMNS)


def test_exit_codes_are_those_of_the_commands() -> None:
    written = {int(cell) for cell in first_cells(section("What you get"))}
    assert written == {code.value for code in ExitCode} - {ExitCode.HELD}
