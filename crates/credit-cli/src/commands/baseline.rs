//! `baseline calculate|update|list|history`.

mod json;
mod show;

use credit_monitor::baseline::{Calculation, DriftRule, Figure, Outcome, Window};
use credit_monitor::core::{ScenarioId, Timestamp, Weekdays};
use credit_monitor::governance::{Actor, BaselineChange, EventId, Verb};
use credit_monitor::{Archive, Config, Draft, Error, Grounds, Monitor, TellWeekdays};

use self::json::{CalculationLine, ChangeLine, ProposalLine};
use self::show::{change, history, known, list, shown, since};
use crate::args::{BaselineCommand, Calculate, Update};
use crate::context::Context;
use crate::exit::{Exit, Told};
use crate::output::{print_json, put_line, table};

pub(crate) fn baseline(context: &Context, command: BaselineCommand) -> anyhow::Result<Exit> {
    match command {
        BaselineCommand::Calculate(args) => calculate(context, &args),
        BaselineCommand::Update(args) => update(context, &args),
        BaselineCommand::List { at } => list(context, at),
        BaselineCommand::History { scenario, at } => history(context, &scenario, at),
    }
}

fn calculate(context: &Context, args: &Calculate) -> anyhow::Result<Exit> {
    context.actor(Verb::View)?;
    let config = Config::load(&context.tree)?;
    let window = window(context, &config, args.at, args.days)?;
    let policy = &config.policy().value;
    let archive = Archive::new(&context.tree);
    let (scenario, healthy) = (&args.scenario, policy.healthy());
    let calculation =
        archive.calculate_baseline_since(scenario, window, healthy, args.changed_at)?;
    let changes = calculation.changes(&DriftRule::of(policy.candidate_gate()));
    let apart = calculation.clone().by_weekday();
    if context.json {
        print_json(&CalculationLine::of(&calculation, &apart, &changes))?;
        return Ok(Exit::Fine);
    }
    // Scripts know this line as all there is on standard output.
    put_line(calculation.line())?;
    for line in about(&calculation) {
        context.say(line);
    }
    for point in &changes {
        context.say(since(point));
    }
    if let Some(last) = changes.last() {
        context.say(format_args!(
            "the median is of both sides of that; `--days N` takes a window that begins after {}",
            last.at.day()
        ));
    }
    if let Some(days) = apart.weekdays.filter(|days| !days.is_empty()) {
        context.say(format_args!(
            "otherwise on {}; `baseline update --by-weekday` tells them apart",
            weekdays(&days)
        ));
    }
    Ok(Exit::Fine)
}

/// What is known besides the median, a line each; nothing where the runs do not say.
fn about(calculation: &Calculation) -> Vec<String> {
    let mut lines = Vec::new();
    let usual = calculation.usual;
    if let Some(bounds) = usual.bounds {
        lines.push(format!(
            "the true median lies between {} and {} (95%)",
            bounds.lower(),
            bounds.upper()
        ));
    }
    if let (Some(cv), Some(robust), 2..) = (
        calculation.cv,
        calculation.robust_variation,
        calculation.healthy_runs,
    ) {
        let (cv, robust) = (Figure::Fraction(cv), Figure::Fraction(robust));
        lines.push(format!(
            "coefficient of variation {cv}, without wild runs {robust}"
        ));
    }
    if let Some(tokens) = usual.input_tokens {
        lines.push(format!("usual input: {tokens} tokens"));
    }
    if let Some(rate) = usual.credits_per_item {
        lines.push(format!("usual cost of an item: {rate} credits"));
    }
    lines
}

/// `saturday 12 (9 runs), sunday 12 (9 runs)`
fn weekdays(days: &Weekdays) -> String {
    let days = days.iter().map(|(day, usual)| {
        let runs = usual.sample_size;
        format!("{day} {} ({runs} runs)", usual.credits)
    });
    days.collect::<Vec<_>>().join(", ")
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
    let actor = context.actor_for(verb, args.dry_run)?;
    if args.dry_run {
        return rehearse(context, args);
    }
    let archive = Archive::new(&context.tree);
    // Opening for writing would begin a ledger where there is none.
    archive.require_ledger()?;
    if args.approve {
        approve(context, &archive, args, &actor)
    } else {
        propose(context, args, &actor)
    }
}

/// Says what would happen, and records nothing.
fn rehearse(context: &Context, args: &Update) -> anyhow::Result<Exit> {
    let archive = Archive::new(&context.tree);
    let config = Config::load(&context.tree)?;
    if args.approve {
        for scenario in &to_approve(&archive, args)? {
            show_pending(&archive, scenario)?;
        }
    } else {
        let window = window(context, &config, args.at, args.days)?;
        let drafts = match &args.scenario {
            Some(scenario) => {
                vec![archive.draft_baseline(&config, scenario, window, &grounds(args))?]
            }
            None => archive.draft_stable_baselines(&config, window, tell_weekdays(args))?,
        };
        print_drafts(context, drafts.iter().map(|draft| (None, draft)))?;
    }
    context.say("nothing was recorded");
    Ok(Exit::Fine)
}

