//! What is done to both, and leaves traces. A step is a command line of supervisorctl, `rpc METHOD
//! [PARAMETERS]`, a step of [`oracle::steps`](crate::oracle::steps), or `!look WHEN`, which
//! compares the directory then as well. `{RECORDER}` stands for the listener that writes down what
//! it hears. A file whose name ends in `-until-then` is compared at `!look`, not at the end.

/// A configuration and what happens.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) programs: &'static str,
    /// More sections of the main file.
    pub(crate) more: &'static str,
    pub(crate) steps: &'static [&'static str],
}

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "states",
        programs: STATES,
        more: "",
        steps: STATE_STEPS,
    },
    Scenario {
        name: "all events",
        programs: ALL,
        more: "",
        steps: ALL_STEPS,
    },
    Scenario {
        name: "output",
        programs: OUTPUT,
        more: "",
        steps: OUTPUT_STEPS,
    },
    Scenario {
        name: "capture",
        programs: CAPTURE,
        more: "",
        steps: CAPTURE_STEPS,
    },
    Scenario {
        name: "remote",
        programs: REMOTE,
        more: "",
        steps: REMOTE_STEPS,
    },
    Scenario {
        name: "groups",
        programs: GROUPS,
        more: "",
        steps: GROUP_STEPS,
    },
    Scenario {
        name: "again",
        programs: AGAIN,
        more: "",
        steps: AGAIN_STEPS,
    },
    Scenario {
        name: "ticks",
        programs: TICKS,
        more: "",
        steps: &["!log heard TICK_5"],
    },
    Scenario {
        name: "rejected",
        programs: REJECTED,
        more: "",
        steps: REJECTED_STEPS,
    },
    Scenario {
        name: "overflow",
        programs: OVERFLOW,
        more: "",
        steps: OVERFLOW_STEPS,
    },
    Scenario {
        name: "junk",
        programs: JUNK,
        more: "",
        steps: JUNK_STEPS,
    },
    Scenario {
        name: "the end",
        programs: END,
        more: "",
        steps: END_STEPS,
    },
    Scenario {
        name: "rotation",
        programs: ROTATION,
        more: "",
        steps: ROTATION_STEPS,
    },
    Scenario {
        name: "logs",
        programs: LOGS,
        more: "",
        steps: LOG_STEPS,
    },
    Scenario {
        name: "automatic logs",
        programs: AUTOMATIC,
        more: "",
        steps: AUTOMATIC_STEPS,
    },
    Scenario {
        name: "no cleanup",
        programs: AUTOMATIC,
        more: "[supervisord]\nnocleanup=true\numask=077\nidentifier=other\n",
        steps: AUTOMATIC_STEPS,
    },
];

// Every state and every way into it.

const STATES: &str = "\
[eventlistener:ear]
command={RECORDER} {D}/heard-until-then
events=PROCESS_STATE
startsecs=0
stdout_logfile=NONE
stderr_logfile=NONE
[program:fails]
command=sh -c 'sleep 0.3; exit 3'
startsecs=0
autorestart=false
autostart=false
[program:expected]
command=sh -c 'sleep 0.3; exit 3'
exitcodes=3
startsecs=0
autorestart=false
autostart=false
[program:quick]
command=sh -c 'exit 1'
startsecs=10
startretries=1
autostart=false
[program:missing]
command={D}/no-such-program
startretries=0
autostart=false
[program:unable]
command={D}/not-executable
startretries=0
autostart=false
[program:nowhere]
command=sleep 1000
directory={D}/nowhere
startsecs=10
startretries=0
autostart=false
stdout_logfile={D}/nowhere.log
stderr_logfile={D}/nowhere.err
[program:stays]
command=sleep 1000
startsecs=0
autostart=false
[program:again]
command=sh -c 'test -e {D}/stay && exec sleep 1000; touch {D}/stay; sleep 0.3; exit 5'
startsecs=0
autorestart=unexpected
autostart=false
[program:one]
command=sleep 1000
startsecs=1
autostart=false
[program:deaf]
command=sh {D}/deaf.sh
startsecs=0
stopwaitsecs=1
autostart=false
stdout_logfile={D}/deaf.log
[program:exits]
command=sh -c 'trap \"exit 0\" TERM; echo ready; while :; do sleep 0.05; done'
startsecs=0
autostart=false
stdout_logfile={D}/exits.log
";

