//! What is left in files.

use super::Scenario;

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario::new("rotation", ROTATION, ROTATION_STEPS),
    Scenario::new("logs", LOGS, LOG_STEPS),
    Scenario::new("automatic logs", AUTOMATIC, AUTOMATIC_STEPS),
    Scenario {
        more: "[supervisord]\nnocleanup=true\numask=077\nidentifier=other\n",
        ..Scenario::new("no cleanup", AUTOMATIC, AUTOMATIC_STEPS)
    },
];

// Logs that are rotated, by size and from outside.

const ROTATION: &str = concat!(
    listener!("ear", "heard", "PROCESS_LOG", "stdout_logfile=NONE\n"),
    puppet!(
        "puppet",
        "stdout_events_enabled=true\nstderr_events_enabled=true\nstdout_logfile={D}/puppet.log\nstdout_logfile_maxbytes=20\nstdout_logfile_backups=2\nstderr_logfile={D}/puppet.err\nstderr_logfile_maxbytes=20\nstderr_logfile_backups=0\n"
    ),
    puppet!(
        "outside",
        "stdout_events_enabled=true\nstdout_logfile={D}/outside.log\nstdout_logfile_maxbytes=0\n"
    ),
);

const ROTATION_STEPS: &[&str] = &[
    "!wait puppet RUNNING",
    "!wait outside RUNNING",
    tell!("puppet", "echo the line of one"),
    "!log heard one",
    tell!("puppet", "echo the line of two"),
    "!log heard two",
    "!look of two",
    tell!("puppet", "echo the line of three"),
    "!log heard three",
    tell!("puppet", "echo the line of four"),
    "!log heard four",
    tell!(
        "puppet",
        "echo the line of five, which is longer than all of it"
    ),
    "!log heard five",
    tell!("puppet", "echo six"),
    "!log heard six",
    "!look of six",
    tell!("puppet", "echo the line of err one >&2"),
    "!log heard err one",
    tell!("puppet", "echo the line of err two >&2"),
    "!log heard err two",
    tell!("puppet", "echo err three >&2"),
    "!log heard err three",
    tell!("outside", "echo before"),
    "!log heard before",
    "!move outside.log outside.log.old",
    tell!("outside", "echo between"),
    "!log heard between",
    "!signal SIGUSR2",
    "!log main.log SIGUSR2",
    tell!("outside", "echo after"),
    "!log heard after",
    "!look after the signal",
    "clear puppet",
    "!look after clear",
    tell!("puppet", "echo seven"),
    "!log heard seven",
];

// Where output may go.

const LOGS: &str = concat!(
    by_hand!(
        "both",
        "sh -c 'sleep 0.3; echo out; echo err >&2'",
        "redirect_stderr=true\nstdout_logfile={D}/both.log\n"
    ),
    by_hand!(
        "apart",
        "sh -c 'sleep 0.3; echo out; echo err >&2'",
        "stdout_logfile={D}/apart.log\nstderr_logfile={D}/apart.err\n"
    ),
    by_hand!(
        "none",
        "sh -c 'sleep 0.3; echo out; echo err >&2'",
        "stdout_logfile=NONE\nstderr_logfile=NONE\n"
    ),
    by_hand!(
        "twice",
        "sh -c 'sleep 0.3; echo out; sleep 0.2; echo err >&2'",
        "stdout_logfile={D}/twice.log\nstdout_logfile_maxbytes=0\nstderr_logfile={D}/twice.log\nstderr_logfile_maxbytes=0\n"
    ),
    by_hand!(
        "bare",
        "sh -c 'sleep 0.3; printf \"\\033[1mbold\\033[0m \\033]0;title\\007 \\033[2Kgone\\r\\n\"'",
        "strip_ansi=true\nstdout_logfile={D}/bare.log\n"
    ),
    by_hand!(
        "bytes",
        "sh -c 'sleep 0.3; printf \"odd \\377\\000\\n\"'",
        "stdout_logfile={D}/bytes.log\n"
    ),
    by_hand!(
        "user",
        "sh -c 'sleep 0.3; id -un; umask'",
        "user=nobody\numask=027\ndirectory=/tmp\nstdout_logfile={D}/user.log\n"
    ),
    by_hand!(
        "environment",
        "sh -c 'sleep 0.3; env | grep -E \"^(SUPERVISOR|MINE|USER|HOME)\" | sort'",
        "environment=MINE=\"one, two\",HOME=\"/somewhere\"\nstdout_logfile={D}/environment.log\n"
    ),
    by_hand!(
        "umask",
        "sh -c 'sleep 0.3; umask 0; : > {D}/made; pwd'",
        "directory={D}/conf.d\nstdout_logfile={D}/umask.log\n"
    ),
    by_hand!(
        "later",
        "sh -c 'sleep 0.3; echo again'",
        "stdout_logfile={D}/later.log\n"
    ),
);

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

const AUTOMATIC: &str = "[program:a]
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
