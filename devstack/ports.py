"""Where the parts listen: always on this machine only, on the ports that Azure's own tools expect unless told."""

from __future__ import annotations

from dataclasses import dataclass

LOOPBACK = "127.0.0.1"

ACCOUNT = "devstoreaccount1"
# Azurite's fixed key, printed in its documentation and the same on every machine: not a secret.
ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


@dataclass(frozen=True, kw_only=True)
class Ports:
    """The ports of a devstack; 0 stands for any port that is free when the part starts."""

    blob: int = 10000
    queue: int = 10001
    table: int = 10002
    functions: int = 7071

    @classmethod
    def any_free(cls) -> Ports:
        """Ports that collide with nothing: each part takes a free one as it starts, and says which."""
        return cls(blob=0, queue=0, table=0, functions=0)

    @property
    def host_url(self) -> str:
        """Address of the Functions host on these ports, without a slash at the end."""
        return f"http://{LOOPBACK}:{self.functions}"

    @property
    def blob_endpoint(self) -> str:
        """Address of the blob service on these ports, with the account and without a slash at the end."""
        return f"http://{LOOPBACK}:{self.blob}/{ACCOUNT}"

    @property
    def connection_string(self) -> str:
        """What `BlobServiceClient.from_connection_string` and its kin need for the storage on these ports."""
        return (
            f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={ACCOUNT_KEY};"
            f"BlobEndpoint={self.blob_endpoint};"
            f"QueueEndpoint=http://{LOOPBACK}:{self.queue}/{ACCOUNT};"
            f"TableEndpoint=http://{LOOPBACK}:{self.table}/{ACCOUNT};"
        )
