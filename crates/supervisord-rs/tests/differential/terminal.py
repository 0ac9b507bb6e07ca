"""Types at a program on a terminal and looks at what it shows.

Arguments: the program and its arguments. Reads a JSON array of steps on standard input and says on
standard output why it failed, if it did.
"""

import json
import re
import sys

import pexpect

PATIENCE = 20
CONTROL = {"c": "\x03", "d": "\x04"}


class Plain:
    """Lets the escape sequences by which lines are edited pass unseen."""

    ESCAPE = re.compile(r"\x1b(\[[0-9;?]*[a-zA-Z]|[=>])")

    def __init__(self, child):
        self.child = child
        self.seen = ""

    def expect(self, text):
        while text not in self.seen:
            piece = self.child.read_nonblocking(4096, PATIENCE)
            self.seen = self.ESCAPE.sub("", self.seen + piece).replace("\r", "")
        self.seen = self.seen[self.seen.index(text) + len(text):]

    def rest(self):
        """Reads up to the end of the program."""
        while True:
            try:
                self.seen += self.child.read_nonblocking(4096, PATIENCE)
            except pexpect.EOF:
                self.seen = self.ESCAPE.sub("", self.seen).replace("\r", "")
                return self.seen


def play(child, steps):
    screen = Plain(child)
    for what, *more in steps:
        try:
            if what == "expect":
                screen.expect(more[0])
            elif what == "type":
                child.send(more[0])
            elif what == "line":
                child.send(more[0] + "\r")
            elif what == "control":
                child.send(CONTROL[more[0]])
            elif what == "end":
                rest = screen.rest()
                child.close()
                code = child.exitstatus if child.signalstatus is None else -child.signalstatus
                if [rest, code] != more:
                    return f"ended with {rest!r} and {code}, not {more}"
        except (pexpect.EOF, pexpect.TIMEOUT) as error:
            return f"{type(error).__name__} at {what} {more}, after {screen.seen!r}"
    return None


def main():
    program, *arguments = sys.argv[1:]
    child = pexpect.spawn(program, arguments, encoding="utf-8", dimensions=(40, 160))
    child.delaybeforesend = None
    problem = play(child, json.load(sys.stdin))
    child.close(force=True)
    if problem:
        print(problem)


main()
