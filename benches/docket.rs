//! How long does the docket of 1,000,000 events take to fold, and to say whether a run may be used?
//!
//! The events are a year of storms: of every 1,000, one opens a case, most link a run to it, some
//! block runs, request, approve and use reruns and unblock them, and the last ones resolve the case
//! and put it away. `parse` reads them from their lines first, which is what opening without a
//! snapshot costs besides the chain.
//!
//! Last, trees with 10,000 to 1,000,000 such events are opened, with and without what is written
//! down beside them, and asked about a run that was unblocked long ago.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench that cannot be set up has nothing to measure, and it tells its figures"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use credit_benches::leave;
use credit_monitor::core::{
    CaseCategory, CaseId, CaseStatus, ExposureBand, Likelihood, RiskFlags, RootCause, RunId,
    Severity, Sha256, Status, Timestamp,
};
use credit_monitor::governance::{
    About, Actor, CaseAcknowledged, CaseArchived, CaseOpened, CaseResolved, CaseStatusChanged,
    Cause, DispatchBlocked, DispatchUnblocked, Docket, Event, LinkedRun, MitigationDocumented,
    Position, Relation, RerunApproved, RerunConsumed, RerunRequested, RootCauseFound, RunLinked,
    RunRef, Text, Trigger, What,
};
use credit_monitor::ledger::{Config as LedgerConfig, FileStorage, Ledger, Record};
use credit_monitor::{EVENTS, Monitor, Tree};
use criterion::{Criterion, SamplingMode, Throughput};

const COUNT: u64 = 1_000_000;
/// Every so many events begin a new case in a new scenario.
const STORM: u64 = 1_000;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    docket(&mut criterion);
    criterion.final_summary();
    let lines: Vec<String> = events().iter().map(Event::to_json).collect();
    open(&lines);
}

fn docket(criterion: &mut Criterion) {
    let events = events();
    let lines: Vec<String> = events.iter().map(Event::to_json).collect();
    let folded = fold(&events);
    let position = Position {
        seq: COUNT - 1,
        hash: Sha256::of(b"the last line"),
    };
    let snapshot = folded.snapshot(position);

    let mut group = criterion.benchmark_group("docket");
    group.sampling_mode(SamplingMode::Flat).sample_size(10);
    group.throughput(Throughput::Elements(COUNT));
    group.bench_function("fold", |b| b.iter(|| fold(black_box(&events))));
    group.bench_function("parse and fold", |b| {
        b.iter(|| {
            let mut docket = Docket::default();
            for line in &lines {
                let event = Event::parse(line).expect("it was just written");
                docket.apply(&event).expect("it was applied before");
            }
            docket
        });
    });
    group.bench_function("snapshot", |b| {
        b.iter(|| Docket::from_snapshot(black_box(&snapshot)).expect("it was just written"));
    });
    group.finish();

    let runs: Vec<RunId> = (0..COUNT).step_by(997).map(|i| run(i).run_id).collect();
    let mut next = runs.iter().cycle();
    criterion.bench_function("docket/standing of a run", |b| {
        b.iter(|| {
            let run = next.next().expect("it goes round");
            folded.standing(black_box(run), false) == credit_monitor::governance::Standing::Allowed
        });
    });
}

fn fold(events: &[Event]) -> Docket {
    let mut docket = Docket::default();
    for event in events {
        docket.apply(event).expect("they follow each other");
    }
    docket
}

fn events() -> Vec<Event> {
    let lead = Actor::Operator("lead-3:O3".parse().expect("a name and a role"));
    let mut events: Vec<Event> = Vec::new();
    for i in 0..COUNT {
        let at = Timestamp::from_unix(1_700_000_000 + i64::try_from(i).expect("small"))
            .expect("a year that can be written");
        let before = |n: usize| events.len().checked_sub(n).and_then(|at| events.get(at));
        let (actor, what) = match i % STORM {
            0 => (&Actor::Service, What::CaseOpened(opened(i))),
            // Each hundredth run of a storm is blocked and repeated.
            994.. => (&lead, end_of_case(i)),
            k if k % 100 == 10 => (&Actor::Service, blocked(i - 1)),
            k if k % 100 == 14 => (&lead, unblocked(i - 5)),
            k if k % 100 == 11 => (&Actor::Service, requested(i - 2)),
            k if k % 100 == 12 => {
                let request = before(1).expect("it was just asked for").id();
                (&lead, approved(i - 3, request, at))
            }
            k if k % 100 == 13 => {
                let approval = before(1).expect("it was just approved").id();
                (&Actor::Service, consumed(i - 4, approval))
            }
            _ => (
                &Actor::Service,
                What::RunLinked(RunLinked {
                    case: case(i),
                    linked: linked(i, Relation::Related),
                }),
            ),
        };
        events.push(Event::new(at, actor, what));
    }
    events
}

fn run(i: u64) -> RunRef {
    RunRef {
        run_id: format!("RUN-20250131-{i:07}").parse().expect("safe"),
        seq: i,
        hash: Sha256::from_bytes([7; 32]),
    }
}

fn case(i: u64) -> CaseId {
    format!("CASE-20250131-{:06}", i / STORM)
        .parse()
        .expect("a case's name")
}

fn linked(i: u64, relation: Relation) -> LinkedRun {
    LinkedRun {
        run: run(i),
        relation,
        severity: Severity::Sev1,
        risk_flags: RiskFlags::NONE,
        likelihood: Likelihood::Low,
        status: Status::Success,
    }
}

