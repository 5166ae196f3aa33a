"""A command in a pseudo-terminal, and what it wrote there."""

import fcntl
import os
import pty
import struct
import subprocess
import termios
from collections.abc import Sequence

ROWS, COLUMNS = 24, 100


def in_terminal(command: Sequence[str], environment: dict[str, str]) -> tuple[int, str]:
    """Run a command to its end in a terminal of its own; return its exit code and all that it wrote."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    named = os.environ | {"TERM": "xterm"} | environment
    process = subprocess.Popen(command, env=named, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    written = b""
    try:
        while True:
            try:
                part = os.read(ours, 1 << 16)
            except OSError:  # Linux's word for a terminal that nobody writes to any more
                part = b""
            if not part:
                return process.wait(60), written.decode().replace("\r\n", "\n")
            written += part
    finally:
        process.kill()
        process.wait()
        os.close(ours)
