"""Messages to people: by e-mail, and to web addresses that take what Slack takes."""

from cockroach_pipelines.delivery.attempts import deliver
from cockroach_pipelines.delivery.errors import DeliveryError, RecipientsRefusedError
from cockroach_pipelines.delivery.messages import Attachment, Channel, Level, Message, nothing, one_line
from cockroach_pipelines.delivery.smtp import Email
from cockroach_pipelines.delivery.spreadsheets import CSV_MEDIA_TYPE, spreadsheet_csv
from cockroach_pipelines.delivery.webhook import Webhook

__all__ = [
    "CSV_MEDIA_TYPE",
    "Attachment",
    "Channel",
    "DeliveryError",
    "Email",
    "Level",
    "Message",
    "RecipientsRefusedError",
    "Webhook",
    "deliver",
    "nothing",
    "one_line",
    "spreadsheet_csv",
]
