//! The laws of delivery, over generated histories: whatever the other side answers, nothing is
//! lost, nothing overtakes, and nobody is asked again too early.
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at the first surprise"
)]

use std::collections::BTreeMap;
use std::time::Duration;

use credit_core::{Severity, Timestamp};
use credit_notify::delivery::{
    Attempt, Delivered, DeliveryError, Destination, Item, ItemId, Lane, Operation, Progress, Rules,
    State, Step, Transition, begin, give_up, interrupted, next, next_due, owe, release, settle,
    withdraw,
};
use credit_notify::routing::{Address, Slot};
use credit_notify::{Answer, Reason};
use proptest::prelude::*;

const START: i64 = 1_738_317_600;

fn second(n: i64) -> Timestamp {
    Timestamp::from_unix(START + n).unwrap()
}

fn id(text: &str) -> ItemId {
    text.parse().unwrap()
}

fn item(name: &str, lane: Lane, operation: Operation) -> Item {
    Item {
        id: id(name),
        lane,
        operation,
        after: None,
        folds: Vec::new(),
        owed_at: second(0),
    }
}

fn alerts() -> Lane {
    Lane::Slack(Address::Webhook(Slot::Sev1))
}

fn page() -> Lane {
    Lane::Notion("RUN-1".to_owned())
}

fn apply(state: &mut State, transitions: &[Transition]) {
    for transition in transitions {
        // What is recorded is what comes back from a ledger.
        let json = serde_json::to_string(transition).unwrap();
        let read: Transition = serde_json::from_str(&json).unwrap();
        assert_eq!(read, *transition, "{json}");
        state.apply(&read).unwrap();
    }
}

fn owed(state: &mut State, item: Item) {
    let transitions = owe(state, item).unwrap();
    apply(state, &transitions);
}

fn with(items: impl IntoIterator<Item = Item>) -> State {
    let mut state = State::default();
    for item in items {
        owed(&mut state, item);
    }
    state
}

/// Begins the one attempt there is and answers it.
#[track_caller]
fn answer(state: &mut State, now: Timestamp, answer: Answer<Delivered>) -> Attempt {
    let attempts = next(now, state, &Rules::default());
    let [attempt] = attempts.as_slice() else {
        panic!("{attempts:?}");
    };
    let begun = begin(state, attempt, &Rules::default(), now);
    assert!(!begun.is_empty());
    apply(state, &begun);
    let settled = settle(state, &attempt.item, answer, &Rules::default(), now).unwrap();
    apply(state, &settled);
    attempt.clone()
}

fn done() -> Answer<Delivered> {
    Answer::Done(Delivered::Nothing)
}

fn reason() -> Reason {
    Reason::new("because")
}

fn unknown() -> Answer<Delivered> {
    Answer::Unknown { reason: reason() }
}

fn retry() -> Answer<Delivered> {
    Answer::Retry { reason: reason() }
}

fn park() -> Answer<Delivered> {
    Answer::Park { reason: reason() }
}

fn pause(seconds: u64) -> Answer<Delivered> {
    Answer::Pause {
        wait: Some(Duration::from_secs(seconds)),
        reason: reason(),
    }
}

#[test]
fn a_message_is_marked_after_an_unknown_outcome_and_stays_marked() {
    for operation in [
        Operation::Post,
        Operation::Reply,
        Operation::Alert(Severity::Sev1),
    ] {
        let mut state = with([item("a", alerts(), operation)]);
        assert_eq!(answer(&mut state, second(0), retry()).step, Step::Send);
        assert_eq!(
            answer(&mut state, second(1_000), unknown()).step,
            Step::Send
        );
        // A later "not sent" is about the repeat, and not about the first.
        assert_eq!(
            answer(&mut state, second(2_000), retry()).step,
            Step::SendMarked
        );
        assert_eq!(
            answer(&mut state, second(3_000), done()).step,
            Step::SendMarked
        );
        assert_eq!(state.open(), 0);
    }
}

