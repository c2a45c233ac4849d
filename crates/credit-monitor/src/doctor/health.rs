//! Whether watching goes on as it should.

use credit_core::{Deadlines, Timestamp};
use credit_governance::audit::Check;

use super::{SetupFacts, check, figure, finding};

/// The clocks of the machines that report runs may differ by so much.
const SKEW_MINUTES: u32 = 5;

/// Less than this, and the ledger may soon be unable to take a run.
const BYTES_FREE_MIN: u64 = 256 * 1024 * 1024;

/// A run takes two files.
const FILES_FREE_MIN: u64 = 10_000;

pub(super) fn clock(facts: &SetupFacts, now: Timestamp) -> Check {
    let run = facts
        .last_run
        .filter(|at| *at > now.minutes_after(SKEW_MINUTES));
    let run = run.map(|at| {
        finding(
            "a run finished in the future",
            format!("it says {at}, and it is {now}"),
            "timedatectl on the machine that reports runs, and here",
        )
    });
    let event = facts.future_event.map(|at| {
        finding(
            "the clock of this machine went back",
            format!("a decision was recorded at {at}, and it is {now}"),
            "timedatectl; deadlines are wrong until the clock is right",
        )
    });
    check(
        "clock",
        "nothing happened after now",
        run.into_iter().chain(event),
    )
}

pub(super) fn disk(facts: &SetupFacts) -> Check {
    let title = "the ledger has room to grow";
    let Some(disk) = facts.disk else {
        let mut check = check("disk", title, []);
        check.figures.push(figure("free", "not known"));
        return check;
    };
    let mebibytes = disk.bytes_free / (1024 * 1024);
    let bytes = (disk.bytes_free < BYTES_FREE_MIN).then(|| {
        finding(
            "the disk is nearly full",
            format!("{mebibytes} MiB are free where the ledgers are"),
            "make room; a ledger without room refuses runs",
        )
    });
    let files = disk.files_free.filter(|free| *free < FILES_FREE_MIN);
    let files = files.map(|free| {
        finding(
            "the disk can hold few more files",
            format!("{free} inodes are free where the ledgers are"),
            "make room; every run has two files",
        )
    });
    let mut check = check("disk", title, bytes.into_iter().chain(files));
    check
        .figures
        .push(figure("free", format!("{mebibytes} MiB")));
    check
}

pub(super) fn lock(facts: &SetupFacts) -> Check {
    let findings = facts.locks.iter().map(|lock| {
        let (held, next) = match lock.pid {
            Some(pid) => (
                format!("by process {pid}, as it says itself"),
                format!("ps -fp {pid}; end it if it hangs"),
            ),
            None => (
                "by a process that did not say which it is".to_owned(),
                format!("fuser -v {}", lock.path.display()),
            ),
        };
        finding(
            format!(
                "{} is held for longer than a batch takes",
                lock.path.display()
            ),
            held,
            next,
        )
    });
    check("lock", "no process keeps others from writing", findings)
}

pub(super) fn ledger(facts: &SetupFacts) -> Check {
    let findings = facts.ledgers.iter().map(|fault| {
        finding(
            format!("{} is not as it was written", fault.path.display()),
            &fault.reason,
            "creditctl verify, and compare with a copy",
        )
    });
    check("ledger", "both ledgers end where their heads say", findings)
}

pub(super) fn sync_lag(facts: &SetupFacts, deadlines: &Deadlines, now: Timestamp) -> Check {
    let title = "Slack and Notion are told in time";
    let Some(owed) = facts.owed else {
        let mut check = check("sync_lag", title, []);
        check.figures.push(figure("owed", "no account is kept"));
        return check;
    };
    let minutes = deadlines.sync_lag_minutes;
    let late = owed
        .oldest
        .filter(|since| now >= since.minutes_after(minutes));
    let late = late.map(|since| {
        finding(
            format!(
                "{} messages and rows are owed, one for {minutes} minutes or more",
                owed.waiting
            ),
            format!("the oldest since {since}"),
            "creditctl notify drain",
        )
    });
    let parked = (owed.parked > 0).then(|| {
        finding(
            format!(
                "{} messages and rows were refused and wait for a person",
                owed.parked
            ),
            "Slack or Notion will not take them as things are",
            "creditctl notify status",
        )
    });
    let mut check = check("sync_lag", title, late.into_iter().chain(parked));
    check.figures.push(figure("owed", owed.waiting.to_string()));
    check
}

pub(super) fn weekly_report(facts: &SetupFacts, now: Timestamp) -> Check {
    let missing = (facts.has_runs == Some(true) && facts.report.is_none()).then(|| {
        finding(
            "the weekly report is missing",
            "no report of the last week is in runs/CREDIT_REVIEWS/",
            "creditctl report weekly",
        )
    });
    // Where the policy cannot be read nobody knows when.
    let next = facts.policy.as_ref().ok().map(|facts| {
        let review = facts.policy.review();
        let next = review.next_review(now);
        figure("next review", format!("{next} ({review})"))
    });
    let mut check = check("weekly_report", "the last week was reported", missing);
    check.figures.extend(next);
    check
}

pub(super) fn watchdog(facts: &SetupFacts, deadlines: &Deadlines) -> Check {
    let hours = deadlines.silence_hours;
    // Of a ledger that cannot be read nobody knows.
    let silent = facts.last_run.is_none().then_some(facts.has_runs).flatten();
    let silent = silent.map(|has_runs| match has_runs {
        true => finding(
            format!("no run for {hours} hours"),
            "automation stands still, or nobody reports its runs",
            "creditctl query --days 7",
        ),
        false => finding(
            "no run was ever reported",
            "the ledger has none",
            "creditctl ingest FILE",
        ),
    });
    check("watchdog", "runs are reported", silent)
}
