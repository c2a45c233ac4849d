//! Partials and tallies join exactly: however runs are split, ordered and joined, the figures are
//! those of all runs at once, which a plain computation gives, too.

#![expect(
    clippy::indexing_slicing,
    reason = "also in helpers, which are no #[test] functions"
)]

mod common;

use std::collections::BTreeMap;

use common::{facts, lines, record};
use credit_core::{Credits, Day, Period, RunFacts, RunTally, ScenarioId, Severity, Timestamp};
use credit_report::{Dearest, Partial, PartialBuilder, Statistics, Tally};
use proptest::prelude::*;

/// Runs of three scenarios over four days, in no order, some with decimals of a second, many with
/// the same time or cost.
fn week() -> impl Strategy<Value = Vec<String>> {
    let run = (
        0..3_u8,
        0..4_u32,
        0..86_400_u32,
        prop_oneof![Just(""), Just(".5"), Just(".50"), Just(".000001")],
        prop_oneof![
            (0..40_u64).prop_map(|n| n.to_string()),
            (0..1_000_000_000_u64).prop_map(|n| format!("0.{:06}", n % 1_000_000)),
            Just("1000000000000".to_owned()),
        ],
    );
    prop::collection::vec(run, 0..60).prop_map(|runs| {
        let records: Vec<_> = runs
            .into_iter()
            .enumerate()
            .map(|(n, (scenario, day, second, decimals, credits))| {
                // Few different times, so that some are the same.
                let second = second / 21_600 * 21_600;
                let at = format!(
                    "2024-01-{:02}T{:02}:{:02}:00{decimals}Z",
                    22 + day,
                    second / 3_600,
                    second / 60 % 60
                );
                let id = format!("R-{n}");
                record(&id, &format!("S-{scenario}"), &at, &credits, Some("7"))
            })
            .collect();
        lines(&records)
    })
}

fn partial<'a>(runs: impl IntoIterator<Item = &'a RunFacts<'a>>) -> Partial {
    let mut builder = PartialBuilder::default();
    runs.into_iter().for_each(|run| builder.add(run));
    builder.finish()
}

fn joined(parts: impl IntoIterator<Item = Partial>) -> Partial {
    let mut all = Partial::default();
    parts.into_iter().for_each(|part| all.join(part));
    all
}

fn tally<'a>(runs: impl IntoIterator<Item = &'a RunFacts<'a>>, period: Option<Period>) -> Tally {
    let mut tally = Tally::new(period);
    runs.into_iter().for_each(|run| tally.add(run));
    tally
}