#[test]
fn a_page_is_looked_for_after_any_failure_of_its_creation() {
    for failure in [retry(), unknown(), pause(1)] {
        let mut state = with([item("a", page(), Operation::Create)]);
        assert_eq!(answer(&mut state, second(0), failure).step, Step::Send);
        assert_eq!(
            answer(&mut state, second(1_000), done()).step,
            Step::FindOrCreate
        );
    }
    // Nor does an operator's release make it new.
    let mut state = with([item("a", page(), Operation::Create)]);
    answer(&mut state, second(0), park());
    let released = release(&state, &id("a"), second(1)).unwrap();
    apply(&mut state, &released);
    assert_eq!(
        answer(&mut state, second(1), done()).step,
        Step::FindOrCreate
    );
}

#[test]
fn an_update_is_sent_as_it_is() {
    let mut state = with([item("a", page(), Operation::Update)]);
    answer(&mut state, second(0), unknown());
    assert_eq!(answer(&mut state, second(1_000), done()).step, Step::Send);
}

#[test]
fn a_pause_holds_the_whole_destination_and_no_other() {
    let mut state = with([item("a", alerts(), Operation::Post)]);
    answer(&mut state, second(0), pause(60));
    let other = Lane::Slack(Address::Webhook(Slot::Sev2));
    owed(&mut state, item("b", other, Operation::Post));
    owed(&mut state, item("c", page(), Operation::Create));
    assert_eq!(state.paused_until(Destination::Slack), Some(second(60)));
    let names = |now| -> Vec<String> {
        let attempts = next(now, &state, &Rules::default());
        attempts.iter().map(|a| a.item.to_string()).collect()
    };
    assert_eq!(names(second(59)), ["c"]);
    assert_eq!(names(second(60)), ["a", "b", "c"]);
}

#[test]
fn a_pause_is_never_cut_short_by_decimals_or_by_another() {
    let mut state = with([item("a", alerts(), Operation::Post)]);
    answer(
        &mut state,
        "2025-01-31T10:00:00.9Z".parse().unwrap(),
        pause(60),
    );
    assert_eq!(
        next(
            "2025-01-31T10:01:00.8Z".parse().unwrap(),
            &state,
            &Rules::default()
        ),
        []
    );
    let shorter = Transition::Paused {
        destination: Destination::Slack,
        until: second(1),
    };
    apply(&mut state, &[shorter]);
    assert_eq!(state.paused_until(Destination::Slack), Some(second(61)));
    // Whatever a server asks for, time does not run over.
    let mut state = with([item("a", alerts(), Operation::Post)]);
    answer(&mut state, second(0), pause(u64::MAX));
    assert_eq!(
        state.paused_until(Destination::Slack),
        Some(Timestamp::LAST)
    );
}

#[test]
fn what_was_ready_may_not_be_begun_after_a_pause() {
    let other = Lane::Slack(Address::Webhook(Slot::Sev2));
    let mut state = with([
        item("a", alerts(), Operation::Post),
        item("b", other, Operation::Post),
    ]);
    let attempts = next(second(0), &state, &Rules::default());
    assert_eq!(attempts.len(), 2);
    let begun = begin(&state, &attempts[0], &Rules::default(), second(0));
    apply(&mut state, &begun);
    let settled = settle(
        &state,
        &attempts[0].item,
        pause(60),
        &Rules::default(),
        second(0),
    )
    .unwrap();
    apply(&mut state, &settled);
    assert_eq!(
        begin(&state, &attempts[1], &Rules::default(), second(0)),
        []
    );
}

#[test]
fn what_was_ready_may_not_be_begun_when_something_else_is() {
    let mut state = with([item("a", alerts(), Operation::Post)]);
    let attempts = next(second(0), &state, &Rules::default());
    owed(
        &mut state,
        item("b", alerts(), Operation::Alert(Severity::Sev0)),
    );
    assert_eq!(
        begin(&state, &attempts[0], &Rules::default(), second(0)),
        [],
        "SEV0 is first now"
    );
    assert_eq!(answer(&mut state, second(0), done()).item, id("b"));
    assert_eq!(
        begin(&state, &attempts[0], &Rules::default(), second(0)),
        [],
        "one a second"
    );
    let begun = begin(&state, &attempts[0], &Rules::default(), second(1));
    assert_eq!(begun.len(), 1);
    apply(&mut state, &begun);
    assert_eq!(
        begin(&state, &attempts[0], &Rules::default(), second(2)),
        [],
        "somebody else has begun it"
    );
}

