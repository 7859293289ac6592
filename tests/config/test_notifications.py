"""Who is told of failures, said in config.yaml or by the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.config.conftest import Load, Refuse

EMAIL = "host: mail.example.com, from: Dagster <d@example.com>, to: [a@example.com]"
CONNECTIONS = "connections: {main: {embedded: {}}}\n"


def test_silent_configuration_tells_nobody(load: Load) -> None:
    assert load(CONNECTIONS).settings.notifications is None


def test_everything_that_can_be_said(load: Load, folder: Path) -> None:
    notifications = load(
        f"""{CONNECTIONS}
notifications:
  webhook: {{url: https://hooks.example.com/services/secret, token: t0ken, timeout: 5s, ca_file: ca.pem}}
  email:
    host: mail.example.com
    security: tls
    user: dagster
    password: swordfish
    from: Dagster <dagster@example.com>
    to: [a@example.com, '"Bé, Q" <b@example.com>']
    to_owners: true
  on: [run_failure, kerberos]
  check_severity: error
  sample: false
  link: https://dagster.example.com/
webserver_url: http://localhost:3000
"""
    ).settings.notifications
    assert notifications is not None and notifications.email is not None and notifications.webhook is not None
    assert notifications.webhook.receiver == "hooks.example.com"
    assert notifications.webhook.ca_file == folder / "ca.pem"
    assert notifications.email.effective_port == 465
    assert notifications.email.sender == "Dagster <dagster@example.com>"
    assert notifications.email.to == ("a@example.com", '"Bé, Q" <b@example.com>')
    assert notifications.occasions == ("run_failure", "kerberos")
    assert notifications.link == "https://dagster.example.com"
    for secret in ("swordfish", "t0ken", "services"):
        assert secret not in repr(notifications)


def test_environment_says_lists_with_commas(load: Load) -> None:
    variables = {
        "EMAIL__HOST": "mail.example.com",
        "EMAIL__FROM": "d@example.com",
        "EMAIL__TO": 'a@example.com, "Q, B" <b@example.com>',
        "ON": "check_failure, run_failure",
    }
    notifications = load(
        CONNECTIONS, {f"COCKROACH_NOTIFICATIONS__{name}": value for name, value in variables.items()}
    ).settings.notifications
    assert notifications is not None and notifications.email is not None
    assert notifications.email.to == ("a@example.com", '"Q, B" <b@example.com>')
    assert notifications.occasions == ("check_failure", "run_failure")
    assert (notifications.email.effective_port, notifications.email.security) == (587, "starttls")


@pytest.mark.parametrize(
    ("notifications", "said"),
    [
        ("{}", "notifications: nobody would be told: add webhook or email"),
        ("{email: {host: h, from: d@example.com}}", "notifications: email reaches nobody: set email.to, or email.to_owners: true"),
        ("{email: {host: h, to: a@example.com}}", "notifications.email.from is missing"),
        (f"{{email: {{{EMAIL}, password: swordfish}}}}", "notifications.email: user and password go together"),
        (f"{{email: {{{EMAIL}, user: d, password: swordfish, security: none}}}}", "notifications.email: the password would travel in the clear"),
        (f"{{email: {{{EMAIL}, user: d, password: swördfish}}}}", "notifications.email.password: must be of printable ASCII"),
        ("{email: {host: h, from: d@example.com, to: [a@example.com, nobody]}}", "notifications.email.to: 'nobody' is no e-mail address"),
        ("{email: {host: h, from: 'd@example.com, e@example.com', to: a@example.com}}", "notifications.email.from: must be one e-mail address"),
        (f"{{email: {{{EMAIL}}}, on: [run_failures]}}", "notifications.on: 'run_failures' is none of run_failure, check_failure, freshness, kerberos. Did you mean 'run_failure'?"),
        (f"{{email: {{{EMAIL}, security: ssl}}}}", "notifications.email.security must be one of starttls, tls, none, not 'ssl'"),
        ("{webhook: {url: hooks.example.com/swordfish}}", "notifications.webhook.url: is no web address"),
        (f"{{email: {{{EMAIL}, reply_to: a@example.com}}}}", "notifications.email.reply_to is no setting"),
        (f"{{email: {{{EMAIL}}}, link: dagster}}", "notifications.link: 'dagster' is no web address"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_with_its_place_and_without_secrets(
    refuse: Refuse, notifications: str, said: str
) -> None:
    error = refuse(f"{CONNECTIONS}notifications: {notifications}\n")
    assert said in str(error)
    assert error.place is not None and error.place.line == 2
    assert "swordfish" not in str(error) and "swördfish" not in str(error)
