//! One policy, severity and score, said four ways: by `credit-policy`, by a typical port (floats,
//! hash maps, vectors of words), as an expression of CEL and as one of JSONLogic.
//!
//! The policy is the standard one without the signals that compare with what is usual. Each way
//! gets its input prepared in the form it likes best, so that only judging is measured, and
//! answers with one number, `1000 × severity + score`, so that nobody pays for building a result.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use cel::{Env, Program, Value};
use credit_core::{Credits, RiskFlag, Run, Severity, Status};
use credit_policy::{Context, Expected, Policy};
use datalogic_rs::{Engine, Logic, ParsedData, Session};

/// What all of them judge: a run, and its scenario's baseline in credits.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The run.
    pub run: Run,
    /// The baseline; `None` where the scenario has none.
    pub baseline: Option<u64>,
}

/// So many runs of every kind, the same ones each time. Amounts are whole, so that floats compare
/// as exact numbers do.
pub fn samples(count: usize) -> Vec<Sample> {
    let mut state = 1_u64;
    let mut dice = move |sides: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % sides
    };
    let mut sample = |n: usize| {
        let baseline = match dice(20) {
            0 => None,
            1 => Some(0),
            _ => Some(100 * (1 + dice(10))),
        };
        let credits = Credits::whole(dice(12) * dice(1_000)).expect("small");
        let id = format!("R-{n}").parse().expect("a valid id");
        let at = "2024-01-23T10:00:00Z".parse().expect("a valid time");
        let scenario = "EXPORT".parse().expect("a valid id");
        let mut run = Run::new(id, scenario, at, Status::Success, credits);
        run.retry_count = dice(9);
        let mut fact = || [None, Some(true), Some(false)][dice(3) as usize];
        run.has_max_items_config = fact();
        run.has_idempotency_key = fact();
        run.is_batch_job = fact();
        run.is_backfill = fact();
        if dice(5) == 0 {
            run.risk_flags = run.risk_flags.with(RiskFlag::PiiExposure);
        }
        if dice(7) == 0 {
            run.risk_flags = run.risk_flags.with(RiskFlag::LinearScaling);
        }
        Sample { run, baseline }
    };
    (0..count).map(&mut sample).collect()
}

/// `credit-policy`: exact, with reason, variance, likelihood and actions besides.
pub struct Ours(Policy);

impl Ours {
    /// The standard policy.
    pub fn new() -> Ours {
        Ours(Policy::standard())
    }

    /// The input in its own types.
    pub fn prepare(&self, sample: &Sample) -> (Run, Context) {
        let expected = match sample.baseline {
            None => Expected::Missing,
            Some(credits) => Expected::Baseline {
                credits: Credits::whole(credits).expect("small"),
                manual: false,
            },
        };
        (sample.run.clone(), expected.into())
    }

    /// The verdict as one number.
    pub fn judge(&self, (run, context): &(Run, Context)) -> i64 {
        let verdict = self.0.assess(run, context);
        1000 * verdict.severity as i64 + i64::from(verdict.score)
    }
}

/// What a port line by line tends to be: floats, words as texts, weights in a hash map, a vector of
/// flags made for each run.
pub struct Port {
    weights: HashMap<String, i32>,
    retries_max: u64,
}

/// A run as a port has it.
pub struct PortRun {
    credits: f64,
    baseline: Option<f64>,
    flags: Vec<String>,
    retry_count: u64,
    has_max_items_config: Option<bool>,
    has_idempotency_key: Option<bool>,
    is_batch_job: Option<bool>,
    is_backfill: Option<bool>,
}

impl Port {
    /// The standard policy.
    pub fn new() -> Port {
        let policy = Policy::standard();
        let weights = RiskFlag::ALL.iter();
        Port {
            weights: weights
                .map(|flag| (flag.as_str().to_owned(), policy.weight(*flag)))
                .collect(),
            retries_max: policy.retries_max(),
        }
    }

    /// The input in its own types.
    pub fn prepare(&self, sample: &Sample) -> PortRun {
        let run = &sample.run;
        PortRun {
            credits: credits(run),
            baseline: sample.baseline.map(|credits| credits as f64),
            flags: run
                .risk_flags
                .iter()
                .map(|flag| flag.as_str().to_owned())
                .collect(),
            retry_count: run.retry_count,
            has_max_items_config: run.has_max_items_config,
            has_idempotency_key: run.has_idempotency_key,
            is_batch_job: run.is_batch_job,
            is_backfill: run.is_backfill,
        }
    }

