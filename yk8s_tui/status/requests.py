"""What a pod asks of its node, counted as the scheduler does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from yk8s_tui.status.quantities import milli, quantity

Raw = Mapping[str, Any]
Amount = tuple[int, int]
"""Thousandths of a core, bytes."""


def requests(spec: Raw) -> Amount:
    """Requests of a pod: its containers together, or the hungriest moment of its start; plus overhead.

    Init containers run one after the other before the containers; those that restart always stay and
    count to all that come after them. Requests of the pod as a whole take precedence. See
    https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/#resource-sharing-within-containers
    """
    cpu = memory = 0
    for container in spec.get("containers") or ():
        own = _amount(container)
        cpu, memory = cpu + own[0], memory + own[1]
    if spec.get("initContainers"):
        cpu, memory = _with_init(spec["initContainers"], cpu, memory)
    whole = (spec.get("resources") or {}).get("requests") or {}
    if whole:
        cpu = milli(str(whole["cpu"])) if "cpu" in whole else cpu
        memory = int(quantity(str(whole["memory"]))) if "memory" in whole else memory
    overhead = spec.get("overhead")
    if overhead:
        cpu += milli(str(overhead.get("cpu", "0")))
        memory += int(quantity(str(overhead.get("memory", "0"))))
    return cpu, memory


def _with_init(containers: Any, cpu: int, memory: int) -> Amount:
    stay_cpu = stay_memory = most_cpu = most_memory = 0
    for container in containers:
        own = _amount(container)
        most_cpu, most_memory = max(most_cpu, stay_cpu + own[0]), max(most_memory, stay_memory + own[1])
        if container.get("restartPolicy") == "Always":
            stay_cpu, stay_memory = stay_cpu + own[0], stay_memory + own[1]
    return max(cpu + stay_cpu, most_cpu), max(memory + stay_memory, most_memory)


def _amount(container: Raw) -> Amount:
    wanted = (container.get("resources") or {}).get("requests")
    if not wanted:
        return 0, 0
    return milli(str(wanted.get("cpu", "0"))), int(quantity(str(wanted.get("memory", "0"))))
