//! `baseline calculate|update|list|history`.

use credit_monitor::baseline::{Change, Outcome, Window};
use credit_monitor::core::{Credits, CreditsPerItem, ScenarioId, Timestamp, Usual};
use credit_monitor::governance::{Actor, BaselineChange, EventId, Verb};
use credit_monitor::{Archive, Config, Draft, Grounds, Monitor};
use serde::Serialize;

use crate::args::{BaselineCommand, Calculate, Update};
use crate::context::Context;
use crate::exit::{Exit, Told};
use crate::output::{print_json, put_line, table};

pub(crate) fn baseline(context: &Context, command: BaselineCommand) -> anyhow::Result<Exit> {
    match command {
        BaselineCommand::Calculate(args) => calculate(context, &args),
        BaselineCommand::Update(args) => update(context, &args),
        BaselineCommand::List => list(context),
        BaselineCommand::History { scenario } => history(context, &scenario),
    }
}

fn calculate(context: &Context, args: &Calculate) -> anyhow::Result<Exit> {
    context.actor(Verb::View)?;
    let config = Config::load(&context.tree)?;
    let window = window(context, &config, args.at, args.days)?;
    let rule = config.policy().value.healthy();
    let calculation =
        Archive::new(&context.tree).calculate_baseline(&args.scenario, window, rule)?;
    if context.json {
        print_json(&CalculationLine {
            scenario_id: &calculation.scenario_id,
            median_credits: calculation.credits,
            usual_input_tokens: calculation.usual.input_tokens,
            usual_credits_per_item: calculation.usual.credits_per_item,
            healthy_runs: calculation.healthy_runs,
            cv: calculation.cv,
            first_healthy: calculation.first_healthy,
            as_of: window.as_of,
            days: window.days,
        })?;
    } else {
        // Scripts know this line as all there is on standard output.
        put_line(calculation.line())?;
        for line in usual_lines(&calculation.usual) {
            context.say(line);
        }
    }
    Ok(Exit::Fine)
}

/// What is usual besides the credits, as far as the runs say; nothing where they do not.
fn usual_lines(usual: &Usual) -> impl Iterator<Item = String> {
    let tokens = usual
        .input_tokens
        .map(|t| format!("usual input: {t} tokens"));
    let rate = usual.credits_per_item;
    let rate = rate.map(|r| format!("usual cost of an item: {r} credits"));
    tokens.into_iter().chain(rate)
}

fn window(
    context: &Context,
    config: &Config,
    at: Option<Timestamp>,
    days: Option<u32>,
) -> anyhow::Result<Window> {
    Ok(Window {
        as_of: at.map_or_else(|| context.now(), Ok)?,
        days: days.unwrap_or(config.policy().value.baseline_window_days()),
    })
}

fn update(context: &Context, args: &Update) -> anyhow::Result<Exit> {
    let verb = if args.approve {
        Verb::ApproveBaseline
    } else {
        Verb::ProposeBaseline
    };
    let actor = context.actor_recorded(verb, args.dry_run)?;
    let archive = Archive::new(&context.tree);
    let config = Config::load(&context.tree)?;
    let scenarios = match &args.scenario {
        Some(scenario) => vec![scenario.clone()],
        None if args.approve => archive.docket()?.pending_scenarios(),
        None => {
            let window = window(context, &config, args.at, args.days)?;
            archive.stable_scenarios(&config, window)?
        }
    };
    if scenarios.is_empty() {
        context.say("no scenario meets the gate");
        return Ok(Exit::Fine);
    }
    if args.dry_run {
        for scenario in &scenarios {
            if args.approve {
                show_pending(&archive, scenario)?;
            } else {
                let (window, grounds) =
                    (window(context, &config, args.at, args.days)?, grounds(args));
                let draft = archive.draft_baseline(&config, scenario, window, &grounds)?;
                print_draft(context, scenario, &draft, None)?;
            }
        }
        context.say("nothing was recorded");
        return Ok(Exit::Fine);
    }
    // Opening for writing would begin a ledger where there is none.
    archive.require_ledger()?;
    let monitor = context.monitor()?;
    let mut end = Ok(Exit::Fine);
    for scenario in &scenarios {
        end = if args.approve {
            approve(context, &monitor, scenario, &actor)
        } else {
            let told = propose(context, &monitor, scenario, &actor, args)?;
            context.say(&told);
            Err(told.into())
        };
        // A proposal that waits for approval does not keep the next one from being made.
        if end.as_ref().is_err_and(|e| !e.is::<Told>()) {
            break;
        }
    }
    end
}

