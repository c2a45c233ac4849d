//! A process is killed before one of its system calls, by strace; the tests that include this say
//! which process, and what must be so in the end.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "shared by several tests, each of which uses a part, may print and has a switch"
)]

use std::env;
use std::fmt;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Everything by which a process can change the disk.
pub(crate) const DISK: &str = "write,pwrite64,fsync,fdatasync,ftruncate,mkdir,mkdirat,rename,\
                               renameat,renameat2,link,linkat,unlink,unlinkat";

/// The same, and what it says to others and hears from them.
pub(crate) const DISK_AND_NETWORK: &str = "write,pwrite64,fsync,fdatasync,ftruncate,mkdir,\
                                           mkdirat,rename,renameat,renameat2,link,linkat,unlink,\
                                           unlinkat,connect,sendto,recvfrom";

/// One system call of a process.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) name: String,
    /// How often a call of this name was made before, itself included.
    pub(crate) n: usize,
    /// As strace writes it, with the paths of open files.
    pub(crate) line: String,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "killed before {} {}", self.name, self.n)
    }
}

/// Whether processes can be killed here; says so if not.
pub(crate) fn strace_works() -> bool {
    let status = Command::new("strace")
        .args(["-f", "-o", "/dev/null", "true"])
        .stderr(Stdio::null())
        .status();
    let works = status.is_ok_and(|status| status.success());
    if !works {
        eprintln!("SKIPPED: strace is missing or may not trace here; kills are not tested");
    }
    works
}

/// Runs a command; its calls of these names are written to standard error, and it is killed before
/// the one that is given.
pub(crate) fn traced(command: &Command, names: &str, kill: Option<&Call>) -> Output {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-y", "-e", "signal=none"]);
    strace.args(["-e", &format!("trace={names}")]);
    if let Some(Call { name, n, .. }) = kill {
        strace.args(["-e", &format!("inject={name}:signal=KILL:when={n}")]);
    }
    strace.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => strace.env(name, value),
            None => strace.env_remove(name),
        };
    }
    if let Some(dir) = command.get_current_dir() {
        strace.current_dir(dir);
    }
    strace.stdin(Stdio::null()).output().unwrap()
}

/// The calls of these names that a traced command has made.
pub(crate) fn calls(traced: &Output, names: &str) -> Vec<Call> {
    let log = String::from_utf8_lossy(&traced.stderr);
    let mut seen: Vec<Call> = Vec::new();
    for line in log.lines() {
        let line = match line.strip_prefix("[pid ") {
            Some(rest) => rest.split_once("] ").map_or("", |(_, call)| call),
            None => line,
        };
        let Some((name, _)) = line.split_once('(') else {
            continue;
        };
        if names.split(',').any(|known| known.trim() == name) {
            seen.push(Call {
                name: name.to_owned(),
                n: seen.iter().filter(|call| call.name == name).count() + 1,
                line: line.to_owned(),
            });
        }
    }
    assert!(seen.len() > 3, "no log of calls: {log}");
    seen
}

/// One in so many of these calls; all of them with `CREDIT_KILLS=all`.
pub(crate) fn one_in(n: usize, calls: &[Call]) -> Vec<Call> {
    let all = env::var("CREDIT_KILLS").is_ok_and(|which| which == "all");
    let step = if all { 1 } else { n };
    calls.iter().step_by(step).cloned().collect()
}

/// Does something with each of these calls, so many at a time on each core.
pub(crate) fn at_each(calls: &[Call], on_each_core: usize, kill: impl Fn(&Call) + Sync) {
    let cores = thread::available_parallelism().map_or(2, usize::from);
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..cores * on_each_core {
            scope.spawn(|| {
                while let Some(call) = calls.get(next.fetch_add(1, Ordering::Relaxed)) {
                    kill(call);
                }
            });
        }
    });
}