/// The figures in the plainest way there is.
fn plain(runs: &[RunFacts<'_>]) -> BTreeMap<String, [u128; 8]> {
    let mut amounts: BTreeMap<String, Vec<u128>> = BTreeMap::new();
    let mut grave: BTreeMap<String, u128> = BTreeMap::new();
    for run in runs {
        let id = run.scenario_id.to_string();
        amounts
            .entry(id.clone())
            .or_default()
            .push(u128::from(run.credits.micro()));
        *grave.entry(id).or_default() += u128::from(run.severity <= Severity::Sev1);
    }
    let figures = |(id, mut amounts): (String, Vec<u128>)| {
        amounts.sort_unstable();
        let n = amounts.len();
        let half_even = |sum: u128, by: u128| {
            let (whole, rest) = (sum / by, sum % by);
            whole + u128::from(2 * rest > by || (2 * rest == by && whole % 2 == 1))
        };
        let rank = |percent: usize| amounts[(n * percent).div_ceil(100).max(1) - 1];
        let total: u128 = amounts.iter().sum();
        let median = half_even(amounts[(n - 1) / 2] + amounts[n / 2], 2);
        let mean = half_even(total, n as u128);
        let found = [
            n as u128,
            total,
            mean,
            median,
            rank(95),
            rank(99),
            amounts[n - 1],
            grave[&id],
        ];
        (id, found)
    };
    amounts.into_iter().map(figures).collect()
}

fn shown(statistics: &Statistics) -> BTreeMap<String, [u128; 8]> {
    let micro = |credits: Credits| u128::from(credits.micro());
    let scenarios = statistics.scenarios.iter();
    scenarios
        .map(|s| {
            let [sev0, sev1, ..] = s.sums.severity_counts;
            let figures = [
                u128::from(s.sums.run_count()),
                s.sums.total_credits().micro(),
                micro(s.avg_credits),
                micro(s.median_credits),
                micro(s.p95_credits),
                micro(s.p99_credits),
                micro(s.max_credits),
                u128::from(sev0 + sev1),
            ];
            (s.scenario_id.to_string(), figures)
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn partials_join_in_any_order_and_grouping(
        lines in week(),
        cut in any::<prop::sample::Index>(),
        other in any::<prop::sample::Index>(),
        swapped in any::<bool>(),
    ) {
        let runs = facts(&lines);
        let (mut a, mut b) = (cut.index(runs.len() + 1), other.index(runs.len() + 1));
        if a > b {
            std::mem::swap(&mut a, &mut b);
        }
        let [first, second, third] = [&runs[..a], &runs[a..b], &runs[b..]].map(partial);
        let all = partial(&runs);
        // Nothing is neutral, the order of joining and its grouping do not matter, and two parts
        // joined are the part of both.
        prop_assert_eq!(joined([all.clone(), Partial::default()]), all.clone());
        prop_assert_eq!(joined([third.clone(), first.clone(), second.clone()]), all.clone());
        let left = joined([joined([first.clone(), second.clone()]), third.clone()]);
        let right = joined([first, joined([second, third])]);
        prop_assert_eq!(&left, &right);
        prop_assert_eq!(&left, &all);
        let backwards = if swapped { partial(runs.iter().rev()) } else { all.clone() };
        prop_assert_eq!(backwards, all);
    }

    #[test]
    fn a_partial_is_what_its_runs_say(lines in week()) {
        let runs = facts(&lines);
        let found = partial(&runs);
        let key = |run: &RunFacts<'_>| (run.timestamp, run.timestamp.decimals(), run.credits);
        let mut expected: Vec<_> = runs.iter().map(key).collect();
        expected.sort_unstable();
        let pairs: Vec<_> = expected.iter().map(|(at, _, credits)| (*at, *credits)).collect();
        prop_assert_eq!(found.runs(), &pairs);
        for (n, severity) in Severity::ALL.iter().enumerate() {
            let of: Vec<_> = runs.iter().filter(|run| run.severity == *severity).collect();
            prop_assert_eq!(found.sums().severity_counts[n], of.len() as u64);
            let total: u128 = of.iter().map(|run| u128::from(run.credits.micro())).sum();
            prop_assert_eq!(found.sums().severity_credits[n].micro(), total);
        }
        let last = runs.iter().map(|run| run.timestamp).max();
        prop_assert_eq!(found.sums().last, last);
        let mut dearest: Vec<_> = runs
            .iter()
            .map(|run| (std::cmp::Reverse(run.credits), run.run_id.to_string()))
            .collect();
        dearest.sort_unstable();
        dearest.truncate(Dearest::COUNT);
        let shown = found.dearest().runs().iter();
        let shown: Vec<_> =
            shown.map(|run| (std::cmp::Reverse(run.credits), run.run_id.to_string())).collect();
        prop_assert_eq!(shown, dearest);

        // Taken apart and put together, it is the same; with a run more or less, it is none.
        let parts = |runs| Partial::from_parts(*found.sums(), found.dearest().clone(), runs);
        prop_assert_eq!(parts(found.runs().to_vec()), Some(found.clone()));
        if let Some((first, rest)) = found.runs().split_first() {
            prop_assert_eq!(parts(rest.to_vec()), None);
            prop_assert_eq!(parts([rest, &[*first, *first]].concat()), None);
        }
    }

    #[test]
    fn statistics_are_exact_however_they_were_counted(
        lines in week(),
        cut in any::<prop::sample::Index>(),
        days in proptest::option::of(1..4_u32),
    ) {
        let runs = facts(&lines);
        let end = "2024-01-25".parse::<Day>().unwrap().start();
        let period = days.map(|days| Period::days_until(days, end));
        let wanted: Vec<_> = runs
            .iter()
            .filter(|run| period.is_none_or(|period| period.contains(run.timestamp)))
            .cloned()
            .collect();
        let expected = tally(&runs, period).finish(None);
        prop_assert_eq!(shown(&expected), plain(&wanted));
        prop_assert_eq!(expected.sums.run_count(), wanted.len() as u64);

        // In two parts, the second first.
        let (first, second) = runs.split_at(cut.index(runs.len() + 1));
        let mut parts = tally(second, period);
        parts.join(tally(first, period));
        prop_assert_eq!(&parts.finish(None), &expected);

        // From what is read without a parser.
        let mut quick = Tally::new(period);
        for line in &lines {
            prop_assert!(quick.add_tally(&RunTally::scan(line).unwrap()));
        }
        prop_assert_eq!(&quick.finish(None), &expected);

        // From partials of each day and scenario, and a rest that was not in them.
        let mut by_day: BTreeMap<(Day, ScenarioId), Vec<&RunFacts<'_>>> = BTreeMap::new();
        for run in first {
            let key = (run.timestamp.day(), run.scenario_id.clone());
            by_day.entry(key).or_default().push(run);
        }
        let mut merged = tally(second, period);
        for ((day, scenario), runs) in by_day {
            if period.is_none_or(|period| period.contains(day.start())) {
                merged.add_partial(&scenario, day, &partial(runs));
            }
        }
        prop_assert_eq!(&merged.finish(None), &expected);
    }
}

#[test]
fn what_is_no_id_is_left_to_the_parser() {
    let line = lines(&[record("R", "S", "2024-01-25T10:00:00Z", "1", Some("1"))]).remove(0);
    let run = RunTally::scan(&line).unwrap();
    for bad in [
        RunTally {
            scenario_id: "../x",
            ..run
        },
        RunTally { run_id: "", ..run },
    ] {
        let mut tally = Tally::new(None);
        assert!(!tally.add_tally(&bad));
        assert_eq!(tally.finish(None).sums.run_count(), 0);
    }
}

#[test]
fn the_same_instant_in_two_spellings_gives_the_same_partial() {
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    assert_eq!(at("2024-01-22T00:00:00.5Z"), at("2024-01-22T00:00:00.50Z"));
    let records = ["2024-01-22T00:00:00.5Z", "2024-01-22T00:00:00.50Z"]
        .map(|time| record(&format!("R-{}", time.len()), "S", time, "1", Some("1")));
    let lines = lines(&records);
    let runs = facts(&lines);
    let (one, other) = (partial(&runs), partial(runs.iter().rev()));
    let spelled = |partial: &Partial| {
        let runs = partial.runs().iter();
        runs.map(|(at, _)| at.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(spelled(&one), spelled(&other));
    let last = |partial: &Partial| partial.sums().last.unwrap().to_string();
    assert_eq!(last(&one), last(&other));
}
