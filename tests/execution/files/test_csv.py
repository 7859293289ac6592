"""CSV is what COPY FROM reads back equal, whatever the values."""

from __future__ import annotations

import decimal
import gzip
import io
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.csv as pacsv
import pytest
from hypothesis import HealthCheck, given, settings

from cockroach_pipelines.database.arrow import UnsupportedTypeError, read, write
from cockroach_pipelines.execution import write_file
from tests.database.arrow.rows import execute
from tests.database.arrow.test_round_trip import COLUMNS, tables
from tests.database.arrow.test_types import CASES, Case

pytestmark = pytest.mark.usefixtures("jvm")


def loaded(truth: psycopg.Connection[Any], path: Path, definitions: str) -> None:
    """Load a file into the table `target` by another driver, as anybody would."""
    truth.execute(f"DROP TABLE IF EXISTS target; CREATE TEMP TABLE target ({definitions})")
    with truth.cursor().copy("COPY target FROM STDIN WITH (FORMAT csv, HEADER)") as copy:
        copy.write(path.read_bytes())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.sql_type)
def test_every_type_is_read_back_by_copy(jdbc: Any, truth: psycopg.Connection[Any], tmp_path: Path, case: Case) -> None:
    written = write_file(read(jdbc, case.select()), tmp_path / "r.csv")
    assert written.rows == len(case.values) + 2
    loaded(truth, tmp_path / "r.csv", f"v {case.sql_type}")
    expected = truth.execute(f"SELECT v::text FROM ({case.select()}) AS s (v) ORDER BY 1").fetchall()
    assert truth.execute("SELECT v::text FROM target ORDER BY 1").fetchall() == expected


def test_moments_of_every_year_are_read_back_by_copy(jdbc: Any, truth: psycopg.Connection[Any], tmp_path: Path) -> None:
    query = """SELECT d::date AS d, d::timestamp AS t, d::timestamptz AS tz FROM unnest(ARRAY[
        '4713-01-01 BC', '0001-12-31 23:59:59.999999 BC', '0001-01-01', '1970-01-01', '9999-12-31 23:59:59.999999',
        '10000-01-01', '294246-01-01', NULL]::timestamp[]) AS d"""
    write_file(read(jdbc, query), tmp_path / "r.csv")
    loaded(truth, tmp_path / "r.csv", "d date, t timestamp, tz timestamptz")
    as_text = "SELECT d::text, t::text, tz::text FROM {} ORDER BY t"
    assert (
        truth.execute(as_text.format("target")).fetchall()
        == truth.execute(as_text.format(f"({query}) AS q")).fetchall()
    )


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(table=tables())
def test_any_table_is_read_back_by_copy(jdbc: Any, truth: psycopg.Connection[Any], tmp_path: Path, table: Any) -> None:
    with decimal.localcontext(prec=80):
        write_file(table, tmp_path / "r.csv")
        definitions = ", ".join(f"{name} {COLUMNS[name][0]}" for name in table.schema.names)
        truth.execute("DROP TABLE IF EXISTS public.from_csv")
        truth.execute(f"CREATE TABLE public.from_csv ({definitions})")
        with truth.cursor().copy("COPY from_csv FROM STDIN WITH (FORMAT csv, HEADER)") as copy:
            copy.write((tmp_path / "r.csv").read_bytes())
        assert (
            read(jdbc, f"SELECT {', '.join(table.schema.names)} FROM from_csv").to_table().to_pylist()
            == table.to_pylist()
        )
        jdbc.commit()


def test_null_and_empty_text_differ_and_text_is_quoted(tmp_path: Path) -> None:
    write_file(pa.table({"a": ["", None, 'q"\n,', "NULL"], "n": [1, None, 3, 4]}), tmp_path / "r.csv")
    assert (tmp_path / "r.csv").read_bytes() == b'"a","n"\n"",1\n,\n"q""\n,",3\n"NULL",4\n'


def test_names_are_quoted_and_equal_ones_kept_apart(tmp_path: Path) -> None:
    written = write_file(pa.table([[1], [2], [3]], names=['a"b', "x", "x"]), tmp_path / "r.csv")
    assert (tmp_path / "r.csv").read_bytes() == b'"a""b","x","x_2"\n1,2,3\n'
    assert written.schema.names == ['a"b', "x", "x_2"]


def test_no_rows_make_a_header(tmp_path: Path) -> None:
    write_file(pa.table({"a": pa.array([], pa.int32())}), tmp_path / "r.csv")
    assert (tmp_path / "r.csv").read_bytes() == b'"a"\n'


def test_rows_keep_their_order_over_pieces_that_are_encoded_at_once(tmp_path: Path) -> None:
    table = pa.table({"n": range(500_000), "t": [f"{n:040}" for n in range(500_000)]})
    assert write_file(table, tmp_path / "r.csv").bytes == (tmp_path / "r.csv").stat().st_size > 3 * (1 << 22)
    assert pacsv.read_csv(tmp_path / "r.csv")["n"].to_pylist() == list(range(500_000))


def test_one_value_larger_than_a_piece_is_written_whole(tmp_path: Path) -> None:
    text = 'x"\n' * 7_000_000
    write_file(pa.table({"t": [text, None, "z"]}), tmp_path / "r.csv")
    assert (tmp_path / "r.csv").read_text() == '"t"\n"' + text.replace('"', '""') + '"\n\n"z"\n'


@pytest.mark.parametrize("ending", ["csv.gz", "csv.zst"])
def test_compressed_csv_is_the_same_csv(tmp_path: Path, ending: str) -> None:
    table = pa.table({"n": range(300_000), "t": [f"text {n}" for n in range(300_000)]})
    for name in ("r.csv", f"r.{ending}"):
        write_file(table, tmp_path / name)
    packed = tmp_path / f"r.{ending}"
    with pa.input_stream(packed, compression="gzip" if ending == "csv.gz" else "zstd") as stream:
        assert stream.read() == (tmp_path / "r.csv").read_bytes()
    if ending == "csv.gz":
        assert gzip.decompress(packed.read_bytes()) == (tmp_path / "r.csv").read_bytes()


def test_numerics_keep_the_digits_of_the_server(jdbc: Any, tmp_path: Path) -> None:
    write_file(read(jdbc, "SELECT unnest(ARRAY['1.50', 'NaN', '1e40', NULL]::numeric[]) AS n"), tmp_path / "r.csv")
    assert (tmp_path / "r.csv").read_text() == f'"n"\n"1.50"\n"NaN"\n"1{"0" * 40}"\n\n'


def test_type_without_text_of_the_server_is_refused_and_leaves_the_last_file(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("the last good result")
    with pytest.raises(UnsupportedTypeError, match="'s'"):
        write_file(pa.table({"s": [{"a": 1}]}), tmp_path / "r.csv")
    assert (tmp_path / "r.csv").read_text() == "the last good result"
    assert [path.name for path in tmp_path.iterdir()] == ["r.csv"]


def test_what_was_written_is_what_write_takes_back(jdbc: Any, tmp_path: Path) -> None:
    execute(jdbc, "CREATE TEMP TABLE again (n int4, t text)")
    write_file(pa.table({"n": [1, None], "t": ["", None]}), tmp_path / "r.csv")
    options = pacsv.ConvertOptions(strings_can_be_null=True, quoted_strings_can_be_null=False, null_values=[""])
    write(jdbc, "again", pacsv.read_csv(io.BytesIO((tmp_path / "r.csv").read_bytes()), convert_options=options))
    assert read(jdbc, "SELECT * FROM again").to_table().to_pylist() == [{"n": 1, "t": ""}, {"n": None, "t": None}]
