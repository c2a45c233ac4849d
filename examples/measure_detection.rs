//! Which rule finds what people call an anomaly, and how often does it cry wolf?
//!
//! `cargo run --release --example measure_detection [-- DATA]` replays labelled series as runs, one
//! point a run, and holds several rules against the labels. Baselines come from the past alone: on
//! the third day, then once a week, from the healthy runs of the last thirty days, as an operator
//! would update them. `DATA` is a folder with `labels.json` and the series that it names.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use credit_monitor::baseline::{
    DriftRule, change_points, median, robust_variation, weekday_medians,
};
use credit_monitor::core::{
    Credits, Day, Multiplier, Ratio, Run, Severity, Timestamp, Weekday, Weekdays,
};
use credit_monitor::policy::{Expected, Policy, STANDARD_JSON};
use flate2::read::GzDecoder;
use serde::Deserialize;

/// Before the first baseline there is nothing to compare with.
const FIRST_DAYS: u32 = 2;
const REVIEW_DAYS: u32 = 7;
const WINDOW_DAYS: u32 = 30;
/// Drift is looked for in the weeks before a review.
const DRIFT_DAYS: u32 = 14;
/// A run is wild from so many robust standard deviations on: Iglewicz and Hoaglin's advice.
const WILD: f64 = 3.5;

fn main() -> anyhow::Result<()> {
    let given = std::env::args_os().nth(1).map(PathBuf::from);
    let data = given.unwrap_or_else(default_data);
    let mut out = io::stdout().lock();
    match read(&data, usize::MAX)? {
        Some(series) => report(&series, &mut out),
        None => {
            writeln!(
                out,
                "SKIPPED: there is no {}",
                data.join("labels.json").display()
            )?;
            Ok(())
        }
    }
}

/// Where the labelled series lie beside a checkout.
pub(crate) fn default_data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data")
}

/// A scenario whose anomalies somebody has labelled.
pub(crate) struct Series {
    /// Its runs, the oldest first.
    pub(crate) runs: Vec<(Timestamp, Credits)>,
    /// From when to when it was anomalous, both ends included.
    pub(crate) windows: Vec<(Timestamp, Timestamp)>,
}

/// The labelled series of at most so many runs each; `None` where there are no labels.
pub(crate) fn read(data: &Path, runs_max: usize) -> anyhow::Result<Option<Vec<Series>>> {
    #[derive(Deserialize)]
    struct Labels {
        scenario_id: String,
        source_set: String,
        runs: usize,
        windows: Vec<(Timestamp, Timestamp)>,
    }
    let Ok(labels) = File::open(data.join("labels.json")) else {
        return Ok(None);
    };
    let labels: Vec<Labels> = serde_json::from_reader(BufReader::new(labels))?;
    let short = labels.into_iter().filter(|labels| labels.runs <= runs_max);
    let series = short.map(|labels| {
        let name = format!("{}.jsonl.gz", labels.scenario_id);
        let path = data.join(labels.source_set).join(name);
        let runs = read_runs(&path).with_context(|| path.display().to_string())?;
        let windows = labels.windows;
        Ok(Series { runs, windows })
    });
    series.collect::<anyhow::Result<_>>().map(Some)
}

fn read_runs(path: &Path) -> anyhow::Result<Vec<(Timestamp, Credits)>> {
    let mut runs = Vec::new();
    for line in BufReader::new(GzDecoder::new(File::open(path)?)).lines() {
        let run = Run::parse(&line?)?.run;
        runs.push((run.timestamp, run.credits));
    }
    runs.sort_unstable();
    Ok(runs)
}

/// What one rule comes to.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Score {
    /// Labelled windows with an alarm.
    pub(crate) hit: usize,
    /// Those of them that are drops.
    pub(crate) drops: usize,
    /// Days of a scenario with an alarm: nobody is told of one scenario twice a day.
    pub(crate) alarms: usize,
    /// Those of them with an alarm inside a labelled window.
    pub(crate) right: usize,
}