#[test]
fn what_was_begun_when_a_process_died_is_in_doubt() {
    let mut state = with([
        item("a", alerts(), Operation::Post),
        item("b", page(), Operation::Create),
    ]);
    for attempt in next(second(0), &state, &Rules::default()) {
        let begun = begin(&state, &attempt, &Rules::default(), second(0));
        apply(&mut state, &begun);
    }
    assert_eq!(
        next(second(1_000), &state, &Rules::default()),
        [],
        "both are being sent"
    );
    let doubts = interrupted(&state, &Rules::default(), second(5));
    apply(&mut state, &doubts);
    let steps: Vec<Step> = next(second(1_000), &state, &Rules::default())
        .iter()
        .map(|a| a.step)
        .collect();
    assert_eq!(steps, [Step::SendMarked, Step::FindOrCreate]);
    assert_eq!(interrupted(&state, &Rules::default(), second(5)), []);
}

#[test]
fn a_reply_follows_its_parent_even_into_a_digest() {
    let reply = |after: &str| Item {
        after: Some(id(after)),
        ..item("reply", alerts(), Operation::Reply)
    };
    let mut state =
        with((0..9).map(|n| item(&format!("a{n}"), alerts(), Operation::Alert(Severity::Sev1))));
    owed(&mut state, reply("a8"));
    let digest = answer(&mut state, second(0), done());
    assert_eq!(digest.folds.len(), 9);
    assert_eq!(answer(&mut state, second(10), done()).item, id("reply"));
}

#[test]
fn what_follows_something_parked_is_parked_too() {
    let follower = |name: &str, after: &str| Item {
        after: Some(id(after)),
        ..item(name, page(), Operation::Update)
    };
    let mut state = with([item("a", page(), Operation::Create)]);
    owed(&mut state, follower("b", "a"));
    owed(&mut state, follower("c", "b"));
    answer(&mut state, second(0), park());
    owed(&mut state, follower("d", "c"));
    for name in ["a", "b", "c", "d"] {
        let progress = state.progress(&id(name));
        assert!(matches!(progress, Some(Progress::Parked { .. })), "{name}");
    }
    assert_eq!(state.open(), 0);
    assert_eq!(
        owe(&state, follower("e", "nobody")),
        Err(DeliveryError::Unknown { item: id("nobody") })
    );
}

#[test]
fn what_is_owed_twice_is_owed_once() {
    let mut state = with([item("a", alerts(), Operation::Post)]);
    assert_eq!(
        owe(&state, item("a", alerts(), Operation::Post)),
        Ok(Vec::new())
    );
    answer(&mut state, second(0), done());
    assert_eq!(
        owe(&state, item("a", alerts(), Operation::Post)),
        Ok(Vec::new())
    );
    assert!(state.forget(&id("a")));
    assert_eq!(state.items().count(), 0);
}

#[test]
fn a_history_that_cannot_be_is_refused() {
    let mut state = with([item("a", alerts(), Operation::Post)]);
    let sent = Transition::Sent {
        item: id("a"),
        at: second(0),
        delivered: Delivered::Nothing,
    };
    assert_eq!(
        state.apply(&sent),
        Err(DeliveryError::NotBegun { item: id("a") })
    );
    assert!(settle(&state, &id("a"), done(), &Rules::default(), second(0)).is_err());
    assert!(release(&state, &id("a"), second(0)).is_err());
    answer(&mut state, second(0), done());
    let begun = Transition::Begun {
        item: id("a"),
        at: second(0),
    };
    assert_eq!(
        state.apply(&begun),
        Err(DeliveryError::NotOpen { item: id("a") })
    );
    assert!(!state.forget(&id("b")));
}

