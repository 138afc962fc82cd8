"""`yk8s-tui status`: what is wrong, and what is known; it changes nothing."""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from yk8s_tui.commands.common import cluster_directory, print_json
from yk8s_tui.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from yk8s_tui.operations.status import StatusWatch
    from yk8s_tui.status.model import ClusterStatus, Finding

FIRST_SECONDS = 20.0
"""How long hosts and API may take to answer for the first time."""
WATCH_SECONDS = 0.5
"""How often changes are looked for; what changed has arrived by itself before."""


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `status`."""
    status = commands.add_parser("status", help="what is wrong and what is known; only reads")
    status.add_argument("--json", action="store_true", help="everything as JSON on stdout")
    status.add_argument("--watch", action="store_true", help="go on, and print a line for each change; ^C ends it")
    status.add_argument("--plain", action="store_true", help="print it once, instead of the status view")
    status.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """The view on a terminal; else print once, or follow."""
    root = cluster_directory(args)
    if sys.stdout.isatty() and sys.stdin.isatty() and not (args.json or args.watch or args.plain):
        return _view(root)
    return _print_status(root, args)


def _view(root: Path) -> int:
    from yk8s_tui.operations.status import StatusWatch

    watch = StatusWatch(root)
    # What it asks for arrives while the terminal interface is being loaded.
    watch.start()
    from yk8s_tui.app import run_app

    return run_app(cluster=str(root), status=watch)


def _print_status(root: Path, args: argparse.Namespace) -> int:
    from yk8s_tui.operations.status import StatusWatch
    from yk8s_tui.status.health import findings

    watch = StatusWatch(root)
    watch.start()
    try:
        watch.await_first(FIRST_SECONDS)
        now = time.time()
        found = findings(watch.status, now)
        if args.json and not args.watch:
            print_json(as_json(watch.status, found))
        elif not args.watch:
            print("\n".join(lines(watch.status, found, now)))
        else:
            _follow(watch, as_json_lines=args.json)
        if watch.error:
            raise watch.error
    finally:
        watch.stop()
    return exit_code(watch.status, found)


def exit_code(status: ClusterStatus, found: Sequence[Finding]) -> int:
    """0 well (warnings or not), 1 something is wrong, 5 the API cannot be reached."""
    api = status.sources.get("api")
    if api is None or api.state != "live":
        return ExitCode.UNREACHABLE
    return ExitCode.FAILED if any(f.severity == "failed" for f in found) else ExitCode.DONE


def as_json(status: ClusterStatus, found: Sequence[Finding]) -> dict[str, Any]:
    """Everything that is known, as `status --json` has it."""
    whole = asdict(status)
    whole |= {key: list(whole[key].values()) for key in ("nodes", "pods", "workloads", "etcd", "hosts", "frontends")}
    whole["read"] = sorted(status.read)
    whole |= {"leaders": list(whole["leaders"].values()), "api_servers": list(whole["api_servers"].values())}
    del whole["revision"]
    return {"format": 1, "findings": [asdict(f) for f in found], **whole}


def lines(status: ClusterStatus, found: Sequence[Finding], now: float) -> list[str]:
    """The status as text: what is wrong, then the tables that fit on a page."""
    told = [_headline(status)]
    told += [sentence(f) for f in found] or ["✓ nothing is wrong"]
    told += ["", "nodes", *(f"  {_node(status, name)}" for name in sorted(status.nodes))]
    for key, source in sorted(status.sources.items()):
        if source.state != "live":
            told.append(f"? {key}: {source.state}: {source.error}".rstrip(": "))
    return told


def _headline(status: ClusterStatus) -> str:
    reached = f"API {status.route}" if status.route else "API not reached"
    nodes = len(status.nodes) if "nodes" in status.read else "?"
    pods = status.pod_count if "pods" in status.read else "?"
    return f"{status.name} · v{status.version} · {nodes} nodes · {pods} pods · {reached}"


def sentence(finding: Finding) -> str:
    """One finding as a line."""
    mark = "✗" if finding.severity == "failed" else "!"
    look = f"\n    look at: {finding.look}" if finding.look else ""
    return f"{mark} {finding.subject} {finding.text}{look}"


def _node(status: ClusterStatus, name: str) -> str:
    node = status.nodes[name]
    ready = {"True": "Ready", "False": "NotReady"}.get(node.ready, "Unknown")
    return f"{name:<20} {','.join(node.roles):<24} {ready:<9} {node.version}{' cordoned' if node.cordoned else ''}"


def _follow(watch: StatusWatch, *, as_json_lines: bool) -> None:
    """Print what is wrong now, then each finding that comes and goes, until ^C."""
    import json
    import threading

    from yk8s_tui.status.health import findings

    pause, known = threading.Event(), dict[str, Any]()
    try:
        while True:
            now = time.time()
            current = {f.key: f for f in findings(watch.status, now)}
            gone = [f for key, f in known.items() if key not in current]
            come = [f for key, f in current.items() if key not in known]
            for change, found in (("gone", gone), ("found", come)):
                for finding in found:
                    if as_json_lines:
                        line = json.dumps(
                            {"format": 1, "t": round(now, 3), "change": change, "finding": asdict(finding)}
                        )
                    else:
                        stamp = time.strftime("%H:%M:%S", time.localtime(now))
                        line = f"{stamp} {'✓ over: ' if change == 'gone' else ''}{sentence(finding)}"
                    print(line, flush=True)
            known = current
            pause.wait(WATCH_SECONDS)
            watch.drain()
    except KeyboardInterrupt:
        return
