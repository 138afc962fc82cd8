from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path

from yk8s_tui.runs.journal import RESERVE_BYTES, JournalReader, JournalWriter, read_events
from yk8s_tui.runs.redact import Redactor


def test_lines_are_numbered_timed_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with JournalWriter(path, clock=lambda: 17.12345) as journal:
        journal.write("note", text="one", level="info")
        journal.write("run_finished", result="done", exit_code=0)
    assert [(e["v"], e["seq"], e["t"], e["type"]) for e in read_events(path)] == [
        (1, 1, 17.123, "note"),
        (1, 2, 17.123, "run_finished"),
    ]
    assert path.stat().st_mode & 0o777 == 0o600


def test_intents_are_on_disk_at_once_and_others_soon(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    reader = JournalReader(path)
    with JournalWriter(path) as journal:
        journal.write("log", step="s", node="n", text="waits")
        journal.write("step_started", step="s", nodes=[], digest="")
        assert [event["type"] for event in reader.read()] == ["log", "step_started"]
        journal.write("log", step="s", node="n", text="soon")
        arrived = threading.Event()
        for _ in range(100):
            if found := reader.read():
                assert found[0]["text"] == "soon"
                break
            arrived.wait(0.02)
        else:
            raise AssertionError("the line did not come")


def test_a_torn_last_line_waits_for_its_end(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b'{"v":1,"seq":1,"t":1,"type":"note","text":"a"}\n{"v":1,"seq":2,"t"')
    reader = JournalReader(path)
    assert [event["seq"] for event in reader.read()] == [1]
    with path.open("ab") as file:
        file.write(b':2,"type":"note","text":"b"}\n')
    assert [event["seq"] for event in reader.read()] == [2]
    assert reader.read() == []
    assert reader.damaged == 0


def test_a_character_torn_between_two_reads_survives(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    line = json.dumps({"type": "note", "text": "größer"}, ensure_ascii=False).encode() + b"\n"
    cut = line.index("ö".encode()) + 1
    path.write_bytes(line[:cut])
    reader = JournalReader(path)
    assert reader.read() == []
    path.write_bytes(line)
    assert reader.read()[0]["text"] == "größer"


async def test_followers_end_with_the_run(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"

    async def follow() -> list[int]:
        return [e["seq"] async for batch in JournalReader(path).follow() for e in batch]

    followers = [asyncio.ensure_future(follow()) for _ in range(3)]
    with JournalWriter(path) as journal:
        for number in range(50):
            journal.write("log", step="s", node="n", text=str(number))
            await asyncio.sleep(0)
        journal.write("run_finished", result="done", exit_code=0)
        assert await asyncio.wait_for(asyncio.gather(*followers), 10) == [list(range(1, 52))] * 3


async def test_a_follower_ends_when_the_engine_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b'{"type":"note","text":"last words"}\n')
    seen = [e["text"] async for batch in JournalReader(path).follow(alive=lambda: False) for e in batch]
    assert seen == ["last words"]


def test_everything_written_is_redacted(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with JournalWriter(path, redact=Redactor(["hunter22"])) as journal:
        journal.write("log", step="s", node="n", text="the word is hunter22")
    assert b"hunter22" not in path.read_bytes()
    assert read_events(path)[0]["text"] == "the word is [redacted]"


def test_writers_in_threads_do_not_mix_lines(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with JournalWriter(path) as journal:

        def write() -> None:
            for number in range(200):
                journal.write("log", step="s", node="n", text=str(number))

        threads = [threading.Thread(target=write) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [event["seq"] for event in read_events(path)] == list(range(1, 801))


def test_the_reserve_is_there_while_it_is_needed(tmp_path: Path) -> None:
    journal = JournalWriter(tmp_path / "journal.jsonl")
    assert (tmp_path / "reserve").stat().st_size == RESERVE_BYTES
    journal.close()
    assert not (tmp_path / "reserve").exists()
