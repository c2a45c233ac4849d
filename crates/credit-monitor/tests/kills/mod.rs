//! A process that is killed before one of its system calls, for every call that it makes.
//!
//! Shared by the tests of several crates: an undisturbed run under strace tells the calls; then
//! each is tried in a run of its own, with a tree of its own, in which strace kills the process
//! before it.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "each test file uses a part, tells what it skips, and has a switch of its own"
)]

use std::collections::BTreeSet;
use std::env;
use std::fmt;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Everything by which a process can change the disk.
pub(crate) const DISK: &str = "write,pwrite64,fsync,fdatasync,ftruncate,mkdir,mkdirat,rename,\
                               renameat,renameat2,link,linkat,unlink,unlinkat";

/// The same, and what it says to others and hears from them.
pub(crate) const DISK_AND_NETWORK: &str = "write,pwrite64,fsync,fdatasync,ftruncate,mkdir,\
                                           mkdirat,rename,renameat,renameat2,link,linkat,unlink,\
                                           unlinkat,connect,sendto,recvfrom";

/// The n-th call of a name, counted from 1.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Call {
    pub(crate) name: String,
    pub(crate) n: usize,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "killed before {} {}", self.name, self.n)
    }
}

/// `strace` of these calls, to which the program and its arguments are to be added; with `kill`,
/// the process dies before that call. The log goes to standard error.
pub(crate) fn strace(traced: &str, kill: Option<&Call>) -> Command {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-e", "signal=none", "-e"]);
    strace.arg(format!("trace={traced}"));
    if let Some(Call { name, n }) = kill {
        strace.args(["-e", &format!("inject={name}:signal=KILL:when={n}")]);
    }
    strace
}

/// The calls of a log, in order. Every kind of them is counted by itself.
pub(crate) fn calls(traced: &str, log: &str) -> Vec<Call> {
    let known: BTreeSet<&str> = traced.split(',').collect();
    let mut seen: Vec<Call> = Vec::new();
    for line in log.lines() {
        let line = match line.strip_prefix("[pid ") {
            Some(rest) => rest.split_once("] ").map_or("", |(_, call)| call),
            None => line,
        };
        let Some((name, _)) = line.split_once('(') else {
            continue;
        };
        if known.contains(name) {
            let n = seen.iter().filter(|call| call.name == name).count() + 1;
            let name = name.to_owned();
            seen.push(Call { name, n });
        }
    }
    let names: BTreeSet<&str> = seen.iter().map(|call| call.name.as_str()).collect();
    assert!(names.len() > 3, "no log of calls: {log}");
    seen
}

/// Tries a kill before one in so many of the calls, or before all of them with `CREDIT_KILLS=all`,
/// on all cores, with so many at a time on each; how many were tried.
pub(crate) fn try_each(
    calls: &[Call],
    one_in: usize,
    on_each_core: usize,
    kill: impl Fn(&Call) + Sync,
) -> usize {
    let cores = thread::available_parallelism().map_or(2, usize::from);
    let all = env::var("CREDIT_KILLS").is_ok_and(|which| which == "all");
    let one_in = if all { 1 } else { one_in };
    let tried: Vec<&Call> = calls.iter().step_by(one_in).collect();
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..cores * on_each_core {
            scope.spawn(|| {
                while let Some(call) = tried.get(next.fetch_add(1, Ordering::Relaxed)) {
                    kill(call);
                }
            });
        }
    });
    tried.len()
}

/// Whether strace is there and may trace; says so, loudly, where not.
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
