"""What identity-based connections need of Azure, on this machine: tokens, who issues them, and storage that wants them.

Azurite looks at a token's form, issuer, audience and time, not at its signature, and takes it over HTTPS only.
"""

from __future__ import annotations

import base64
import ipaddress
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from devstack import azurite
from devstack.background import held
from devstack.ports import ACCOUNT, ACCOUNT_KEY, Ports

AUDIENCE = "https://storage.azure.com"
_HEADER = "a secret of the platform"


@dataclass(frozen=True, kw_only=True)
class SecureStorage:
    """An Azurite that takes tokens."""

    blob_address: str
    queue_address: str
    certificate: Path
    """What signs its HTTPS; REQUESTS_CA_BUNDLE makes Python trust it."""

    @property
    def connection_string(self) -> str:
        """For the test's own looks; the product never sees it."""
        return (
            f"DefaultEndpointsProtocol=https;AccountName={ACCOUNT};AccountKey={ACCOUNT_KEY};"
            f"BlobEndpoint={self.blob_address};QueueEndpoint={self.queue_address};"
        )


@contextmanager
def secure_storage(folder: Path) -> Iterator[SecureStorage]:
    """An Azurite with HTTPS and OAuth, in memory, on any free ports. Raises AzuriteNotInstalled."""
    certificate, key = _self_signed(folder)
    flags = ["--oauth", "basic", "--cert", str(certificate), "--key", str(key)]
    with held(
        lambda: azurite.running(
            ports=Ports.any_free(), access_log=folder / "azurite-access.log", location=None, flags=flags
        )
    ) as holding:
        ports = holding.value.storage.ports
        yield SecureStorage(
            blob_address=f"https://127.0.0.1:{ports.blob}/{ACCOUNT}",
            queue_address=f"https://127.0.0.1:{ports.queue}/{ACCOUNT}",
            certificate=certificate,
        )


def _self_signed(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


def token() -> str:
    """A token for storage that Azurite takes for an hour."""
    now = int(time.time())
    claims = {
        "aud": AUDIENCE,
        "iss": "https://sts.windows.net/00000000-0000-0000-0000-000000000000/",
        "iat": now - 60,
        "nbf": now - 60,
        "exp": now + 3600,
    }
    parts = (json.dumps(part).encode() for part in ({"alg": "RS256", "typ": "JWT"}, claims))
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (*parts, b"no signature"))


class IdentityEndpoint(ThreadingHTTPServer):
    """App Service's managed-identity endpoint: remembers for which identity and resource a token was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[dict[str, str]] = []

    @property
    def environment(self) -> dict[str, str]:
        """What App Service sets for an app with an identity."""
        return {"IDENTITY_ENDPOINT": f"http://127.0.0.1:{self.server_port}/msi/token", "IDENTITY_HEADER": _HEADER}


class _Handler(BaseHTTPRequestHandler):
    server: IdentityEndpoint

    def do_GET(self) -> None:
        asked = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        self.server.asked.append(asked)
        if self.headers["X-IDENTITY-HEADER"] != _HEADER or asked["resource"].rstrip("/") != AUDIENCE:
            self._answer(400, {"statusCode": 400, "message": "No Managed Identity found for specified ClientId."})
            return
        expires_on = str(int(time.time()) + 3600)
        answer = {"access_token": token(), "expires_on": expires_on, "resource": asked["resource"]}
        self._answer(200, answer | {"token_type": "Bearer"})

    def _answer(self, status: int, content: Mapping[str, object]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""


@contextmanager
def identity_endpoint() -> Iterator[IdentityEndpoint]:
    """A running endpoint."""
    with IdentityEndpoint() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def install_azure_cli(folder: Path) -> None:
    """An ``az`` in this folder whose user is logged in: it says what the real one says when asked for a token."""
    answer = {"accessToken": token(), "expires_on": int(time.time()) + 3600, "tokenType": "Bearer"}
    program = folder / "az"
    program.write_text(
        f"""#!/bin/sh
[ "$1 $2" = "account get-access-token" ] || exit 2
cat <<'END'
{json.dumps(answer)}
END
"""
    )
    program.chmod(0o755)
