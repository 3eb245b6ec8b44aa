"""Mails as files, one each, for installations without a mail server: every mail program opens them."""

import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend


class EmailBackend(BaseEmailBackend):
    """Writes each mail to a file of its own, `20261127-094712-123456-a1b2c3.eml`: by name in the order of sending."""

    def __init__(self, fail_silently: bool = False, file_path: str | None = None, **kwargs: Any) -> None:
        super().__init__(fail_silently=fail_silently, **kwargs)
        self.folder = Path(file_path or settings.EMAIL_FILE_PATH or "")

    def open(self) -> bool:
        """See that the folder is there, as one looks for a server before sending."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return False

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """How many were written.

        Raises:
            OSError: the folder cannot be written to.
        """
        written = 0
        for message in email_messages:
            try:
                self._write(message.message().as_bytes())
            except OSError:
                if not self.fail_silently:
                    raise
            else:
                written += 1
        return written

    def _write(self, content: bytes) -> None:
        self.open()
        path = self.folder / f"{datetime.now(UTC):%Y%m%d-%H%M%S-%f}-{secrets.token_hex(3)}.eml"
        part = path.with_suffix(".part")
        try:
            part.write_bytes(content)
            os.replace(part, path)  # whoever looks into the folder finds whole mails only
        except OSError:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise
