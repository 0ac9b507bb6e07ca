//! What both supervisorctls are told. A step is a command line; `~` in front compares only its first
//! line and exit code, for what is followed by help, `%` no matter in which order, for what ends
//! when it will. `!wait NAME STATE` waits and `!write FILE TEXT` changes a file.

use crate::oracle::server::Setup;

/// A configuration and the commands that are given to it.
pub(crate) struct Session {
    pub(crate) name: &'static str,
    pub(crate) setup: Setup<'static>,
    pub(crate) steps: &'static [&'static str],
}

const fn setup(programs: &'static str) -> Setup<'static> {
    Setup {
        programs,
        unix: "",
        ctl: "",
        more: "",
        without_rpc: false,
    }
}

pub(crate) const SESSIONS: &[Session] = &[
    Session {
        name: "programs",
        setup: setup(PROGRAMS),
        steps: PROGRAM_STEPS,
    },
    Session {
        name: "failures",
        setup: setup(FAILING),
        steps: FAILURE_STEPS,
    },
    Session {
        name: "usage",
        setup: setup(""),
        steps: USAGE_STEPS,
    },
    Session {
        name: "logs",
        setup: setup(LOGS),
        steps: LOG_STEPS,
    },
    Session {
        name: "configuration",
        setup: setup(PROGRAMS),
        steps: CONFIGURATION_STEPS,
    },
    Session {
        name: "connections",
        setup: setup(""),
        steps: CONNECTION_STEPS,
    },
    Session {
        name: "authentication",
        setup: Setup {
            unix: "username=me\npassword=secret",
            ..setup(PROGRAMS)
        },
        steps: AUTHENTICATION_STEPS,
    },
    Session {
        name: "hashed password",
        setup: Setup {
            // Of the same password.
            unix: "username=me\npassword={SHA}e5e9fa1ba31ecd1ae84f75caaa474f3a663f05f4",
            ..setup("")
        },
        steps: AUTHENTICATION_STEPS,
    },
    Session {
        name: "without the interface",
        setup: Setup {
            without_rpc: true,
            ..setup("")
        },
        steps: INTERFACE_STEPS,
    },
    Session {
        name: "shutdown",
        setup: setup(DEAF),
        steps: SHUTDOWN_STEPS,
    },
    Session {
        name: "reload",
        setup: setup(DEAF),
        steps: RELOAD_STEPS,
    },
];

const PROGRAMS: &str = "\
[program:sleeper]
command=sleep 1000
startsecs=0
[program:manual]
command=sleep 1000
startsecs=0
autostart=false
[program:w]
command=sleep 1000
process_name=%(program_name)s_%(process_num)02d
numprocs=2
startsecs=0
[program:one]
command=sleep 1000
startsecs=0
priority=1
[program:two-with-a-name-that-is-rather-long]
command=sleep 1000
startsecs=0
priority=2
[group:duo]
programs=one,two-with-a-name-that-is-rather-long
priority=4
";

const PROGRAM_STEPS: &[&str] = &[
    "!wait duo:one RUNNING",
    "!wait sleeper RUNNING",
    "!wait w:w_01 RUNNING",
    "status",
    "status all",
    "status sleeper nosuch",
    "status w:* duo:*",
    "status w",
    "status nosuch:* manual",
    "status manual",
    "status sleeper sleeper",
    "start sleeper",
    "start manual",
    "stop manual",
    "stop manual",
    "stop nosuch",
    "stop nosuch:*",
    "start nosuch",
    "start nosuch:*",
    "start nosuch sleeper",
    "start sleeper nosuch",
    "%stop w:*",
    "stop w:*",
    "start w:*",
    "stop w:w_00 sleeper",
    "start w:w_00 sleeper",
    "restart sleeper",
    "restart manual",
    "restart nosuch",
    "%restart duo:*",
    "stop manual",
    "signal CONT sleeper",
    "signal CONT sleeper manual",
    "signal CONT manual sleeper",
    "signal CONT nosuch",
    "signal CONT nosuch:*",
    "signal CONT duo:*",
    "signal CONT all",
    "signal NOSUCH sleeper",
    "signal NOSUCH all",
    "signal NOSUCH w:*",
    "signal 18 sleeper",
    "signal 99 sleeper",
    "pid",
    "pid sleeper",
    "pid manual",
    "pid manual sleeper",
    "pid nosuch sleeper",
    "pid w:*",
    "pid all",
    "clear sleeper",
    "clear sleeper nosuch w:w_00",
    "clear w:*",
    "clear all",
    "remove sleeper",
    "remove nosuch",
    "remove manual sleeper",
    "add manual",
    "add manual sleeper",
    "add nosuch manual",
    "status duo:two-with-a-name-that-is-rather-long",
    "%stop all",
    "stop all",
    "status",
    "%start all",
    "start all",
    "%restart all",
    "%stop sleeper all",
    "version",
    "'stop  sleeper'",
    "~stop",
];

/// Programs that fail in every way.
const FAILING: &str = "\
[program:gone]
command=/no/such/file
autostart=false
priority=1
[program:refused]
command={D}/not-executable
autostart=false
priority=2
[program:short]
command=sh -c 'sleep 0.2; exit 3'
autostart=false
startretries=0
priority=3
[program:good]
command=sleep 1000
startsecs=0
autostart=false
priority=4
[program:bad]
command=/no/such/file
autostart=false
priority=5
[program:better]
command=sleep 1000
startsecs=0
autostart=false
priority=6
[group:g]
programs=bad,better
";

const FAILURE_STEPS: &[&str] = &[
    "start gone",
    "start refused",
    "start short",
    "!wait short FATAL",
    "status short",
    "start gone good",
    "start good gone",
    "start short good",
    "!wait short FATAL",
    "start good refused gone",
    "start g:*",
    "start g:* good",
    "start g:better g:bad",
    "stop short",
    "stop gone short good",
    "restart gone",
    "restart g:better gone",
    "signal HUP gone",
    "pid gone short",
    "clear gone",
    "tail gone",
    "status",
];

const USAGE_STEPS: &[&str] = &[
    "~start",
    "~stop",
    "~restart",
    "~signal",
    "~signal HUP",
    "~clear",
    "~tail",
    "~tail a b c d",
    "~tail -f",
    "~maintail a b",
    "~fg",
    "fg a b",
    "fg nosuch",
    "~avail x",
    "~reread x",
    "~reload x",
    "~shutdown x",
    "~version x",
    "tail nosuch foo",
    "tail -x nosuch",
    "tail - nosuch",
    "tail -f",
    "maintail x",
    "maintail -x",
    "maintail -",
    "help",
    "help nosuch",
    "help EOF",
    "~help help",
    "~help start",
    "?",
    "~? start",
    "nonsense",
    "nonsense with words",
    "start-all x",
    "'-x'",
    "'!ls'",
    "'   '",
    "';status'",
    "quit",
    "exit",
    "EOF",
    "open",
    "open nosuch",
    "open ftp://x",
    "-x",
    "-c",
    "--nosuch",
    "--s=unix:///x version",
    "-s foo status",
    "-s '' status",
    "--serverurl=bar status",
    "-s unix: status",
    "-i -i",
    "-u a -u b status",
    "-c {D}/nosuch.conf status",
    "~-h",
    "~-?",
    "~--help",
];

const LOGS: &str = "\
[program:ten]
command=sh -c 'printf 0123456789; printf abcdefghij >&2'
startsecs=0
autorestart=false
[program:lines]
command=sh -c 'echo one; echo two; echo three'
startsecs=0
autorestart=false
[program:none]
command=sleep 1000
startsecs=0
stdout_logfile=NONE
stderr_logfile=NONE
[program:absent]
command=sleep 1000
autostart=false
stdout_logfile={D}/absent.log
[program:wide]
command=printf 'ä€😀<&>\"\\n'
startsecs=0
autorestart=false
[program:w]
command=printf x
process_name=%(program_name)s_%(process_num)d
numprocs=1
startsecs=0
autorestart=false
";

const LOG_STEPS: &[&str] = &[
    "!wait ten EXITED",
    "!wait lines EXITED",
    "!wait wide EXITED",
    "!wait w:w_0 EXITED",
    "tail ten",
    "tail ten stdout",
    "tail ten STDERR",
    "tail -3 ten",
    "tail -99 ten",
    "tail -0 ten",
    "tail -3 ten stderr",
    "tail --3 ten",
    "tail lines",
    "tail -5 lines",
    "tail wide",
    "tail none",
    "tail none stderr",
    "tail absent",
    "tail nosuch",
    "tail w:w_0",
    "tail w:*",
    "tail w",
    "tail -f nosuch",
    "tail -f none",
    "tail -f none stderr",
    "tail -f absent",
    "~maintail -1",
    "fg ten",
    "clear ten",
    "tail ten",
    "clear lines none",
    "tail lines",
];

const CONFIGURATION_STEPS: &[&str] = &[
    "!wait w:w_01 RUNNING",
    "avail",
    "reread",
    "update",
    "!write conf.d/new.conf [program:new]\ncommand=sleep 1000\nstartsecs=0\n[program:other]\ncommand=sleep 1000\nautostart=false\npriority=5\n",
    "reread",
    "avail",
    "update nosuch",
    "update new",
    "update new",
    "reread",
    "update",
    "!wait new RUNNING",
    "status new other",
    "!write conf.d/new.conf [program:new]\ncommand=sleep 2000\nstartsecs=0\n",
    "reread",
    "update other new sleeper",
    "!wait new RUNNING",
    "status new other",
    "!write conf.d/new.conf [program:new]\ncommand=sleep 2000\nstartsecs=0\nautostart=false\n",
    "update all",
    "status new",
    "remove new",
    "add new",
    "!write conf.d/new.conf ",
    "reread",
    "update sleeper",
    "update",
    "status new",
    "!write conf.d/new.conf [program:bad]\ncommand=cat\nstartsecs=x\n",
    "reread",
    "update",
    "!write conf.d/new.conf [program:more]\ncommand=sleep 1000\nnumprocs=2\nprocess_name=%(process_num)d\nstartsecs=0\n",
    "update",
    "!wait more:1 RUNNING",
    "status more:*",
];

const CONNECTION_STEPS: &[&str] = &[
    "-s unix://{D}/nosuch.sock status",
    "-s unix://{D}/nosuch.sock version",
    "-s unix://{D}/nosuch.sock start x",
    "-s unix://{D}/nosuch.sock pid",
    "-s unix://{D}/nosuch.sock tail x",
    "-s unix://{D}/nosuch.sock tail -f x",
    "-s unix://{D}/nosuch.sock maintail",
    "-s unix://{D}/nosuch.sock fg x",
    "-s unix://{D}/nosuch.sock clear x",
    "-s unix://{D}/nosuch.sock signal HUP x",
    "-s unix://{D}/nosuch.sock restart x",
    "-s unix://{D}/nosuch.sock avail",
    "-s unix://{D}/nosuch.sock reread",
    "-s unix://{D}/nosuch.sock update",
    "-s unix://{D}/nosuch.sock add x",
    "-s unix://{D}/nosuch.sock add",
    "-s unix://{D}/nosuch.sock remove x",
    "-s unix://{D}/nosuch.sock reload",
    "-s unix://{D}/nosuch.sock shutdown",
    "-s unix://{D}/nosuch.sock help",
    "-s unix://{D}/not-executable status",
    "-s unix://{D}/not-executable version",
    "-s unix://{D}/not-executable reread",
    "-s unix://{D}/not-executable shutdown",
    "-s unix://{D}/main.log/x status",
    "-s http://127.0.0.1:1 status",
    "-s http://127.0.0.1:1 version",
    "-s http://127.0.0.1:1 update",
    "-s http://127.0.0.1:1 shutdown",
    "-s http://127.0.0.1:1/path reread",
    "-s ftp://127.0.0.1 status",
    "-s http://127.0.0.1:x status",
    "open unix://{D}/nosuch.sock",
    "open unix://{D}/s.sock",
    "open http://127.0.0.1:1",
];

const AUTHENTICATION_STEPS: &[&str] = &[
    "status",
    "version",
    "start x",
    "tail x",
    "tail -f x",
    "avail",
    "update",
    "reload",
    "shutdown",
    "help x",
    "-u me version",
    "-p secret version",
    "-u me -p wrong version",
    "-u you -p secret version",
    "-u me -p secret version",
    "-u me -p secret status nosuch",
    "-u me -p secret tail -f nosuch",
    "-u me -p secret reread",
];

const INTERFACE_STEPS: &[&str] = &[
    "status",
    "version",
    "start x",
    "tail -f x",
    "avail",
    "reread",
    "update",
    "add x",
    "remove x",
    "reload",
    "shutdown",
];

/// One program that keeps an ordered end waiting.
const DEAF: &str = "\
[program:deaf]
command=sh {D}/deaf.sh
startsecs=0
stopwaitsecs=6
stdout_logfile={D}/deaf.log
";

const SHUTDOWN_STEPS: &[&str] = &[
    "!log deaf.log ready",
    "shutdown",
    "shutdown",
    "status",
    "version",
    "start deaf",
    "start all",
    "pid",
    "tail deaf",
    "maintail",
    "fg deaf",
    "clear deaf",
    "signal HUP deaf",
    "avail",
    "reread",
    "update",
    "add deaf",
    "remove deaf",
    "reload",
    "!end",
    "shutdown",
    "status",
];

const RELOAD_STEPS: &[&str] = &[
    "!log deaf.log ready",
    "reload",
    "reload",
    "shutdown",
    "status",
];