    /// The verdict as one number.
    pub fn judge(&self, run: &PortRun) -> i64 {
        let mut flags = run.flags.clone();
        let derived = [
            ("retry_loop", run.retry_count > self.retries_max),
            (
                "unbounded_iterator",
                run.has_max_items_config == Some(false),
            ),
            (
                "missing_idempotency",
                run.has_idempotency_key == Some(false),
            ),
            ("batch_job", run.is_batch_job == Some(true)),
            ("backfill_mode", run.is_backfill == Some(true)),
        ];
        for (flag, holds) in derived {
            if holds && !flags.iter().any(|f| f == flag) {
                flags.push(flag.to_owned());
            }
        }
        let weight = |flag: &String| self.weights.get(flag).copied().unwrap_or(0);
        let score: i32 = flags.iter().map(weight).sum();
        let has = |flag: &str| flags.iter().any(|f| f == flag);
        1000 * severity(
            run,
            has("pii_exposure") || has("regulatory_data"),
            has("backfill_mode"),
        ) + i64::from(score)
    }
}

fn severity(run: &PortRun, critical: bool, backfill: bool) -> i64 {
    let Some(baseline) = run.baseline else {
        return 1;
    };
    if baseline == 0.0 {
        return if run.credits == 0.0 { 4 } else { 1 };
    }
    let ratio = run.credits / baseline;
    let scale = if backfill { 1.4 } else { 1.0 };
    // Without the small amount 2.8 times 500 would not be reached by 1400.
    let reaches = |threshold: f64| ratio + 1e-9 >= threshold * scale;
    match () {
        () if critical && ratio + 1e-9 >= 10.0 => 0,
        () if reaches(5.0) => 1,
        () if reaches(2.0) => 2,
        () if reaches(1.5) => 3,
        () => 4,
    }
}

/// The Common Expression Language, with the policy compiled into one expression.
pub struct Cel {
    env: Arc<Env>,
    program: Program,
}

impl Cel {
    /// The standard policy.
    pub fn new() -> Cel {
        let env = Arc::new(Env::stdlib());
        let mut score = String::new();
        for (flag, condition) in conditions("{} in flags", "{}", " || ") {
            let weight = Policy::standard().weight(flag);
            write!(score, " + ({condition} ? {weight} : 0)").expect("text");
        }
        let severity = |backfill| {
            let [one, two, three] = thresholds(backfill);
            format!(
                "(('pii_exposure' in flags || 'regulatory_data' in flags) && credits >= 10.0 * baseline \
                 ? 0 : credits + 0.000001 >= {one} * baseline ? 1 : credits + 0.000001 >= {two} * baseline ? 2 \
                 : credits + 0.000001 >= {three} * baseline ? 3 : 4)"
            )
        };
        let text = format!(
            "1000 * (baseline < 0.0 ? 1 : baseline == 0.0 ? (credits == 0.0 ? 4 : 1) : \
             (is_backfill || 'backfill_mode' in flags) ? {} : {}){score}",
            severity(true),
            severity(false),
        );
        let program = env.compile(&text).expect("it is well-formed");
        Cel { env, program }
    }

    /// The input as variables.
    pub fn prepare(&self, sample: &Sample) -> cel::Context<'static, 'static> {
        let run = &sample.run;
        let mut context = cel::Context::with_env(self.env.clone());
        let flags = run.risk_flags.iter().map(|flag| flag.as_str().into());
        let flags = Value::List(Arc::new(flags.collect()));
        let set = |context: &mut cel::Context<'_, '_>, name: &str, value: Value| {
            context.add_variable_from_value(name, value);
        };
        set(&mut context, "credits", Value::Float(credits(run)));
        set(
            &mut context,
            "baseline",
            Value::Float(sample.baseline.map_or(-1.0, |b| b as f64)),
        );
        set(
            &mut context,
            "retry_count",
            Value::Int(run.retry_count as i64),
        );
        for (name, holds) in facts(run) {
            set(&mut context, name, Value::Bool(holds));
        }
        set(&mut context, "flags", flags);
        context
    }

    /// The verdict as one number.
    pub fn judge(&self, context: &cel::Context<'_, '_>) -> i64 {
        match self.program.execute(context) {
            Ok(Value::Int(verdict)) => verdict,
            other => panic!("{other:?} is no verdict"),
        }
    }
}

/// JSONLogic, with the policy compiled into one rule.
pub struct JsonLogic {
    engine: Engine,
    rule: Logic,
}

