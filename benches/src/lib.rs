//! What the benches share: made-up runs, a tree with their baselines, and ledgers of them.
//!
//! Each bench answers one question beside a floor: the least work that any program had to do for
//! the same result on the same machine. `docs/performance.md` has the figures.
#![expect(
    clippy::unwrap_used,
    reason = "a bench that cannot be set up has nothing to measure"
)]

mod measured;
mod plain;
mod verdicts;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::num::NonZero;
use std::path::Path;
use std::sync::LazyLock;
use std::thread;

use credit_examples::{Fleet, Job, STEADY, SplitMix64};
use credit_monitor::baseline::{Baseline, Baselines};
use credit_monitor::core::{
    Credits, Inputs, JobType, Period, Run, RunId, RunRecord, ScenarioId, Sha256, Status, Timestamp,
    Usual,
};
use credit_monitor::ledger::{FileStorage, Ledger, Record};
use credit_monitor::policy::{Context, Expected};
use credit_monitor::report::{self, Decided, LedgerState, Repetition, Scope, SeverityCertainty};
use credit_monitor::{Config, Monitor, RUNS, Tree};
use tempfile::TempDir;

pub use self::measured::leave;
pub use self::plain::{PLAIN, PLAIN_BYTES, plain};
pub use self::verdicts::{Sample, columns, every_flag, known, samples};

/// How many runs share one write and one sync, as in `Monitor::observe_all`.
pub const BATCH: usize = 4096;

/// Scenarios of the made-up runs.
const SCENARIOS: usize = 40;

/// The runs lie in the two weeks before the fleet's day.
const DAYS: u64 = 14;

/// The day that the fleet and the reports count from.
pub fn now() -> Timestamp {
    "2025-01-31T00:00:00Z".parse().unwrap()
}

/// So many runs of 40 scenarios in the 14 days before [`now`]: most cost about the usual, one in
/// fifty two to seven times that; their records have about 745 bytes.
pub fn runs(count: usize) -> Vec<Run> {
    let mut dice = SplitMix64(1);
    let mut fleet = Fleet::new(2, now());
    let scenarios: Vec<ScenarioId> = (0..SCENARIOS).map(scenario).collect();
    let mut runs: Vec<Run> = Vec::with_capacity(count);
    for i in 0..count {
        let job = STEADY.get(i % STEADY.len()).unwrap();
        let seconds_ago = dice.between(1, DAYS * 86_400);
        let at = now().unix() - i64::try_from(seconds_ago).unwrap();
        let percent = match dice.between(1, 50) {
            1 => dice.between(200, 700),
            _ => 100,
        };
        let mut run = fleet.run(job, at, percent).unwrap();
        run.scenario_id = scenarios.get(i % SCENARIOS).unwrap().clone();
        run.scenario_name = None;
        run.artifacts_link = None;
        run.input_item_count = None;
        run.prompt_version = None;
        run.input_tokens = None;
        run.output_tokens = None;
        run.has_idempotency_key = None;
        runs.push(run);
    }
    runs
}

/// One run of a job that is not made up by the fleet, for verdicts that must come out as named.
pub fn run(credits: u64) -> Run {
    let credits = Credits::whole(credits).unwrap();
    let id = "RUN-20250130-ABC123".parse().unwrap();
    let mut run = Run::new(id, scenario(0), now(), Status::Success, credits);
    run.job_type = JobType::Analysis;
    run.has_max_items_config = Some(true);
    run.has_idempotency_key = Some(true);
    run
}

/// A tree in a temporary folder with the standard policy and a baseline for each scenario.
pub fn tree() -> (TempDir, Tree) {
    let folder = tempfile::tempdir().unwrap();
    let tree = Tree::new(folder.path());
    Monitor::init(&tree, Vec::new(), now()).unwrap();
    let mut baselines = Baselines::empty(now());
    for i in 0..SCENARIOS {
        let Job { millicredits, .. } = STEADY.get(i % STEADY.len()).unwrap();
        let baseline = Baseline {
            scenario_id: scenario(i),
            credits: Credits::from_micro(millicredits * 1_000).unwrap(),
            calculated_at: now(),
            sample_size: 60,
            last_updated: now(),
            usual: Usual::default(),
            weekdays: None,
        };
        baselines.set(baseline, now());
    }
    fs::write(tree.baselines(), baselines.to_json()).unwrap();
    (folder, tree)
}

/// The verdict on a run without a look at its scenario's file: what `Monitor` does with each run
/// once it has seen that the scenario has none.
pub fn judge(config: &Config, run: Run) -> RunRecord {
    let policy = config.policy();
    let baseline = config.baselines().value.get(&run.scenario_id);
    let context = baseline.map_or(Expected::Missing.into(), |baseline| Context {
        expected: Expected::Baseline {
            credits: baseline.credits,
            manual: baseline.is_manual(),
        },
        usual: baseline.usual,
    });
    let input_sha256 = run.sha256();
    let assessment = policy.value.assess(&run, &context);
    RunRecord {
        summary: policy.value.summary(&run, &assessment),
        assessment,
        inputs: Inputs {
            policy_sha256: policy.sha256,
            scenario_sha256: None,
            input_sha256,
            baseline_updated: baseline.map(|b| b.last_updated),
            usual: context.usual,
        },
        run,
    }
}

