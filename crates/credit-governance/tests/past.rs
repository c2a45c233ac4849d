//! What is over is taken out and put back: meanwhile everything that is decided goes on as if it had
//! never been away.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use common::*;
use credit_core::{ScenarioId, Severity, Sha256};
use credit_governance::{
    AlertsMuted, AlertsUnmuted, Approval, BackfillEnded, BackfillStarted, CaseArchived,
    CaseReopened, ConfigAdopted, ConfigFile, Docket, Enactable, Event, MuteScope, PolicyAdopted,
    ReviewDecided, ReviewNoted, Rules, What,
};

const RULES: Rules = Rules::STANDARD;

fn scenario(name: &str) -> ScenarioId {
    name.parse().unwrap()
}

fn hash(text: &str) -> Sha256 {
    Sha256::of(text.as_bytes())
}

fn enact<T: Enactable>(house: &mut House, t: i64, subject: T) {
    let approval = Approval::alone(&lead(), T::VERB, subject).unwrap();
    house.keep(house.docket.enact(at(t), approval, &RULES).unwrap());
}

/// A baseline's way into force.
fn baseline(house: &mut House, t: i64, name: &str) {
    let applied = What::BaselineApplied {
        proposal: house.approved_baseline(at(t), name),
        file_sha256: Some(hash(name)),
    };
    house.keep(Event::new(at(t), &lead(), applied));
}

/// A time with one of everything that is over sooner or later.
fn season(house: &mut House, t: i64, n: i64) {
    let policy = PolicyAdopted {
        old: None,
        new: hash(&format!("policy {n}")),
        reason: text("tried"),
        backtest_sha256: None,
    };
    enact(house, t, policy);
    baseline(house, t + 1, "BEFORE");
    for file in [
        ConfigFile::Baselines,
        ConfigFile::Operators,
        ConfigFile::Scenario(scenario("EXPORT")),
    ] {
        let config = ConfigAdopted {
            file,
            old: None,
            new: Some(hash(&format!("config {n}"))),
            reason: text("by hand"),
        };
        enact(house, t + 2, config);
    }
    baseline(house, t + 3, "AFTER");
    let mute = AlertsMuted {
        scope: MuteScope::All,
        include_sev0: false,
        reason: text("a storm"),
        expires: at(t + HOUR),
    };
    enact(house, t + 4, mute);
    let backfill = BackfillStarted {
        scenario_id: scenario("EXPORT"),
        reason: text("a lost week"),
        expires: at(t + HOUR),
    };
    enact(house, t + 5, backfill);
    let ended = BackfillEnded {
        scenario_id: scenario("EXPORT"),
        note: text("caught up"),
    };
    house
        .decide(at(t + 6), &lead(), What::BackfillEnded(ended))
        .unwrap();
    let decided = ReviewDecided {
        run: run_ref(&format!("R-{n}")),
        decision: text("no case"),
    };
    house
        .decide(at(t + 7), &ops(), What::ReviewDecided(decided))
        .unwrap();
    let noted = ReviewNoted {
        report: text("CREDIT_REVIEW_2025-01-31"),
        note: text("calm"),
    };
    house
        .decide(at(t + 8), &ops(), What::ReviewNoted(noted))
        .unwrap();
}

