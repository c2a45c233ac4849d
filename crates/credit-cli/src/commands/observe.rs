//! `ingest`, `run log` and `classify`: judging runs, with and without keeping them.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use credit_monitor::core::{Credits, RiskFlag, Run, RunId, ScenarioId};
use credit_monitor::governance::Verb;
use credit_monitor::policy::Expected;
use credit_monitor::{Batch, Config, Outcome, RunFileError, Verdict};

use crate::args::{Classify, Ingest, RunLog};
use crate::commands::notify;
use crate::context::Context;
use crate::exit::{Exit, Told};
use crate::input::{Input, Refused, Slot};
use crate::output::{Kept, Summary, explained_json, put_line, talk, verdict_json, with_cause};

/// Runs that share a sync; also how often the progress bar moves.
const BATCH: usize = 4096;

/// What was told so far.
#[derive(Default)]
struct Tally {
    summary: Summary,
    added: u64,
    duplicates: u64,
    refusals: Refusals,
    run_file_errors: u64,
}

/// The records that were not taken. One mistake is often made in every record of a file, so what
/// repeats is told once, and then in one line for all that follow it.
#[derive(Default)]
struct Refusals {
    count: u64,
    last: Option<Refused>,
    /// The first and last line refused for the same reason as `last`, and how many there are.
    same: Option<(usize, usize, u64)>,
}

impl Refusals {
    fn add(&mut self, refused: Refused) {
        self.count += 1;
        if self
            .last
            .as_ref()
            .is_some_and(|l| l.reason == refused.reason)
        {
            let (_, to, n) = self.same.get_or_insert((refused.line, refused.line, 0));
            (*to, *n) = (refused.line, *n + 1);
            return;
        }
        self.tell_same();
        talk(format_args!(
            "refused: line {}: {}",
            refused.line, refused.reason
        ));
        self.last = Some(refused);
    }

    /// Tells how often the last reason was met again.
    fn tell_same(&mut self) {
        match (self.same.take(), &self.last) {
            (Some((line, _, 1)), Some(Refused { reason, .. })) => {
                talk(format_args!("refused: line {line}: {reason}"));
            }
            (Some((from, to, n)), _) => talk(format_args!(
                "refused: lines {from} to {to}: {n} more for the same reason"
            )),
            (None, _) => {}
        }
    }
}

impl Drop for Refusals {
    /// However the command ends.
    fn drop(&mut self) {
        self.tell_same();
    }
}

pub(crate) fn ingest(context: &Context, args: &Ingest) -> anyhow::Result<Exit> {
    context.actor_for(Verb::Ingest, args.dry_run)?;
    if args.dry_run {
        return judge_only(context, &args.file, None, false);
    }
    warn_of_baselines(context, &Config::load(&context.tree)?);
    let input = Input::read(&args.file)?;
    let slots = input.slots();
    let progress = context.progress(slots.len() as u64, "runs");
    let mut tally = Tally::default();
    let now = context.now()?;
    // Opened for the first good run: where there is none, nothing is written.
    let mut monitor = None;
    for slots in slots.chunks(BATCH) {
        let runs = parse(context, &mut tally, slots);
        let (lines, runs): (Vec<usize>, Vec<Run>) = runs.into_iter().unzip();
        if !runs.is_empty() {
            let (monitor, _) = match &mut monitor {
                Some(monitor) => monitor,
                none => none.insert(context.monitor_and_outgoing()?),
            };
            let batch = monitor.observe_batch(runs, now)?;
            progress.suspend(|| tell(context, &mut tally, &lines, batch))?;
        }
        progress.inc(slots.len() as u64);
    }
    progress.finish_and_clear();
    if let Some((monitor, outgoing)) = &monitor {
        notify::attempt(context, monitor, outgoing.as_ref());
    }
    tally.refusals.tell_same();
    if !context.json {
        tally.summary.print()?;
        put_line(format_args!(
            "{} added to the ledger, {} duplicates, {} refused",
            tally.added, tally.duplicates, tally.refusals.count
        ))?;
    }
    exit_of(&tally)
}