/// The rules, in the order of the table.
pub(crate) const RULES: [&str; 11] = [
    "5 times the baseline (SEV1)",
    "3 times",
    "2 times (SEV2)",
    "1.5 times (SEV3)",
    "2 times, and 1% of a day's cost above",
    "2 times, by weekday",
    "1.5 times, by weekday",
    "3.5 robust deviations (MAD) above",
    "3.5 robust deviations above or below",
    "change points alone",
    "2 times, or a change point",
];

/// Measures every rule and prints the table, in Markdown.
pub(crate) fn report(series: &[Series], out: &mut impl Write) -> anyhow::Result<()> {
    let policy = Policy::standard();
    let mut scores = [Score::default(); RULES.len()];
    let (mut shapes, mut weeks) = (Vec::new(), 0.0);
    for one in series {
        let judged = judge(one, &policy)?;
        weeks += judged.weeks;
        for (sum, alarms) in scores.iter_mut().zip(&judged.alarms) {
            let score = score(one, &judged.shapes, alarms);
            sum.hit += score.hit;
            sum.drops += score.drops;
            sum.alarms += score.alarms;
            sum.right += score.right;
        }
        shapes.extend(judged.shapes);
    }
    let count = |shape| shapes.iter().filter(|found| **found == shape).count();
    let (total, drops) = (shapes.len(), count(Shape::Drop));
    let runs: usize = series.iter().map(|one| one.runs.len()).sum();
    writeln!(
        out,
        "{} series, {runs} runs, {total} labelled windows.\n\n\
         | alarm at | windows hit | of the drops | alarms a week | precision |\n\
         |---|---|---|---|---|",
        series.len()
    )?;
    for (rule, score) in RULES.iter().zip(&scores) {
        writeln!(
            out,
            "| {rule} | {} of {total} | {} of {drops} | {:.2} | {:.0}% |",
            score.hit,
            score.drops,
            score.alarms as f64 / weeks,
            100.0 * score.right as f64 / score.alarms.max(1) as f64
        )?;
    }
    writeln!(
        out,
        "\nIn {} windows some run costs 1.5 times its baseline. In {drops} none does, but one costs \
         at most two thirds of it: no rule of the form \"so many times the baseline\" sees these \
         drops. In {} neither is so, and {} lie before the first baseline.",
        count(Shape::Rise),
        count(Shape::Level),
        count(Shape::Unjudged)
    )?;
    Ok(())
}

/// What a labelled window looks like beside the baseline of its time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Shape {
    /// Some run costs 1.5 times the baseline.
    Rise,
    /// None does, but one costs at most two thirds of it.
    Drop,
    /// Neither.
    Level,
    /// There was no baseline yet.
    Unjudged,
}

/// A series with every rule's alarms: the runs' places.
pub(crate) struct Judged {
    pub(crate) alarms: [BTreeSet<usize>; RULES.len()],
    pub(crate) shapes: Vec<Shape>,
    weeks: f64,
}

/// What is usual as of a review.
struct Usual {
    overall: Credits,
    weekdays: Weekdays,
    /// Robust deviation over the median.
    variation: Option<f64>,
    /// The standard policy with an impact floor of a hundredth of a usual day's cost.
    floored: Policy,
}