const STATE_STEPS: &[&str] = &[
    "start fails",
    "!log heard-until-then fails from_state:RUNNING expected:0",
    "start expected",
    "!log heard-until-then expected from_state:RUNNING expected:1",
    "start quick",
    "!wait quick FATAL",
    "start missing",
    "start unable",
    "start nowhere",
    "!wait nowhere FATAL",
    "start stays",
    "signal KILL stays",
    "!log heard-until-then stays from_state:RUNNING expected",
    "start stays",
    "restart stays",
    "stop stays",
    "start again",
    "!log heard-until-then again from_state:EXITED",
    "!wait again RUNNING",
    "stop again",
    "start one",
    "stop one",
    "start deaf",
    "!log deaf.log ready",
    "stop deaf",
    "start exits",
    "!log exits.log ready",
    "stop exits",
    "start exits",
    "!log heard-until-then serial:47",
    "!twice exits.log ready",
    "!look before the end",
    "shutdown",
    "!end",
];

// A listener hears of itself, and of everything.

const ALL: &str = "\
[eventlistener:ear]
command={RECORDER} {D}/heard-until-then
events=PROCESS_STATE,PROCESS_COMMUNICATION,PROCESS_LOG,REMOTE_COMMUNICATION,SUPERVISOR_STATE_CHANGE,PROCESS_GROUP
startsecs=0
buffer_size=100
stdout_logfile=NONE
stderr_logfile=NONE
[program:puppet]
command=sh {D}/puppet.sh
startsecs=0
stdout_events_enabled=true
";

const ALL_STEPS: &[&str] = &[
    "!log heard-until-then puppet from_state:STARTING",
    "rpc supervisor.sendProcessStdin [\"puppet\", \"echo one\\n\"]",
    "!log heard-until-then one",
    "rpc supervisor.sendRemoteCommEvent [\"a\", \"two\"]",
    "!log heard-until-then two",
    "stop puppet",
    "rpc supervisor.removeProcessGroup [\"puppet\"]",
    "!log heard-until-then GROUP_REMOVED",
    "rpc supervisor.addProcessGroup [\"puppet\"]",
    "!log heard-until-then GROUP_ADDED",
    "!wait puppet RUNNING",
    "rpc supervisor.sendProcessStdin [\"puppet\", \"echo three\\n\"]",
    "!log heard-until-then three",
    "!look before the end",
];

// Output as events.

const OUTPUT: &str = "\
[eventlistener:ear]
command={RECORDER} {D}/heard
events=PROCESS_LOG
startsecs=0
stdout_logfile=NONE
stderr_logfile=NONE
[program:puppet]
command=sh {D}/puppet.sh
startsecs=0
stdout_events_enabled=true
stderr_events_enabled=true
stdout_logfile={D}/puppet.log
stderr_logfile={D}/puppet.err
[program:both]
command=sh {D}/puppet.sh
startsecs=0
stdout_events_enabled=true
stderr_events_enabled=true
redirect_stderr=true
stdout_logfile=NONE
[program:bare]
command=sh {D}/puppet.sh
startsecs=0
strip_ansi=true
stdout_events_enabled=true
stdout_logfile={D}/bare.log
[program:last]
command=printf 'without an end'
startsecs=0
autostart=false
autorestart=false
stdout_events_enabled=true
stdout_logfile={D}/last.log
";

const OUTPUT_STEPS: &[&str] = &[
    "!wait puppet RUNNING",
    "!wait both RUNNING",
    "!wait bare RUNNING",
    "rpc supervisor.sendProcessStdin [\"puppet\", \"printf 'one\\\\ntwo'\\n\"]",
    "!log heard two",
    "rpc supervisor.sendProcessStdin [\"puppet\", \"printf three >&2\\n\"]",
    "!log heard three",
    "rpc supervisor.sendProcessStdin [\"puppet\", \"printf 'gr\\\\303\\\\266\\\\303\\\\237e four'\\n\"]",
    "!log heard four",
    "rpc supervisor.sendProcessStdin [\"puppet\", \"printf 'odd \\\\377 \\\\000 five\\\\n'\\n\"]",
    "!log heard five",
    "rpc supervisor.sendProcessStdin [\"puppet\", \"printf '\\\\033[1mbold\\\\r\\\\n six'\\n\"]",
    "!log heard six",
    "rpc supervisor.sendProcessStdin [\"both\", \"echo out; echo seven >&2\\n\"]",
    "!log heard seven",
    "rpc supervisor.sendProcessStdin [\"bare\", \"printf '\\\\033[1;31mred\\\\033[0m eight\\\\n'\\n\"]",
    "!log heard eight",
    "start last",
    "!log heard an end",
    "!wait last EXITED",
];

