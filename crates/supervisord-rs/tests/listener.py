"""An event listener as the original's manual has it: childutils, text, and a file for what it hears."""
import sys

from supervisor import childutils

with open(sys.argv[1], "a", encoding="utf-8") as out:
    while True:
        headers, payload = childutils.listener.wait(sys.stdin, sys.stdout)
        out.write(headers["eventname"] + " " + payload + "\n")
        out.flush()
        childutils.listener.ok(sys.stdout)