/// Replays a series: whatever is known of a run is known from the runs before it.
pub(crate) fn judge(series: &Series, policy: &Policy) -> anyhow::Result<Judged> {
    let mut alarms: [BTreeSet<usize>; RULES.len()] = Default::default();
    let mut healthy: Vec<(Timestamp, Credits)> = Vec::new();
    let mut baselines = Vec::with_capacity(series.runs.len());
    let mut usual: Option<Usual> = None;
    let first = series.runs.first().map(|(at, _)| *at);
    let begins = first.map_or(Timestamp::LAST, |at| at.days_after(FIRST_DAYS));
    let mut review = begins;
    let mut run = Run::parse(RUN)?.run;
    for (place, (at, credits)) in series.runs.iter().enumerate() {
        while review <= *at {
            usual = review_at(review, &healthy)?.or(usual);
            for changed in changes(&series.runs, review, policy) {
                insert(&mut alarms, &[9, 10], changed);
            }
            review = review.days_after(REVIEW_DAYS);
        }
        let Some(usual) = &usual else {
            healthy.push((*at, *credits));
            baselines.push(None);
            continue;
        };
        (run.timestamp, run.credits) = (*at, *credits);
        let found = alarmed(&run, usual, policy);
        for (rule, _) in found.iter().enumerate().filter(|(_, found)| **found) {
            insert(&mut alarms, &[rule], place);
        }
        // An incident is not what the scenario usually does, unless there was nothing to compare.
        if !found.first().is_some_and(|incident| *incident) || usual.overall == Credits::ZERO {
            healthy.push((*at, *credits));
        }
        baselines.push(Some(usual.overall));
    }
    let last = series.runs.last().map_or(begins, |(at, _)| *at);
    Ok(Judged {
        alarms,
        shapes: shapes(series, &baselines),
        weeks: last.seconds_since(begins).max(0.0) / 86_400.0 / f64::from(REVIEW_DAYS),
    })
}

/// Which rules alarm at a run.
fn alarmed(run: &Run, usual: &Usual, policy: &Policy) -> [bool; RULES.len()] {
    let severity = |policy: &Policy, credits| {
        let manual = false;
        let expected = Expected::Baseline { credits, manual };
        policy.assess(run, &expected.into()).severity
    };
    let plain = severity(policy, usual.overall);
    let floored = severity(&usual.floored, usual.overall);
    let apart = severity(policy, on(usual, run.timestamp.weekday()));
    let wild = wild(run.credits, usual);
    [
        plain <= Severity::Sev1,
        reaches(
            run.credits,
            usual.overall,
            Multiplier::from_micro(3_000_000),
        ),
        plain <= Severity::Sev2,
        plain <= Severity::Sev3,
        floored <= Severity::Sev2,
        apart <= Severity::Sev2,
        apart <= Severity::Sev3,
        wild.is_some_and(|deviations| deviations > WILD),
        wild.is_some_and(|deviations| deviations.abs() > WILD),
        false,
        plain <= Severity::Sev2,
    ]
}

fn insert(alarms: &mut [BTreeSet<usize>], rules: &[usize], run: usize) {
    for rule in rules {
        if let Some(alarms) = alarms.get_mut(*rule) {
            alarms.insert(run);
        }
    }
}

/// What is usual, from the healthy runs of the window before a review.
fn review_at(review: Timestamp, healthy: &[(Timestamp, Credits)]) -> anyhow::Result<Option<Usual>> {
    let past = between(healthy, review.days_before(WINDOW_DAYS), review);
    let mut credits: Vec<Credits> = past.iter().map(|(_, credits)| *credits).collect();
    let Some(overall) = median(&mut credits) else {
        return Ok(None);
    };
    let days: BTreeSet<Day> = past.iter().map(|(at, _)| at.day()).collect();
    let runs_a_day = past.len() / days.len().max(1);
    let hundredth = overall.micro().saturating_mul(runs_a_day as u64) / 100;
    let floor = Credits::from_micro(hundredth.max(1)).unwrap_or(Credits::MAX);
    let section = format!("{{\"impact_floor\": {{\"credits\": {floor}, \"at_most\": \"SEV4\"}},");
    Ok(Some(Usual {
        overall,
        weekdays: weekday_medians(past),
        variation: robust_variation(&mut credits),
        floored: Policy::parse(&STANDARD_JSON.replacen('{', &section, 1))?,
    }))
}

/// What is usual on a day of the week.
fn on(usual: &Usual, day: Weekday) -> Credits {
    let usual_then = usual.weekdays.get(day);
    usual_then.map_or(usual.overall, |then| then.credits)
}

