//! What listeners are told.

use super::Scenario;

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario::new("states", STATES, STATE_STEPS),
    Scenario::new("all events", ALL, ALL_STEPS),
    Scenario::new("output", OUTPUT, OUTPUT_STEPS),
    Scenario::new("capture", CAPTURE, CAPTURE_STEPS),
    Scenario::new("remote", REMOTE, REMOTE_STEPS),
    Scenario::new("groups", GROUPS, GROUP_STEPS),
    Scenario::new("again", AGAIN, AGAIN_STEPS),
    Scenario::new("ticks", TICKS, &["!log heard TICK_5"]),
    Scenario::new("rejected", REJECTED, REJECTED_STEPS),
    Scenario::new("overflow", OVERFLOW, OVERFLOW_STEPS),
    Scenario::new("junk", JUNK, JUNK_STEPS),
    Scenario::new("the end", END, END_STEPS),
];

// Every state and every way into it.

const STATES: &str = concat!(
    listener!(
        "ear",
        "heard-until-then",
        "PROCESS_STATE",
        "stdout_logfile=NONE\n"
    ),
    by_hand!("fails", "sh -c 'sleep 0.3; exit 3'", ""),
    by_hand!("expected", "sh -c 'sleep 0.3; exit 3'", "exitcodes=3\n"),
    "[program:quick]
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
",
);

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

const ALL: &str = concat!(
    listener!(
        "ear",
        "heard-until-then",
        "PROCESS_STATE,PROCESS_COMMUNICATION,PROCESS_LOG,REMOTE_COMMUNICATION,SUPERVISOR_STATE_CHANGE,PROCESS_GROUP",
        "stdout_logfile=NONE\nbuffer_size=100\n"
    ),
    puppet!("puppet", "stdout_events_enabled=true\n"),
);

const ALL_STEPS: &[&str] = &[
    "!log heard-until-then puppet from_state:STARTING",
    tell!("puppet", "echo one"),
    "!log heard-until-then one",
    remote!("two"),
    "!log heard-until-then two",
    "stop puppet",
    "rpc supervisor.removeProcessGroup [\"puppet\"]",
    "!log heard-until-then GROUP_REMOVED",
    "rpc supervisor.addProcessGroup [\"puppet\"]",
    "!log heard-until-then GROUP_ADDED",
    "!wait puppet RUNNING",
    tell!("puppet", "echo three"),
    "!log heard-until-then three",
    "!look before the end",
];

// Output as events.

const OUTPUT: &str = concat!(
    listener!("ear", "heard", "PROCESS_LOG", "stdout_logfile=NONE\n"),
    puppet!(
        "puppet",
        "stdout_events_enabled=true\nstderr_events_enabled=true\nstdout_logfile={D}/puppet.log\nstderr_logfile={D}/puppet.err\n"
    ),
    puppet!(
        "both",
        "stdout_events_enabled=true\nstderr_events_enabled=true\nredirect_stderr=true\nstdout_logfile=NONE\n"
    ),
    puppet!(
        "bare",
        "strip_ansi=true\nstdout_events_enabled=true\nstdout_logfile={D}/bare.log\n"
    ),
    by_hand!(
        "last",
        "printf 'without an end'",
        "stdout_events_enabled=true\nstdout_logfile={D}/last.log\n"
    ),
);

const OUTPUT_STEPS: &[&str] = &[
    "!wait puppet RUNNING",
    "!wait both RUNNING",
    "!wait bare RUNNING",
    tell!("puppet", "printf 'one\\\\ntwo'"),
    "!log heard two",
    tell!("puppet", "printf three >&2"),
    "!log heard three",
    tell!("puppet", "printf 'gr\\\\303\\\\266\\\\303\\\\237e four'"),
    "!log heard four",
    tell!("puppet", "printf 'odd \\\\377 \\\\000 five\\\\n'"),
    "!log heard five",
    tell!("puppet", "printf '\\\\033[1mbold\\\\r\\\\n six'"),
    "!log heard six",
    tell!("both", "echo out; echo seven >&2"),
    "!log heard seven",
    tell!("bare", "printf '\\\\033[1;31mred\\\\033[0m eight\\\\n'"),
    "!log heard eight",
    "start last",
    "!log heard an end",
    "!wait last EXITED",
];

// Output between marks.

const CAPTURE: &str = concat!(
    listener!(
        "ear",
        "heard",
        "PROCESS_COMMUNICATION",
        "stdout_logfile=NONE\n"
    ),
    puppet!(
        "puppet",
        "stdout_capture_maxbytes=1KB\nstderr_capture_maxbytes=1KB\nstdout_logfile={D}/puppet.log\nstderr_logfile={D}/puppet.err\n"
    ),
    puppet!(
        "small",
        "stdout_capture_maxbytes=10\nstdout_logfile={D}/small.log\n"
    ),
    by_hand!(
        "open",
        "printf 'before<!--XSUPERVISOR:BEGIN-->never ended'",
        "stdout_capture_maxbytes=1KB\nstdout_logfile={D}/open.log\n"
    ),
);

