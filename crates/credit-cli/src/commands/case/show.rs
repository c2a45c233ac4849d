//! `case list` and `case show`.

use anyhow::Result;
use credit_monitor::core::{
    CaseId, CaseStatus, RiskFlags, RootCause, ScenarioId, Severity, Timestamp,
};
use credit_monitor::governance::{Case, DocketError, Duty, Refusal, Relation, Rules, Verb};
use credit_monitor::{Archive, Error};
use serde::Serialize;

use crate::args::CaseList;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{print_json, put_line, table};

pub(crate) fn list(context: &Context, args: &CaseList) -> Result<Exit> {
    context.actor(Verb::View)?;
    let rehearsal = Archive::new(&context.tree).rehearse()?;
    let (docket, now) = (rehearsal.docket(), context.now()?);
    let cases: Vec<&Case> = if args.archived {
        docket.archived_cases().collect()
    } else {
        docket.cases().collect()
    };
    let owed =
        |case: &&Case| !args.overdue || !case.overdue(&rehearsal.rules().deadlines, now).is_empty();
    let lines = cases
        .into_iter()
        .filter(|case| args.status.is_none_or(|status| case.status == status))
        .filter(owed)
        .map(|case| CaseLine::of(case, rehearsal.rules(), now));
    let lines: Vec<CaseLine<'_>> = lines.collect();
    if context.json {
        print_json(&Cases { cases: lines })?;
        return Ok(Exit::Fine);
    }
    if lines.is_empty() {
        context.say("there is no such case");
        return Ok(Exit::Fine);
    }
    let rows = lines.iter().map(|line| {
        vec![
            line.case.to_string(),
            line.severity.to_string(),
            line.status.to_string(),
            line.runs.to_string(),
            line.acknowledged_by.unwrap_or("nobody").to_owned(),
            line.overdue.join(", "),
            line.title.to_owned(),
        ]
    });
    let header = [
        "Case",
        "Severity",
        "Status",
        "Runs",
        "Acknowledged by",
        "Overdue",
        "Title",
    ];
    put_line(table(&header, &[3], rows.collect()))?;
    Ok(Exit::Fine)
}

pub(crate) fn show(context: &Context, id: &CaseId) -> Result<Exit> {
    context.actor(Verb::View)?;
    let rehearsal = Archive::new(&context.tree).rehearse()?;
    let (docket, rules) = (rehearsal.docket(), rehearsal.rules());
    let live = docket.case(id);
    let case = live.or_else(|| docket.archived_case(id)).ok_or_else(|| {
        let unknown = DocketError::UnknownCase { case: id.clone() };
        Error::from(Refusal::from(unknown))
    })?;
    let shown = Shown {
        archived: live.is_none(),
        acknowledge_by: case.acknowledge_by(&rules.deadlines),
        assess_by: case.assess_by(&rules.deadlines),
        overdue: overdue(case, rules, context.now()?),
        missing: missing(case, rules),
        case,
    };
    if context.json {
        print_json(&shown)?;
    } else {
        shown.print()?;
    }
    Ok(Exit::Fine)
}

/// What is missing to resolve a case; nothing where it is resolved.
fn missing(case: &Case, rules: &Rules) -> Vec<String> {
    if case.status == CaseStatus::Resolved {
        return Vec::new();
    }
    case.missing(rules)
        .iter()
        .map(ToString::to_string)
        .collect()
}

fn overdue(case: &Case, rules: &Rules, now: Timestamp) -> Vec<&'static str> {
    let overdue = case.overdue(&rules.deadlines, now);
    let words = overdue.into_iter().map(|overdue| match overdue.duty {
        Duty::Acknowledge => "acknowledgment",
        Duty::Assess => "assessment",
    });
    words.collect()
}

/// What `case list --json` prints.
#[derive(Serialize)]
struct Cases<'a> {
    cases: Vec<CaseLine<'a>>,
}

#[derive(Serialize)]
struct CaseLine<'a> {
    case: &'a CaseId,
    title: &'a str,
    scenario_id: &'a ScenarioId,
    severity: Severity,
    risk_flags: RiskFlags,
    status: CaseStatus,
    runs: usize,
    root_cause: Option<RootCause>,
    acknowledged_by: Option<&'a str>,
    opened_at: Timestamp,
    updated_at: Timestamp,
    resolved_at: Option<Timestamp>,
    overdue: Vec<&'static str>,
}

