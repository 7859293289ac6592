"""Whom an encrypted connection trusts."""

from __future__ import annotations

import ssl
from pathlib import Path

from cockroach_pipelines.delivery.errors import DeliveryError


def trusted(ca_file: Path | None) -> ssl.SSLContext:
    """Give a context that checks certificates and names: against the system's authorities, or those of a file.

    Raises:
        DeliveryError: The file cannot be used.
    """
    problem = ""
    try:
        return ssl.create_default_context(cafile=ca_file)
    except ssl.SSLError:
        problem = "holds no certificates in PEM"
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
    raise DeliveryError(f"ca_file {ca_file} {problem}.", advice="Name a file with the certificates to trust, as PEM.")


def certificate_problem(error: ssl.SSLError, host: str) -> DeliveryError:
    """Give the error of a connection that could not be encrypted."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return DeliveryError(
            f"The certificate of {host} is not trusted: {error.verify_message}.",
            advice="Connect by the name that the certificate is made out to; set ca_file where your own authority signs.",
        )
    return DeliveryError(
        f"The connection to {host} could not be encrypted: {error.reason or error}.",
        advice="Is it the port that speaks TLS from the first byte on?",
    )