pub(crate) fn log(context: &Context, args: &RunLog) -> anyhow::Result<Exit> {
    context.actor_for(Verb::Ingest, args.dry_run)?;
    let run = run_of(context, args)?;
    if args.dry_run {
        let config = Config::load(&context.tree)?;
        let verdict = Verdict::of(&config.judge(run)?);
        print_verdict(context, &verdict, None)?;
        return Ok(Exit::Fine);
    }
    let (monitor, outgoing) = context.monitor_and_outgoing()?;
    warn_of_baselines(context, &monitor.config()?);
    let batch = monitor.observe_batch(vec![run], context.now()?)?;
    let mut tally = Tally::default();
    tell_run_files(&mut tally, &batch.run_file_errors);
    for outcome in batch.outcomes {
        let outcome = outcome?;
        print_verdict(context, &outcome.verdict, Some(&outcome))?;
    }
    notify::attempt(context, &monitor, outgoing.as_ref());
    if let Some(error) = batch.unsettled {
        return Err(unsettled(error));
    }
    exit_of(&tally)
}

pub(crate) fn classify(context: &Context, args: &Classify) -> anyhow::Result<Exit> {
    context.actor(Verb::View)?;
    let baseline = match &args.baseline {
        Some(text) => Some(
            text.parse::<Credits>()
                .with_context(|| format!("--baseline {text}"))?,
        ),
        None => None,
    };
    let file = args.file.as_ref().or(args.fixture.as_ref());
    // One of the two is there, or this was wrong usage.
    let file = file.map_or(Path::new("-"), PathBuf::as_path);
    judge_only(context, file, baseline, args.explain)
}

/// Judges without writing, against the scenarios' baselines or against one given for all.
fn judge_only(
    context: &Context,
    file: &Path,
    baseline: Option<Credits>,
    explain: bool,
) -> anyhow::Result<Exit> {
    let config = Config::load(&context.tree)?;
    warn_of_baselines(context, &config);
    let input = Input::read(file)?;
    let mut tally = Tally::default();
    let expected = baseline.map(|credits| Expected::Baseline {
        credits,
        manual: true,
    });
    for (line, run) in parse(context, &mut tally, &input.slots()) {
        let judged = match expected {
            Some(expected) => config.judge_against(run, expected),
            None => config.judge(run),
        };
        match judged {
            Ok(record) => {
                let verdict = Verdict::of(&record);
                match (explain.then(|| config.explain(&record)), context.json) {
                    (Some(why), true) => put_line(explained_json(&verdict, &why))?,
                    (Some(why), false) => put_line(why)?,
                    (None, true) => put_line(verdict_json(&verdict, None))?,
                    (None, false) => {}
                }
                tally.summary.add(&verdict);
                tally.added += 1;
            }
            Err(error) => tally.refusals.add(Refused {
                line,
                reason: error.to_string(),
            }),
        }
    }
    tally.refusals.tell_same();
    if !context.json {
        tally.summary.print()?;
        put_line(format_args!(
            "{} judged, {} refused; nothing was written",
            tally.added, tally.refusals.count
        ))?;
    }
    exit_of(&tally)
}