/// Whether an amount is so many times another; of nothing, anything is.
fn reaches(credits: Credits, of: Credits, times: Multiplier) -> bool {
    match Ratio::new(credits, of) {
        Some(ratio) => ratio.at_least(times),
        None => credits > of,
    }
}

/// How many robust deviations above what is usual; `None` where nothing varies.
fn wild(credits: Credits, usual: &Usual) -> Option<f64> {
    let deviation = usual.variation? * usual.overall.micro() as f64;
    let above = credits.micro() as f64 - usual.overall.micro() as f64;
    (deviation > 0.0).then(|| above / deviation)
}

/// The first runs after the changes of the week before a review, as that review sees them. A change
/// is counted on its own day, though it is told up to a week later.
fn changes(runs: &[(Timestamp, Credits)], review: Timestamp, policy: &Policy) -> Vec<usize> {
    let rule = DriftRule::of(policy.candidate_gate());
    let past = between(runs, review.days_before(DRIFT_DAYS), review);
    let since = review.days_before(REVIEW_DAYS);
    let points = change_points(past, &rule).into_iter();
    let new = points.filter(|point| point.at >= since);
    new.map(|point| runs.partition_point(|(at, _)| *at < point.at))
        .collect()
}

fn between(
    runs: &[(Timestamp, Credits)],
    from: Timestamp,
    to: Timestamp,
) -> &[(Timestamp, Credits)] {
    let start = runs.partition_point(|(at, _)| *at < from);
    let end = runs.partition_point(|(at, _)| *at < to);
    runs.get(start..end).unwrap_or_default()
}

/// The runs inside a window, by their places.
fn inside(series: &Series, window: &(Timestamp, Timestamp)) -> std::ops::Range<usize> {
    let start = series.runs.partition_point(|(at, _)| *at < window.0);
    start..series.runs.partition_point(|(at, _)| *at <= window.1)
}

/// Whether a rule's alarms are right.
pub(crate) fn score(series: &Series, shapes: &[Shape], alarms: &BTreeSet<usize>) -> Score {
    let day = |run: &usize| series.runs.get(*run).map(|(at, _)| at.day());
    let mut right: BTreeSet<Day> = BTreeSet::new();
    let mut score = Score::default();
    for (window, shape) in series.windows.iter().zip(shapes) {
        let days: Vec<Day> = alarms
            .range(inside(series, window))
            .filter_map(day)
            .collect();
        score.hit += usize::from(!days.is_empty());
        score.drops += usize::from(!days.is_empty() && *shape == Shape::Drop);
        right.extend(days);
    }
    score.alarms = alarms
        .iter()
        .filter_map(day)
        .collect::<BTreeSet<Day>>()
        .len();
    score.right = right.len();
    score
}

/// What each window looks like beside the baselines of its runs.
fn shapes(series: &Series, baselines: &[Option<Credits>]) -> Vec<Shape> {
    let far = |greater, lesser| reaches(greater, lesser, Multiplier::from_micro(1_500_000));
    let shape = |window| {
        let runs = series.runs.iter().zip(baselines);
        let inside = inside(series, window);
        let runs = runs.skip(inside.start).take(inside.len());
        let judged = runs.filter_map(|((_, credits), baseline)| Some((*credits, (*baseline)?)));
        let judged: Vec<(Credits, Credits)> = judged.collect();
        if judged.is_empty() {
            Shape::Unjudged
        } else if judged
            .iter()
            .any(|(credits, baseline)| far(*credits, *baseline))
        {
            Shape::Rise
        } else if judged
            .iter()
            .any(|(credits, baseline)| far(*baseline, *credits))
        {
            Shape::Drop
        } else {
            Shape::Level
        }
    };
    series.windows.iter().map(shape).collect()
}

const RUN: &str = r#"{"Run_ID":"R","Timestamp":"2024-01-01T00:00:00Z","Scenario_ID":"S",
    "Job_Type":"OTHER","Status":"Success","Credits_Total":0}"#;
