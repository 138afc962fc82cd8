"""Which Kubernetes minors this release installs, with what goes with them."""

from __future__ import annotations

from datetime import date

from yk8s_tui.models.base import Section


class Minor(Section):
    """One Kubernetes minor version."""

    minor: str
    """For example `1.36`."""
    latest: str
    """The patch release this version of the tool was made for."""
    released: date
    """Day of the .0 release."""
    end_of_support: date
    """Last day of upstream patch support."""
    pause: str
    """Tag of registry.k8s.io/pause that kubeadm of this minor names."""
    kubeadm_api: str
    """Version of the kubeadm configuration API."""
    minimum_containerd: str
    """Oldest containerd that works."""


SUPPORTED: tuple[Minor, ...] = (
    Minor(
        minor="1.34",
        latest="1.34.9",
        released=date(2025, 8, 27),
        end_of_support=date(2026, 10, 27),
        pause="3.10.1",
        kubeadm_api="v1beta4",
        minimum_containerd="1.7",
    ),
    Minor(
        minor="1.35",
        latest="1.35.6",
        released=date(2025, 12, 17),
        end_of_support=date(2027, 2, 28),
        pause="3.10.1",
        kubeadm_api="v1beta4",
        minimum_containerd="1.7",
    ),
    Minor(
        minor="1.36",
        latest="1.36.3",
        released=date(2026, 4, 22),
        end_of_support=date(2027, 6, 28),
        pause="3.10.2",
        kubeadm_api="v1beta4",
        minimum_containerd="2.0",
    ),
    Minor(
        minor="1.37",
        latest="1.37.1",
        released=date(2026, 8, 26),
        end_of_support=date(2027, 10, 28),
        pause="3.10.2",
        kubeadm_api="v1beta4",
        minimum_containerd="2.0",
    ),
)


def minor_of(version: str) -> str:
    """`1.36.3` -> `1.36`."""
    return ".".join(version.split(".")[:2])


def find(version: str) -> Minor | None:
    """The supported minor a version belongs to, or None."""
    return next((m for m in SUPPORTED if m.minor == minor_of(version)), None)
