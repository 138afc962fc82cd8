"""Programs and images of a bundle, brought to the nodes: verified before they go, never sent twice."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from pathlib import Path

from yk8s_tui.backends.bundle import Bundle, BundleFile
from yk8s_tui.errors import UnreachableError, Yk8sError
from yk8s_tui.layers import receipts
from yk8s_tui.layers.base import ActionContext, NodeOutcome
from yk8s_tui.models.plan import Action, Step

FOLDER = "/usr/local/bin"
MARKS = "/var/lib/yk8s/images"
"""One empty file per imported archive, called after its SHA-256."""

NODES_AT_ONCE = 8
"""Nodes that are sent to at once: more only share the same line."""

RECEIVE = f"""\
set -eu
umask 022
mkdir -p {FOLDER}
part={FOLDER}/.yk8s.part
trap 'rm -f -- "$part"' EXIT
receive() {{
    head -c "$2" > "$part"
    got=$(sha256sum < "$part" | cut -c1-64)
    [ "$got" = "$3" ] || {{ echo "digest of $1 is $got" >&2; exit 65; }}
    chmod 0755 "$part"
    mv -f -- "$part" {FOLDER}/"$1"
}}
"""
"""The programs come one after the other; calls of `receive` with name, size in bytes and SHA-256 follow."""

HAVE_BINARIES = f"cd {FOLDER} 2>/dev/null && sha256sum -- {{names}} 2>/dev/null; true"

RUNNING_VERSION = f"test ! -e /etc/kubernetes/kubelet.conf || {FOLDER}/kubelet --version"

START = "systemctl start containerd.service || {{ journalctl -u containerd -n 12 -o cat --no-pager >&2; exit 1; }}\n"

HAVE_IMAGES = f"""\
{START}\
mkdir -p {{marks}}
cd {{marks}} && ls -1
echo --
ctr --namespace k8s.io images list --quiet
"""

IMPORT = """\
set -eu
receive() {
    head -c "$1" | {
        ctr --namespace k8s.io images import --local - >/dev/null || failed=$?
        cat >/dev/null
        exit "${failed:-0}"
    }
}
"""
"""The archives come one after the other; calls of `receive` with the size in bytes follow. What ctr leaves of an
archive is read away, or the next one would begin with it."""

PIN = """\
set -e
for image in {references}; do
    ctr --namespace k8s.io images label "$image" io.cri-containerd.pinned=pinned >/dev/null
done
cd {marks} && touch -- {digests}
"""

REPORTS = 20
"""How often progress is told while files are sent."""

PULL = f"""\
set -eu
{START}\
images=$({{kubeadm}} config images list --kubernetes-version v{{version}} --image-repository {{registry}})
for image in $(printf '%s\\n' "$images" | grep -E {{only}}); do
    if crictl inspecti -q "$image" >/dev/null 2>&1; then continue; fi
    crictl pull "$image" >/dev/null || crictl pull "$image" >/dev/null
    echo "$image"