fn propose(context: &Context, args: &Update, actor: &Actor) -> anyhow::Result<Exit> {
    let monitor = context.monitor()?;
    let window = window(context, &monitor.config()?, args.at, args.days)?;
    let (grounds, now) = (grounds(args), context.now()?);
    let proposed = match &args.scenario {
        Some(scenario) => vec![monitor.propose_baseline(scenario, window, grounds, actor, now)?],
        None => monitor.propose_stable_baselines(window, &grounds, actor, now)?,
    };
    print_drafts(
        context,
        proposed.iter().map(|(id, draft)| (Some(id), draft)),
    )?;
    let which = match (&args.scenario, proposed.len()) {
        (_, 0) => return Ok(Exit::Fine),
        (Some(scenario), _) => format!("--scenario {scenario}"),
        (None, _) => "--all-stable".to_owned(),
    };
    let told = Told {
        exit: Exit::Refused,
        code: "approval_required",
        message: format!(
            "proposed by {}; nothing is changed until an O3 who did not propose it runs \
             `creditctl baseline update {which} --approve --as NAME`",
            actor.name()
        ),
        help: "have it approved",
    };
    context.say(&told);
    Err(told.into())
}

fn grounds(args: &Update) -> Grounds {
    Grounds {
        weekdays: tell_weekdays(args),
        changed_at: args.changed_at,
        reasons: args.reasons.clone(),
        override_reason: args.override_reason.clone(),
        investigated: args.investigated.clone(),
    }
}

fn tell_weekdays(args: &Update) -> TellWeekdays {
    match (args.by_weekday, args.overall) {
        (true, _) => TellWeekdays::Apart,
        (false, true) => TellWeekdays::Together,
        (false, false) => TellWeekdays::AsInForce,
    }
}

/// What baselines would become, each with the proposal once it is recorded.
fn print_drafts<'a>(
    context: &Context,
    drafts: impl ExactSizeIterator<Item = (Option<&'a EventId>, &'a Draft)>,
) -> anyhow::Result<()> {
    if context.json {
        for (id, draft) in drafts {
            print_json(&ProposalLine::of(draft, id))?;
        }
        return Ok(());
    }
    match drafts.len() {
        0 => {
            context.say("no scenario meets the gate");
            Ok(())
        }
        1 => drafts
            .into_iter()
            .try_for_each(|(_, draft)| print_draft(draft)),
        _ => {
            let rows = drafts.map(|(_, draft)| {
                let calculation = &draft.calculation;
                vec![
                    calculation.scenario_id.to_string(),
                    shown(draft.old),
                    calculation.credits.to_string(),
                    change(draft.old, calculation.credits),
                    calculation.healthy_runs.to_string(),
                    known(calculation.cv.map(Figure::Fraction)),
                ]
            });
            let header = ["Scenario", "Old", "New", "Change", "Runs", "CV"];
            put_line(table(&header, &[1, 2, 3, 4, 5], rows.collect()))
        }
    }
}

fn print_draft(draft: &Draft) -> anyhow::Result<()> {
    let calculation = &draft.calculation;
    let (old, new) = (draft.old, calculation.credits);
    put_line(calculation.line())?;
    let mut rows = vec![
        vec!["old".to_owned(), shown(old)],
        vec!["new".to_owned(), new.to_string()],
        vec!["change".to_owned(), change(old, new)],
    ];
    for (day, usual) in calculation.weekdays.iter().flat_map(Weekdays::iter) {
        rows.push(vec![format!("new on {day}"), usual.credits.to_string()]);
    }
    let header = [calculation.scenario_id.as_str(), "credits"];
    put_line(table(&header, &[1], rows))?;
    for line in about(calculation) {
        put_line(line)?;
    }
    for criterion in draft.eligibility.criteria() {
        let mark = match criterion.outcome {
            Outcome::Failed => "FAIL",
            Outcome::Noted => "note",
            Outcome::Passed | Outcome::Excused => "ok  ",
        };
        put_line(format_args!("{mark} {criterion}"))?;
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

fn to_approve(archive: &Archive, args: &Update) -> Result<Vec<ScenarioId>, Error> {
    match &args.scenario {
        Some(scenario) => Ok(vec![scenario.clone()]),
        None => Ok(archive.docket()?.pending_scenarios()),
    }
}

fn approve(
    context: &Context,
    archive: &Archive,
    args: &Update,
    actor: &Actor,
) -> anyhow::Result<Exit> {
    let scenarios = to_approve(archive, args)?;
    let question = match scenarios.as_slice() {
        [] => {
            context.say("no baseline is proposed");
            return Ok(Exit::Fine);
        }
        [scenario] => format!("Put the proposed baseline of {scenario} into force?"),
        all => format!(
            "Put the proposed baselines of {} scenarios into force?",
            all.len()
        ),
    };
    if !context.confirmed(&question)? {
        context.say("nothing was changed");
        return Ok(Exit::Refused);
    }
    let monitor: Monitor = context.monitor()?;
    let approved = monitor.approve_baselines(&scenarios, actor, context.now()?)?;
    let mut first_refusal = None;
    for one in approved {
        match one.change {
            Ok(change) => print_change(context, &change)?,
            Err(refusal) if first_refusal.is_none() => first_refusal = Some(refusal),
            Err(refusal) => context.say(format_args!("refused: {refusal}")),
        }
    }
    match first_refusal {
        None => Ok(Exit::Fine),
        Some(refusal) => Err(refusal.into()),
    }
}

fn print_change(context: &Context, it: &BaselineChange) -> anyhow::Result<()> {
    if context.json {
        return print_json(&ChangeLine::of(it));
    }
    put_line(format_args!(
        "baseline of {}: {} -> {} ({}), approved as {}",
        it.scenario_id,
        shown(it.old),
        it.new,
        change(it.old, it.new),
        it.approval_id
    ))
}