// Output between marks.

const CAPTURE: &str = "\
[eventlistener:ear]
command={RECORDER} {D}/heard
events=PROCESS_COMMUNICATION
startsecs=0
stdout_logfile=NONE
stderr_logfile=NONE
[program:puppet]
command=sh {D}/puppet.sh
startsecs=0
stdout_capture_maxbytes=1KB
stderr_capture_maxbytes=1KB
stdout_logfile={D}/puppet.log
stderr_logfile={D}/puppet.err
[program:small]
command=sh {D}/puppet.sh
startsecs=0
stdout_capture_maxbytes=10
stdout_logfile={D}/small.log
[program:open]
command=printf 'before<!--XSUPERVISOR:BEGIN-->never ended'
startsecs=0
autostart=false
autorestart=false
stdout_capture_maxbytes=1KB
stdout_logfile={D}/open.log
";

const CAPTURE_STEPS: &[&str] = &[
    "!wait puppet RUNNING",
    "!wait small RUNNING",
    "rpc supervisor.sendProcessStdin [\"puppet\", \"printf 'before this is a line that is long enough\\\\n<!--XSUPERVISOR:BEGIN-->one<!--XSUPERVISOR:END-->and behind is another long line\\\\n'\\n\"]",
    "!log heard one",
    "!log puppet.log another",
    "rpc supervisor.sendProcessStdin [\"puppet\", \"printf '<!--XSUPERVISOR:BEGIN-->two<!--XSUPERVISOR:END--><!--XSUPERVISOR:BEGIN-->three<!--XSUPERVISOR:END-->'\\n\"]",
    "!log heard three",
    "rpc supervisor.sendProcessStdin [\"puppet\", \"printf '<!--XSUPERVISOR:BEGIN-->gr\\\\303\\\\266\\\\303\\\\237e<!--XSUPERVISOR:END-->' >&2\\n\"]",
    "!log heard STDERR",
    "rpc supervisor.sendProcessStdin [\"puppet\", \"printf '<!--XSUPERVISOR:BEGIN--><!--XSUPERVISOR:END-->'; printf '<!--XSUPERVISOR:BEGIN-->five<!--XSUPERVISOR:END-->'\\n\"]",
    "!log heard five",
    "rpc supervisor.sendProcessStdin [\"small\", \"printf '<!--XSUPERVISOR:BEGIN-->0123456789abcdef six<!--XSUPERVISOR:END-->'\\n\"]",
    "!log heard six",
    "start open",
    "!wait open EXITED",
];

const REMOTE: &str = "\
[eventlistener:ear]
command={RECORDER} {D}/heard
events=REMOTE_COMMUNICATION
startsecs=0
stdout_logfile=NONE
stderr_logfile=NONE
";

const REMOTE_STEPS: &[&str] = &[
    "rpc supervisor.sendRemoteCommEvent [\"type\", \"one\"]",
    "rpc supervisor.sendRemoteCommEvent [\"\", \"\"]",
    "rpc supervisor.sendRemoteCommEvent [\"größe\", \"wörld\"]",
    "rpc supervisor.sendRemoteCommEvent [\"a b\", \"line\\nline\\n\"]",
    "rpc supervisor.sendRemoteCommEvent [\"last\", \"<&>\"]",
    "!log heard last",
];

// Groups that come and go, with their automatic logs.

const GROUPS: &str = "\
[eventlistener:ear]
command={RECORDER} {D}/heard
events=PROCESS_GROUP
startsecs=0
stdout_logfile=NONE
stderr_logfile=NONE
[program:first]
command=sleep 1000
startsecs=0
";

