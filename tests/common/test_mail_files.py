"""Mails as files: each opens in a mail program by itself."""

import email
import email.policy
from pathlib import Path

import pytest
from django.core.mail import EmailMultiAlternatives, get_connection

BACKEND = "gatekeeper.common.mail_files.EmailBackend"


def test_each_mail_is_a_file_that_a_mail_program_opens(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "there yet"
    post = get_connection(BACKEND, file_path=str(folder))
    post.open()
    mails = [EmailMultiAlternatives(f"Für dich {n}", f"Text {n}", "a@example.org", ["b@example.org"]) for n in (1, 2)]
    mails[0].attach_alternative("<p>Text 1</p>", "text/html")
    assert post.send_messages(mails) == 2
    files = sorted(folder.iterdir())
    assert [file.suffix for file in files] == [".eml", ".eml"]
    read = [email.message_from_bytes(file.read_bytes(), policy=email.policy.default) for file in files]
    assert [mail["Subject"] for mail in read] == ["Für dich 1", "Für dich 2"]
    html = read[0].get_body(("html",))
    assert html is not None
    assert "Text 1" in html.get_content()
    assert "Text 2" in read[1].get_content()


def test_a_folder_that_cannot_be_written_to_is_an_error_unless_asked_to_be_silent(tmp_path: Path) -> None:
    (tmp_path / "mail").write_text("a file stands here")
    mail = EmailMultiAlternatives("Subject", "Text", "a@example.org", ["b@example.org"])
    with pytest.raises(OSError, match="mail"):
        get_connection(BACKEND, file_path=str(tmp_path / "mail")).send_messages([mail])
    silent = get_connection(BACKEND, fail_silently=True, file_path=str(tmp_path / "mail"))
    assert silent.send_messages([mail]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["mail"]
