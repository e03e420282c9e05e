"""Fake secrets in every place where the API sends real ones (testio-api.md, 13), so that a leak can be found."""

from __future__ import annotations

from typing import Any

PLANTED_SECRETS: dict[str, str] = {
    "username": "planted-user-41ab",
    "password": "planted-password-58Kx",
    "access": "planted-access-note-63: ring at gate 4, then use door code 5518",
    "url_token": "planted-url-token-72aa",
    "information": "planted-claims-text-86",
    "attachment_signature": "planted-signature-93ff",
}
"""Strings that must be in no database, log, error, notebook or page. Plain ASCII, which JSON and HTML keep as it is."""

PROSE_WITH_LOGIN = f"Sign in as {PLANTED_SECRETS['username']} with the password {PLANTED_SECRETS['password']}."
"""A sentence as people write it into instructions, goals and comments."""


def environment(environment_id: int, title: str, host: str) -> dict[str, Any]:
    """Return a test environment with all its secrets (testio-api.md, 7.4)."""
    return {
        "id": environment_id,
        "title": title,
        "url": f"https://{host}.skerry.invalid/start?access_token={PLANTED_SECRETS['url_token']}",
        "username": PLANTED_SECRETS["username"],
        "password": PLANTED_SECRETS["password"],
        "access": PLANTED_SECRETS["access"],
        "proxy": False,
        "allow_orders": host.startswith("preview"),
        "access_type": "url",
        "environment_test_information": {
            "id": environment_id + 40_000,
            "page_url": f"https://{host}.skerry.invalid/claims?access_token={PLANTED_SECRETS['url_token']}",
            "description": PLANTED_SECRETS["information"],
            "data_type": "access_claims",
        },
        "binary_app": None,
    }


def attachment(attachment_id: int, filename: str, content_type: str) -> dict[str, Any]:
    """Return an attachment whose addresses open it to whoever has them."""
    base = f"https://files.skerry.invalid/{attachment_id}/{filename}"
    query = f"?signature={PLANTED_SECRETS['attachment_signature']}"
    sizes = ("50x50", "150x150", "200x200", "x250", "50x36")
    return {
        "id": attachment_id,
        "url": f"{base}{query}",
        "thumbnail_urls": {size: f"{base}/{size}.png{query}" for size in sizes},
        "content_type": content_type,
        "original_filename": filename,
    }
