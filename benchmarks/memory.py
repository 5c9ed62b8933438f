"""What a process takes of the machine's memory. Standard library only."""

from __future__ import annotations

from pathlib import Path


def memory_mb(key: str, process: int | str = "self") -> float:
    """MB of a process: VmRSS is what it takes now, VmHWM the most it ever took.

    Unlike ru_maxrss, which begins with what the process that started it took.
    """
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    kilobytes = next(line.split()[1] for line in lines if line.startswith(f"{key}:"))
    return round(int(kilobytes) / 1024, 1)
