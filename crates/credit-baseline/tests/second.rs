//! Every figure once more, worked out slowly and straight from its definition: over a made-up
//! fleet, and by Python over the real traces.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "also in helpers, which are no #[test] functions"
)]

mod common;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use common::{facts, lines, record, time, unjudged, with_severity};
use credit_baseline::{
    Calculation, DriftRule, Histories, Window, calculate, change_points, coefficient_of_variation,
    median, median_bounds, robust_variation, weekday_medians,
};
use credit_core::{
    Credits, HealthyRule, Multiplier, RunFacts, RunRecord, Severity, Status, Timestamp, Weekday,
};

const DAYS: u32 = 56;

fn rule() -> HealthyRule {
    HealthyRule {
        statuses: vec![Status::Success],
        retries_max: 1,
    }
}

fn drift() -> DriftRule {
    DriftRule {
        significance: 0.01,
        ratio_min: Multiplier::from_micro(1_200_000),
        runs_min: 6,
    }
}

/// Numbers without a pattern that are the same in every run of the test.
fn noise(seed: u64) -> impl FnMut() -> u64 {
    let mut x = seed;
    move || {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        x
    }
}

/// The fleet: scenarios of every shape, some runs of which do not count.
fn fleet() -> Vec<RunRecord> {
    let mut next = noise(20_250_131);
    let mut records = Vec::new();
    for (shape, name) in SHAPES.iter().enumerate() {
        let runs = [3, 6, 7, 40, 60, 112][shape % 6] + next() as usize % 3;
        for n in 0..runs {
            let hours = n as u64 * u64::from(DAYS) * 24 / runs as u64;
            let at = Timestamp::from_unix(1_735_689_600 + hours as i64 * 3_600).unwrap();
            let micro = cost(name, n, runs, at, next());
            let amount = Credits::from_micro(micro).unwrap().to_string();
            let id = format!("R-{name}-{n}");
            let scenario = format!("{name}_{shape}");
            let run = record(&id, &scenario, &at.to_string(), &amount);
            records.push(match next() % 20 {
                0 => with_severity(run, Severity::Sev1),
                1 => unjudged(run),
                2 => retried(run),
                _ => run,
            });
        }
    }
    records
}

const SHAPES: [&str; 18] = [
    "flat", "noisy", "spiky", "step", "weekend", "free", "tied", "tiny", "step", "sunday", "noisy",
    "weekend", "huge", "spiky", "tied", "step", "noisy", "sunday",
];

fn cost(shape: &str, n: usize, runs: usize, at: Timestamp, noise: u64) -> u64 {
    let unit = 1_000_000;
    let around = 100 * unit + noise % (20 * unit);
    match shape {
        "flat" => 100 * unit,
        "spiky" if noise.is_multiple_of(9) => around * 50,
        "step" if 3 * n >= 2 * runs => around * 2,
        "weekend" if at.weekday().is_weekend() => around / 3,
        "sunday" if at.weekday() == Weekday::Sunday => around * 4,
        "free" => 0,
        "tied" => (1 + noise % 3) * unit,
        "tiny" => noise % 7,
        "huge" => Credits::MAX.micro() - noise % 1_000_000_007,
        _ => around,
    }
}

fn retried(mut record: RunRecord) -> RunRecord {
    record.run.retry_count = 2;
    record
}