const CAPTURE_STEPS: &[&str] = &[
    "!wait puppet RUNNING",
    "!wait small RUNNING",
    tell!(
        "puppet",
        "printf 'before this is a line that is long enough\\\\n<!--XSUPERVISOR:BEGIN-->one<!--XSUPERVISOR:END-->and behind is another long line\\\\n'"
    ),
    "!log heard one",
    "!log puppet.log another",
    tell!(
        "puppet",
        "printf '<!--XSUPERVISOR:BEGIN-->two<!--XSUPERVISOR:END--><!--XSUPERVISOR:BEGIN-->three<!--XSUPERVISOR:END-->'"
    ),
    "!log heard three",
    tell!(
        "puppet",
        "printf '<!--XSUPERVISOR:BEGIN-->gr\\\\303\\\\266\\\\303\\\\237e<!--XSUPERVISOR:END-->' >&2"
    ),
    "!log heard STDERR",
    tell!(
        "puppet",
        "printf '<!--XSUPERVISOR:BEGIN--><!--XSUPERVISOR:END-->'; printf '<!--XSUPERVISOR:BEGIN-->five<!--XSUPERVISOR:END-->'"
    ),
    "!log heard five",
    tell!(
        "small",
        "printf '<!--XSUPERVISOR:BEGIN-->0123456789abcdef six<!--XSUPERVISOR:END-->'"
    ),
    "!log heard six",
    "start open",
    "!wait open EXITED",
];

const REMOTE: &str = concat!(listener!(
    "ear",
    "heard",
    "REMOTE_COMMUNICATION",
    "stdout_logfile=NONE\n"
),);

const REMOTE_STEPS: &[&str] = &[
    "rpc supervisor.sendRemoteCommEvent [\"type\", \"one\"]",
    "rpc supervisor.sendRemoteCommEvent [\"\", \"\"]",
    "rpc supervisor.sendRemoteCommEvent [\"größe\", \"wörld\"]",
    "rpc supervisor.sendRemoteCommEvent [\"a b\", \"line\\nline\\n\"]",
    "rpc supervisor.sendRemoteCommEvent [\"last\", \"<&>\"]",
    "!log heard last",
];

// Groups that come and go, with their automatic logs.

const GROUPS: &str = concat!(
    listener!("ear", "heard", "PROCESS_GROUP", "stdout_logfile=NONE\n"),
    "[program:first]
command=sleep 1000
startsecs=0
",
);

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

const AGAIN: &str = concat!(
    listener!(
        "ear",
        "heard-until-then",
        "SUPERVISOR_STATE_CHANGE,PROCESS_GROUP,REMOTE_COMMUNICATION",
        "stdout_logfile=NONE\n"
    ),
    listener!(
        "gone",
        "heard-gone-until-then",
        "REMOTE_COMMUNICATION",
        "stdout_logfile=NONE\n"
    ),
    "[program:a]
command=sleep 1000
startsecs=0
",
);

const AGAIN_STEPS: &[&str] = &[
    remote!("one"),
    "!log heard-until-then one",
    "!log heard-gone-until-then one",
    "!write conf.d/programs.conf [eventlistener:ear]\ncommand={RECORDER} {D}/heard-again\nevents=SUPERVISOR_STATE_CHANGE_RUNNING,PROCESS_GROUP,REMOTE_COMMUNICATION\nstartsecs=0\nstdout_logfile=NONE\nstderr_logfile=NONE\n",
    "reload",
    "!twice main.log supervisord started with pid",
    "!wait ear RUNNING",
    remote!("two"),
    "!log heard-again two",
];

const TICKS: &str = concat!(listener!(
    "ear",
    "heard HANG",
    "TICK_5",
    "stdout_logfile=NONE\n"
),);

// An event that is rejected is told again, before others.

const REJECTED: &str = concat!(
    listener!(
        "ear",
        "heard FAIL OK odd OK",
        "REMOTE_COMMUNICATION",
        "stdout_logfile={D}/ear.log\n"
    ),
    listener!(
        "other",
        "heard-other",
        "REMOTE_COMMUNICATION",
        "stdout_logfile={D}/ear-other\n"
    ),
);

const REJECTED_STEPS: &[&str] = &[
    remote!("one"),
    remote!("two"),
    remote!("three"),
    "!log heard three",
    "!log heard-other three",
];

// A pool that takes nothing forgets what is oldest, and says so.

const OVERFLOW: &str = concat!(
    listener!(
        "ear",
        "heard LATE",
        "REMOTE_COMMUNICATION",
        "stdout_logfile=NONE\nbuffer_size=2\n"
    ),
    listener!(
        "hangs",
        "heard-hangs HANG",
        "REMOTE_COMMUNICATION",
        "stdout_logfile=NONE\npriority=-2\nbuffer_size=1\n"
    ),
);

const OVERFLOW_STEPS: &[&str] = &[
    remote!("one"),
    "!log heard-hangs one",
    remote!("two"),
    remote!("three"),
    remote!("four"),
];

// A listener that does not keep to the protocol is told nothing any more, one that dies is.

const JUNK: &str = concat!(
    listener!(
        "ear",
        "heard JUNK OK",
        "REMOTE_COMMUNICATION",
        "stdout_logfile={D}/ear.log\npriority=-2\n"
    ),
    listener!(
        "mortal",
        "heard-mortal OK HANG OK",
        "REMOTE_COMMUNICATION",
        "stdout_logfile=NONE\n"
    ),
);

const JUNK_STEPS: &[&str] = &[
    remote!("one"),
    "!log heard one",
    "!log ear.log JUNK",
    "!log heard-mortal one",
    remote!("two"),
    "!log heard-mortal two",
    "restart mortal",
    remote!("three"),
    "!log heard-mortal three",
    "restart ear",
    remote!("four"),
    "!log heard four",
];

// The end: groups in their order, and listeners last.

const END: &str = concat!(
    listener!(
        "ear",
        "heard-until-then",
        "SUPERVISOR_STATE_CHANGE,PROCESS_STATE",
        "stdout_logfile=NONE\n"
    ),
    "[program:a]
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
",
);

const END_STEPS: &[&str] = &[
    "!log heard-until-then b from_state:STARTING",
    "!look before the end",
    "shutdown",
    "!end",
];
