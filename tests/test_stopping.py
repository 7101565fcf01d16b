"""The process ends in time, however its loop is."""

import signal
import subprocess
import sys
import textwrap

import pytest

HEAD = """
import asyncio, sys, time
from bot import stopping

async def main():
    with stopping.by_signal(0.2) as told:
        print("up", flush=True)
        {body}

asyncio.run(main())
print("ended by itself", flush=True)
"""


@pytest.mark.parametrize(
    ("signals", "body", "said"),
    [
        # What ends by itself has nobody to hear a second one by then.
        ([signal.SIGTERM], "await told.wait()", "ended by itself"),
        ([signal.SIGINT] * 2, "time.sleep(60)", "stop_forced"),
        ([signal.SIGTERM] * 2, "await told.wait(); await asyncio.sleep(60)", "stop_forced"),
    ],
)
def test_it_is_gone_within_its_time(signals: list[int], body: str, said: str) -> None:
    program = textwrap.dedent(HEAD.format(body=body))
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "up\n"
        for number in signals:
            running.send_signal(number)
        told, _ = running.communicate(timeout=20)
    assert running.returncode == 0, told
    assert said in told
