"""An event listener that writes down what it is told, byte by byte, and answers as it is told to.

recorder.py FILE [ANSWER ...]: a JSON line an event goes to FILE; the first line has the first
answer, and the last answer is that to all others. An answer is what follows RESULT, such as OK or
FAIL, or a word of its own: JUNK is no answer of the protocol, HANG never comes, and with LATE no
events are asked for.
"""

import itertools
import json
import signal
import sys


def main():
    path, *answers = sys.argv[1:]
    with open(path, "a+", encoding="ascii") as file:
        file.seek(0)
        for number in itertools.count(len(file.readlines())):
            answer = (answers or ["OK"])[min(number, len(answers) - 1)]
            if answer == "LATE":
                signal.pause()
            say("READY\n")
            header = sys.stdin.buffer.readline().decode()
            size = int(header.rsplit("len:", 1)[1])
            payload = read(size)
            if "pid:" in payload or "when:" in payload:
                # It depends on how many digits they have. That it is true, the next header tells.
                header = header.replace(f"len:{size}", "len:L")
            print(json.dumps([header, payload]), file=file, flush=True)
            if answer == "HANG":
                signal.pause()
            say("JUNK\n" if answer == "JUNK" else f"RESULT {len(answer)}\n{answer}")


def read(size):
    """The original counts characters, not bytes."""
    payload = b""
    while len(payload.decode(errors="ignore")) < size:
        payload += sys.stdin.buffer.read(1)
    return payload.decode()


def say(text):
    sys.stdout.write(text)
    sys.stdout.flush()


main()