#[test]
fn one_pass_over_a_fleet_is_the_slow_way_scenario_by_scenario() {
    let lines = lines(&fleet());
    let runs = facts(&lines);
    let as_of = time("2025-02-25T12:00:00Z");
    let mut seen = (0, 0);
    for days in [14, 30, 60] {
        let window = Window { as_of, days };
        let mut shuffled: Vec<&RunFacts<'_>> = runs.iter().collect();
        let mut next = noise(u64::from(days));
        shuffled.sort_by_cached_key(|_| next());
        let mut histories = Histories::new(window, rule());
        shuffled.iter().for_each(|run| histories.add(run));
        let all = histories.calculations();
        assert_eq!(all.len(), SHAPES.len());
        for (scenario, found) in all {
            let alone = calculate(&runs, &scenario, window, &rule());
            assert_eq!(found, alone, "{scenario} in {days} days");
            let healthy = runs.iter().filter(|run| {
                run.scenario_id == scenario
                    && window.contains(run.timestamp)
                    && run.retry_count <= 1
                    && !run.is_incident()
            });
            let mut healthy: Vec<(Timestamp, u64)> = healthy
                .map(|run| (run.timestamp, run.credits.micro()))
                .collect();
            healthy.sort_unstable();
            match found {
                Ok(found) => {
                    let (changes, days) = check(&found, &healthy);
                    seen = (seen.0 + changes, seen.1 + days);
                }
                Err(_) => assert!(healthy.is_empty(), "{scenario} in {days} days"),
            }
        }
    }
    // What is compared is there.
    assert!(seen.0 > 3 && seen.1 > 5, "{seen:?}");
}

/// How many changes and days of their own there were to compare.
fn check(found: &Calculation, healthy: &[(Timestamp, u64)]) -> (usize, usize) {
    let at = found.scenario_id.as_str();
    let amounts: Vec<u64> = healthy.iter().map(|(_, micro)| *micro).collect();
    assert_eq!(found.healthy_runs, amounts.len() as u64, "{at}");
    assert_eq!(found.credits.micro(), slow_median(&amounts), "{at}");
    let bounds = found
        .usual
        .bounds
        .map(|b| (b.lower().micro(), b.upper().micro()));
    assert_eq!(bounds, slow_bounds(&amounts), "{at}");
    close(found.cv, slow_variation(&amounts), at);
    close(found.robust_variation, slow_robust(&amounts), at);

    let weekdays = weekday_medians(&found.runs);
    for day in Weekday::ALL {
        let usual = weekdays
            .get(*day)
            .map(|u| (u.credits.micro(), u.sample_size));
        assert_eq!(usual, slow_weekday(healthy, *day), "{at} on {day}");
    }
    let changes: Vec<(Timestamp, u64, u64)> = change_points(&found.runs, &drift())
        .iter()
        .map(|c| (c.at, c.before.micro(), c.after.micro()))
        .collect();
    assert_eq!(changes, slow_changes(healthy), "{at}");
    (changes.len(), weekdays.iter().count())
}

#[track_caller]
fn close(found: Option<f64>, expected: Option<f64>, at: &str) {
    match (found, expected) {
        (Some(found), Some(expected)) => {
            let off = (found - expected).abs();
            // Amounts near 10^18 differ by less than a float tells apart in a second pass.
            let allowed = 1e-9 * expected.max(1e-3);
            assert!(off <= allowed, "{at}: {found} for {expected}");
        }
        other => assert_eq!(other.0, other.1, "{at}"),
    }
}

fn slow_median(amounts: &[u64]) -> u64 {
    let mut sorted: Vec<u128> = amounts.iter().map(|a| u128::from(*a)).collect();
    sorted.sort_unstable();
    let n = sorted.len();
    let twice = sorted[(n - 1) / 2] + sorted[n / 2];
    let half = twice / 2;
    (half + u128::from(twice % 2 == 1 && half % 2 == 1)) as u64
}

/// 1 − 2·P(X < k) ≥ 0.95 in whole numbers: 40 · Σ C(n, i < k) ≤ 2ⁿ.
fn slow_bounds(amounts: &[u64]) -> Option<(u64, u64)> {
    let n = amounts.len() as u32;
    assert!(n <= 118, "128 bits are not enough");
    let (mut sum, mut term, mut rank) = (0_u128, 1_u128, 0);
    for k in 0..n {
        sum += term;
        if sum * 40 > 1 << n {
            break;
        }
        rank = k as usize + 1;
        term = term * u128::from(n - k) / u128::from(k + 1);
    }
    let mut sorted = amounts.to_vec();
    sorted.sort_unstable();
    (rank > 0).then(|| (sorted[rank - 1], sorted[sorted.len() - rank]))
}

