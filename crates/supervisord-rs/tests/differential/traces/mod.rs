//! What is done to both, and leaves traces. A step is a command line of supervisorctl, `rpc METHOD
//! [PARAMETERS]`, a step of [`oracle::steps`](crate::oracle::steps), or `!look WHEN`, which
//! compares the directory then as well. `{RECORDER}` stands for the listener that writes down what
//! it hears. A file whose name ends in `-until-then` is compared at `!look`, not at the end.

/// A configuration and what happens.
#[derive(Clone, Copy)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) programs: &'static str,
    /// More sections of the main file.
    pub(crate) more: &'static str,
    pub(crate) steps: &'static [&'static str],
}

impl Scenario {
    const fn new(
        name: &'static str,
        programs: &'static str,
        steps: &'static [&'static str],
    ) -> Self {
        Self {
            name,
            programs,
            more: "",
            steps,
        }
    }
}

pub(crate) fn scenarios() -> impl Iterator<Item = &'static Scenario> {
    told::SCENARIOS.iter().chain(kept::SCENARIOS)
}

/// A listener that writes down what it hears: its name, the file and answers, events, and more.
macro_rules! listener {
    ($name:literal, $recorder:literal, $events:literal, $more:literal) => {
        concat!(
            "[eventlistener:",
            $name,
            "]\ncommand={RECORDER} {D}/",
            $recorder,
            "\nevents=",
            $events,
            "\nstartsecs=0\nstderr_logfile=NONE\n",
            $more
        )
    };
}

/// A shell that does what it is told on its standard input; see `tell`.
macro_rules! puppet {
    ($name:literal, $more:literal) => {
        concat!(
            "[program:",
            $name,
            "]\ncommand=sh {D}/puppet.sh\nstartsecs=0\n",
            $more
        )
    };
}

/// A program that runs once for every start.
macro_rules! by_hand {
    ($name:literal, $command:literal, $more:literal) => {
        concat!(
            "[program:",
            $name,
            "]\ncommand=",
            $command,
            "\nstartsecs=0\nautorestart=false\nautostart=false\n",
            $more
        )
    };
}

/// A line for a puppet.
macro_rules! tell {
    ($name:literal, $line:literal) => {
        concat!(
            "rpc supervisor.sendProcessStdin [\"",
            $name,
            "\", \"",
            $line,
            "\\n\"]"
        )
    };
}

/// An event by a client.
macro_rules! remote {
    ($data:literal) => {
        concat!(
            "rpc supervisor.sendRemoteCommEvent [\"a\", \"",
            $data,
            "\"]"
        )
    };
}

mod kept;
mod told;
