"""`yk8s-tui bundle create|verify|list`: installing without Internet."""

from __future__ import annotations

import argparse
import platform
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from yk8s_tui.commands.common import print_json
from yk8s_tui.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from yk8s_tui.backends.bundle import Architecture, Bundle


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the `bundle` commands."""
    bundle = commands.add_parser("bundle", help="make, verify and list air-gap bundles")
    verbs = bundle.add_subparsers(dest="verb", metavar="VERB", required=True)
    create = verbs.add_parser("create", help="make a bundle from files at hand")
    create.add_argument("--kubernetes", metavar="X.Y.Z", required=True)
    create.add_argument(
        "--from-dir",
        metavar="DIR",
        type=Path,
        required=True,
        help="folder with bin/, images/, charts/, manifests/",
    )
    create.add_argument("--architecture", choices=["amd64", "arm64"], help="default: this machine's")
    create.add_argument(
        "--into", metavar="DIR", type=Path, help="default: $YK8S_BUNDLE_DIR or the cache folder, in vX.Y.Z"
    )
    create.set_defaults(run=run_create)
    verify = verbs.add_parser("verify", help="check every file against its digest")
    verify.add_argument("bundle", nargs="*", metavar="VERSION|DIR", help="default: all bundles")
    verify.add_argument("--json", action="store_true", help="machine-readable")
    verify.set_defaults(run=run_verify)
    listing = verbs.add_parser("list", help="the bundles on this machine")
    listing.add_argument("--json", action="store_true", help="machine-readable")
    listing.set_defaults(run=run_list)


def run_create(args: argparse.Namespace) -> int:
    """Make a bundle; exit code 1 when files are missing."""
    from yk8s_tui import paths
    from yk8s_tui.backends.bundle import create
    from yk8s_tui.models import versions

    version = args.kubernetes.removeprefix("v")
    if versions.find(version) is None or version.count(".") != 2:
        known = ", ".join(m.minor for m in versions.SUPPORTED)
        raise UsageError(f"{args.kubernetes} is not a supported version", hint=f"X.Y.Z of one of the minors {known}")
    machines: dict[str, Architecture] = {"x86_64": "amd64", "aarch64": "arm64"}
    machine = machines.get(platform.machine())
    architecture: Architecture | None = args.architecture or machine
    if architecture is None:
        raise UsageError(f"cannot tell the architecture from {platform.machine()}", hint="name it with --architecture")
    target = args.into or paths.bundle_home() / f"v{version}"
    bundle = create(version, args.from_dir, target, architecture=architecture, note=lambda text: print(f"+ {text}"))
    print(f"bundle v{bundle.version} ({bundle.architecture}), {len(bundle.files)} files: {bundle.root}")
    return ExitCode.DONE


def run_verify(args: argparse.Namespace) -> int:
    """Check digests; exit code 1 when anything is wrong or there is no bundle."""
    checked = [(bundle, bundle.verify()) for bundle in _chosen(args.bundle)]
    if args.json:
        print_json({"bundles": [_row(bundle) | {"problems": list(problems)} for bundle, problems in checked]})
    for bundle, problems in () if args.json else checked:
        mark = "✗" if problems else "✓"
        print(f"{mark} v{bundle.version} {bundle.architecture}, {len(bundle.files)} files: {bundle.root}")
        for problem in problems:
            print(f"  {problem}", file=sys.stderr)
    return ExitCode.FAILED if any(problems for _, problems in checked) else ExitCode.DONE


def run_list(args: argparse.Namespace) -> int:
    """List bundles, their version and size."""
    from yk8s_tui import paths
    from yk8s_tui.backends.bundle import available

    bundles = available()
    if args.json:
        print_json({"bundles": [_row(bundle) for bundle in bundles]})
    elif not bundles:
        print(f"no bundles in {paths.bundle_home()}")
    for bundle in () if args.json else bundles:
        missing = f"  missing: {', '.join(bundle.missing())}" if bundle.missing() else ""
        print(f"v{bundle.version}  {bundle.architecture}  {bundle.size / 1e6:.0f} MB  {bundle.root}{missing}")
    return ExitCode.DONE


def _row(bundle: Bundle) -> dict[str, object]:
    return {
        "version": bundle.version,
        "architecture": bundle.architecture,
        "files": len(bundle.files),
        "bytes": bundle.size,
        "directory": str(bundle.root),
        "missing": list(bundle.missing()),
    }


def _chosen(names: list[str]) -> list[Bundle]:
    from yk8s_tui import paths
    from yk8s_tui.backends.bundle import Bundle, BundleError, available

    if not names:
        found = list(available())
        if not found:
            raise BundleError(
                "there is no bundle",
                where=str(paths.bundle_home()),
                hint="make one with `yk8s-tui bundle create`",
            )
        return found
    chosen = []
    for name in names:
        bundle = Bundle(Path(name)) if Path(name).is_dir() else Bundle.find(name.removeprefix("v"))
        if bundle is None:
            raise BundleError(
                f"there is no bundle {name}",
                where=str(paths.bundle_home()),
                hint="`yk8s-tui bundle list` shows them",
            )
        chosen.append(bundle)
    return chosen