done
"""
PULL_SECONDS = 900

Sender = Callable[[ActionContext, Step, "Source", str], Awaitable[NodeOutcome]]


class Source:
    """The files of a bundle, each verified once, when it is first needed."""

    def __init__(self, bundle: Bundle, digests: Iterable[str]) -> None:
        wanted = set(digests)
        self.bundle = bundle
        self.files = tuple(f for f in bundle.files if f.sha256 in wanted)
        self._checks: dict[str, asyncio.Task[Path]] = {}

    def size(self, file: BundleFile) -> int:
        """Bytes of a file; raises `BundleError` when it has gone since the plan was made."""
        try:
            return self.bundle.local(file).stat().st_size
        except OSError:
            return self.bundle.checked(file).stat().st_size

    async def path(self, file: BundleFile) -> Path:
        """Where a file is on this machine; raises `BundleError` when it is damaged."""
        if file.path not in self._checks:
            self._checks[file.path] = asyncio.create_task(asyncio.to_thread(self.bundle.checked, file))
        return await self._checks[file.path]


async def send_binaries(context: ActionContext, step: Step) -> dict[str, NodeOutcome]:
    """Put the programs of the bundle into /usr/local/bin; a node that runs another version is refused."""
    return await _each(context, step, _binaries)


async def send_images(context: ActionContext, step: Step) -> dict[str, NodeOutcome]:
    """Import the images of the bundle into containerd, and keep them from being collected as garbage."""
    return await _each(context, step, _images)


async def pull_images(context: ActionContext, step: Step) -> dict[str, NodeOutcome]:
    """Let containerd pull what kubeadm will need, on every node."""
    assert isinstance(step.run, Action)
    given = step.run.arguments
    only = f"/({'|'.join(given['only'])}):" if given["only"] else "."
    command = PULL.format(
        kubeadm="/usr/bin/kubeadm",
        version=given["version"],
        registry=shlex.quote(given["registry"]),
        only=shlex.quote(only),
    )

    async def one(node: str) -> NodeOutcome:
        if _check_only(context):
            return NodeOutcome("ok", "not looked at in check mode")
        context.task(node, "Pull images")
        try:
            await receipts.write(context, step, node, "started")
            done = await context.ssh.run(node, f"sh -c {shlex.quote(command)}", timeout=PULL_SECONDS)
            if not done.ok:
                hint = "see kubernetes.image_registry and kubernetes.registry_mirrors"
                return NodeOutcome("failed", f"images cannot be pulled: {done.error_text}", hint)
            await receipts.write(context, step, node, "done", units={"containerd.service": "active"})
        except UnreachableError as error:
            return NodeOutcome("unreachable", error.what, error.hint)
        except Yk8sError as error:
            return NodeOutcome("failed", f"{error.what}: {error.why}" if error.why else error.what, error.hint)
        pulled = done.text.split()
        return NodeOutcome("changed" if pulled else "ok", f"{len(pulled)} images pulled" if pulled else "all are there")

    outcomes = await asyncio.gather(*(one(node) for node in step.nodes))
    return dict(zip(step.nodes, outcomes, strict=True))


async def _each(context: ActionContext, step: Step, send: Sender) -> dict[str, NodeOutcome]:
    version = context.config.kubernetes.version
    bundle = Bundle.find(version)
    if bundle is None:
        raise Yk8sError(f"the bundle v{version} is gone", hint="`yk8s-tui bundle list` shows those there are")
    assert isinstance(step.run, Action)
    source = Source(bundle, step.run.arguments["files"])
    limit = asyncio.Semaphore(NODES_AT_ONCE)

    async def one(node: str) -> NodeOutcome:
        async with limit:
            try:
                return await send(context, step, source, node)
            except UnreachableError as error:
                return NodeOutcome("unreachable", f"{error.what}: {error.why}" if error.why else error.what, error.hint)
            except Yk8sError as error:
                return NodeOutcome("failed", f"{error.what}: {error.why}" if error.why else error.what, error.hint)

    outcomes = await asyncio.gather(*(one(node) for node in step.nodes))
    return dict(zip(step.nodes, outcomes, strict=True))


async def _binaries(context: ActionContext, step: Step, source: Source, node: str) -> NodeOutcome:
    context.task(node, "Compare programs")
    names = shlex.join(f.name for f in source.files)
    told = await context.ssh.run(node, HAVE_BINARIES.format(names=names), timeout=120)
    have = {line.split()[1]: line.split()[0] for line in told.text.splitlines() if line}
    absent = [f for f in source.files if have.get(f.name) != f.sha256]
    if absent and not _check_only(context):
        if "kubelet" in have:
            await _refuse_other_version(context, source, node)
        await receipts.write(context, step, node, "started")
        calls = (shlex.join(["receive", f.name, str(source.size(f)), f.sha256]) for f in absent)
        await _send(context, source, node, absent, RECEIVE + "\n".join(calls), "Send programs")
    if not _check_only(context):
        claims = {f"{FOLDER}/{f.name}": f.sha256 for f in source.files}
        await receipts.write(context, step, node, "done", files=claims)
    return NodeOutcome("changed" if absent else "ok", _said("program", absent, source.files))


async def _images(context: ActionContext, step: Step, source: Source, node: str) -> NodeOutcome:
    if _check_only(context):
        return NodeOutcome("ok", "not looked at in check mode")
    context.task(node, "Compare images")
    told = await context.ssh.run(node, HAVE_IMAGES.format(marks=MARKS), timeout=120)
    if not told.ok:
        raise Yk8sError(
            "containerd does not answer",
            where=node,
            why=told.error_text,
            hint="see `journalctl -u containerd`",
        )
    marks, _, images = told.text.partition("--\n")
    have, known = set(marks.split()), set(images.split())
    missing = (f for f in source.files if f.sha256 not in have or not known.issuperset(f.references))
    absent = sorted(missing, key=source.size)
    if absent:
        await receipts.write(context, step, node, "started")
        calls = (f"receive {source.size(f)}" for f in absent)
        await _send(context, source, node, absent, IMPORT + "\n".join(calls), "Send images")
        references = shlex.join(r for f in absent for r in f.references)
        digests = shlex.join(f.sha256 for f in absent)
        pinned = await context.ssh.run(
            node, PIN.format(references=references, marks=MARKS, digests=digests), timeout=120
        )
        if not pinned.ok:
            raise Yk8sError("an image is not there after its import", where=node, why=pinned.error_text)
    claims = dict.fromkeys((f"{MARKS}/{f.sha256}" for f in source.files), "")
    await receipts.write(context, step, node, "done", files=claims, units={"containerd.service": "active"})
    return NodeOutcome("changed" if absent else "ok", _said("image", absent, source.files))


async def _send(
    context: ActionContext, source: Source, node: str, files: Sequence[BundleFile], command: str, task: str
) -> None:
    """Send files one after the other to a command; each is verified before it goes."""
    context.task(node, task)
    total = sum(map(source.size, files))
    told, current = 0, ""

    async def verified() -> AsyncIterator[Path]:
        nonlocal current
        for file in files:
            path = await source.path(file)
            current = file.path
            yield path

    def report(sent: int) -> None:
        nonlocal told
        if sent - told >= total / REPORTS or sent == total:
            told = sent
            context.progress(node, done=sent, total=total, unit="bytes", text=current)

    done = await context.ssh.send(node, command, verified(), progress=report)
    if not done.ok:
        raise Yk8sError(f"{task.lower()} failed at {current}", where=node, why=done.error_text)


async def _refuse_other_version(context: ActionContext, source: Source, node: str) -> None:
    """Programs under a running node are replaced by an upgrade only: it drains, and knows the order."""
    told = await context.ssh.run(node, RUNNING_VERSION)
    running = told.text.strip().rpartition("v")[2]
    if told.ok and running and running != source.bundle.version:
        raise Yk8sError(
            f"runs Kubernetes {running}, and {source.bundle.version} is configured",
            where=node,
            hint=f"set kubernetes.version back to {running}; another version is installed by an upgrade, node by node",
        )


def _check_only(context: ActionContext) -> bool:
    return bool(getattr(context, "check_only", False))


def _said(thing: str, sent: list[BundleFile], files: tuple[BundleFile, ...]) -> str:
    if not sent:
        return f"all {len(files)} {thing}s are there"
    return f"{len(sent)} of {len(files)} {thing}s sent"