#[test]
fn waits_grow_up_to_the_longest_and_differ_by_seed() {
    let waits = |seed| -> Vec<i64> {
        let rules = Rules {
            jitter_seed: seed,
            ..Rules::default()
        };
        let mut state = State::default();
        owed(&mut state, item("a", alerts(), Operation::Post));
        let mut now = second(0);
        let mut waits = Vec::new();
        for _ in 0..70 {
            let attempt = next(now, &state, &rules).remove(0);
            let begun = begin(&state, &attempt, &rules, now);
            apply(&mut state, &begun);
            let settled = settle(&state, &attempt.item, retry(), &rules, now).unwrap();
            apply(&mut state, &settled);
            let Some(Progress::Waiting { until, .. }) = state.progress(&id("a")) else {
                panic!("not waiting");
            };
            waits.push(until.unix() - now.unix());
            now = *until;
        }
        waits
    };
    let seconds = waits(1);
    for (n, wait) in seconds.iter().enumerate() {
        let whole = (10 << n.min(10)).min(900);
        assert!((whole / 2..=whole).contains(wait), "wait {n} is {wait}");
    }
    assert_eq!(seconds, waits(1), "the same seed gives the same waits");
    assert_ne!(seconds, waits(2));
}

/// Delivers everything at once, in steps of a second, and says what was sent.
fn drain(
    state: &mut State,
    seconds: i64,
    mut arrivals: impl FnMut(i64) -> Vec<Item>,
) -> Vec<Attempt> {
    let mut sent = Vec::new();
    for n in 0..seconds {
        for arrival in arrivals(n) {
            owed(state, arrival);
        }
        for attempt in next(second(n), state, &Rules::default()) {
            let begun = begin(state, &attempt, &Rules::default(), second(n));
            apply(state, &begun);
            let settled =
                settle(state, &attempt.item, done(), &Rules::default(), second(n)).unwrap();
            apply(state, &settled);
            sent.push(attempt);
        }
    }
    assert_eq!(state.open(), 0);
    sent
}

fn storm_of(n: usize) -> Item {
    // Every 50th is SEV0, the last among them.
    let severity = if n % 50 == 49 {
        Severity::Sev0
    } else {
        Severity::Sev1
    };
    item(&format!("a{n}"), alerts(), Operation::Alert(severity))
}

#[test]
fn a_storm_at_once_is_a_few_messages_with_sev0_first() {
    let mut state = State::default();
    let sent = drain(&mut state, 600, |n| {
        if n == 0 {
            (0..200).map(storm_of).collect()
        } else {
            Vec::new()
        }
    });
    assert_eq!(sent.len(), 5, "{sent:?}");
    let names: Vec<&str> = sent.iter().take(4).map(|a| a.item.as_str()).collect();
    assert_eq!(names, ["a49", "a99", "a149", "a199"]);
    assert_eq!(sent[4].folds.len(), 196);
}

#[test]
fn a_storm_that_lasts_is_a_few_messages_too() {
    let mut state = State::default();
    let sent = drain(&mut state, 2_000, |n| match usize::try_from(n) {
        Ok(n) if n < 200 => vec![storm_of(n)],
        _ => Vec::new(),
    });
    assert!(sent.len() - 4 <= 10, "{} messages", sent.len());
    for n in [49, 99, 149, 199] {
        let at = sent.iter().position(|a| a.item == id(&format!("a{n}")));
        assert!(at.is_some() && sent[at.unwrap()].folds.is_empty());
    }
    let folded: usize = sent.iter().map(|a| a.folds.len()).sum();
    let alone = sent.iter().filter(|a| a.folds.is_empty()).count();
    assert_eq!(folded + alone, 200);
}

#[test]
fn few_alerts_are_sent_one_by_one() {
    let mut state = State::default();
    let sent = drain(&mut state, 10, |n| {
        if n == 0 {
            (0..5).map(storm_of).collect()
        } else {
            Vec::new()
        }
    });
    assert!(sent.iter().all(|a| a.folds.is_empty()));
    assert_eq!(sent.len(), 5);
}

/// What happens in one second of a generated history.
#[derive(Clone, Debug)]
struct Tick {
    seconds: i64,
    arrivals: Vec<(u8, u8)>,
    answers: Vec<u8>,
    dies: bool,
}

fn ticks() -> impl Strategy<Value = Vec<Tick>> {
    let tick = (
        0..20_i64,
        prop::collection::vec((0..4_u8, 0..6_u8), 0..4),
        prop::collection::vec(0..12_u8, 8),
        prop::bool::weighted(0.05),
    );
    let tick = tick.prop_map(|(seconds, arrivals, answers, dies)| Tick {
        seconds,
        arrivals,
        answers,
        dies,
    });
    prop::collection::vec(tick, 1..60)
}

