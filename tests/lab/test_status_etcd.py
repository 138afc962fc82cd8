"""A real etcd on a lab host: what is said of it and its certificates, and that asking writes nothing into it."""

from __future__ import annotations

import asyncio
import base64
import datetime
import ipaddress
import json
from collections.abc import Iterator

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.lab.conftest import LabCluster, MakeLab, needs_mirror
from tests.lab.frontends import TWO
from tests.lab.watching import on, watching

pytestmark = pytest.mark.lab

PKI = "/etc/kubernetes/pki/etcd"
QUOTA = 4 << 20
UNIT = "watched-etcd"
ETCD = (
    f"systemd-run --quiet --unit={UNIT} etcd --name=cp1 --data-dir=/var/lib/etcd/watched "
    "--listen-client-urls=https://127.0.0.1:2379 --advertise-client-urls=https://127.0.0.1:2379 "
    "--listen-peer-urls=http://127.0.0.1:2380 --initial-advertise-peer-urls=http://127.0.0.1:2380 "
    f"--initial-cluster=cp1=http://127.0.0.1:2380 --cert-file={PKI}/server.crt --key-file={PKI}/server.key "
    f"--trusted-ca-file={PKI}/ca.crt --client-cert-auth --quota-backend-bytes={QUOTA}"
)
CTL = (
    f"ETCDCTL_API=3 etcdctl --endpoints=https://127.0.0.1:2379 --cacert={PKI}/ca.crt "
    f"--cert={PKI}/healthcheck-client.crt --key={PKI}/healthcheck-client.key"
)


class Authority:
    """A CA as kubeadm makes one for etcd."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self.sign("etcd-ca", self.key, 3650, authority=True)

    def sign(
        self, name: str, key: ec.EllipticCurvePrivateKey, days: float, *, authority: bool = False
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        issuer = subject if authority else self.certificate.subject
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        return (
            x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .sign(self.key, hashes.SHA256())
        )  # fmt: skip

    def write(self, cluster: LabCluster, name: str, days: float) -> None:
        """A certificate and its key on the host."""
        key = ec.generate_private_key(ec.SECP256R1())
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        put(cluster, f"{PKI}/{name}.key", private)
        put(cluster, f"{PKI}/{name}.crt", pem(self.sign(name, key, days)))


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def put(cluster: LabCluster, path: str, content: bytes) -> None:
    cluster.exec("cp1", f"echo {base64.b64encode(content).decode()} | base64 -d > {path}.new && mv {path}.new {path}")


@pytest.fixture(scope="module")
def cluster(make_lab: MakeLab) -> LabCluster:
    return make_lab(TWO)


@pytest.fixture(scope="module")
def authority(cluster: LabCluster) -> Iterator[Authority]:
    """A running etcd on cp1."""
    needs_mirror()
    cluster.exec("cp1", "systemctl mask etcd.service; apt-get update -qq && DEBIAN_FRONTEND=noninteractive "
                 "apt-get install -qq --no-install-recommends etcd-server etcd-client", timeout=600)  # fmt: skip
    cluster.exec("cp1", f"mkdir -p {PKI}")
    made = Authority()
    put(cluster, f"{PKI}/ca.crt", pem(made.certificate))
    made.write(cluster, "server", 300)
    made.write(cluster, "healthcheck-client", 300)
    cluster.exec("cp1", ETCD)
    cluster.exec("cp1", f"for i in $(seq 60); do {CTL} endpoint health && exit 0; sleep 0.5; done; exit 1")
    yield made
    cluster.exec("cp1", f"systemctl stop {UNIT}; rm -rf /etc/kubernetes /var/lib/etcd/watched", check=False)


def raft_index(cluster: LabCluster) -> int:
    told = json.loads(cluster.exec("cp1", f"{CTL} endpoint status --write-out=json").stdout)
    return int(told[0]["Status"]["raftIndex"])


async def test_a_member_and_its_certificates(cluster: LabCluster, authority: Authority) -> None:
    before = raft_index(cluster)
    async with watching(cluster, "cp1") as seen:
        member = seen.status.etcd["cp1"]
        assert (member.error, member.leader, member.led, member.learner) == ("", True, True, False)
        assert (member.members, member.alarms) == (("cp1",), ())
        assert member.version.startswith("3.")
        assert 0 < member.used <= member.size
        names = {one.name: one.authority for one in seen.status.hosts["cp1"].certificates}
        assert names == {"etcd/ca": True, "etcd/server": False, "etcd/healthcheck-client": False}
        assert not [key for key in seen.found() if key.startswith(("etcd.", "certificate."))]
        await asyncio.sleep(6)
    assert raft_index(cluster) == before


async def test_a_certificate_with_five_days_left(cluster: LabCluster, authority: Authority) -> None:
    async with watching(cluster, "cp1") as seen:
        await asyncio.to_thread(authority.write, cluster, "apiserver-etcd-client", 5)
        await seen.until(lambda: "certificate.ending:cp1" in seen.found(), "a certificate ends")
        assert "etcd/apiserver-etcd-client ends in 5 days" in seen.found()["certificate.ending:cp1"].text
        await on(cluster, "cp1", f"rm {PKI}/apiserver-etcd-client.*")
        await seen.until(lambda: "certificate.ending:cp1" not in seen.found(), "it is gone")


async def test_a_member_that_stops(cluster: LabCluster, authority: Authority) -> None:
    async with watching(cluster, "cp1") as seen:
        await on(cluster, "cp1", f"systemctl kill --signal=STOP {UNIT}")
        try:
            await seen.until(lambda: bool(seen.status.etcd["cp1"].error), "the member hangs", 6)
            assert "no answer within 3 s" in seen.found()["etcd.down:cp1"].text
        finally:
            await on(cluster, "cp1", f"systemctl kill --signal=CONT {UNIT}")
        await seen.until(lambda: not seen.status.etcd["cp1"].error, "the member is back")
        await on(cluster, "cp1", f"systemctl stop {UNIT}")
        await seen.until(lambda: bool(seen.status.etcd["cp1"].error), "the member is down")
        assert "Connection refused" in seen.found()["etcd.down:cp1"].text
        await on(cluster, "cp1", ETCD)
        await seen.until(lambda: seen.status.etcd["cp1"].leader, "the member leads again", 15)


async def test_a_database_that_is_full(cluster: LabCluster, authority: Authority) -> None:
    fill = (
        f"head -c 400000 /dev/zero | tr '\\0' x > /root/value; for i in $(seq 20); do {CTL} put k$i < /root/value; done"
    )
    async with watching(cluster, "cp1") as seen:
        await on(cluster, "cp1", fill, check=False)
        await seen.until(lambda: seen.status.etcd["cp1"].alarms == ("NOSPACE",), "the alarm")
        assert "etcd.alarm:cp1:NOSPACE" in seen.found()
