"""EDGE. Certificates for TLS on loopback, made at start: one to trust, one that nobody should."""

import datetime as dt
import ipaddress
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tweetlog_local.x_api.settings import CERTIFICATE

_DAYS = 30


@dataclass(frozen=True, slots=True)
class Tls:
    """How to serve TLS, and what clients are to trust."""

    context: ssl.SSLContext
    ca_file: Path


def made(folder: Path, host: str, *, untrusted: Callable[[], bool]) -> Tls:
    """Return TLS with a certificate that is its own authority.

    Args:
        folder: where the files go.
        host: the address it is for, besides localhost.
        untrusted: is asked at each handshake whether to show the other certificate.
    """
    context = _context(folder, Path(CERTIFICATE).stem, host)
    other = _context(folder, "untrusted", host)

    def choose(connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        if untrusted():
            connection.context = other

    context.sni_callback = choose
    return Tls(context, folder / CERTIFICATE)


def _context(folder: Path, name: str, host: str) -> ssl.SSLContext:
    key, certificate = folder / f"{name}.key", folder / f"{name}.crt"
    _write(key, certificate, host)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def _write(key_file: Path, certificate_file: Path, host: str) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "local X API")])
    now = dt.datetime.now(dt.UTC)
    names = [x509.DNSName("localhost"), _general_name(host)]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=_DAYS))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    key_file.touch(mode=0o600)
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