/// What the review of the week up to [`now`] goes by, where nothing was decided.
pub fn review(config: &Config) -> report::Context<'_> {
    static NOTHING_DECIDED: LazyLock<Decided> = LazyLock::new(Decided::default);
    static NOTHING_KNOWN: BTreeMap<RunId, SeverityCertainty> = BTreeMap::new();
    report::Context {
        period: Period::days_until(7, now()),
        scope: &Scope::Review,
        ledger: LedgerState::Read,
        earlier: &[],
        ledger_head: None,
        events_head: None,
        policy_sha256: config.policy().sha256,
        baselines_sha256: config.baselines().sha256,
        baselines: &config.baselines().value,
        candidate_gate: *config.policy().value.candidate_gate(),
        repetition: Repetition {
            runs_min: 3,
            days: 7,
        },
        decided: &NOTHING_DECIDED,
        certainties: &NOTHING_KNOWN,
    }
}

/// What the ledger is given of a run.
pub fn record(config: &Config, run: Run) -> Record {
    Record::new(&RUNS, judge(config, run).to_json().into_bytes()).unwrap()
}

/// A new run ledger in the tree's place for it.
pub fn ledger(tree: &Tree) -> Ledger {
    fs::create_dir_all(tree.monitoring()).unwrap();
    let storage = FileStorage::new(&tree.monitoring(), "ledger");
    Ledger::open(Box::new(storage), RUNS, Default::default()).unwrap()
}

/// `work` of each item in the items' order, on as many threads as there are cores.
pub fn parallel<T: Send, R: Send>(items: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let shares = split(items, cores);
    let work = &work;
    thread::scope(|scope| {
        let threads: Vec<_> = shares
            .into_iter()
            .map(|share| scope.spawn(move || share.into_iter().map(work).collect::<Vec<R>>()))
            .collect();
        let results = threads.into_iter().map(|thread| thread.join().unwrap());
        results.flatten().collect()
    })
}

/// The items in so many shares of about the same length, in their order.
fn split<T>(items: Vec<T>, shares: usize) -> Vec<Vec<T>> {
    let length = items.len().div_ceil(shares).max(1);
    batches(items, length)
}

/// The items in batches of a length, in their order.
pub fn batches<T>(items: Vec<T>, length: usize) -> Vec<Vec<T>> {
    let mut items = items.into_iter().peekable();
    let mut batches = Vec::new();
    while items.peek().is_some() {
        batches.push(items.by_ref().take(length).collect());
    }
    batches
}

/// The floor of keeping lines durably: one SHA-256 of each line, one write and one fdatasync.
pub fn keep_lines(file: &mut File, text: &str) -> [u8; 32] {
    let mut last = [0; 32];
    for line in text.split_inclusive('\n') {
        last = *Sha256::of(line.as_bytes()).as_bytes();
    }
    file.write_all(text.as_bytes()).unwrap();
    file.sync_data().unwrap();
    last
}

/// The lines that a ledger makes of runs.
pub fn ledger_text(runs: Vec<Run>) -> String {
    let (_folder, tree) = tree();
    fill(&tree, runs);
    fs::read_to_string(tree.ledger()).unwrap()
}

/// Fills the tree's run ledger, without run files.
pub fn fill(tree: &Tree, runs: Vec<Run>) {
    let config = Config::load(tree).unwrap();
    let ledger = ledger(tree);
    keep(&config, &ledger, batches(runs, BATCH), |run| run);
    ledger.close().unwrap();
}

/// Makes a run of each item, judges it and keeps it, a batch at a time.
pub fn keep<T: Send>(
    config: &Config,
    ledger: &Ledger,
    batches: Vec<Vec<T>>,
    run: impl Fn(T) -> Run + Sync,
) {
    for batch in batches {
        let records = parallel(batch, |item| record(config, run(item)));
        let answers = ledger.append_batch(records).unwrap();
        assert!(answers.iter().all(Result::is_ok));
    }
}

/// An empty file in a folder.
pub fn new_file(folder: &Path) -> File {
    File::create(folder.join("floor.jsonl")).unwrap()
}

fn scenario(i: usize) -> ScenarioId {
    format!("SCENARIO_{i:02}").parse().unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The benches would otherwise measure something else than the product does.
    #[test]
    fn judging_here_is_judging_there() {
        let (_folder, tree) = tree();
        let config = Config::load(&tree).unwrap();
        for run in runs(200) {
            assert_eq!(judge(&config, run.clone()), config.judge(run).unwrap());
        }
    }

    #[test]
    fn records_have_the_size_that_is_spoken_of() {
        let (_folder, tree) = tree();
        let config = Config::load(&tree).unwrap();
        let runs = runs(1_000);
        let sizes = runs
            .iter()
            .map(|run| judge(&config, run.clone()).to_json().len());
        let mean = sizes.sum::<usize>() / runs.len();
        assert!((720..=770).contains(&mean), "{mean}");
    }

    #[test]
    fn runs_are_all_different_and_in_the_two_weeks() {
        let runs = runs(5_000);
        let ids: std::collections::HashSet<_> = runs.iter().map(|run| &run.run_id).collect();
        assert_eq!(ids.len(), runs.len());
        assert!(runs.iter().all(|run| run.timestamp < now()));
        assert!(
            runs.iter()
                .all(|run| run.timestamp >= now().days_before(14))
        );
    }
}