const GROUP_STEPS: &[&str] = &[
    "!write conf.d/more.conf [program:new]\ncommand=sleep 1000\nstartsecs=0\n[program:w]\ncommand=sleep 1000\nautostart=false\nnumprocs=2\nprocess_name=%(process_num)d\n",
    "update",
    "!log heard groupname:w",
    "!look with more",
    "!write conf.d/more.conf [program:new]\ncommand=sleep 2000\nstartsecs=0\n",
    "update",
    "!wait new RUNNING",
    "!look with less",
    "!write conf.d/ear.conf [eventlistener:late]\ncommand={RECORDER} {D}/heard-late\nevents=PROCESS_GROUP\nstartsecs=0\nstdout_logfile=NONE\nstderr_logfile=NONE\n",
    "update",
    "!wait late RUNNING",
    "!remove conf.d/more.conf",
    "update",
    "!log heard-late REMOVED",
    "!log heard \"groupname:late",
    "!look with none",
];

// All of it again: listeners hear of it as of a beginning.

const AGAIN: &str = "\
[eventlistener:ear]
command={RECORDER} {D}/heard-until-then
events=SUPERVISOR_STATE_CHANGE,PROCESS_GROUP,REMOTE_COMMUNICATION
startsecs=0
stdout_logfile=NONE
stderr_logfile=NONE
[eventlistener:gone]
command={RECORDER} {D}/heard-gone-until-then
events=REMOTE_COMMUNICATION
startsecs=0
stdout_logfile=NONE
stderr_logfile=NONE
[program:a]
command=sleep 1000
startsecs=0
";

const AGAIN_STEPS: &[&str] = &[
    "rpc supervisor.sendRemoteCommEvent [\"a\", \"one\"]",
    "!log heard-until-then one",
    "!log heard-gone-until-then one",
    "!write conf.d/programs.conf [eventlistener:ear]\ncommand={RECORDER} {D}/heard-again\nevents=SUPERVISOR_STATE_CHANGE_RUNNING,PROCESS_GROUP,REMOTE_COMMUNICATION\nstartsecs=0\nstdout_logfile=NONE\nstderr_logfile=NONE\n",
    "reload",
    "!twice main.log supervisord started with pid",
    "!wait ear RUNNING",
    "rpc supervisor.sendRemoteCommEvent [\"a\", \"two\"]",
    "!log heard-again two",
];

const TICKS: &str = "\
[eventlistener:ear]
command={RECORDER} {D}/heard HANG
events=TICK_5
startsecs=0
stdout_logfile=NONE
stderr_logfile=NONE
";

// An event that is rejected is told again, before others.

const REJECTED: &str = "\
[eventlistener:ear]
command={RECORDER} {D}/heard FAIL OK odd OK
events=REMOTE_COMMUNICATION
startsecs=0
stdout_logfile={D}/ear.log
stderr_logfile=NONE
[eventlistener:other]
command={RECORDER} {D}/heard-other
events=REMOTE_COMMUNICATION
startsecs=0
stdout_logfile={D}/ear-other
stderr_logfile=NONE
";

const REJECTED_STEPS: &[&str] = &[
    "rpc supervisor.sendRemoteCommEvent [\"a\", \"one\"]",
    "rpc supervisor.sendRemoteCommEvent [\"a\", \"two\"]",
    "rpc supervisor.sendRemoteCommEvent [\"a\", \"three\"]",
    "!log heard three",
    "!log heard-other three",
];

// A pool that takes nothing forgets what is oldest, and says so.

const OVERFLOW: &str = "\
[eventlistener:ear]
command={RECORDER} {D}/heard LATE
events=REMOTE_COMMUNICATION
buffer_size=2
startsecs=0
stdout_logfile=NONE
stderr_logfile=NONE
[eventlistener:hangs]
priority=-2
command={RECORDER} {D}/heard-hangs HANG
events=REMOTE_COMMUNICATION
buffer_size=1
startsecs=0
stdout_logfile=NONE
stderr_logfile=NONE
";

const OVERFLOW_STEPS: &[&str] = &[
    "rpc supervisor.sendRemoteCommEvent [\"a\", \"one\"]",
    "!log heard-hangs one",
    "rpc supervisor.sendRemoteCommEvent [\"a\", \"two\"]",
    "rpc supervisor.sendRemoteCommEvent [\"a\", \"three\"]",
    "rpc supervisor.sendRemoteCommEvent [\"a\", \"four\"]",
];