/// In two passes, around the mean.
fn slow_variation(amounts: &[u64]) -> Option<f64> {
    let n = amounts.len() as f64;
    let total: u128 = amounts.iter().map(|a| u128::from(*a)).sum();
    let whole = total / amounts.len() as u128;
    let rest = (total % amounts.len() as u128) as f64 / n;
    let squares = amounts.iter().map(|a| {
        let from_mean = (i128::from(*a) - whole as i128) as f64 - rest;
        from_mean * from_mean
    });
    (total > 0).then(|| (squares.sum::<f64>() / n).sqrt() / (total as f64 / n))
}

fn slow_robust(amounts: &[u64]) -> Option<f64> {
    let middle = slow_median(amounts);
    let distances: Vec<u64> = amounts.iter().map(|a| a.abs_diff(middle)).collect();
    let mad = slow_median(&distances);
    let mean = distances.iter().map(|d| *d as f64).sum::<f64>() / distances.len() as f64;
    let deviation = if mad == 0 {
        1.2533 * mean
    } else {
        1.4826 * mad as f64
    };
    (middle > 0).then(|| deviation / middle as f64)
}

fn slow_weekday(runs: &[(Timestamp, u64)], day: Weekday) -> Option<(u64, u64)> {
    let of = |wanted: &dyn Fn(Weekday) -> bool| -> Vec<u64> {
        let runs = runs.iter().filter(|(at, _)| wanted(at.weekday()));
        runs.map(|(_, micro)| *micro).collect()
    };
    let differs = |amounts: &[u64], from: u64| {
        slow_bounds(amounts).is_some_and(|(lower, upper)| from < lower || upper < from)
    };
    let overall = slow_median(&of(&|_| true));
    let class = of(&|other| other.is_weekend() == day.is_weekend());
    let pooled = differs(&class, overall);
    let otherwise = if pooled { slow_median(&class) } else { overall };
    let own = of(&|other| other == day);
    if differs(&own, otherwise) {
        Some((slow_median(&own), own.len() as u64))
    } else {
        pooled.then(|| (slow_median(&class), class.len() as u64))
    }
}

/// Pettitt's double sum of signs and every division tried, part by part.
fn slow_changes(runs: &[(Timestamp, u64)]) -> Vec<(Timestamp, u64, u64)> {
    let amounts: Vec<u64> = runs.iter().map(|(_, micro)| *micro).collect();
    let mut cuts = slow_cuts(&amounts, 0);
    cuts.sort_unstable();
    let mut edges = vec![0];
    edges.extend(&cuts);
    edges.push(amounts.len());
    edges
        .windows(3)
        .map(|edge| {
            let before = slow_median(&amounts[edge[0]..edge[1]]);
            (
                runs[edge[1]].0,
                before,
                slow_median(&amounts[edge[1]..edge[2]]),
            )
        })
        .collect()
}

fn slow_cuts(amounts: &[u64], start: usize) -> Vec<usize> {
    let n = amounts.len();
    if n < 12 {
        return Vec::new();
    }
    let sign = |i: usize, j: usize| match amounts[j].cmp(&amounts[i]) {
        std::cmp::Ordering::Less => -1_i64,
        std::cmp::Ordering::Equal => 0,
        std::cmp::Ordering::Greater => 1,
    };
    let u = |t: usize| -> i64 {
        (0..t)
            .flat_map(|i| (t..n).map(move |j| (i, j)))
            .map(|(i, j)| sign(i, j))
            .sum()
    };
    let k = (1..n).map(|t| u(t).abs()).max().unwrap() as f64;
    let size = n as f64;
    let p = 2.0 * (-6.0 * k * k / (size.powi(3) + size.powi(2))).exp();
    if p.min(1.0) >= 0.01 {
        return Vec::new();
    }
    let cost = |part: &[u64]| -> u128 {
        let mut sorted = part.to_vec();
        sorted.sort_unstable();
        let middle = sorted[sorted.len() / 2];
        part.iter().map(|a| u128::from(a.abs_diff(middle))).sum()
    };
    let cut = (6..=n - 6)
        .min_by_key(|t| cost(&amounts[..*t]) + cost(&amounts[*t..]))
        .unwrap();
    let (before, after) = (slow_median(&amounts[..cut]), slow_median(&amounts[cut..]));
    let (lesser, greater) = (u128::from(before.min(after)), u128::from(before.max(after)));
    if greater * 5 < lesser * 6 || greater == lesser {
        return Vec::new();
    }
    let mut cuts = vec![start + cut];
    cuts.extend(slow_cuts(&amounts[..cut], start));
    cuts.extend(slow_cuts(&amounts[cut..], start + cut));
    cuts
}

