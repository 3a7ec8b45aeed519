"""Keys that tests sign with, and what is trusted of them."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from registry.signing import PublicKey, Trust, TrustedKey, TrustStore, new_key_pair, seal
from tests.registry.folders import FACTS, front_matter, write_adapter


@dataclass(frozen=True)
class Signer:
    """A key pair in a folder."""

    path: Path
    public: PublicKey

    @classmethod
    def make(cls, path: Path) -> Signer:
        return cls(path, new_key_pair(path))

    def trusted(self, retired: datetime | None = None) -> TrustedKey:
        public = self.public
        return TrustedKey(public.key_id, public.pem, self.path.name, datetime(2026, 1, 1, tzinfo=UTC), retired)

    def seal(self, target: Path, seed: int = 0) -> Path:
        """A signed adapter folder with a file of every kind; `seed` decides the numbers in its weights."""
        source = write_adapter(target.with_name(target.name + "-source"), seed=seed, card=front_matter(license="mit"))
        (source / "figures").mkdir(exist_ok=True)
        (source / "figures" / "loss.png").write_bytes(b"png")
        target.mkdir()
        seal(source, target, FACTS, private_key=self.path)
        return target


def store_of(*keys: TrustedKey, required: bool = True, namespace: str = "acme") -> TrustStore:
    return TrustStore({namespace: Trust(required, keys)})


def model_signing(*arguments: object) -> subprocess.CompletedProcess[str]:
    """The stock command."""
    command = [sys.executable, "-m", "model_signing", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def verified_by_stock_command(folder: Path, public: Path) -> bool:
    signature = folder / "manifest.sig"
    done = model_signing("verify", "key", folder, "--signature", signature, "--public_key", public)
    assert done.returncode in (0, 1), done.stderr
    return done.returncode == 0