// A listener that does not keep to the protocol is told nothing any more, one that dies is.

const JUNK: &str = "\
[eventlistener:ear]
command={RECORDER} {D}/heard JUNK OK
events=REMOTE_COMMUNICATION
priority=-2
startsecs=0
stdout_logfile={D}/ear.log
stderr_logfile=NONE
[eventlistener:mortal]
command={RECORDER} {D}/heard-mortal OK HANG OK
events=REMOTE_COMMUNICATION
startsecs=0
stdout_logfile=NONE
stderr_logfile=NONE
";

const JUNK_STEPS: &[&str] = &[
    "rpc supervisor.sendRemoteCommEvent [\"a\", \"one\"]",
    "!log heard one",
    "!log ear.log JUNK",
    "!log heard-mortal one",
    "rpc supervisor.sendRemoteCommEvent [\"a\", \"two\"]",
    "!log heard-mortal two",
    "restart mortal",
    "rpc supervisor.sendRemoteCommEvent [\"a\", \"three\"]",
    "!log heard-mortal three",
    "restart ear",
    "rpc supervisor.sendRemoteCommEvent [\"a\", \"four\"]",
    "!log heard four",
];

// The end: groups in their order, and listeners last.

const END: &str = "\
[eventlistener:ear]
command={RECORDER} {D}/heard-until-then
events=SUPERVISOR_STATE_CHANGE,PROCESS_STATE
startsecs=0
stdout_logfile=NONE
stderr_logfile=NONE
[program:a]
command=sleep 1000
priority=1
startsecs=0
[program:b]
command=sleep 1000
priority=2
startsecs=0
[program:c]
command=sleep 1000
priority=3
startsecs=0
autostart=false
";

const END_STEPS: &[&str] = &[
    "!log heard-until-then b from_state:STARTING",
    "!look before the end",
    "shutdown",
    "!end",
];

// Logs that are rotated, by size and from outside.

const ROTATION: &str = "\
[eventlistener:ear]
command={RECORDER} {D}/heard
events=PROCESS_LOG
startsecs=0
stdout_logfile=NONE
stderr_logfile=NONE
[program:puppet]
command=sh {D}/puppet.sh
startsecs=0
stdout_events_enabled=true
stderr_events_enabled=true
stdout_logfile={D}/puppet.log
stdout_logfile_maxbytes=20
stdout_logfile_backups=2
stderr_logfile={D}/puppet.err
stderr_logfile_maxbytes=20
stderr_logfile_backups=0
[program:outside]
command=sh {D}/puppet.sh
startsecs=0
stdout_events_enabled=true
stdout_logfile={D}/outside.log
stdout_logfile_maxbytes=0
";

const ROTATION_STEPS: &[&str] = &[
    "!wait puppet RUNNING",
    "!wait outside RUNNING",
    "rpc supervisor.sendProcessStdin [\"puppet\", \"echo the line of one\\n\"]",
    "!log heard one",
    "rpc supervisor.sendProcessStdin [\"puppet\", \"echo the line of two\\n\"]",
    "!log heard two",
    "!look of two",
    "rpc supervisor.sendProcessStdin [\"puppet\", \"echo the line of three\\n\"]",
    "!log heard three",
    "rpc supervisor.sendProcessStdin [\"puppet\", \"echo the line of four\\n\"]",
    "!log heard four",
    "rpc supervisor.sendProcessStdin [\"puppet\", \"echo the line of five, which is longer than all of it\\n\"]",
    "!log heard five",
    "rpc supervisor.sendProcessStdin [\"puppet\", \"echo six\\n\"]",
    "!log heard six",
    "!look of six",
    "rpc supervisor.sendProcessStdin [\"puppet\", \"echo the line of err one >&2\\n\"]",
    "!log heard err one",
    "rpc supervisor.sendProcessStdin [\"puppet\", \"echo the line of err two >&2\\n\"]",
    "!log heard err two",
    "rpc supervisor.sendProcessStdin [\"puppet\", \"echo err three >&2\\n\"]",
    "!log heard err three",
    "rpc supervisor.sendProcessStdin [\"outside\", \"echo before\\n\"]",
    "!log heard before",
    "!move outside.log outside.log.old",
    "rpc supervisor.sendProcessStdin [\"outside\", \"echo between\\n\"]",
    "!log heard between",
    "!signal SIGUSR2",
    "!log main.log SIGUSR2",
    "rpc supervisor.sendProcessStdin [\"outside\", \"echo after\\n\"]",
    "!log heard after",
    "!look after the signal",
    "clear puppet",
    "!look after clear",
    "rpc supervisor.sendProcessStdin [\"puppet\", \"echo seven\\n\"]",
    "!log heard seven",
];

