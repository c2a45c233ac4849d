//! How long does the docket of 1,000,000 events take to fold, and to say whether a run may be used?
//!
//! The events are a year of storms: of every 1,000, one opens a case, most link a run to it, and
//! the rest block, quarantine, request, approve and use reruns. `parse` reads them from their lines
//! first, which is what opening without a snapshot costs besides the chain.
#![expect(
    clippy::expect_used,
    reason = "a bench that cannot be set up has nothing to measure"
)]

use std::hint::black_box;

use credit_monitor::core::{
    CaseCategory, CaseId, ExposureBand, Likelihood, RiskFlags, RunId, Severity, Sha256, Status,
    Timestamp,
};
use credit_monitor::governance::{
    Actor, CaseOpened, Cause, DispatchBlocked, Docket, Event, LinkedRun, Position, Relation,
    RerunApproved, RerunConsumed, RerunRequested, RunLinked, RunRef, Text, Trigger, What,
};
use criterion::{Criterion, SamplingMode, Throughput};

const EVENTS: u64 = 1_000_000;
/// Every so many events begin a new case in a new scenario.
const STORM: u64 = 1_000;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    docket(&mut criterion);
    criterion.final_summary();
}

fn docket(criterion: &mut Criterion) {
    let events = events();
    let lines: Vec<String> = events.iter().map(Event::to_json).collect();
    let folded = fold(&events);
    let position = Position {
        seq: EVENTS - 1,
        hash: Sha256::of(b"the last line"),
    };
    let snapshot = folded.snapshot(position);

    let mut group = criterion.benchmark_group("docket");
    group.sampling_mode(SamplingMode::Flat).sample_size(10);
    group.throughput(Throughput::Elements(EVENTS));
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

    let runs: Vec<RunId> = (0..EVENTS).step_by(997).map(|i| run(i).run_id).collect();
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
    for i in 0..EVENTS {
        let at = Timestamp::from_unix(1_700_000_000 + i64::try_from(i).expect("small"))
            .expect("a year that can be written");
        let before = |n: usize| events.len().checked_sub(n).and_then(|at| events.get(at));
        let (actor, what) = match i % STORM {
            0 => (&Actor::Service, What::CaseOpened(opened(i))),
            // Each hundredth run of a storm is blocked and repeated.
            k if k % 100 == 10 => (&Actor::Service, blocked(i - 1)),
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