impl JsonLogic {
    /// The standard policy.
    pub fn new() -> JsonLogic {
        let engine = Engine::new();
        let scores = conditions(r#"{"in":["{}",{"var":"flags"}]}"#, r#"{"var":"{}"}"#, ",");
        let scores = scores.into_iter().map(|(flag, condition)| {
            let weight = Policy::standard().weight(flag);
            format!(r#"{{"if":[{{"or":[{condition}]}},{weight},0]}}"#)
        });
        let scores: Vec<String> = scores.collect();
        let reaches = |threshold: &str| {
            format!(
                r#"{{">=":[{{"+":[{{"var":"credits"}},0.000001]}},{{"*":[{threshold},{{"var":"baseline"}}]}}]}}"#
            )
        };
        let severity = |backfill| {
            let [one, two, three] = thresholds(backfill);
            format!(
                r#"{{"if":[{{"and":[{{"or":[{{"in":["pii_exposure",{{"var":"flags"}}]}},{{"in":["regulatory_data",{{"var":"flags"}}]}}]}},{}]}},0,{},1,{},2,{},3,4]}}"#,
                reaches("10"),
                reaches(one),
                reaches(two),
                reaches(three)
            )
        };
        let rule = format!(
            r#"{{"+":[{{"*":[1000,{{"if":[{{"<":[{{"var":"baseline"}},0]}},1,{{"==":[{{"var":"baseline"}},0]}},{{"if":[{{"==":[{{"var":"credits"}},0]}},4,1]}},{{"or":[{{"var":"is_backfill"}},{{"in":["backfill_mode",{{"var":"flags"}}]}}]}},{},{}]}}]}},{}]}}"#,
            severity(true),
            severity(false),
            scores.join(",")
        );
        let rule = engine.compile(rule.as_str()).expect("it is well-formed");
        JsonLogic { engine, rule }
    }

    /// The memory of one thread.
    pub fn session(&self) -> Session<'_> {
        self.engine.session()
    }

    /// The input, parsed.
    pub fn prepare(&self, sample: &Sample) -> ParsedData {
        let run = &sample.run;
        let flags: Vec<String> = run
            .risk_flags
            .iter()
            .map(|flag| format!("\"{flag}\""))
            .collect();
        let mut text = format!(
            r#"{{"credits":{},"baseline":{},"retry_count":{},"flags":[{}]"#,
            run.credits,
            sample.baseline.map_or(-1, |b| b as i64),
            run.retry_count,
            flags.join(",")
        );
        for (name, holds) in facts(run) {
            write!(text, r#","{name}":{holds}"#).expect("text");
        }
        text.push('}');
        ParsedData::from_json(&text).expect("it is well-formed")
    }

    /// The verdict as one number.
    pub fn judge(&self, session: &mut Session<'_>, data: &ParsedData) -> i64 {
        session.reset();
        let verdict = session
            .eval_borrowed(&self.rule, data)
            .expect("it has a value");
        verdict.as_f64().expect("it is a number") as i64
    }
}

/// When each flag holds: reported, or by a fact of its own; the facts have a name without a flag's.
fn conditions(reported: &str, fact: &str, or: &str) -> Vec<(RiskFlag, String)> {
    let facts = [
        (RiskFlag::RetryLoop, "is_retry_loop"),
        (RiskFlag::UnboundedIterator, "lacks_max_items"),
        (RiskFlag::MissingIdempotency, "lacks_idempotency_key"),
        (RiskFlag::BatchJob, "is_batch_job"),
        (RiskFlag::BackfillMode, "is_backfill"),
    ];
    let quoted = |flag: &RiskFlag| match reported.contains('"') {
        true => reported.replace("{}", flag.as_str()),
        false => reported.replace("{}", &format!("'{flag}'")),
    };
    let condition = |flag: &RiskFlag| {
        let own = facts.iter().find(|(of, _)| of == flag);
        let own = own.map(|(_, name)| format!("{or}{}", fact.replace("{}", name)));
        (*flag, quoted(flag) + &own.unwrap_or_default())
    };
    RiskFlag::ALL.iter().map(condition).collect()
}

fn facts(run: &Run) -> [(&'static str, bool); 5] {
    [
        ("is_retry_loop", run.retry_count > 5),
        ("lacks_max_items", run.has_max_items_config == Some(false)),
        (
            "lacks_idempotency_key",
            run.has_idempotency_key == Some(false),
        ),
        ("is_batch_job", run.is_batch_job == Some(true)),
        ("is_backfill", run.is_backfill == Some(true)),
    ]
}

/// Where SEV1, SEV2 and SEV3 begin.
fn thresholds(backfill: bool) -> [&'static str; 3] {
    match backfill {
        true => ["7.0", "2.8", "2.1"],
        false => ["5.0", "2.0", "1.5"],
    }
}

fn credits(run: &Run) -> f64 {
    run.credits.micro() as f64 / 1e6
}

/// Every severity, so that a sample can be seen to reach them all.
pub fn severities(verdicts: &[i64]) -> usize {
    let of = |severity: &Severity| {
        let severity = *severity as i64;
        verdicts
            .iter()
            .any(|v| (v + 500).div_euclid(1000) == severity)
    };
    Severity::ALL.iter().filter(|severity| of(severity)).count()
}