fn generated(number: usize, lane: u8, kind: u8) -> Item {
    let slack = |slot| Lane::Slack(Address::Webhook(slot));
    let (lane, operation) = match (lane, kind) {
        (0, 0) => (slack(Slot::Sev0), Operation::Alert(Severity::Sev0)),
        (0, 1 | 2) => (slack(Slot::Sev0), Operation::Alert(Severity::Sev1)),
        (0, _) => (slack(Slot::Sev0), Operation::Post),
        (1, 0..4) => (slack(Slot::Default), Operation::Alert(Severity::Sev2)),
        (1, _) => (slack(Slot::Default), Operation::Reply),
        (_, 0) => (Lane::Notion("A".to_owned()), Operation::Create),
        (2, _) => (Lane::Notion("A".to_owned()), Operation::Update),
        _ => (Lane::Notion("B".to_owned()), Operation::Update),
    };
    item(&format!("i{number}"), lane, operation)
}

fn generated_answer(kind: u8) -> Answer<Delivered> {
    match kind {
        0 => pause(30),
        1 => Answer::Pause {
            wait: None,
            reason: reason(),
        },
        2 => retry(),
        3 => unknown(),
        4 => park(),
        _ => done(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_laws_hold_whatever_is_answered(ticks in ticks()) {
        let mut state = State::default();
        let mut history = Vec::new();
        let mut now = 0;
        let mut count = 0;
        let mut model = Model::default();
        // What is still open at the end is answered with yes, as long as it takes.
        let quiet = Tick { seconds: 1_000, arrivals: Vec::new(), answers: Vec::new(), dies: false };
        let ticks = ticks.into_iter().chain(std::iter::repeat_n(quiet, 300));
        for tick in ticks {
            now += tick.seconds;
            let looked_at = tick.dies || (now % 4 == 0 && !tick.arrivals.is_empty());
            let mut record = |state: &mut State, transitions: Vec<Transition>| {
                apply(state, &transitions);
                history.extend(transitions);
            };
            for (lane, kind) in tick.arrivals {
                let item = generated(count, lane, kind);
                count += 1;
                let transitions = owe(&state, item).unwrap();
                record(&mut state, transitions);
            }
            let mut answers = tick.answers.into_iter();
            for attempt in next(second(now), &state, &Rules::default()) {
                let begun = begin(&state, &attempt, &Rules::default(), second(now));
                if begun.is_empty() {
                    continue;
                }
                record(&mut state, begun);
                model.sees(&state, &attempt, now);
                if tick.dies {
                    continue;
                }
                let answer = generated_answer(answers.next().unwrap_or(11));
                model.answers(&attempt.item, &answer, &state, now);
                let settled = settle(&state, &attempt.item, answer, &Rules::default(), second(now)).unwrap();
                record(&mut state, settled);
            }
            if tick.dies {
                // Only what was recorded is left.
                let mut read = State::default();
                apply(&mut read, &history);
                state = read;
                for item in interrupted(&state, &Rules::default(), second(now)) {
                    if let Transition::Unknown { item, .. } = &item {
                        model.in_doubt.insert(item.clone(), true);
                    }
                    apply(&mut state, std::slice::from_ref(&item));
                    history.push(item);
                }
            }
            if looked_at {
                state = kept_and_read(&state, second(now));
                due_is_when_something_can_be_sent(&state, second(now));
            }
        }
        prop_assert_eq!(state.open(), 0, "something was neither sent nor parked");
        for number in 0..count {
            let outcome = state.outcome(&id(&format!("i{number}")));
            let settled = matches!(outcome, Some(Progress::Sent { .. } | Progress::Parked { .. }));
            prop_assert!(settled, "i{} is {:?}", number, outcome);
        }
    }
}

/// The same state, from what is kept of it beside its transitions.
fn kept_and_read(state: &State, now: Timestamp) -> State {
    let json = serde_json::to_string(state).unwrap();
    let read: State = serde_json::from_str(&json).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), json);
    assert_eq!(
        next(now, &read, &Rules::default()),
        next(now, state, &Rules::default())
    );
    read
}

