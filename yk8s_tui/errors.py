"""Errors an operator can act on: what, where, why, and what to do, each with its exit code."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of the command line; documented and stable."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    CONFIG = 3
    PREFLIGHT = 4
    UNREACHABLE = 5
    LOCKED = 6
    CONSENT = 7
    CANCELLED = 8
    PARTIAL = 9


class Yk8sError(Exception):
    """A failure with a remedy.

    `what` is one sentence, `where` names the file, host or step, `why` is the evidence, and `hint`
    says what to do next. The command line prints them on stderr; screens show them in a dialog.
    """

    exit_code = ExitCode.FAILED

    def __init__(self, what: str, *, where: str = "", why: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.why = why
        self.hint = hint

    def __str__(self) -> str:
        lines = [f"{self.where}: {self.what}" if self.where else self.what]
        if self.why:
            lines.append(f"  why: {self.why}")
        if self.hint:
            lines.append(f"  what to do: {self.hint}")
        return "\n".join(lines)


class UsageError(Yk8sError):
    """The command was called with arguments that make no sense."""

    exit_code = ExitCode.USAGE


class ConfigError(Yk8sError):
    """The cluster repository or its configuration is missing, torn or invalid."""

    exit_code = ExitCode.CONFIG


class PreflightError(Yk8sError):
    """A preflight check failed and was not waived."""

    exit_code = ExitCode.PREFLIGHT


class UnreachableError(Yk8sError):
    """SSH, the Kubernetes API or a cloud API does not answer, or is not who it should be."""

    exit_code = ExitCode.UNREACHABLE


class LockedError(Yk8sError):
    """Another run holds the cluster."""

    exit_code = ExitCode.LOCKED


class ConsentError(Yk8sError):
    """Something destructive was asked for without the typed consent."""

    exit_code = ExitCode.CONSENT


class CancelledError(Yk8sError):
    """The operator cancelled."""

    exit_code = ExitCode.CANCELLED


class PartialError(Yk8sError):
    """A part was done; `apply` goes on from there."""

    exit_code = ExitCode.PARTIAL
