"""Runs the end-to-end tests that Supervisor ships in its package.

Arguments: the names of tests, none for all; `--programs DIR` for programs to run in place of
Supervisor's own. Prints a JSON object: each test with null if it passed, else what went wrong.
"""

import argparse
import json
import multiprocessing
import os
import re
import sys
import tempfile
import unittest

os.environ["END_TO_END"] = "1"

import pexpect  # noqa: E402  (the tests look at the variable when they are loaded)
from supervisor.tests import test_end_to_end  # noqa: E402

MODULE = re.compile(r"'?%s'? -m supervisor\.(\w+)" % re.escape(sys.executable))


def replaced(spawn, programs):
    """Starts the programs of that directory where the tests start modules of the package."""

    def program(name):
        return os.path.join(programs, name)

    def start(command, args, **options):
        if command == sys.executable:
            if args[0] == "-m":
                command, args = program(args[1].removeprefix("supervisor.")), args[2:]
            elif "confecho" in args[1]:
                command, args = program("echo_supervisord_conf"), []
        else:
            args = [MODULE.sub(lambda found: program(found[1]), arg) for arg in args]
        assert sys.executable not in [command, *args], (command, args)
        return spawn(command, args, **options)

    return start


def outcome(name):
    result = unittest.TestResult()
    # A supervisord clears the automatic logs of others from the directory it uses.
    with tempfile.TemporaryDirectory() as directory:
        os.chdir(directory)
        os.environ["TMPDIR"] = directory
        os.environ["SUPERVISORD_SOCKET"] = os.path.join(directory, "grpc.sock")
        test_end_to_end.EndToEndTests(name).run(result)
    problems = result.errors + result.failures
    return problems[0][1] if problems else None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    if options.programs:
        pexpect.spawn = replaced(pexpect.spawn, options.programs)
    # The configurations of the tests call `python`, and mean this one.
    os.environ["PATH"] = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
    names = options.names
    names = names or unittest.TestLoader().getTestCaseNames(test_end_to_end.EndToEndTests)
    first = [name for name in names if name not in SAME_SOCKET]
    then = [name for name in names if name in SAME_SOCKET]
    outcomes = {}
    # They mostly wait. Processes, since some change the environment.
    with multiprocessing.get_context("fork").Pool(4, maxtasksperchild=1) as pool:
        for names in (first, then):
            outcomes |= zip(names, pool.map(outcome, names, chunksize=1))
        # Their patience is short; what failed on a busy machine is tried again by itself. What the
        # original fails is not asked of others.
        failed = [name for name, problem in outcomes.items() if problem and options.programs]
        for name in failed:
            outcomes[name] = pool.apply(outcome, [name])
    json.dump(outcomes, sys.stdout)


# Uses the socket of test_issue_565.
SAME_SOCKET = ["test_issue_836"]

main()