// Where output may go.

const LOGS: &str = "\
[program:both]
command=sh -c 'sleep 0.3; echo out; echo err >&2'
startsecs=0
autorestart=false
autostart=false
redirect_stderr=true
stdout_logfile={D}/both.log
[program:apart]
command=sh -c 'sleep 0.3; echo out; echo err >&2'
startsecs=0
autorestart=false
autostart=false
stdout_logfile={D}/apart.log
stderr_logfile={D}/apart.err
[program:none]
command=sh -c 'sleep 0.3; echo out; echo err >&2'
startsecs=0
autorestart=false
autostart=false
stdout_logfile=NONE
stderr_logfile=NONE
[program:twice]
command=sh -c 'sleep 0.3; echo out; sleep 0.2; echo err >&2'
startsecs=0
autorestart=false
autostart=false
stdout_logfile={D}/twice.log
stdout_logfile_maxbytes=0
stderr_logfile={D}/twice.log
stderr_logfile_maxbytes=0
[program:bare]
command=sh -c 'sleep 0.3; printf \"\\033[1mbold\\033[0m \\033]0;title\\007 \\033[2Kgone\\r\\n\"'
startsecs=0
autorestart=false
autostart=false
strip_ansi=true
stdout_logfile={D}/bare.log
[program:bytes]
command=sh -c 'sleep 0.3; printf \"odd \\377\\000\\n\"'
startsecs=0
autorestart=false
autostart=false
stdout_logfile={D}/bytes.log
[program:user]
command=sh -c 'sleep 0.3; id -un; umask'
user=nobody
umask=027
directory=/tmp
startsecs=0
autorestart=false
autostart=false
stdout_logfile={D}/user.log
[program:environment]
command=sh -c 'sleep 0.3; env | grep -E \"^(SUPERVISOR|MINE|USER|HOME)\" | sort'
environment=MINE=\"one, two\",HOME=\"/somewhere\"
startsecs=0
autorestart=false
autostart=false
stdout_logfile={D}/environment.log
[program:umask]
command=sh -c 'sleep 0.3; umask 0; : > {D}/made; pwd'
directory={D}/conf.d
startsecs=0
autorestart=false
autostart=false
stdout_logfile={D}/umask.log
[program:later]
command=sh -c 'sleep 0.3; echo again'
startsecs=0
autorestart=false
autostart=false
stdout_logfile={D}/later.log
";

const LOG_STEPS: &[&str] = &[
    "start both",
    "!wait both EXITED",
    "start apart",
    "!wait apart EXITED",
    "start none",
    "!wait none EXITED",
    "start twice",
    "!wait twice EXITED",
    "start bare",
    "!wait bare EXITED",
    "start bytes",
    "!wait bytes EXITED",
    "start user",
    "!wait user EXITED",
    "start environment",
    "!wait environment EXITED",
    "start umask",
    "!wait umask EXITED",
    "start later",
    "!wait later EXITED",
    "start later",
    "!wait later EXITED",
];

const AUTOMATIC: &str = "\
[program:a]
command=sh -c 'echo out; exec sleep 1000'
startsecs=0
[program:never]
command=echo out
autostart=false
[program:w]
command=sh -c 'echo out; echo err >&2; exec sleep 1000'
process_name=%(program_name)s_%(process_num)02d
numprocs=2
startsecs=0
redirect_stderr=true
";

const AUTOMATIC_STEPS: &[&str] = &[
    "!tail a out",
    "!tail w:w_00 err",
    "!tail w:w_01 err",
    "!look started",
    "!write gone-stdout---supervisor-abcd1234.log old",
    "!write other-stdout---else-abcd1234.log old",
    "reload",
    "!twice main.log supervisord started with pid",
    "!tail a out",
    "!tail w:w_00 err",
    "!tail w:w_01 err",
    "!look reloaded",
];
