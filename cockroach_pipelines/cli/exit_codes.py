"""What the exit code of a command means."""

from __future__ import annotations

from enum import IntEnum

from cockroach_pipelines.config import ConfigurationError, PipelinesError
from cockroach_pipelines.database import ConnectionFailedError, JVMError, KerberosError
from cockroach_pipelines.embedded import EmbeddedServerError
from cockroach_pipelines.queries import ParameterError, QueryFileError, QueryNotFoundError


class ExitCode(IntEnum):
    """Exit codes of every command."""

    OK = 0
    FAILED = 1
    """A check or a statement failed."""
    USAGE = 2
    """The command line, the configuration or a SQL file is wrong."""
    CONNECTION = 3
    """No Java, no Kerberos ticket, no server."""
    HELD = 4
    """Another process has it, or somebody or something holds it back."""
    INTERRUPTED = 130


def exit_code(error: PipelinesError) -> ExitCode:
    """Give the exit code for an error."""
    # With pyarrow, which most commands do without.
    from cockroach_pipelines.execution.lease import LeaseHeldError, LeaseLostError

    match error:
        case JVMError() | KerberosError() | ConnectionFailedError() | EmbeddedServerError():
            return ExitCode.CONNECTION
        case LeaseHeldError() | LeaseLostError():
            return ExitCode.HELD
        case ConfigurationError() | QueryFileError() | QueryNotFoundError() | ParameterError():
            return ExitCode.USAGE
        case _:
            return ExitCode.FAILED