fn grounds(args: &Update) -> Grounds {
    Grounds {
        reasons: args.reasons.clone(),
        override_reason: args.override_reason.clone(),
        investigated: args.investigated.clone(),
    }
}

fn propose(
    context: &Context,
    monitor: &Monitor,
    scenario: &ScenarioId,
    actor: &Actor,
    args: &Update,
) -> anyhow::Result<Told> {
    let window = window(context, &monitor.config()?, args.at, args.days)?;
    let now = context.now()?;
    let (id, draft) = monitor.propose_baseline(scenario, window, grounds(args), actor, now)?;
    print_draft(context, scenario, &draft, Some(id))?;
    Ok(Told {
        exit: Exit::Refused,
        code: "approval_required",
        message: format!(
            "proposed by {}; nothing is changed until an O3 who did not propose it runs \
             `creditctl baseline update --scenario {scenario} --approve --as NAME`",
            actor.name()
        ),
        help: "have it approved",
    })
}

/// What a baseline would become; `id` is the proposal, once it is recorded.
fn print_draft(
    context: &Context,
    scenario: &ScenarioId,
    draft: &Draft,
    id: Option<EventId>,
) -> anyhow::Result<()> {
    let (old, new) = (draft.old, draft.calculation.credits);
    if context.json {
        let criteria = draft.eligibility.criteria().iter().map(|c| CriterionLine {
            criterion: c.name,
            passed: c.outcome != Outcome::Failed,
            text: c.to_string(),
        });
        print_json(&ProposalLine {
            scenario_id: scenario,
            old,
            new,
            change: change(old, new),
            usual_input_tokens: draft.calculation.usual.input_tokens,
            usual_credits_per_item: draft.calculation.usual.credits_per_item,
            cv: draft.calculation.cv,
            criteria: criteria.collect(),
            dry_run: id.is_none(),
            proposal: id,
        })?;
    } else {
        put_line(draft.calculation.line())?;
        let rows = vec![
            vec!["old".to_owned(), shown(old)],
            vec!["new".to_owned(), new.to_string()],
            vec!["change".to_owned(), change(old, new)],
        ];
        put_line(table(&[scenario.as_str(), "credits"], &[1], rows))?;
        for line in usual_lines(&draft.calculation.usual) {
            put_line(line)?;
        }
        for criterion in draft.eligibility.criteria() {
            let mark = if criterion.outcome == Outcome::Failed {
                "FAIL"
            } else {
                "ok  "
            };
            put_line(format_args!("{mark} {criterion}"))?;
        }
    }
    Ok(())
}

fn show_pending(archive: &Archive, scenario: &ScenarioId) -> anyhow::Result<()> {
    match archive.docket()?.pending(scenario) {
        Some(p) => put_line(format_args!(
            "{scenario}: {} -> {}, proposed by {}",
            shown(p.proposal.old),
            p.proposal.new,
            p.by
        ))?,
        None => put_line(format_args!("{scenario}: nothing is proposed"))?,
    }
    Ok(())
}

fn approve(
    context: &Context,
    monitor: &Monitor,
    scenario: &ScenarioId,
    actor: &Actor,
) -> anyhow::Result<Exit> {
    if !context.confirmed(&format!(
        "Put the proposed baseline of {scenario} into force?"
    ))? {
        context.say("nothing was changed");
        return Ok(Exit::Refused);
    }
    let change = monitor.approve_baseline(scenario, actor, context.now()?)?;
    if context.json {
        print_json(&ChangeLine::of(&change))?;
    } else {
        put_line(format_args!(
            "baseline of {scenario}: {} -> {} ({}), approved as {}",
            shown(change.old),
            change.new,
            self::change(change.old, change.new),
            change.approval_id
        ))?;
    }
    Ok(Exit::Fine)
}

