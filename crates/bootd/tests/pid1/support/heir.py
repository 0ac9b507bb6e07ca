#!/usr/bin/python3
# Stands in for a supervisord that has its programs held, in tests of bootd. What it does is in
# /etc/heir.json; what it is told is in /tmp/heard, one message in a line with the number of its
# descriptors. Where /tmp/silent is, it becomes another program, which does not greet.
import array
import json
import os
import signal
import socket
import subprocess
import sys

channel = socket.socket(fileno=int(os.environ["BERTH_BOOTD_FD"]))
first_fds = sorted(int(fd) for fd in os.listdir("/proc/self/fd"))
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
kept = []


def note(message, descriptors):
    with open("/tmp/heard", "a") as heard:
        heard.write(json.dumps([message, len(descriptors)]) + "\n")


def say(message, descriptors=()):
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
    channel.sendmsg([json.dumps(message).encode()], rights if descriptors else [])


def hear():
    text, rights, _, _ = channel.recvmsg(4096, socket.CMSG_SPACE(4 * 8))
    descriptors = array.array("i")
    for _, _, data in rights:
        descriptors.frombytes(data)
    message = json.loads(text)
    note(message, descriptors)
    kept.extend(descriptors)
    return message


note({"fds": [fd for fd in first_fds if fd < channel.fileno()]}, [])
note({"extra": [fd for fd in first_fds if fd > channel.fileno() + 1]}, [])
if os.path.exists("/tmp/silent"):
    os.execv("/bin/sleep", ["sleep", "1000"])
say({"hello": {"pid": os.getpid(), "epoch": 1, "version": 2}})
while "welcome" not in (message := hear()):
    pass
if message["welcome"]["held"] == 0:
    for number, program in enumerate(json.load(open("/etc/heir.json"))):
        run = "1/%s:%s/%d" % (program["name"], program["name"], number)
        reader, writer = os.pipe()
        kept.append(reader)
        if "hold" in program["does"]:
            say({"hold": {"run": run, "ends": ["stdout"]}}, [reader])
        if "spawn" in program["does"]:
            environment = dict(os.environ, BERTH_INCARNATION=run)
            del environment["BERTH_BOOTD_FD"]
            child = subprocess.Popen(
                ["/usr/bin/python3", "-c", program["code"]],
                env=environment, stdout=writer, process_group=0,
            )
            if "bind" in program["does"]:
                say({"bind": {"run": run, "pid": child.pid}})
        os.close(writer)
    note({"done": True}, [])
while True:
    hear()
