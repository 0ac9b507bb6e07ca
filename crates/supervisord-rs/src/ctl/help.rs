//! What `help` says.

use super::Session;

impl Session {
    /// The help on one command, or the list of commands.
    pub(super) fn help(&mut self, topic: &str) {
        match TOPICS.iter().find(|(name, _)| *name == topic) {
            Some((_, text)) => self.say(text),
            None => self.say(&format!("*** No help on {topic}")),
        }
    }
}

/// The commands, for completion.
pub(super) const ACTIONS: &[&str] = &[
    "help", "add", "avail", "clear", "exit", "fg", "maintail", "open", "pid", "quit", "reload",
    "remove", "reread", "restart", "shutdown", "signal", "start", "status", "stop", "tail",
    "update", "version",
];

/// The list of commands is laid out as in the original.
const TOPICS: &[(&str, &str)] = &[
    (
        "",
        "\ndefault commands (type help <topic>):\n\
         =====================================\n\
         add    exit      open  reload  restart   start   tail   \n\
         avail  fg        pid   remove  shutdown  status  update \n\
         clear  maintail  quit  reread  signal    stop    version\n",
    ),
    (
        "add",
        "add <group> [...]\tStart using groups that were added to the configuration",
    ),
    (
        "avail",
        "avail\t\t\tList every program of the configuration",
    ),
    (
        "clear",
        "clear <name> [...]\tEmpty the logs of programs\n\
         clear all\t\tEmpty the logs of all programs",
    ),
    ("exit", "exit\tLeave this shell"),
    (
        "fg",
        "fg <name>\tSee what a program prints and type what it reads; Ctrl-C leaves it running",
    ),
    (
        "maintail",
        "maintail\tThe last 1600 bytes of supervisord's own log\n\
         maintail -<n>\tThe last <n> bytes of it\n\
         maintail -f\tFollow it until Ctrl-C\n",
    ),
    (
        "open",
        "open <url>\tTalk to another supervisord: http://host:port or unix:///path/of/socket",
    ),
    (
        "pid",
        "pid\t\t\tThe pid of supervisord\n\
         pid <name> [...]\tThe pids of programs\n\
         pid all\t\t\tThe pids of all programs, one per line",
    ),
    ("quit", "quit\tLeave this shell"),
    (
        "reload",
        "reload\t\t\tStop everything, read the configuration and start again",
    ),
    ("remove", "remove <group> [...]\tForget stopped groups"),
    (
        "reread",
        "reread\t\t\tRead the configuration and say what would change",
    ),
    (
        "restart",
        "restart <name> [...]\tStop programs and start them again\n\
         restart <group>:*\tAll programs of a group\n\
         restart all\t\tAll programs\n\
         The configuration is not read for it; see reread and update.",
    ),
    (
        "shutdown",
        "shutdown\t\tStop everything, supervisord included",
    ),
    (
        "signal",
        "signal <signal> <name> [...]\tSend a signal to programs\n\
         signal <signal> <group>:*\tAll programs of a group\n\
         signal <signal> all\t\tAll programs",
    ),
    (
        "start",
        "start <name> [...]\tStart programs\n\
         start <group>:*\t\tAll programs of a group\n\
         start all\t\tAll programs",
    ),
    (
        "status",
        "status\t\t\tThe state of all programs\n\
         status <name> [...]\tThe state of some\n\
         status <group>:*\tAll programs of a group",
    ),
    (
        "stop",
        "stop <name> [...]\tStop programs\n\
         stop <group>:*\t\tAll programs of a group\n\
         stop all\t\tAll programs",
    ),
    (
        "tail",
        "tail <name> [stdout|stderr]\tThe last 1600 bytes of a program's output\n\
         tail -<n> <name> [...]\t\tThe last <n> bytes of it\n\
         tail -f <name> [...]\t\tFollow it until Ctrl-C",
    ),
    (
        "update",
        "update\t\t\tRead the configuration and do what it asks: stop, start and restart groups\n\
         update all\t\tThe same\n\
         update <group> [...]\tThe same for some groups only",
    ),
    ("version", "version\t\t\tThe version of supervisord"),
    (
        "help",
        "help\t\tList the commands\nhelp <command>\tWhat a command does",
    ),
];
