"""Credentials are removed from all text that leaves a service module, in every form a server may echo them."""

import base64
import html
import json
import re
import urllib.parse
from collections.abc import Iterable

from pipeline.text import plain

SHORTEST = 4
"""A shorter secret would blot out ordinary words."""


def forms(secrets: Iterable[str]) -> set[str]:
    """Return each secret as it is and percent-encoded, in base64, in JSON and in HTML."""
    found = set()
    for secret in filter(None, secrets):
        raw = secret.encode(errors="surrogateescape")
        encoded = (base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode())
        found |= {secret, secret.strip(), *encoded, *(text.rstrip("=") for text in encoded)}
        found |= {urllib.parse.quote(raw, safe=""), urllib.parse.quote_plus(raw)}
        found |= {json.dumps(secret)[1:-1], html.escape(secret)}
    return {form for form in found if len(form) >= SHORTEST}


def redact(text: str, secrets: Iterable[str]) -> str:
    """Return the text without known secrets, tokens recognized by their form, and the query of an address."""
    for form in sorted(forms(secrets), key=len, reverse=True):
        text = text.replace(form, "***")
    text = re.sub(r"\b(?:KGAT_|hf_)\w+", "***", text)
    text = re.sub(r"(?i)\b(basic|bearer)\s+[\w+/=.~-]{16,}", r"\1 ***", text)
    text = re.sub(r"://[^/\s@]+@", "://***@", text)
    return re.sub(r"(https?://[^\s?'\"]*)\?[^\s'\"]*", r"\1?***", text)


def clean(text: object, secrets: Iterable[str], longest: int = 300) -> str:
    """Return what a service said, redacted, on one line and without a full stop."""
    # Redacted first: cutting a text could leave half a secret, which no longer looks like one.
    return plain(redact(str(text), secrets), longest).rstrip(".")