/// Before it is due nothing can be sent, and who waits until then does not wait in vain for ever.
fn due_is_when_something_can_be_sent(state: &State, now: Timestamp) {
    let mut now = now;
    for _ in 0..20 {
        let due = next_due(now, state, &Rules::default(), |_| true);
        let can_send = !next(now, state, &Rules::default()).is_empty();
        match due {
            None => {
                assert!(!can_send);
                return;
            }
            Some(due) => {
                assert_eq!(due <= now, can_send, "due {due} at {now}");
                if can_send {
                    return;
                }
                let before = Timestamp::from_unix(due.unix() - 1).unwrap();
                assert!(
                    before < now || next(before, state, &Rules::default()).is_empty(),
                    "before {due}"
                );
                now = due;
            }
        }
    }
    panic!("never due: {state:?}");
}

#[test]
fn what_is_withdrawn_is_not_sent_and_neither_is_what_follows_it() {
    let after = |name: &str| Item {
        after: Some(id("alert")),
        ..item(name, alerts(), Operation::Reply)
    };
    let alert = item("alert", alerts(), Operation::Alert(Severity::Sev1));
    let mut state = with([alert, after("reply")]);
    let withdrawn = withdraw(&state, &id("alert"), second(0));
    apply(&mut state, &withdrawn);
    assert_eq!(state.open(), 0);
    assert_eq!(
        next_due(second(0), &state, &Rules::default(), |_| true),
        None
    );
    assert_eq!(state.progress(&id("reply")), Some(&Progress::Withdrawn));
    // What comes to follow it later is not sent either, and it is not owed again.
    owed(&mut state, after("late"));
    owed(
        &mut state,
        item("alert", alerts(), Operation::Alert(Severity::Sev1)),
    );
    assert_eq!(state.open(), 0);
    assert!(state.forget(&id("alert")));
}

#[test]
fn what_may_have_been_sent_cannot_be_withdrawn() {
    for reply in [unknown(), done()] {
        let mut state = with([item("a", alerts(), Operation::Post)]);
        answer(&mut state, second(0), reply);
        assert_eq!(withdraw(&state, &id("a"), second(1)), []);
    }
    let mut state = with([item("a", alerts(), Operation::Post)]);
    answer(&mut state, second(0), unknown());
    answer(&mut state, second(1_000), retry());
    // The second was surely not sent; of the first nobody knows.
    assert_eq!(withdraw(&state, &id("a"), second(1_001)), []);
    assert_eq!(withdraw(&state, &id("nothing"), second(1_001)), []);
}

