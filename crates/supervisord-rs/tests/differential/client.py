"""The stock XML-RPC client, driven over standard input and output.

Reads one JSON array a line: a method and its parameters, or a word with a leading "!" and its
arguments. Writes one JSON value a line.
"""

import json
import sys
import time
from xmlrpc.client import Binary, DateTime, Fault, ProtocolError, ServerProxy

from supervisor.xmlrpc import SupervisorTransport

PATIENCE = 20


def proxy(url):
    return ServerProxy("http://stock", transport=SupervisorTransport("", "", url))


def param(value):
    if isinstance(value, dict) and "$binary" in value:
        return Binary(value["$binary"].encode())
    if isinstance(value, dict) and "$date" in value:
        return DateTime(value["$date"])
    return value


def call(server, method, params):
    target = server
    for part in method.split("."):
        target = getattr(target, part)
    try:
        return target(*[param(value) for value in params])
    except Fault as fault:
        return {"fault": fault.faultCode, "text": fault.faultString}
    except ProtocolError as error:
        return {"http": error.errcode}
    except Exception as error:
        return {"error": type(error).__name__}


def wait(server, name, state):
    """Waits until a program is in a state."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        info = call(server, "supervisor.getProcessInfo", [name])
        if info.get("statename") == state:
            return True
        time.sleep(0.02)
    return {"never": state, "but": info}


def wait_log(server, name, text):
    """Waits until a program has logged something."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        log = call(server, "supervisor.readProcessLog", [name, 0, 0])
        if isinstance(log, str) and text in log:
            return True
        time.sleep(0.02)
    return {"never": text, "but": log}


def main():
    url = sys.argv[1]
    server = proxy(url)
    for line in sys.stdin:
        method, *params = json.loads(line)
        if method == "!wait":
            result = wait(server, *params)
        elif method == "!log":
            result = wait_log(server, *params)
        else:
            result = call(server, method, params)
            if "error" in (result if isinstance(result, dict) else {}) or result == {"http": 500}:
                server = proxy(url)
        print(json.dumps(result), flush=True)


main()