impl<'a> CaseLine<'a> {
    fn of(case: &'a Case, rules: &Rules, now: Timestamp) -> CaseLine<'a> {
        CaseLine {
            case: &case.id,
            title: case.title.as_str(),
            scenario_id: &case.scenario_id,
            severity: case.severity,
            risk_flags: case.risk_flags,
            status: case.status,
            runs: case.runs.len(),
            root_cause: case.root_cause.as_ref().map(|found| found.root_cause),
            acknowledged_by: case.acknowledged.as_ref().map(|stamp| stamp.by.as_str()),
            opened_at: case.opened_at,
            updated_at: case.updated_at,
            resolved_at: case.resolved_at,
            overdue: overdue(case, rules, now),
        }
    }
}

/// What `case show --json` prints.
#[derive(Serialize)]
struct Shown<'a> {
    case: &'a Case,
    archived: bool,
    acknowledge_by: Option<Timestamp>,
    assess_by: Option<Timestamp>,
    overdue: Vec<&'static str>,
    missing: Vec<String>,
}

impl Shown<'_> {
    fn print(&self) -> Result<()> {
        let case = self.case;
        put_line(format_args!(
            "{}: {}, {}{}",
            case.id,
            case.severity,
            case.status,
            if self.archived { ", archived" } else { "" }
        ))?;
        put_line(&case.title)?;
        let flags: Vec<&str> = case.risk_flags.iter().map(|flag| flag.as_str()).collect();
        field("Scenario", &case.scenario_id)?;
        field("Category", case.category)?;
        field("Exposure band", case.exposure_band)?;
        field("Risk flags", flags.join(", "))?;
        field("Opened", case.opened_at)?;
        if let Some(by) = &case.acknowledged {
            field("Acknowledged", format_args!("{} by {}", by.at, by.by))?;
        }
        if let Some(found) = &case.exposure {
            field(
                "Exposure",
                format_args!("{} ({}: {})", found.exposure, found.found.by, found.notes),
            )?;
        }
        if let Some(found) = &case.root_cause {
            let confirmed = found.confirmed.as_ref();
            let standing = confirmed.map_or("proposed", |_| "confirmed");
            field(
                "Root cause",
                format_args!(
                    "{} ({standing} by {}: {})",
                    found.root_cause, found.found.by, found.explanation
                ),
            )?;
        }
        for note in &case.mitigations {
            field(
                "Mitigation",
                format_args!("{} ({})", note.text, note.written.by),
            )?;
        }
        for note in &case.notes {
            field("Note", format_args!("{} ({})", note.text, note.written.by))?;
        }
        if let Some(url) = &case.thread_url {
            field("Thread", url)?;
        }
        self.print_tables()?;
        self.print_owed()
    }

    fn print_tables(&self) -> Result<()> {
        let runs = self.case.runs.iter().map(|linked| {
            let relation = match linked.relation {
                Relation::Primary => "primary",
                Relation::Related => "related",
                Relation::Rerun => "rerun",
            };
            vec![
                linked.run.run_id.to_string(),
                relation.to_owned(),
                linked.severity.to_string(),
                linked.status.to_string(),
            ]
        });
        let header = ["Run", "As", "Severity", "Status"];
        put_line(table(&header, &[], runs.collect()))?;
        let history = self.case.history.iter().map(|step| {
            vec![
                step.since.at.to_string(),
                step.status.to_string(),
                step.since.by.clone(),
            ]
        });
        put_line(table(&["Since", "Status", "By"], &[], history.collect()))
    }

    fn print_owed(&self) -> Result<()> {
        for (what, by) in [
            ("acknowledgment", self.acknowledge_by),
            ("assessment", self.assess_by),
        ] {
            if let Some(by) = by {
                let over = self.overdue.contains(&what);
                let over = if over { ", overdue" } else { "" };
                put_line(format_args!("owed: {what} before {by}{over}"))?;
            }
        }
        for missing in &self.missing {
            put_line(format_args!("missing to resolve it: {missing}"))?;
        }
        Ok(())
    }
}

fn field(name: &str, value: impl std::fmt::Display) -> Result<()> {
    put_line(format_args!("{name}: {value}"))
}