/// The good runs with their lines; the bad ones are told.
fn parse(context: &Context, tally: &mut Tally, slots: &[Slot<'_>]) -> Vec<(usize, Run)> {
    let mut runs = Vec::with_capacity(slots.len());
    for slot in slots {
        match slot.parse() {
            Ok(parsed) => {
                if !parsed.ignored.is_empty() {
                    let keys = parsed.ignored.join(", ");
                    context.say(format_args!(
                        "line {}: {keys} ignored; the verdict and the ledger write them",
                        slot.line()
                    ));
                }
                runs.push((slot.line(), parsed.run));
            }
            Err(refused) => tally.refusals.add(refused),
        }
    }
    runs
}

fn tell(context: &Context, tally: &mut Tally, lines: &[usize], batch: Batch) -> anyhow::Result<()> {
    for (line, outcome) in lines.iter().zip(batch.outcomes) {
        match outcome {
            Ok(outcome) => {
                if context.json {
                    put_line(verdict_json(&outcome.verdict, Some(kept(&outcome))))?;
                }
                tally.summary.add(&outcome.verdict);
                tally.added += u64::from(!outcome.duplicate);
                tally.duplicates += u64::from(outcome.duplicate);
            }
            Err(refusal) => tally.refusals.add(Refused {
                line: *line,
                reason: refusal.to_string(),
            }),
        }
    }
    tell_run_files(tally, &batch.run_file_errors);
    match batch.unsettled {
        None => Ok(()),
        Some(error) => Err(unsettled(error)),
    }
}

fn unsettled(error: credit_monitor::Error) -> anyhow::Error {
    anyhow::Error::new(error).context(
        "the runs are in the ledger and blocked where they must be, but not everything that the \
         policy wants was done; the next command that writes, or `creditctl repair`, does the rest",
    )
}

fn tell_run_files(tally: &mut Tally, errors: &[RunFileError]) {
    for error in errors {
        tally.run_file_errors += 1;
        talk(with_cause(error));
    }
}

fn exit_of(tally: &Tally) -> anyhow::Result<Exit> {
    let (refused, files) = (tally.refusals.count, tally.run_file_errors);
    if refused == 0 && files == 0 {
        return Ok(Exit::Fine);
    }
    Err(Told {
        exit: Exit::Invalid,
        code: "invalid",
        message: format!("runs refused: {refused}, run files not written: {files}; see above"),
        help: "correct what the lines above name and run the command again; runs that were kept \
               are recognised",
    }
    .into())
}

fn kept(outcome: &Outcome) -> Kept {
    Kept {
        seq: outcome.receipt.seq(),
        hash: outcome.receipt.hash(),
        duplicate: outcome.duplicate,
        case: outcome.case.clone(),
    }
}

fn print_verdict(
    context: &Context,
    verdict: &Verdict,
    outcome: Option<&Outcome>,
) -> anyhow::Result<()> {
    if context.json {
        return put_line(verdict_json(verdict, outcome.map(kept)));
    }
    put_line(format_args!(
        "{} {}: {}",
        verdict.severity, verdict.run_id, verdict.summary
    ))?;
    match outcome {
        None => put_line("nothing was written"),
        Some(o) if o.duplicate => put_line(format_args!(
            "in the ledger already as line {}",
            o.receipt.seq() + 1
        )),
        Some(o) => put_line(format_args!(
            "kept as line {} ({})",
            o.receipt.seq() + 1,
            o.receipt.hash()
        )),
    }?;
    match outcome.and_then(|o| o.case.as_ref()) {
        Some(case) => put_line(format_args!("case {case}")),
        None => Ok(()),
    }
}

fn warn_of_baselines(context: &Context, config: &Config) {
    for warning in config.warnings() {
        context.say(format_args!(
            "warning: {}: {warning}",
            context.tree.baselines().display()
        ));
    }
}

/// The run that the flags describe.
fn run_of(context: &Context, args: &RunLog) -> anyhow::Result<Run> {
    let credits = |flag: &str, text: &str| {
        text.parse::<Credits>()
            .with_context(|| format!("--{flag} {text}"))
    };
    let scenario_id: ScenarioId = match (&args.scenario, &args.scenario_name) {
        (Some(id), _) => id.parse().with_context(|| format!("--scenario {id:?}"))?,
        (None, Some(name)) => ScenarioId::from_name(name),
        (None, None) => anyhow::bail!("--scenario or --scenario-name is needed"),
    };
    let timestamp = match &args.timestamp {
        Some(text) => text
            .parse()
            .with_context(|| format!("--timestamp {text}"))?,
        None => context.now()?,
    };
    let run_id: RunId = args
        .run_id
        .parse()
        .with_context(|| format!("--run-id {:?}", args.run_id))?;
    let mut run = Run::new(
        run_id,
        scenario_id,
        timestamp,
        args.status.parse().context("--status")?,
        credits("credits", &args.credits)?,
    );
    run.scenario_name.clone_from(&args.scenario_name);
    run.job_type = args.job_type.parse().context("--job-type")?;
    run.credits_in = args
        .credits_in
        .as_deref()
        .map(|c| credits("credits-in", c))
        .transpose()?;
    run.credits_out = args
        .credits_out
        .as_deref()
        .map(|c| credits("credits-out", c))
        .transpose()?;
    run.model.clone_from(&args.model);
    run.retry_count = args
        .retry_count
        .parse()
        .with_context(|| format!("--retry-count {}", args.retry_count))?;
    run.risk_flags = args
        .flags
        .iter()
        .map(|f| f.parse::<RiskFlag>())
        .collect::<Result<_, _>>()
        .context("--flag")?;
    // Through the same door as runs from a file: what is refused there is refused here.
    Ok(Run::parse(&run.to_json())?.run)
}