#[test]
fn a_docket_without_its_past_goes_on_as_if_it_had_it() {
    let mut house = House::default();
    season(&mut house, 0, 0);
    season(&mut house, DAY, 1);
    let until = house.events.len();
    season(&mut house, 2 * DAY, 2);
    let unmuted = What::AlertsUnmuted(AlertsUnmuted {
        mute: house.docket.mutes()[2].id.clone(),
        reason: text("over"),
    });
    house.decide(at(2 * DAY + 10), &lead(), unmuted).unwrap();

    let (before, after) = house.events.split_at(until);
    let mut open = Docket::default();
    for event in before {
        open.apply(event).unwrap();
    }
    let docket = &house.docket;
    let kept = [
        docket.policies().len(),
        docket.configs().len(),
        docket.reviewed().len(),
        docket.review_notes().len(),
    ];
    assert_eq!(kept, [3, 9, 3, 3]);
    // How much is settled is known without taking it out, and at the very second at which
    // something is over as well.
    for seconds in (0..3).flat_map(|day| (0..10).chain([HOUR]).map(move |s| day * DAY + s)) {
        let taken = open.clone().take_settled(at(seconds), |_| true);
        assert_eq!(open.settled_count(at(seconds)), taken.len(), "{seconds}");
    }
    // What the second mute held back is not told.
    let second = open.mutes()[1].id.clone();
    let past = open.take_settled(at(2 * DAY), |mute| *mute != second).past;
    assert!(past.iter().all(|past| past.at() < at(2 * DAY)));
    assert_eq!((open.mutes().len(), open.policies().len()), (1, 1));
    assert!(open.baseline_changes().is_empty() && open.reviewed().is_empty());
    for file in [ConfigFile::Baselines, ConfigFile::Operators] {
        let adopted = open.adopted(&file).unwrap();
        assert_eq!(adopted.what.new, Some(hash("config 1")));
    }
    assert!(
        open.last_backfill(&scenario("EXPORT"))
            .unwrap()
            .ended
            .is_some()
    );

    // So it stays when it is written down in between, and when more becomes past.
    let position = credit_governance::Position {
        seq: 0,
        hash: hash("a line"),
    };
    let (mut open, _) = Docket::from_snapshot(&open.snapshot(position)).unwrap();
    for event in after {
        open.apply(event).unwrap();
    }
    let more = open.take_settled(at(9 * DAY), |_| true).past;
    assert_eq!(open.settled_count(at(9 * DAY)), 0);
    open.put_back_past(past.into_iter().chain(more).collect());
    assert_eq!(open, house.docket);
    let names = open.baseline_changes_since_adoption().iter();
    let names: Vec<&str> = names.map(|change| change.scenario_id.as_str()).collect();
    assert_eq!(names, ["AFTER"]);
}

#[test]
fn a_case_in_the_archive_is_taken_out_and_put_back() {
    let mut house = House::default();
    let case = house.resolved_sev1(&judged("R-1", Severity::Sev1));
    let archived = What::CaseArchived(CaseArchived { case: case.clone() });
    house.decide(at(31 * DAY), &ops(), archived).unwrap();

    let mut open = house.docket.clone();
    let settled = open.take_settled(at(0), |_| true);
    assert_eq!(open, Docket::default());
    for (run, state) in settled.runs {
        open.put_back_run(run, state);
    }
    let kept = settled.cases[&case].clone();
    open.put_back_case(kept.clone());
    assert_eq!(open, house.docket);

    // Where it is open again, what was kept of it is older.
    let back = What::CaseUnarchived(CaseReopened {
        case,
        reason: text("asked for"),
    });
    house.decide(at(32 * DAY), &ops(), back).unwrap();
    let mut open = house.docket.clone();
    open.put_back_case(kept);
    assert_eq!(open, house.docket);
}

/// It counts from its beginning until it expires or somebody says that it is done, whichever comes
/// first; a late run is told by it what its own time was.
#[test]
fn a_backfill_is_on_and_then_over() {
    let mut house = House::default();
    let started = BackfillStarted {
        scenario_id: scenario("EXPORT"),
        reason: text("a lost week"),
        expires: at(HOUR),
    };
    enact(&mut house, 10, started);
    let stands = |house: &House, t: i64| {
        let backfill = house.docket.last_backfill(&scenario("EXPORT")).unwrap();
        let now = at(t);
        (
            backfill.is_on(now),
            backfill.is_over(now),
            backfill.is_forgotten(now),
        )
    };
    assert_eq!(stands(&house, 9), (false, false, false));
    assert_eq!(stands(&house, 10), (true, false, false));
    assert_eq!(stands(&house, HOUR - 1), (true, false, false));
    assert_eq!(stands(&house, HOUR), (false, true, true));
    let ended = BackfillEnded {
        scenario_id: scenario("EXPORT"),
        note: text("caught up"),
    };
    house
        .decide(at(20), &lead(), What::BackfillEnded(ended))
        .unwrap();
    assert_eq!(stands(&house, 19), (true, false, false));
    assert_eq!(stands(&house, 20), (false, true, false));
    assert_eq!(stands(&house, HOUR), (false, true, false));
}