#[test]
fn what_may_have_been_sent_can_be_given_up_with_what_follows_it() {
    let after = |name: &str, parent: &str| Item {
        after: Some(id(parent)),
        ..item(name, alerts(), Operation::Reply)
    };
    let why = Reason::new("the channel is gone");
    let mut state = with([
        item("a", alerts(), Operation::Post),
        after("b", "a"),
        after("c", "b"),
        item("d", alerts(), Operation::Post),
    ]);
    let begun = begin(
        &state,
        &next(second(0), &state, &Rules::default())[0],
        &Rules::default(),
        second(0),
    );
    apply(&mut state, &begun);
    let refused = give_up(&state, &id("a"), &why, second(0));
    assert_eq!(
        refused,
        Err(DeliveryError::NotOpen { item: id("a") }),
        "it is being sent"
    );
    let doubt = interrupted(&state, &Rules::default(), second(0));
    apply(&mut state, &doubt);
    let given_up = give_up(&state, &id("a"), &why, second(1)).unwrap();
    let names: Vec<String> = given_up
        .iter()
        .map(|transition| match transition {
            Transition::Withdrawn { item, reason, .. } => {
                assert_eq!(reason.as_ref(), Some(&why));
                item.to_string()
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(names, ["a", "b", "c"]);
    apply(&mut state, &given_up);
    assert_eq!(state.open(), 1);
    assert!(
        give_up(&state, &id("a"), &why, second(1)).is_err(),
        "once is enough"
    );
    assert!(give_up(&state, &id("nothing"), &why, second(1)).is_err());

    // What is parked with its parent goes with it.
    let mut state = with([item("a", alerts(), Operation::Post), after("b", "a")]);
    answer(&mut state, second(0), park());
    let given_up = give_up(&state, &id("a"), &why, second(1)).unwrap();
    assert_eq!(given_up.len(), 2);
    apply(&mut state, &given_up);
    assert_eq!(state.progress(&id("b")), Some(&Progress::Withdrawn));
}

/// Processes with different rules know the same of what is recorded.
#[test]
fn what_is_known_of_a_storm_does_not_depend_on_the_rules() {
    let rules = Rules {
        storm_alerts_max: 2,
        storm_window_seconds: 1_800,
        ..Rules::default()
    };
    let alert = |n: usize| item(&format!("a{n}"), alerts(), Operation::Alert(Severity::Sev1));
    let mut state = with([alert(0)]);
    answer(&mut state, second(0), done());
    owed(&mut state, alert(1));
    answer(&mut state, second(900), done());
    owed(&mut state, alert(2));
    // Within half an hour there were two; within five minutes only one.
    assert_eq!(next(second(1_000), &state, &rules), []);
    assert_eq!(next(second(1_000), &state, &Rules::default()).len(), 1);
    assert_eq!(
        next_due(second(1_000), &state, &rules, |_| true),
        Some(second(1_800))
    );
}

/// What the other side has seen, kept without the state's help.
#[derive(Default)]
struct Model {
    paused: BTreeMap<Destination, i64>,
    last: BTreeMap<Lane, i64>,
    in_doubt: BTreeMap<ItemId, bool>,
    tried: BTreeMap<ItemId, u32>,
    /// The highest number that was first tried in a lane, alerts and others apart.
    highest: BTreeMap<(Lane, u8), usize>,
}

impl Model {
    fn sees(&mut self, state: &State, attempt: &Attempt, now: i64) {
        let item = state.item(&attempt.item).unwrap();
        let destination = item.lane.destination();
        let paused = self.paused.get(&destination).copied().unwrap_or(0);
        assert!(now >= paused, "{now} is before {paused}");
        if destination == Destination::Slack {
            let last = self.last.insert(item.lane.clone(), now);
            assert!(last.is_none_or(|last| now > last), "twice in second {now}");
        }
        let tries = self.tried.entry(attempt.item.clone()).or_default();
        *tries += 1;
        let doubt = self.in_doubt.get(&attempt.item).copied().unwrap_or(false);
        let expected = match item.operation {
            Operation::Update => Step::Send,
            Operation::Create if *tries > 1 => Step::FindOrCreate,
            Operation::Create => Step::Send,
            _ if doubt => Step::SendMarked,
            _ => Step::Send,
        };
        assert_eq!(attempt.step, expected);
        for folded in &attempt.folds {
            let folded = state.item(folded).unwrap();
            assert_ne!(folded.operation, Operation::Alert(Severity::Sev0));
        }
        if *tries == 1 {
            // SEV0 passes all, and others pass held alerts; among their like nothing passes.
            let class = match item.operation {
                Operation::Alert(Severity::Sev0) => 0,
                Operation::Alert(_) => 1,
                _ if !item.folds.is_empty() => 1,
                _ => 2,
            };
            let number = |id: &ItemId| id.as_str()[1..].parse::<usize>().unwrap();
            let numbers: Vec<usize> = if item.folds.is_empty() {
                vec![number(&item.id)]
            } else {
                item.folds.iter().map(number).collect()
            };
            for number in numbers {
                let highest = self.highest.insert((item.lane.clone(), class), number);
                assert!(
                    highest.is_none_or(|h| number > h),
                    "{number} after {highest:?}"
                );
            }
        }
    }

    fn answers(&mut self, item: &ItemId, answer: &Answer<Delivered>, state: &State, now: i64) {
        let destination = state.item(item).unwrap().lane.destination();
        match answer {
            Answer::Pause {
                wait: Some(wait), ..
            } => {
                let until = now + i64::try_from(wait.as_secs()).unwrap();
                let paused = self.paused.entry(destination).or_insert(until);
                *paused = (*paused).max(until);
            }
            Answer::Unknown { .. } => {
                self.in_doubt.insert(item.clone(), true);
            }
            _ => {}
        }
    }
}