fn list(context: &Context) -> anyhow::Result<Exit> {
    context.actor(Verb::View)?;
    let config = Config::load(&context.tree)?;
    for warning in config.warnings() {
        context.say(format_args!(
            "warning: {}: {warning}",
            context.tree.baselines().display()
        ));
    }
    let mut rows = Vec::new();
    for baseline in config.baselines().value.iter() {
        let status = if baseline.is_manual() {
            "manual"
        } else {
            "current"
        };
        if context.json {
            print_json(&BaselineLine {
                scenario_id: &baseline.scenario_id,
                median_credits: baseline.credits,
                sample_size: baseline.sample_size,
                usual_input_tokens: baseline.usual.input_tokens,
                usual_credits_per_item: baseline.usual.credits_per_item,
                status,
                calculated_at: baseline.calculated_at,
                last_updated: baseline.last_updated,
            })?;
        }
        rows.push(vec![
            baseline.scenario_id.to_string(),
            baseline.credits.to_string(),
            baseline.sample_size.to_string(),
            known(baseline.usual.input_tokens),
            known(baseline.usual.credits_per_item),
            status.to_owned(),
            baseline.last_updated.to_string(),
        ]);
    }
    if !context.json {
        let header = [
            "Scenario",
            "Median credits",
            "Runs",
            "Usual input",
            "Usual per item",
            "Status",
            "Last updated",
        ];
        put_line(table(&header, &[1, 2, 3, 4], rows))?;
    }
    Ok(Exit::Fine)
}

fn history(context: &Context, scenario: &ScenarioId) -> anyhow::Result<Exit> {
    context.actor(Verb::View)?;
    let changes = Archive::new(&context.tree).baseline_history(scenario)?;
    if changes.is_empty() {
        context.say(format_args!(
            "no baseline of {scenario} was ever put into force by approval"
        ));
    }
    let mut rows = Vec::new();
    for change in &changes {
        if context.json {
            print_json(&ChangeLine::of(change))?;
        }
        rows.push(vec![
            change.applied_at.to_string(),
            shown(change.old),
            change.new.to_string(),
            self::change(change.old, change.new),
            change.proposed_by.clone(),
            change.approval_id.clone(),
            change.reasons.join("; "),
        ]);
    }
    if !context.json && !rows.is_empty() {
        let header = [
            "Since",
            "Old",
            "New",
            "Change",
            "Proposed by",
            "Approval",
            "Why",
        ];
        put_line(table(&header, &[1, 2, 3], rows))?;
    }
    Ok(Exit::Fine)
}

/// What is known, or nothing.
fn known(value: Option<impl ToString>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

fn shown(credits: Option<Credits>) -> String {
    credits.map_or_else(|| "none".to_owned(), |c| c.to_string())
}

fn change(old: Option<Credits>, new: Credits) -> String {
    match old {
        None => "first".to_owned(),
        Some(old) => {
            Change::new(old, new).map_or_else(|| "from zero".to_owned(), |c| c.to_string())
        }
    }
}

// What `--json` prints, one struct a line: amounts stay exact, keys stay in order.

#[derive(Serialize)]
struct CalculationLine<'a> {
    scenario_id: &'a ScenarioId,
    median_credits: Credits,
    usual_input_tokens: Option<u64>,
    usual_credits_per_item: Option<CreditsPerItem>,
    healthy_runs: u64,
    cv: Option<f64>,
    first_healthy: Timestamp,
    as_of: Timestamp,
    days: u32,
}

#[derive(Serialize)]
struct ProposalLine<'a> {
    scenario_id: &'a ScenarioId,
    old: Option<Credits>,
    new: Credits,
    change: String,
    usual_input_tokens: Option<u64>,
    usual_credits_per_item: Option<CreditsPerItem>,
    cv: Option<f64>,
    criteria: Vec<CriterionLine>,
    proposal: Option<EventId>,
    dry_run: bool,
}

#[derive(Serialize)]
struct CriterionLine {
    criterion: &'static str,
    passed: bool,
    text: String,
}

#[derive(Serialize)]
struct BaselineLine<'a> {
    scenario_id: &'a ScenarioId,
    median_credits: Credits,
    sample_size: u64,
    usual_input_tokens: Option<u64>,
    usual_credits_per_item: Option<CreditsPerItem>,
    status: &'static str,
    calculated_at: Timestamp,
    last_updated: Timestamp,
}

#[derive(Serialize)]
struct ChangeLine<'a> {
    scenario_id: &'a ScenarioId,
    old: Option<Credits>,
    new: Credits,
    change: String,
    proposed_by: &'a str,
    approved_by: &'a str,
    approved_at: Timestamp,
    approval_id: &'a str,
    applied_at: Timestamp,
    reasons: &'a [String],
}

impl<'a> ChangeLine<'a> {
    fn of(change: &'a BaselineChange) -> ChangeLine<'a> {
        ChangeLine {
            scenario_id: &change.scenario_id,
            old: change.old,
            new: change.new,
            change: self::change(change.old, change.new),
            proposed_by: &change.proposed_by,
            approved_by: &change.approved_by,
            approved_at: change.approved_at,
            approval_id: &change.approval_id,
            applied_at: change.applied_at,
            reasons: &change.reasons,
        }
    }
}
