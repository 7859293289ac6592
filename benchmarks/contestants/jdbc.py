"""What else reads over JDBC: jaydebeapi, and jaydebeapiarrow with its own jar."""

from __future__ import annotations

from typing import Any

import jpype
import pyarrow as pa

from benchmarks.contestants.contestant import Contestant, Place, Subject
from cockroach_pipelines.database import JVMManager
from cockroach_pipelines.database.jvm import DRIVER_JAR

_DRIVER = "org.postgresql.Driver"


def _start_jvm(*further_jars: str) -> None:
    # As they start it by themselves, but for the time zone, which is that of the values to compare.
    jpype.startJVM(
        "-Duser.timezone=UTC",
        "--enable-native-access=ALL-UNNAMED",
        "--add-opens=java.base/java.nio=ALL-UNNAMED",
        jvmpath=str(JVMManager().home / "lib/server/libjvm.so"),
        classpath=[str(DRIVER_JAR), *further_jars],
        convertStrings=True,
    )


class _Connected(Contestant):
    connection: Any

    def close(self) -> None:
        self.connection.close()


class ReadRows(_Connected):
    """jaydebeapi's fetchall: tuples, not yet Arrow.

    Its rows are counted and not compared: it drops leading zeros of a fraction of a second, and makes floats of decimals.
    """

    def __init__(self, place: Place, subject: Subject) -> None:
        import jaydebeapi

        super().__init__(place, subject)
        _start_jvm()
        login = {"user": place.user, "password": place.password}
        self.connection = jaydebeapi.connect(_DRIVER, place.jdbc_url, login)

    def run(self) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(self.subject.query)
            self.result = cursor.fetchall()


class ReadTable(_Connected):
    """jaydebeapiarrow's table, filled by its loop in Java."""

    def __init__(self, place: Place, subject: Subject) -> None:
        import jaydebeapiarrow

        super().__init__(place, subject)
        _start_jvm(*jaydebeapiarrow._get_arrow_jar_paths())
        # Otherwise it writes a stack trace for every timestamptz, which would be what is measured.
        jpype.JClass("java.util.logging.LogManager").getLogManager().reset()
        login = {"user": place.user, "password": place.password}
        self.connection = jaydebeapiarrow.connect(_DRIVER, place.jdbc_url, login)
        self.connection.jconn.setAutoCommit(False)

    def run(self) -> None:
        cursor = self.connection.cursor()
        cursor.execute(self.subject.query)
        self.result = cursor.fetch_arrow_table()
        cursor.close()

    def settle(self) -> None:
        self.connection.rollback()

    def table(self) -> pa.Table:
        return self.result