/// Reads every trace and prints, a line a scenario, its amounts and what Python makes of them.
const PYTHON: &str = r#"
import glob, gzip, json, math, statistics, sys
from decimal import Decimal, ROUND_HALF_EVEN
series = {}
files = glob.glob(sys.argv[1] + "/*.jsonl*") + glob.glob(sys.argv[1] + "/*/*.jsonl.gz")
for name in sorted(files):
    for line in (gzip.open if name.endswith(".gz") else open)(name, "rt"):
        run = json.loads(line, parse_float=Decimal)
        credits = Decimal(run["Credits_Total"]).quantize(Decimal("0.000001"), ROUND_HALF_EVEN)
        series.setdefault(run["Scenario_ID"], []).append(int(credits * 1000000))
def middle(values):
    values = sorted(values)
    twice = values[(len(values) - 1) // 2] + values[len(values) // 2]
    return twice // 2 + (twice % 2 and twice // 2 % 2)
def rank(n):
    total, best = 0, 0
    for k in range(n):
        total += math.comb(n, k)
        if 40 * total > 2 ** n: break
        best = k + 1
    return best
ranks = {}
for scenario, values in sorted(series.items()):
    n = min(len(values), 500)
    values = values[:n]
    k = ranks.setdefault(n, rank(n))
    ordered = sorted(values)
    m = middle(values)
    distances = [abs(v - m) for v in values]
    mad = middle(distances)
    spread = 1.4826 * mad if mad else 1.2533 * (sum(distances) / n)
    print(scenario, m, ordered[k - 1] if k else "-", ordered[n - k] if k else "-",
          repr(statistics.pstdev(values) / statistics.fmean(values)) if sum(values) else "-",
          repr(spread / m) if m else "-", ",".join(map(str, values)))
"#;

#[test]
fn python_says_the_same_of_the_real_traces() {
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");
    if !Path::new(data).join("labels.json").exists() {
        eprintln!("SKIPPED: no {data}; the figures are not compared on real traces");
        return;
    }
    let output = Command::new("python3").args(["-c", PYTHON, data]).output();
    let Ok(output) = output else {
        eprintln!("SKIPPED: python3 is missing; the figures are not compared with its");
        return;
    };
    let problem = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{problem}");
    let text = String::from_utf8(output.stdout).unwrap();
    let mut kinds: BTreeMap<bool, usize> = BTreeMap::new();
    for line in text.lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let amounts = fields[6].split(',').map(|a| a.parse().unwrap());
        let mut credits: Vec<Credits> = amounts
            .map(|micro| Credits::from_micro(micro).unwrap())
            .collect();
        let float = |field: &str| (field != "-").then(|| field.parse::<f64>().unwrap());
        let at = fields[0];
        close(coefficient_of_variation(&credits), float(fields[4]), at);
        close(robust_variation(&mut credits), float(fields[5]), at);
        let middle = median(&mut credits).unwrap().micro();
        assert_eq!(middle.to_string(), fields[1], "{at}");
        let bounds = median_bounds(&mut credits);
        let end = |end: Option<Credits>| {
            end.map_or_else(|| "-".to_owned(), |credits| credits.micro().to_string())
        };
        assert_eq!(end(bounds.map(|b| b.lower())), fields[2], "{at}");
        assert_eq!(end(bounds.map(|b| b.upper())), fields[3], "{at}");
        *kinds.entry(bounds.is_some()).or_default() += 1;
    }
    assert!(kinds[&true] > 60 && kinds[&false] > 10, "{kinds:?}");
}
