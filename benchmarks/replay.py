"""Replay of a long run: time to index it, seeks to random events, and the memory of all of it.

    python benchmarks/replay.py [--events 1000000] [--nodes 1000] [--seeks 200] [--json]

A seek is what the screen does: from anywhere to the state after event N, and the newest lines of a node's log. Times
are CPU of this thread, so that a busy machine does not count; the wall clock is printed, too. Then the same on the
screen itself, in a terminal: from a key to the paint that answers it, and its memory.
Targets: 0.1 s (p95), 300 MB.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.reducer import write_journal  # noqa: E402
from benchmarks.run_screen import prepare, screen_of  # noqa: E402
from yk8s_tui.runs.replay import Replay  # noqa: E402

TARGETS = {"seek_p95": 0.1, "memory": 300.0, "screen_memory": 300.0}
LINES_SEEN = 2
"""Lines of one node's log that the dense grid shows."""


def memory() -> float:
    """Highest resident memory so far, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def seek(replay: Replay, position: int) -> tuple[float, float]:
    """CPU and wall seconds of one seek."""
    cpu, wall = time.thread_time(), time.perf_counter()
    state = replay.state_at(position)
    next(iter(state.nodes.values())).log.last(LINES_SEEN)
    return time.thread_time() - cpu, time.perf_counter() - wall


def measure(events: int, nodes: int, seeks: int) -> dict[str, float]:
    """Every figure of one journal."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.jsonl"
        write_journal(path, events, nodes)
        before, cpu, wall = memory(), time.thread_time(), time.perf_counter()
        replay = Replay(path)
        replay.extend()
        index = time.thread_time() - cpu
        index_wall = time.perf_counter() - wall
        chance = random.Random(1)
        found = [seek(replay, chance.randint(1, replay.events)) for _ in range(seeks)]
        cpu_times, walls = zip(*found, strict=True)
        backwards = [seek(replay, position)[0] for position in range(events // 2, events // 2 - 50, -1)]
        size = path.stat().st_size / 1e6
    return {
        "events": replay.events,
        "nodes": nodes,
        "journal_mb": size,
        "index": index,
        "index_wall": index_wall,
        "snapshots": len(replay.snapshots),
        "snapshots_mb": replay.snapshots.bytes / 1e6,
        "seek_p50": statistics.median(cpu_times),
        "seek_p95": statistics.quantiles(cpu_times, n=20)[18],
        "seek_max": max(cpu_times),
        "seek_wall_p95": statistics.quantiles(walls, n=20)[18],
        "back_one_p50": statistics.median(backwards),
        "memory": memory(),
        "memory_before": before,
    }


def on_screen(events: int, nodes: int, keys: int) -> dict[str, float]:
    """The replay screen in a terminal: the end and the beginning in turns, then single events backwards."""
    with tempfile.TemporaryDirectory() as folder:
        directory, _names = prepare(Path(folder), nodes)
        write_journal(directory / "journal.jsonl", events, nodes)
        last = f"{events:,}"
        terminal = screen_of(Path(folder), directory.name, replay_at=1)
        try:
            shown = terminal.wait_for(b"event", 60)
            read = terminal.wait_for(f" of {last} ".encode(), 600)
            jumps, cpu = [], terminal.cpu()
            for number in range(keys):
                key, place = (b"\x1b[H", "1") if number % 2 else (b"\x1b[F", last)
                jumps.append(terminal.press(key, f"event {place:>{len(last)}} of".encode()))
            backwards = []
            terminal.press(b"\x1b[F", f"event {last} of".encode())
            for number in range(keys):
                place = f"{events - number - 1:,}"
                backwards.append(terminal.press(b"\x1b[D", f"event {place:>{len(last)}} of".encode()))
            return {
                "screen_shown": shown,
                "screen_read": read,
                "screen_jump_p50": statistics.median(jumps),
                "screen_back_p50": statistics.median(backwards),
                "screen_cpu_per_key": (terminal.cpu() - cpu) / (2 * keys),
                "screen_memory": terminal.memory(),
            }
        finally:
            terminal.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--nodes", type=int, default=1_000)
    parser.add_argument("--seeks", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = measure(given.events, given.nodes, given.seeks) | on_screen(given.events, given.nodes, 20)
    if given.json:
        print(json.dumps({key: round(value, 4) for key, value in found.items()} | {"targets": TARGETS}))
    else:
        print(f"{found['events']:,} events, {given.nodes} nodes, {found['journal_mb']:.0f} MB of journal")
        print(f"  index               {found['index']:8.1f} s CPU, {found['index_wall']:.1f} s by the clock")
        print(f"  snapshots           {found['snapshots']:8.0f}   {found['snapshots_mb']:.1f} MB")
        print(f"  seek, p50           {1000 * found['seek_p50']:8.1f} ms")
        print(f"  seek, p95           {1000 * found['seek_p95']:8.1f} ms  target {1000 * TARGETS['seek_p95']:.0f} ms")
        print(f"    by the clock      {1000 * found['seek_wall_p95']:8.1f} ms")
        print(f"  seek, worst         {1000 * found['seek_max']:8.1f} ms")
        print(f"  one event back, p50 {1000 * found['back_one_p50']:8.1f} ms")
        print(f"  memory              {found['memory']:8.1f} MB  target {TARGETS['memory']:.0f} MB")
        print(f"    before the index  {found['memory_before']:8.1f} MB")
        print("the screen")
        print(
            f"  first picture       {found['screen_shown']:8.1f} s   all read after {found['screen_read']:.1f} s more"
        )
        print(f"  to the other end    {1000 * found['screen_jump_p50']:8.1f} ms from key to paint, p50")
        print(f"  one event back      {1000 * found['screen_back_p50']:8.1f} ms from key to paint, p50")
        print(f"    CPU of a key      {1000 * found['screen_cpu_per_key']:8.1f} ms")
        print(f"  memory              {found['screen_memory']:8.1f} MB  target {TARGETS['screen_memory']:.0f} MB")
    return 0 if all(found[name] <= TARGETS[name] for name in TARGETS) else 1


if __name__ == "__main__":
    sys.exit(main())
