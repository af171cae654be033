"""Signatures by the Standard Webhooks specification, version 1 (HMAC-SHA256); each tenant has secrets of its own."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime

from standardwebhooks import Webhook


def tenant_secret(secret: str, tenant: str) -> str:
    """What a tenant's receivers verify with: made of the installation's secret, so that there is nothing to keep."""
    made = hmac.new(secret.encode(), b"sayit webhooks\n" + tenant.encode(), hashlib.sha256).digest()
    return "whsec_" + base64.b64encode(made).decode()


def signed_headers(
    message_id: str, body: str, *, tenant: str, secrets: Sequence[str], now_s: float
) -> list[tuple[str, str]]:
    """The headers of one attempt at a message: a signature by each secret, so that receivers can change theirs."""
    at = datetime.fromtimestamp(int(now_s), UTC)
    signatures = (Webhook(tenant_secret(secret, tenant)).sign(message_id, at, body) for secret in secrets)
    return [
        ("Content-Type", "application/json"),
        ("webhook-id", message_id),
        ("webhook-timestamp", str(int(now_s))),
        ("webhook-signature", " ".join(signatures)),
    ]
