// The configurations and steps of the scenarios.

/// Two groups and a single program; what they are is the same however often they are asked.
const GROUPS: &str = "\
[program:solo]
command=sleep 1000
startsecs=0
[program:manual]
command=sleep 1000
autostart=false
startsecs=0
[program:one]
command=sleep 1000
startsecs=0
priority=20
[program:two]
command=sleep 1000
startsecs=0
priority=10
[group:duo]
programs=one,two
priority=5
[program:w]
command=sleep 1000
process_name=%(program_name)s_%(process_num)02d
numprocs=2
startsecs=0
stdout_logfile=NONE
";

const RUNNING: &str = "
!wait [\"solo\", \"RUNNING\"]
!wait [\"duo:one\", \"RUNNING\"]
!wait [\"duo:two\", \"RUNNING\"]
!wait [\"w:w_01\", \"RUNNING\"]
";

const NAMES: &[&str] = &[
    "solo", "solo:solo", "solo:*", "solo:", "manual", "duo", "duo:one", "duo:two", "duo:*", "duo:",
    "duo:nosuch", "duo:one:x", "one", "w:w_00", "w:*", "nosuch", "nosuch:x", "nosuch:*", "nosuch:",
    "", ":", ":x", "*", "all", " solo", "sölo",
];

/// Methods with what follows the name.
const NAMED: &[(&str, &str)] = &[
    ("getProcessInfo", ""),
    ("stopProcess", ""),
    ("stopProcess", ""),
    ("signalProcess", ", \"CONT\""),
    ("sendProcessStdin", ", \"x\""),
    ("startProcess", ""),
    ("startProcess", ""),
    ("startProcess", ", false"),
    ("signalProcess", ", \"CONT\""),
    ("signalProcess", ", \"sigcont\""),
    ("signalProcess", ", 18"),
    ("signalProcess", ", \"NOSUCH\""),
    ("signalProcess", ", \"99\""),
    ("signalProcessGroup", ", \"CONT\""),
    ("signalProcessGroup", ", \"NOSUCH\""),
    ("sendProcessStdin", ", \"x\""),
    ("readProcessLog", ", 0, 0"),
    ("readProcessStderrLog", ", 0, 0"),
    ("tailProcessLog", ", 0, 100"),
    ("tailProcessStderrLog", ", 0, 100"),
    ("clearProcessLog", ""),
    ("clearProcessLogs", ""),
    ("addProcessGroup", ""),
    ("removeProcessGroup", ""),
    ("stopProcessGroup", ""),
    ("stopProcessGroup", ""),
    ("startProcessGroup", ""),
    ("startProcessGroup", ", false"),
    ("getProcessInfo", ""),
];

const METHODS: &[&str] = &[
    "supervisor.addProcessGroup",
    "supervisor.clearAllProcessLogs",
    "supervisor.clearLog",
    "supervisor.clearProcessLog",
    "supervisor.clearProcessLogs",
    "supervisor.getAPIVersion",
    "supervisor.getAllConfigInfo",
    "supervisor.getAllProcessInfo",
    "supervisor.getIdentification",
    "supervisor.getPID",
    "supervisor.getProcessInfo",
    "supervisor.getState",
    "supervisor.getSupervisorVersion",
    "supervisor.getVersion",
    "supervisor.readLog",
    "supervisor.readMainLog",
    "supervisor.readProcessLog",
    "supervisor.readProcessStderrLog",
    "supervisor.readProcessStdoutLog",
    "supervisor.reloadConfig",
    "supervisor.removeProcessGroup",
    "supervisor.restart",
    "supervisor.sendProcessStdin",
    "supervisor.sendRemoteCommEvent",
    "supervisor.shutdown",
    "supervisor.signalAllProcesses",
    "supervisor.signalProcess",
    "supervisor.signalProcessGroup",
    "supervisor.startAllProcesses",
    "supervisor.startProcess",
    "supervisor.startProcessGroup",
    "supervisor.stopAllProcesses",
    "supervisor.stopProcess",
    "supervisor.stopProcessGroup",
    "supervisor.tailProcessLog",
    "supervisor.tailProcessStderrLog",
    "supervisor.tailProcessStdoutLog",
    "system.listMethods",
    "system.methodHelp",
    "system.methodSignature",
    "system.multicall",
];

const TYPES: &str = r#"
supervisor.startProcess ["solo", ""]
supervisor.startProcess ["solo", "x"]
supervisor.startProcess [{"$binary": "solo"}]
supervisor.getProcessInfo [{"$binary": "sölo"}]
supervisor.sendProcessStdin ["solo", {"$binary": "x"}]
supervisor.sendProcessStdin ["solo", "ö\n"]
supervisor.sendProcessStdin ["solo", ["a", 1, {"b": 2.5}]]
supervisor.readLog ["x", 0]
supervisor.readLog [0, "x"]
~supervisor.readLog [" 1_0", "5"]
supervisor.readProcessLog ["solo", "x", 0]
supervisor.tailProcessLog ["solo", "x", 0]
supervisor.tailProcessLog ["w:w_00", "x", 0]
supervisor.readProcessLog ["w:w_00", "x", 0]
supervisor.signalProcess ["solo", " cont "]
supervisor.signalProcess ["manual", "0"]
supervisor.signalProcess ["solo", "35"]
supervisor.signalProcess ["solo", ""]
%supervisor.stopAllProcesses [0]
supervisor.startAllProcesses [0]
"#;

/// Programs that fail in every way, and one that takes its time to stop.
const LIFE: &str = "\
[program:cat]
command=cat
startsecs=0
autostart=false
autorestart=false
[program:closed]
command=sh -c 'exec sleep 1000 <&-'
startsecs=0
autostart=false
[program:missing]
command=/no/such/file
autostart=false
[program:relative]
command=no-such-command x
autostart=false
[program:refused]
command={D}/not-executable
autostart=false
[program:directory]
command={D}
autostart=false
[program:unbalanced]
command=cat 'x
autostart=false
[program:short]
command=sh -c 'sleep 0.2; exit 3'
autostart=false
startretries=0
[program:once]
command=sh -c 'sleep 0.2; exit 0'
autostart=false
startsecs=0
autorestart=false
[program:wrong]
command=sh -c 'sleep 0.2; exit 7'
autostart=false
startsecs=0
autorestart=false
[program:killed]
command=sh -c 'kill -9 $$'
autostart=false
startsecs=0
autorestart=false
[program:nodir]
command=cat
directory=/no/such/dir
autostart=false
startretries=0
[program:late]
command=sh {D}/late.sh
startsecs=0
autostart=false
[program:slow]
command=sleep 1000
autostart=false
";

const LIFE_STEPS: &str = r#"
supervisor.getAllProcessInfo
supervisor.getAllConfigInfo
supervisor.startProcess ["cat"]
supervisor.getProcessInfo ["cat"]
supervisor.startProcess ["cat"]
supervisor.startProcess ["cat", false]
supervisor.sendProcessStdin ["cat", "hello\n"]
!log ["cat", "hello"]
supervisor.signalProcess ["cat", "HUP"]
!wait ["cat", "EXITED"]
supervisor.getProcessInfo ["cat"]
supervisor.sendProcessStdin ["cat", "hello\n"]
supervisor.signalProcess ["cat", "HUP"]
supervisor.stopProcess ["cat"]
supervisor.readProcessLog ["cat", 0, 0]
supervisor.startProcess ["cat"]
supervisor.stopProcess ["cat"]
supervisor.getProcessInfo ["cat"]
supervisor.startProcess ["missing"]
supervisor.startProcess ["missing", false]
supervisor.startProcess ["missing:missing"]
supervisor.startProcess ["missing:*"]
supervisor.startProcessGroup ["missing"]
supervisor.startProcess ["relative"]
supervisor.startProcess ["refused"]
supervisor.startProcess ["directory"]
supervisor.startProcess ["unbalanced"]
supervisor.getProcessInfo ["missing"]
supervisor.startProcess ["short"]
!wait ["short", "FATAL"]
supervisor.getProcessInfo ["short"]
supervisor.stopProcess ["short"]
supervisor.startProcess ["short", false]
supervisor.startProcess ["once"]
!wait ["once", "EXITED"]
supervisor.getProcessInfo ["once"]
supervisor.startProcess ["wrong"]
!wait ["wrong", "EXITED"]
supervisor.getProcessInfo ["wrong"]
supervisor.startProcess ["killed"]
!wait ["killed", "EXITED"]
supervisor.getProcessInfo ["killed"]
supervisor.startProcess ["nodir"]
!wait ["nodir", "FATAL"]
supervisor.getProcessInfo ["nodir"]
supervisor.startProcess ["slow"]
supervisor.stopProcess ["slow"]
supervisor.getProcessInfo ["slow"]
supervisor.startProcess ["late"]
!log ["late", "ready"]
supervisor.stopProcess ["late", false]
supervisor.getProcessInfo ["late"]
supervisor.stopProcess ["late"]
supervisor.stopProcess ["late", false]
supervisor.startProcess ["late"]
supervisor.startProcess ["late", false]
supervisor.startProcess ["late:late"]
supervisor.startProcessGroup ["late", false]
supervisor.signalProcess ["late", "CONT"]
supervisor.sendProcessStdin ["late", "x"]
supervisor.removeProcessGroup ["late"]
!wait ["late", "STOPPED"]
supervisor.removeProcessGroup ["late"]
supervisor.removeProcessGroup ["late"]
supervisor.getProcessInfo ["late"]
supervisor.addProcessGroup ["late"]
supervisor.addProcessGroup ["late"]
supervisor.getProcessInfo ["late"]
"#;

/// Groups in which some programs can be started and some cannot.
const MIXED: &str = "\
[program:good]
command=sleep 1000
startsecs=0
autostart=false
priority=3
[program:gone]
command=/no/such/file
autostart=false
priority=1
[program:refused]
command={D}/not-executable
autostart=false
priority=2
[program:better]
command=sleep 1000
startsecs=0
autostart=false
priority=1
[group:mixed]
programs=good,gone,refused,better
priority=7
[program:last]
command=sleep 1000
startsecs=0
autostart=false
[program:first]
command=sleep 1000
startsecs=0
autostart=false
priority=1
[program:late]
command=sh {D}/late.sh
startsecs=0
autostart=false
priority=2
";

const GROUP_STEPS: &str = r#"
supervisor.startProcessGroup ["mixed"]
supervisor.startProcessGroup ["mixed"]
supervisor.startProcess ["mixed:*", false]
supervisor.getAllProcessInfo
supervisor.signalProcessGroup ["mixed", "CONT"]
supervisor.signalProcessGroup ["mixed", "NOSUCH"]
supervisor.signalProcess ["mixed:*", "NOSUCH"]
supervisor.signalAllProcesses ["CONT"]
supervisor.signalAllProcesses ["NOSUCH"]
supervisor.startAllProcesses
supervisor.startAllProcesses [false]
supervisor.signalAllProcesses ["CONT"]
supervisor.signalAllProcesses ["35"]
!log ["late", "ready"]
supervisor.clearAllProcessLogs
supervisor.stopProcess ["late", false]
supervisor.startAllProcesses [false]
supervisor.startProcessGroup ["late"]
!wait ["late", "STOPPED"]
%supervisor.stopProcessGroup ["mixed"]
supervisor.stopProcessGroup ["mixed"]
supervisor.stopProcess ["first:*"]
%supervisor.stopAllProcesses [false]
supervisor.stopAllProcesses
supervisor.signalAllProcesses ["CONT"]
supervisor.signalAllProcesses ["NOSUCH"]
supervisor.clearAllProcessLogs
"#;

const LOGS: &str = r"
[program:ten]
command=sh -c 'printf 0123456789; printf abcdefghij >&2'
startsecs=0
autorestart=false
[program:dirty]
command=printf 'ü\033[31mred\033[0m\007\r\n\377\303'
startsecs=0
autorestart=false
[program:text]
command=printf 'ä<&>\n'
startsecs=0
autorestart=false
[program:none]
command=sleep 1000
startsecs=0
stdout_logfile=NONE
stderr_logfile=NONE
[program:absent]
command=sleep 1000
startsecs=0
autostart=false
stdout_logfile={D}/absent.log
[program:merged]
command=sh -c 'printf one; printf two >&2; exec sleep 1000'
startsecs=0
redirect_stderr=true
[program:dir]
command=sleep 1000
autostart=false
stdout_logfile={D}
";

const LOG_STEPS: &str = r#"
!wait ["text", "EXITED"]
!wait ["none", "RUNNING"]
supervisor.readProcessStdoutLog ["text", 0, 0]
supervisor.readProcessStdoutLog ["text", -4, 0]
supervisor.readProcessStdoutLog ["dirty", 0, 0]
supervisor.readProcessStdoutLog ["dirty", 0, 2]
supervisor.readProcessStdoutLog ["dirty", 0, 1]
supervisor.readProcessStdoutLog ["dirty", 2, 1]
supervisor.readProcessStdoutLog ["dirty", 12, 3]
supervisor.tailProcessStdoutLog ["dirty", 0, 2]
supervisor.readProcessStdoutLog ["none", 0, 0]
supervisor.readProcessStderrLog ["none", 0, 0]
supervisor.tailProcessStdoutLog ["none", 5, 5]
supervisor.readProcessStdoutLog ["absent", 0, 0]
supervisor.tailProcessStdoutLog ["absent", 5, 5]
supervisor.readProcessStdoutLog ["merged", 0, 0]
supervisor.readProcessStderrLog ["merged", 0, 0]
supervisor.readProcessStdoutLog ["dir", 0, 0]
supervisor.readProcessStdoutLog ["dir", -1, 1]
supervisor.tailProcessStdoutLog ["dir", 5, 5]
supervisor.clearProcessLogs ["ten"]
supervisor.readProcessStdoutLog ["ten", 0, 0]
supervisor.clearProcessLogs ["merged"]
supervisor.readProcessStdoutLog ["merged", 0, 0]
supervisor.tailProcessStdoutLog ["merged", 0, 10]
supervisor.clearProcessLogs ["none"]
supervisor.clearAllProcessLogs
"#;

const MULTICALLS: &[&str] = &[
    "[]",
    "[{}]",
    "\"text\"",
    "5",
    "[5]",
    "[[]]",
    "{}",
    r#"[{"methodName": 5}]"#,
    r#"[{"methodName": ""}]"#,
    r#"[{"methodName": "nosuch"}]"#,
    r#"[{"methodName": "supervisor.getVersion"}]"#,
    r#"[{"methodName": "supervisor.getVersion", "params": []}]"#,
    r#"[{"methodName": "supervisor.getVersion", "params": [1]}]"#,
    r#"[{"methodName": "supervisor.getVersion", "params": 1}]"#,
    r#"[{"methodName": "supervisor.getVersion", "params": {}}]"#,
    r#"[{"methodName": "system.multicall", "params": [[]]}]"#,
    r#"[{"methodName": "system.methodSignature", "params": ["system.multicall"]}]"#,
    r#"[{"methodName": "supervisor.getProcessInfo", "params": ["nosuch"]}, {"methodName": "supervisor.getVersion"}]"#,
    r#"[{"methodName": "supervisor.getProcessInfo", "params": [5]}, {"methodName": "supervisor.getVersion"}]"#,
    r#"[{"methodName": "supervisor.getProcessInfo", "params": ["solo"]}]"#,
    r#"[{"methodName": "supervisor.stopProcess", "params": ["solo"]},
        {"methodName": "supervisor.getProcessInfo", "params": ["solo"]},
        {"methodName": "supervisor.startProcess", "params": ["solo"]},
        {"methodName": "supervisor.startProcess", "params": ["solo"]},
        {"methodName": "supervisor.stopProcessGroup", "params": ["duo"]},
        {"methodName": "supervisor.stopProcess", "params": ["nosuch"]},
        {"methodName": "supervisor.startProcessGroup", "params": ["duo", false]},
        {"methodName": "supervisor.signalAllProcesses", "params": ["CONT"]},
        {"methodName": "supervisor.getAllProcessInfo"}]"#,
    r#"[{"methodName": "supervisor.clearAllProcessLogs"}, {"methodName": "supervisor.readProcessLog", "params": ["w:w_00", 0, 0]}]"#,
];

const RELOAD_STEPS: &[&str] = &[
    "supervisor.reloadConfig",
    "supervisor.getAllConfigInfo",
    "!write conf.d/more.conf [program:new]\ncommand=sleep 1000\nstartsecs=0\n",
    "supervisor.reloadConfig",
    "supervisor.reloadConfig",
    "supervisor.getProcessInfo [\"new\"]",
    "supervisor.addProcessGroup [\"nosuch\"]",
    "supervisor.addProcessGroup [\"new\"]",
    "supervisor.addProcessGroup [\"new\"]",
    "!wait [\"new\", \"RUNNING\"]",
    "supervisor.getProcessInfo [\"new\"]",
    "supervisor.reloadConfig",
    "!write conf.d/more.conf [program:new]\ncommand=sleep 2000\nstartsecs=0\n[program:solo]\ncommand=sleep 1000\nstartsecs=5\n",
    "supervisor.reloadConfig",
    "supervisor.getProcessInfo [\"new\"]",
    "supervisor.removeProcessGroup [\"new\"]",
    "supervisor.stopProcessGroup [\"new\"]",
    "supervisor.removeProcessGroup [\"new\"]",
    "supervisor.removeProcessGroup [\"new\"]",
    "supervisor.addProcessGroup [\"new\"]",
    "!wait [\"new\", \"RUNNING\"]",
    "!write conf.d/more.conf ",
    "supervisor.reloadConfig",
    "!write conf.d/more.conf [program:bad]\ncommand=cat\nstartsecs=x\n",
    "supervisor.reloadConfig",
    "!write conf.d/more.conf [program:bad\n",
    "supervisor.reloadConfig",
    "!write conf.d/more.conf [program:bad]\n",
    "supervisor.reloadConfig",
    "supervisor.getAllProcessInfo",
    "!write conf.d/more.conf ",
    "!write conf.d/programs.conf [group:duo]\nprograms=one\n[program:one]\ncommand=sleep 1000\nstartsecs=0\n[program:two]\ncommand=sleep 1000\nstartsecs=0\n",
    "supervisor.reloadConfig",
    "supervisor.stopProcess [\"duo:one\"]",
    "supervisor.removeProcessGroup [\"duo\"]",
    "%supervisor.stopAllProcesses",
    "supervisor.removeProcessGroup [\"duo\"]",
    "supervisor.removeProcessGroup [\"w\"]",
    "supervisor.addProcessGroup [\"duo\"]",
    "supervisor.reloadConfig",
    "supervisor.getAllProcessInfo",
];

/// One program that keeps an ordered end waiting.
const DEAF: &str = "\
[program:deaf]
command=sh {D}/deaf.sh
startsecs=0
stopwaitsecs=6
";