fn opened(i: u64) -> CaseOpened {
    CaseOpened {
        case: case(i),
        title: text("SEV1: credit spike"),
        scenario_id: format!("SCENARIO_{}", i / STORM).parse().expect("safe"),
        cause: Cause::Spike,
        category: CaseCategory::Cost,
        exposure_band: ExposureBand::Financial,
        runs: vec![linked(i, Relation::Primary)],
    }
}

/// The last six events of a storm.
fn end_of_case(i: u64) -> What {
    let case = case(i);
    match i % STORM {
        994 => What::CaseAcknowledged(CaseAcknowledged { case }),
        995 => What::RootCauseConfirmed(RootCauseFound {
            case,
            root_cause: RootCause::Misconfig,
            explanation: text("the retry had no limit"),
        }),
        996 => What::MitigationDocumented(MitigationDocumented {
            case,
            mitigation: text("max_items now 1000"),
        }),
        997 => What::CaseStatusChanged(CaseStatusChanged {
            case,
            from: CaseStatus::Investigating,
            to: CaseStatus::Mitigating,
        }),
        998 => What::CaseResolved(CaseResolved {
            case,
            note: text("watched for a day"),
        }),
        _ => What::CaseArchived(CaseArchived { case }),
    }
}

fn unblocked(i: u64) -> What {
    What::DispatchUnblocked(DispatchUnblocked {
        run: run(i),
        case: case(i),
        reason: text("no exposure"),
    })
}

/// How long opening a tree takes, by how much was decided in it.
fn open(lines: &[String]) {
    for share in [100, 10, 1] {
        let n = lines.len() / share;
        let dir = tempfile::tempdir().expect("a temporary directory");
        let tree = Tree::new(dir.path());
        let now = "2025-06-01T00:00:00Z".parse().expect("a time");
        Monitor::init(&tree, Vec::new(), now).expect("an empty tree");
        drop(Monitor::open(&tree, now).expect("a new tree"));
        append(&tree, lines.iter().take(n));

        let (first, _) = timed(|| Monitor::open(&tree, now).expect("whole events"));
        let size = |name: &str| {
            let entries = std::fs::read_dir(tree.monitoring()).expect("it is there");
            let sizes = entries.map(|entry| {
                let entry = entry.expect("it is there");
                let wanted = entry.file_name().to_string_lossy().starts_with(name);
                if wanted {
                    entry.metadata().map_or(0, |meta| meta.len())
                } else {
                    0
                }
            });
            sizes.sum::<u64>() / 1024
        };
        let mut opened: Vec<Duration> = (0..9)
            .map(|_| timed(|| Monitor::open(&tree, now).expect("whole events")).0)
            .collect();
        opened.sort();
        let monitor = Monitor::open(&tree, now).expect("whole events");
        let mut asked: Vec<Duration> = (0..100)
            .map(|k| {
                let id = run(u64::try_from(k * (n / 100) / 100 * 100 + 9).unwrap_or(9)).run_id;
                let about = About::Run(id);
                let ask = |docket: &Docket| match &about {
                    About::Run(id) => docket.run(id).is_some(),
                    _ => false,
                };
                let (time, known) = timed(|| monitor.with_docket_about(&about, ask));
                assert!(known.expect("readable"), "{about:?} was unblocked");
                time
            })
            .collect();
        asked.sort();
        leave("docket", &format!("folded {n}"), first, 1);
        leave("docket", &format!("written down {n}"), middle(&opened), 1);
        println!(
            "docket/open: {n:>9} events: folded {:>8.1?}, from what is written down {:>8.1?} \
             (open {} KiB, settled {} KiB); a settled run {:>7.1?} (median), {:>7.1?} (slowest)",
            first,
            middle(&opened),
            size("docket.snapshot"),
            size("docket.settled"),
            middle(&asked),
            asked.last().copied().unwrap_or_default(),
        );
    }
}

fn append<'a>(tree: &Tree, lines: impl Iterator<Item = &'a String>) {
    let storage = FileStorage::new(&tree.monitoring(), "events");
    let ledger = Ledger::open(Box::new(storage), EVENTS, LedgerConfig::default());
    let ledger = ledger.expect("new events");
    let mut lines = lines.peekable();
    while lines.peek().is_some() {
        let batch = lines.by_ref().take(4096);
        let record = |line: &String| Record::new(&EVENTS, line.clone().into_bytes());
        let batch: Result<Vec<Record>, _> = batch.map(record).collect();
        ledger.append_batch(batch.expect("events")).expect("room");
    }
}

fn middle(sorted: &[Duration]) -> Duration {
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

fn timed<T>(what: impl FnOnce() -> T) -> (Duration, T) {
    let start = Instant::now();
    let done = what();
    (start.elapsed(), done)
}

fn blocked(i: u64) -> What {
    What::DispatchBlocked(DispatchBlocked {
        run: run(i),
        case: Some(case(i)),
        trigger: Trigger::Automatic,
        reason: text("SEV1 of a scenario"),
    })
}

fn requested(i: u64) -> What {
    What::RerunRequested(RerunRequested {
        run: run(i),
        case: Some(case(i)),
        reason: text("the export is needed"),
    })
}

fn approved(i: u64, request: credit_monitor::governance::EventId, at: Timestamp) -> What {
    What::RerunApproved(RerunApproved {
        request,
        run: run(i),
        case: case(i),
        mitigation: text("max_items now 1000"),
        config_sha256: Sha256::from_bytes([9; 32]),
        expires: at.days_after(1),
    })
}

fn consumed(i: u64, approval: credit_monitor::governance::EventId) -> What {
    What::RerunConsumed(RerunConsumed {
        approval,
        run: run(i),
        config_sha256: Sha256::from_bytes([9; 32]),
    })
}

fn text(words: &str) -> Text {
    words.parse().expect("it is short")
}
