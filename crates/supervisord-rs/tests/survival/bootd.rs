//! The other side of the channel: a test that keeps what bootd would keep.

use std::{
    fs,
    io::{IoSlice, IoSliceMut},
    os::fd::{AsRawFd as _, BorrowedFd, IntoRawFd as _, OwnedFd, RawFd},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use nix::{
    cmsg_space,
    errno::Errno,
    fcntl::{FcntlArg, FdFlag, fcntl},
    sys::{
        prctl,
        signal::{Signal, kill},
        socket::{
            AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType,
            recvmsg, sendmsg, socketpair,
        },
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};
use serde_json::{Value, json};
use testkit::wait_for;

/// A directory with a configuration, what is held, and the supervisor that runs.
pub(crate) struct Bootd {
    dir: tempfile::TempDir,
    pub(crate) held: Vec<Held>,
    supervisor: Option<Supervisor>,
}

struct Supervisor {
    child: Child,
    channel: OwnedFd,
}

/// A run as bootd holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) run: String,
    pub(crate) pid: i32,
    pub(crate) ends: Vec<(String, RawFd)>,
    /// As it is told, null while it lives.
    pub(crate) exit: Value,
}

impl Bootd {
    /// Nothing is started and nothing is held. `{D}` in the programs is the directory.
    pub(crate) fn new(programs: &str) -> Self {
        // The programs of a supervisor that was killed become ours.
        prctl::set_child_subreaper(true).expect("a subreaper");
        let dir = tempfile::tempdir().expect("a temporary directory");
        let at = dir.path().display().to_string();
        let text = format!(
            "[unix_http_server]\nfile={{D}}/s.sock\n[supervisord]\nnodaemon=true\nuser=root\n\
             logfile={{D}}/main.log\npidfile={{D}}/s.pid\nchildlogdir={{D}}\n\
             berth_portal_log_dir={{D}}/raw\nberth_log_dir={{D}}/clean\nberth_socket={{D}}/g.sock\n\
             [rpcinterface:supervisor]\n\
             supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n\
             [supervisorctl]\nserverurl=unix://{{D}}/s.sock\n{programs}"
        );
        let file = dir.path().join("supervisord.conf");
        fs::write(file, text.replace("{D}", &at)).expect("a file");
        Self {
            dir,
            held: Vec::new(),
            supervisor: None,
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Holds a run whose process somebody else has created; `exit` is null while it lives.
    pub(crate) fn hold(
        &mut self,
        run: &str,
        pid: i32,
        ends: &[(&str, BorrowedFd<'_>)],
        exit: Value,
    ) {
        let ends = ends.iter().map(|(name, fd)| {
            let copy = fd.try_clone_to_owned().expect("another descriptor");
            ((*name).to_owned(), copy.into_raw_fd())
        });
        self.held.push(Held {
            run: run.to_owned(),
            pid,
            ends: ends.collect(),
            exit,
        });
    }

    /// Starts a supervisor and hands over what is held.
    pub(crate) fn start(&mut self) {
        let kind = SockType::SeqPacket;
        let (ours, theirs) = socketpair(AddressFamily::Unix, kind, None, SockFlag::SOCK_CLOEXEC)
            .expect("a pair of sockets");
        fcntl(&theirs, FcntlArg::F_SETFD(FdFlag::empty())).expect("it can be inherited");
        let mut out = fs::File::options();
        let out = out.create(true).append(true).open(self.path("stdout"));
        let out = out.expect("a file");
        let child = Command::new(env!("CARGO_BIN_EXE_supervisord"))
            .arg("-c")
            .arg(self.path("supervisord.conf"))
            .env("BERTH_LOG_DIR", "")
            .env("BERTH_BOOTD_FD", theirs.as_raw_fd().to_string())
            .env("SUPERVISORD_STATE_DIR", self.path("state"))
            .env_remove("SUPERVISORD_SOCKET")
            .stdin(Stdio::null())
            .stdout(out.try_clone().expect("another descriptor"))
            .stderr(out)
            .spawn()
            .expect("supervisord starts");
        self.supervisor = Some(Supervisor {
            child,
            channel: ours,
        });
        wait_for("the greeting", PATIENCE, || {
            let (said, _) = self.receive()?;
            said.get("hello").map(drop)
        })
        .expect("supervisord greets");
        for held in self.held.clone() {
            let names: Vec<_> = held.ends.iter().map(|(name, _)| name).collect();
            let fds: Vec<_> = held.ends.iter().map(|(_, fd)| *fd).collect();
            let (run, pid, exit) = (&held.run, held.pid, &held.exit);
            let started = start_of(pid).unwrap_or(0);
            let held = json!({"run": run, "pid": pid, "started": started, "ends": names,
                "exit": exit});
            self.say(&json!({"held": held}), &fds);
        }
        self.say(
            &json!({"welcome": {"epoch": 7, "held": self.held.len()}}),
            &[],
        );
    }

    /// Takes in what the supervisor has said.
    pub(crate) fn listen(&mut self) {
        while let Some((said, fds)) = self.receive() {
            let run = |kind: &str| said[kind]["run"].as_str().unwrap_or("").to_owned();
            if let Some(hold) = said.get("hold") {
                let names = hold["ends"].as_array().into_iter().flatten();
                let names = names.filter_map(|name| name.as_str().map(str::to_owned));
                self.held.push(Held {
                    run: run("hold"),
                    pid: 0,
                    ends: names.zip(fds).collect(),
                    exit: Value::Null,
                });
            } else if said.get("bind").is_some() {
                let pid = said["bind"]["pid"].as_i64().and_then(|p| p.try_into().ok());
                let held = self.held.iter_mut().find(|held| held.run == run("bind"));
                held.expect("a run that is held").pid = pid.expect("a pid");
            } else if said.get("release").is_some() {
                let gone = run("release");
                for held in self.held.extract_if(.., |held| held.run == gone) {
                    close(&held);
                }
            }
        }
    }

    /// Waits for the state of what is held.
    pub(crate) fn wait<T>(&mut self, what: &str, mut probe: impl FnMut(&Self) -> Option<T>) -> T {
        let found = wait_for(what, PATIENCE, || {
            self.listen();
            self.reap();
            probe(self)
        });
        found
            .unwrap_or_else(|error| panic!("{error:#}: {:?}\n{}", self.held, self.read("main.log")))
    }

    /// Kills the supervisor. What it said before is heard, and of what it reaped before that the
    /// end is lost.
    pub(crate) fn kill(&mut self) {
        let Some(supervisor) = &mut self.supervisor else {
            return;
        };
        let _ = supervisor.child.kill();
        let _ = supervisor.child.wait();
        self.listen();
        self.supervisor = None;
        self.held.retain(|held| held.pid > 1);
        self.reap();
        for held in self.held.iter_mut().filter(|held| held.exit.is_null()) {
            if start_of(held.pid).is_none() {
                held.exit = json!({"code": -1});
            }
        }
    }

    pub(crate) fn ctl(&self, line: &str) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_supervisorctl"))
            .arg("-c")
            .arg(self.path("supervisord.conf"))
            .args(line.split_whitespace())
            .output()
            .expect("supervisorctl runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Reaps the held processes that are ours and tells of their ends.
    fn reap(&mut self) {
        for place in 0..self.held.len() {
            let Held { run, pid, exit, .. } = &self.held[place];
            if *pid <= 1 || !exit.is_null() {
                continue;
            }
            let exit = match waitpid(Pid::from_raw(*pid), Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(_, code)) => json!({"code": code}),
                Ok(WaitStatus::Signaled(_, signal, dumped)) => {
                    json!({"signal": signal as i32, "dumped": dumped})
                }
                Ok(_) | Err(_) => continue,
            };
            let told = json!({"exited": {"run": run, "pid": pid, "exit": exit}});
            self.held[place].exit = exit;
            if self.supervisor.is_some() {
                self.say(&told, &[]);
            }
        }
    }

    fn say(&self, text: &Value, fds: &[RawFd]) {
        let channel = &self.supervisor.as_ref().expect("a supervisor").channel;
        let rights = [ControlMessage::ScmRights(fds)];
        let control: &[_] = if fds.is_empty() { &[] } else { &rights };
        let bytes = text.to_string();
        let parts = [IoSlice::new(bytes.as_bytes())];
        sendmsg::<()>(
            channel.as_raw_fd(),
            &parts,
            control,
            MsgFlags::MSG_NOSIGNAL,
            None,
        )
        .expect("supervisord listens");
    }

    /// The next message, if there is one.
    fn receive(&self) -> Option<(Value, Vec<RawFd>)> {
        let channel = &self.supervisor.as_ref()?.channel;
        let mut text = vec![0; 4096];
        let mut space = cmsg_space!([RawFd; 8]);
        let (size, fds) = loop {
            let mut parts = [IoSliceMut::new(&mut text)];
            let flags = MsgFlags::MSG_CMSG_CLOEXEC | MsgFlags::MSG_DONTWAIT;
            match recvmsg::<()>(channel.as_raw_fd(), &mut parts, Some(&mut space), flags) {
                // It did not read everything before it ended; what it said is still there.
                Err(Errno::ECONNRESET) => {}
                Err(_) => return None,
                Ok(message) => {
                    let mut fds = Vec::new();
                    for control in message.cmsgs().expect("room for descriptors") {
                        if let ControlMessageOwned::ScmRights(received) = control {
                            fds.extend(received);
                        }
                    }
                    break (message.bytes, fds);
                }
            }
        };
        (size > 0).then(|| {
            let text = serde_json::from_slice(&text[..size]).expect("JSON");
            (text, fds)
        })
    }
}

impl Drop for Bootd {
    fn drop(&mut self) {
        self.kill();
        for held in &self.held {
            if held.pid > 1 && held.exit.is_null() {
                let _ = kill(Pid::from_raw(held.pid), Signal::SIGKILL);
            }
        }
    }
}

/// Field 22 of `/proc/PID/stat`.
fn start_of(pid: i32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(19)?.parse().ok()
}

fn close(held: &Held) {
    for (_, fd) in &held.ends {
        let _ = nix::unistd::close(*fd);
    }
}

pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
