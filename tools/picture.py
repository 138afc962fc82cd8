"""The run screen as a picture (PNG), from the journal of a real run at a moment of it.

The journal is replayed up to the given second into a directory of its own, with its times moved to now, so that
the screen shows the run as if it went on. The run directory itself is only read. Needs a monospaced font with box
drawing and symbols (DejaVu Sans Mono) for the PNG. `docs/pictures/run.png` was made so:

    make demo
    python tools/picture.py .demo/runs/<id> --second 63 --node cp1 --out docs/pictures/run.png
"""

from __future__ import annotations

import argparse
import asyncio
import html
import json
import os
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

FONT = "DejaVu Sans Mono"
ADVANCE = 0.602
"""Width of its characters, of the font size."""
CHARACTER = 12.2
"""Width of a character in Textual's SVG, pixels."""
TEXT = re.compile(
    r'<text(?P<head> class="[^"]*r\d+")'
    r' x="(?P<x>[0-9.]+)"(?P<rest> y="[^"]*")'
    r' textLength="[^"]*"(?P<more>[^>]*)>(?P<content>[^<]*)</text>'
)
LEAD = 0.3
"""Seconds between the last event and the moment the screen shows."""


def events_until(journal: Path, second: float) -> list[dict[str, Any]]:
    """The events of the first seconds of a run."""
    events = [json.loads(line) for line in journal.read_text().splitlines()]
    return [event for event in events if event["t"] - events[0]["t"] <= second]


def replay(run: Path, place: Path, events: list[dict[str, Any]], second: float) -> Path:
    """A run directory whose journal ends at that second, which is now."""
    directory = place / "runs" / run.name
    directory.mkdir(parents=True)
    (directory / "run.json").write_text((run / "run.json").read_text())
    shift = time.time() + LEAD - (events[0]["t"] + second)
    moved = (event | {"t": round(event["t"] + shift, 3)} for event in events)
    (directory / "journal.jsonl").write_text("".join(json.dumps(event) + "\n" for event in moved))
    return directory


async def screenshot(place: Path, run: str, size: tuple[int, int], node: str) -> str:
    """The run screen as SVG."""
    from yk8s_tui.app import Yk8sApp
    from yk8s_tui.screens.run import RunScreen
    from yk8s_tui.widgets.node_grid import NodeGrid

    app = Yk8sApp(place, run)
    async with app.run_test(size=size) as pilot:
        until = time.monotonic() + 30
        while not (
            isinstance(app.screen, RunScreen) and app.screen.feed.ready and app.screen.query_one(NodeGrid).nodes
        ):
            if time.monotonic() > until:
                raise TimeoutError("the run screen shows no nodes")
            await pilot.pause()
        grid = app.screen.query_one(NodeGrid)
        grid.cursor = node or grid.cursor
        app.screen.tick()
        app.screen.paint()
        grid.repaint()
        await pilot.pause()
        return app.export_screenshot(title="yk8s-tui", simplify=True)


def _placed(text: re.Match[str]) -> str:
    """A text with the place of every character, as the widths of fonts are rounded."""
    start, rest, content = float(text["x"]), text["rest"] + text["more"], text["content"]
    places = " ".join(f"{start + number * CHARACTER:.1f}" for number in range(len(html.unescape(content))))
    return f'<text{text["head"]} x="{places}"{rest}>{content}</text>'


def write_png(svg: str, out: Path, width: int) -> None:
    """SVG to PNG, with a font that is on this machine."""
    import cairosvg

    out.parent.mkdir(parents=True, exist_ok=True)
    svg = svg.replace("Fira Code", FONT).replace("font-size: 20px", f"font-size: {CHARACTER / ADVANCE:.3f}px")
    svg = TEXT.sub(_placed, svg)
    cairosvg.svg2png(bytestring=svg.encode(), write_to=str(out), output_width=width)


def main() -> int:
    """Make the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="a run directory: runs/<id> of a cluster repository")
    parser.add_argument("--second", type=float, required=True, help="the moment, seconds after the start of the run")
    parser.add_argument("--out", type=Path, required=True, help="the PNG file")
    parser.add_argument("--size", default="120x32", metavar="COLUMNSxROWS")
    parser.add_argument("--width", type=int, default=1500, help="of the picture, pixels")
    parser.add_argument("--node", default="", help="the node under the cursor")
    given = parser.parse_args()
    columns, _, rows = given.size.partition("x")
    os.environ |= {"TEXTUAL_ANIMATIONS": "none", "LC_ALL": "C.UTF-8", "COLORTERM": "truecolor"}
    from yk8s_tui.runs.alive import hold

    with tempfile.TemporaryDirectory() as place:
        os.environ["XDG_STATE_HOME"] = place
        events = events_until(given.run / "journal.jsonl", given.second)
        directory = replay(given.run, Path(place), events, given.second)
        engine = hold(directory)
        try:
            svg = asyncio.run(screenshot(Path(place), given.run.name, (int(columns), int(rows)), given.node))
        finally:
            os.close(engine)
    write_png(svg, given.out, given.width)
    print(f"{given.out}: {given.out.stat().st_size / 1000:.0f} kB, {len(events)} events")
    return 0


if __name__ == "__main__":
    sys.exit(main())
