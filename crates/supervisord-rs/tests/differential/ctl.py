"""The stock supervisorctl in a process that stays, so that a command costs no start of Python.

Reads one JSON array of arguments a line and writes one JSON object a line: what was printed, on
standard output and standard error, and the exit code.
"""

import contextlib
import io
import json
import sys

from supervisor import supervisorctl

sys.argv[0] = "supervisorctl"


def run(arguments):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            # Where the message on the command line goes was decided when the module was read.
            supervisorctl.ClientOptions.stdout = out
            supervisorctl.ClientOptions.stderr = err
            supervisorctl.main(arguments)
            code = 0
        except SystemExit as end:
            code = end.code
        except BaseException as error:
            code = type(error).__name__
    return {"out": out.getvalue(), "err": err.getvalue(), "code": code}


for line in sys.stdin:
    print(json.dumps(run(json.loads(line))), flush=True)
