"""Runs a program, and ends it with everything it started when whoever asked for it has gone, however that went.

Usage: tether.py PROGRAM ARGUMENT…, as the first process of a session of its own. Standard input is a pipe that the one
who asked holds open and never writes to: the kernel closes it with that process, also after SIGKILL.
"""

# Nothing is imported that takes time: this runs before every program.
import os
import signal
import sys
import threading


def watch() -> None:
    """Wait for the end of the pipe, then end the whole process group, this process with it."""
    while os.read(0, 1):
        pass
    os.killpg(0, signal.SIGKILL)


def main() -> int:
    """Run the program to its end; its exit status, as a shell has it."""
    child = os.fork()
    if child == 0:
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        try:
            os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606 - from an argument list
        except OSError as error:
            os.write(2, f"{sys.argv[1]}: {error.strerror}\n".encode())
            os._exit(127)
    threading.Thread(target=watch, daemon=True).start()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
