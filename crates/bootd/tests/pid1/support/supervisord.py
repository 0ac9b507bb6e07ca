#!/usr/bin/python3
# Stands in for supervisord in tests of bootd.
import json
import os
import signal
import socket
import subprocess
import sys

DEAF = False

if DEAF:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)

channel = socket.socket(fileno=int(os.environ.pop("BERTH_BOOTD_FD")))
channel.send(json.dumps({"hello": {"pid": os.getpid(), "epoch": 1}}).encode())
assert "welcome" in json.loads(channel.recv(4096))


def start(mark, command, **options):
    environment = dict(os.environ)
    if mark:
        environment["BERTH_INCARNATION"] = "1/%s/1" % mark
    return subprocess.Popen(command, env=environment, **options)


wait = "import signal; signal.pause() # PROGRAM-"
deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: signal.pause() # PROGRAM-"
login = "import signal; signal.pause() # LOGIN-SESSION"
programs = [
    start("marked", ["/usr/bin/python3", "-c", wait], process_group=0),
    start("deaf", ["/usr/bin/python3", "-c", deaf], process_group=0),
    start(None, ["/usr/bin/python3", "-c", wait], process_group=0),
]
login = start(None, ["/usr/bin/python3", "-c", login], start_new_session=True)
# A copy of Python that belongs to root and is set-user-ID, if the test has made one: a program that
# an unprivileged bootd may not end.
if os.path.exists("/opt/root-python"):
    start(None, ["/opt/root-python", "-c", "import os; os.setresuid(0, 0, 0)\n" + deaf])


def end(*_):
    for program in programs + [login]:
        program.kill()
        program.wait()
    sys.exit(0)


if not DEAF:
    signal.signal(signal.SIGTERM, end)
while True:
    signal.pause()
