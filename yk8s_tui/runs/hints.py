"""What an operator can do about a failure, from its text."""

from __future__ import annotations

import re

HINTS = (
    (
        r"\betcd\b.{0,120}(unhealthy|no leader|leader changed|not started|timed out|unavailable|refused|mvcc|corrupt)",
        "etcd is not well: on the control plane nodes look at `crictl ps -a --name etcd` and `journalctl -u kubelet`",
    ),
    (
        r"yaml parsing failed|syntax error while loading yaml|couldn't resolve module|not a valid attribute for a"
        r"|conflicting action statements|the role '.*' was not found",
        "a playbook or a file it uses is wrong: mend the line that is named, then apply again",
    ),
    (
        r"host key checking|host key verification failed|remote host identification",
        "the host shows another key than the pinned one: find out why, then pin the new one",
    ),
    (
        r"permission denied \(|authentication (failed|methods)",
        "the login is refused: check user and key of this node",
    ),
    (
        r"connection timed out|no route to host|connection refused|unreachable|could not resolve"
        r"|closed by remote host|connection reset|broken pipe|shutdown\.target",
        "check that the host is up and that SSH answers, then apply again",
    ),
    (
        r"incorrect sudo password|missing sudo password|a password is required|duplicate become password",
        "store the right sudo password for this node, then apply again",
    ),
    (r"no space left on device|disk quota", "make room on the host's file system, then apply again"),
    (r"read-only file system", "the host's file system is read-only: look at its kernel log"),
    (
        r"could not get lock|dpkg frontend lock|unable to acquire the dpkg",
        "another package manager is at work on the host: wait until it has ended, then apply again",
    ),
    (
        r"failed to fetch|temporary failure resolving|no package matching|unable to locate package",
        "the host does not get its packages: check its package sources, name resolution and way out",
    ),
    (r"out of memory|cannot allocate memory|\bkilled\b", "the host has too little memory"),
    (
        r"timed? ?out|deadline exceeded",
        "what was waited for did not come: look at the log of this node, then apply again",
    ),
)
"""Pattern (case does not matter) and remedy; the first that matches."""

DEFAULT = "look at the log of this node, mend the cause, then apply again"


def hint_for(*texts: str) -> str:
    """The remedy for a failure with these texts, most telling first."""
    for text in texts:
        for pattern, remedy in HINTS:
            if re.search(pattern, text, re.IGNORECASE):
                return remedy
    return DEFAULT
