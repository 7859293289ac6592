"""CSV for people: nothing in it is a formula, and nothing of it is lost."""

from __future__ import annotations

import csv
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given
from hypothesis import strategies as st

from cockroach_pipelines.reporting.people_csv import harmless, write_people_csv

RISKY = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


@given(
    st.lists(st.none() | st.text(st.characters(codec="utf-8"), max_size=20) | st.sampled_from(["=1", "'=1", "''", "-"]))
)
def test_whoever_takes_one_apostrophe_off_has_the_text_as_it_was(texts: list[str | None]) -> None:
    batch = pa.record_batch({"t": pa.array(texts, pa.string())})
    made = harmless(batch)["t"].to_pylist()
    assert not any(text and text.startswith(RISKY) for text in made)
    assert [text and text.removeprefix("'") for text in made] == texts


def test_numbers_stay_numbers(tmp_path: Path) -> None:
    table = pa.table({"n": pa.array([-1, None], pa.int64()), "t": ["-1", None], "e": ["", "a,b"]})
    pq.write_table(table, tmp_path / "rows.parquet")
    write_people_csv(tmp_path / "rows.parquet", tmp_path / "people.csv")
    assert (tmp_path / "people.csv").read_text() == '"n","t","e"\n-1,"\'-1",""\n,,"a,b"\n'
    with (tmp_path / "people.csv").open(newline="") as file:
        assert list(csv.reader(file))[1] == ["-1", "'-1", ""]
