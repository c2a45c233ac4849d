#![doc = include_str!("../README.md")]

use std::ops::Range;
use std::time::{Duration, UNIX_EPOCH};

use credit_monitor::core::{Credits, JobType, RiskFlag, RiskFlags, Run, RunId, Status, Timestamp};

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// Runs of each job in a day.
const RUNS_A_DAY: i64 = 2;

/// The time. Only programs read the clock; libraries take it as an argument.
#[expect(
    clippy::disallowed_methods,
    reason = "an example is a program, and this is the one place where it reads the clock"
)]
pub fn now() -> Timestamp {
    let since_1970 = std::time::SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = since_1970.map_or(0, |duration: Duration| duration.as_secs());
    let now = i64::try_from(seconds).ok().and_then(Timestamp::from_unix);
    now.unwrap_or(Timestamp::LAST)
}

/// A kind of job, and what a run of it usually costs.
#[derive(Clone, Copy, Debug)]
pub struct Job {
    /// Its scenario.
    pub scenario: &'static str,
    /// Its scenario's name.
    pub name: &'static str,
    /// Its type.
    pub job_type: JobType,
    /// The language model it uses.
    pub model: Option<&'static str>,
    /// Usual cost in thousandths of a credit.
    pub millicredits: u64,
    /// How many items a run works through.
    pub items: u64,
}

/// The jobs that run day in, day out.
pub const STEADY: [Job; 4] = [
    Job {
        scenario: "BINDER_EXPORT",
        name: "Binder export",
        job_type: JobType::BinderExport,
        model: None,
        millicredits: 180_000,
        items: 120,
    },
    Job {
        scenario: "DOC_INTAKE",
        name: "Document intake",
        job_type: JobType::Analysis,
        model: Some("gpt-4o-mini"),
        millicredits: 42_000,
        items: 60,
    },
    Job {
        scenario: "MAIL_DIGEST",
        name: "Mail digest",
        job_type: JobType::EmailSend,
        model: Some("gpt-4o-mini"),
        millicredits: 6_500,
        items: 25,
    },
    Job {
        scenario: "RECONCILE",
        name: "Account reconciliation",
        job_type: JobType::ReconcileBackfill,
        model: None,
        millicredits: 95_000,
        items: 400,
    },
];

/// A job that nobody has told the operators of.
pub const NEWCOMER: Job = Job {
    scenario: "CONTRACT_DRAFT",
    name: "Contract draft",
    job_type: JobType::Filing,
    model: Some("claude-3-5-sonnet"),
    millicredits: 75_000,
    items: 1,
};

/// A fleet of jobs; the same seed and day give the same runs.
#[derive(Debug)]
pub struct Fleet {
    dice: SplitMix64,
    runs: u64,
    /// The start of the current day in UTC; the fleet's runs all finished before it.
    today: i64,
}

impl Fleet {
    /// A fleet whose runs lie before the UTC day of `now`.
    pub fn new(seed: u64, now: Timestamp) -> Fleet {
        Fleet {
            dice: SplitMix64(seed),
            runs: 1,
            today: now.unix().div_euclid(DAY) * DAY,
        }
    }

    /// What the steady jobs did on the days so many days ago, the oldest first.
    pub fn steady(&mut self, days_ago: Range<i64>) -> Vec<Run> {
        let mut runs = Vec::new();
        for day in days_ago.rev() {
            for time in 0..RUNS_A_DAY {
                for (minute, job) in (0..).zip(&STEADY) {
                    let second = time * DAY / RUNS_A_DAY + 10 * HOUR + minute * 60;
                    runs.extend(self.run(job, self.today - day * DAY + second, 100));
                }
            }
        }
        runs
    }

    /// What went wrong, or was at least unusual, in the last days: a storm of retries, personal
    /// data in a run that cost far too much, a backfill, and a scenario that nobody knows.
    pub fn unusual(&mut self) -> Vec<Run> {
        let [export, intake, _, reconcile] = &STEADY;
        let mut runs = Vec::new();
        for (minute, (retries, percent)) in (0..).zip([(3, 170), (7, 270), (19, 620)]) {
            let at = self.today - 3 * DAY + 14 * HOUR + minute * 600;
            runs.extend(self.run(export, at, percent).map(|mut run| {
                run.retry_count = retries;
                run.has_idempotency_key = Some(false);
                run.status = Status::Failed;
                run
            }));
        }
        let at = self.today - 2 * DAY + 16 * HOUR;
        runs.extend(self.run(intake, at, 1_260).map(|mut run| {
            run.risk_flags = RiskFlags::NONE.with(RiskFlag::PiiExposure);
            run.has_max_items_config = Some(false);
            run
        }));
        let at = self.today - DAY + 3 * HOUR;
        runs.extend(self.run(reconcile, at, 240).map(|mut run| {
            run.is_backfill = Some(true);
            run.input_item_count = Some(1_000);
            run
        }));
        runs.extend(self.run(&NEWCOMER, self.today - DAY + 5 * HOUR, 100));
        runs
    }

    /// One run that finished at a second since 1970 and cost about so many per cent of the usual,
    /// give or take a twentieth of that; `None` outside the years 1 to 9999.
    pub fn run(&mut self, job: &Job, at: i64, percent: u64) -> Option<Run> {
        let timestamp = Timestamp::from_unix(at)?;
        // Thousandths times hundredths times tenths: millionths.
        let credits =
            Credits::from_micro(job.millicredits * percent * self.dice.between(95, 105) / 10)?;
        let mut run = Run::new(
            self.id(timestamp)?,
            job.scenario.parse().ok()?,
            timestamp,
            Status::Success,
            credits,
        );
        run.scenario_name = Some(job.name.to_owned());
        run.job_type = job.job_type;
        run.model = job.model.map(str::to_owned);
        run.has_max_items_config = Some(true);
        run.has_idempotency_key = Some(true);
        run.input_item_count = Some(job.items);
        run.artifacts_link = Some(format!("s3://automation/artifacts/{}/", run.run_id));
        if job.model.is_some() {
            run.input_tokens = Some(job.items * self.dice.between(900, 1_100));
            run.output_tokens = Some(job.items * self.dice.between(90, 110));
            run.prompt_version = Some("2025-01-r3".to_owned());
        }
        Some(run)
    }

    /// `RUN-<day>-<six letters and digits>`, never the same twice.
    fn id(&mut self, at: Timestamp) -> Option<RunId> {
        const DIGITS: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
        // A multiplier without a common divisor with the number of ids visits each of them once.
        let mut rest = self.runs * 1_234_567_891 % 36_u64.pow(6);
        self.runs += 1;
        let mut id = format!("RUN-{}-", at.day().to_string().replace('-', ""));
        for _ in 0..6 {
            let digit = usize::try_from(rest % 36).ok()?;
            id.push(char::from(*DIGITS.get(digit)?));
            rest /= 36;
        }
        id.parse().ok()
    }
}

/// The generator of pseudo-random numbers that Java's `SplittableRandom` made known: small, and
/// good enough for made-up data.
#[derive(Clone, Debug)]
pub struct SplitMix64(pub u64);

impl SplitMix64 {
    /// The next number.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.next_u64() % (high - low + 1)
    }
}

/// The code of the top-level README, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct TopLevelReadme;
