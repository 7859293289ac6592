"""An object of S3 appears when it is whole; an upload that fails leaves no parts."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from moto.server import ThreadedMotoServer
from upath import UPath

from cockroach_pipelines.execution import FileWriteError, write_file
from tests.execution.files.conftest import TABLE, LostConnectionError

PART = 5 * 2**20
KEYS = {"key": "tester", "secret": "a secret"}


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """A server that speaks S3."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(endpoint: str) -> Any:
    """A bucket, looked into by another instance than the one that writes."""
    system = fsspec.filesystem("s3", endpoint_url=endpoint, skip_instance_cache=True, use_listings_cache=False, **KEYS)
    if not system.exists("bucket"):
        system.mkdir("bucket")
    return system


def place(endpoint: str, key: str, bucket: str = "bucket") -> UPath:
    return UPath(f"s3://{bucket}/{key}", endpoint_url=endpoint, default_block_size=PART, **KEYS)


def uploads(s3: Any) -> list[Any]:
    return list(s3.call_s3("list_multipart_uploads", Bucket="bucket").get("Uploads", []))


@pytest.mark.parametrize("ending", ["parquet", "csv", "csv.gz", "arrow"])
def test_object_is_written_and_replaced(s3: Any, endpoint: str, ending: str) -> None:
    for table in (TABLE, pa.table({"n": range(10)})):
        written = write_file(table, place(endpoint, f"deep/r.{ending}"))
        assert written.destination == f"s3://bucket/deep/r.{ending}"
        assert s3.info(f"bucket/deep/r.{ending}")["size"] == written.bytes
    assert uploads(s3) == []
    if ending == "parquet":
        with s3.open("bucket/deep/r.parquet") as file:
            assert pq.read_table(file)["n"].to_pylist() == list(range(10))


def test_object_larger_than_a_part_is_whole(s3: Any, endpoint: str) -> None:
    table = pa.table({"t": ["x" * 1000] * 12_000})
    written = write_file(table, place(endpoint, "large.csv"))
    assert written.bytes > 2 * PART
    assert s3.info("bucket/large.csv")["size"] == written.bytes
    assert uploads(s3) == []


def test_upload_that_breaks_is_discarded_and_the_last_object_stays(
    s3: Any, endpoint: str, breaking: Callable[[int], Any]
) -> None:
    for mebibytes in (1, 12):
        s3.pipe("bucket/r.csv", b"the last good result")
        with pytest.raises(LostConnectionError):
            write_file(breaking(mebibytes), place(endpoint, "r.csv"))
        assert s3.cat("bucket/r.csv") == b"the last good result"
        assert uploads(s3) == []


def test_missing_bucket_is_an_error_with_advice_and_is_not_made(s3: Any, endpoint: str) -> None:
    with pytest.raises(FileWriteError) as caught:
        write_file(TABLE, place(endpoint, "r.csv", bucket="absent"))
    assert "s3://absent/r.csv cannot be written" in caught.value.message
    assert "Make the bucket" in caught.value.advice
    assert not s3.exists("absent")


def test_store_that_cannot_be_reached_is_an_error_with_advice() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{unused.getsockname()[1]}"
        options = {"config_kwargs": {"retries": {"max_attempts": 0}, "connect_timeout": 1}, **KEYS}
        with pytest.raises(FileWriteError) as caught:
            write_file(TABLE, UPath("s3://bucket/r.csv", endpoint_url=nobody, **options))
    assert "Check the network" in caught.value.advice
    assert "a secret" not in str(caught.value)


def test_missing_credentials_are_an_error_with_advice(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, "/nonexistent")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(FileWriteError) as caught:
        write_file(TABLE, UPath("s3://bucket/r.csv", endpoint_url=endpoint))
    assert "redentials" in str(caught.value)
