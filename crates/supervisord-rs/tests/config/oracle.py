"""Prints what Supervisor itself understands of each configuration file, as JSON by file name."""

import io
import json
import os
import socket
import sys

from supervisor import datatypes, options


class Refused(Exception):
    pass


def read(path):
    supervisor = options.ServerOptions()
    said = io.StringIO()
    supervisor.stderr = said

    def leave(code):
        raise Refused(said.getvalue())

    supervisor.exit = leave
    try:
        supervisor.realize(["-c", path], doc="doc")
    except Refused as refused:
        return {"error": str(refused).splitlines()[0]}
    except Exception as error:  # Some mistakes end in a traceback.
        return {"error": "%s: %s" % (type(error).__name__, error)}
    return shown(supervisor)


def shown(supervisor):
    section = supervisor.configroot.supervisord
    servers = supervisor.server_configs
    groups = {}
    for group in supervisor.process_group_configs:
        # Only the first group of a name is ever added.
        groups.setdefault(group.name, group)
    return {
        "supervisord": {
            "logfile": supervisor.logfile,
            "logfile_maxbytes": section.logfile_maxbytes,
            "logfile_backups": section.logfile_backups,
            "loglevel": section.loglevel,
            "pidfile": supervisor.pidfile,
            "umask": section.umask & 0o7777,
            "directory": section.directory,
            "nodaemon": section.nodaemon,
            "silent": section.silent,
            "minfds": section.minfds,
            "minprocs": section.minprocs,
            "uid": supervisor.uid,
            "identifier": section.identifier,
            "childlogdir": section.childlogdir,
            "nocleanup": section.nocleanup,
            "strip_ansi": section.strip_ansi,
            "environment": section.environment,
        },
        "rpc": any(name == "supervisor" for name, *_ in section.rpcinterface_factories),
        "inet": [inet(c) for c in servers if c["family"] == socket.AF_INET],
        "unix": [unix(c) for c in servers if c["family"] == socket.AF_UNIX],
        "serverurl": supervisor.serverurl,
        "groups": [group_shown(group) for group in groups.values()],
        "included": supervisor.parse_infos,
        "warnings": len(set(supervisor.parse_warnings)),
    }


def inet(config):
    return {
        "section": config["section"],
        "host": config["host"],
        "port": config["port"],
        **credentials(config),
    }


def unix(config):
    return {
        "section": config["section"],
        "file": config["file"],
        "chmod": config["chmod"] & 0o7777,
        "chown": list(config["chown"]),
        **credentials(config),
    }


def credentials(config):
    # An empty name asks for nothing.
    if not config["username"]:
        return {"username": None, "password": None}
    return {"username": config["username"], "password": config["password"]}


def group_shown(group):
    # Of two processes of one name the last is used, in the place of the first.
    programs = {program.name: program for program in group.process_configs}
    result = {
        "name": group.name,
        "priority": group.priority,
        "kind": "programs",
        "programs": [program_shown(program) for program in programs.values()],
    }
    if isinstance(group, options.EventListenerPoolConfig):
        from supervisor.events import getEventNameByType

        result["kind"] = "listeners"
        result["buffer_size"] = group.buffer_size
        result["events"] = sorted(getEventNameByType(event) for event in group.pool_events)
    elif isinstance(group, options.FastCGIGroupConfig):
        config = group.socket_config
        result["kind"] = "fcgi"
        result["socket"] = config.url
        result["backlog"] = config.get_backlog()
        if isinstance(config, datatypes.UnixStreamSocketConfig):
            result["mode"] = config.get_mode() & 0o7777
            result["owner"] = config.get_owner()
    return result


def program_shown(program):
    values = {
        name: getattr(program, name)
        for name in program.req_param_names + program.optional_param_names
    }
    for channel in ("stdout_logfile", "stderr_logfile"):
        if values[channel] is datatypes.Automatic:
            values[channel] = "AUTO"
    restart = {
        datatypes.RestartUnconditionally: "always",
        datatypes.RestartWhenExitUnexpected: "unexpected",
        False: "never",
    }
    values["autorestart"] = restart[values["autorestart"]]
    values["stopsignal"] = int(values["stopsignal"])
    if values["umask"] is not None:
        values["umask"] &= 0o7777
    return values


print(json.dumps({os.path.basename(path): read(path) for path in sys.argv[1:]}))
