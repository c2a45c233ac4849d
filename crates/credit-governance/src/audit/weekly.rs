//! Every week: what was reported is read, what is open moves.

use credit_core::{ScenarioId, Timestamp};

use super::{Audit, Check, finding};
use crate::{Docket, Rules};

/// What a weekly audit must be told.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WeeklyFacts {
    /// The `report_id` of the last week's report; `None` if it was not made.
    pub report: Option<String>,
    /// The baselines in force and when each was last updated.
    pub baselines: Vec<(ScenarioId, Timestamp)>,
}

/// The weekly checks.
pub fn weekly(facts: &WeeklyFacts, docket: &Docket, rules: &Rules, now: Timestamp) -> Audit {
    let checks = vec![
        report(facts, docket),
        stale_cases(docket, rules, now),
        baselines(facts, docket, rules, now),
        archive(docket, rules, now),
    ];
    Audit::new("weekly", now, checks)
}

fn report(facts: &WeeklyFacts, docket: &Docket) -> Check {
    let missing = match &facts.report {
        None => Some(finding(
            "the weekly report is missing",
            "no report of the last week in runs/CREDIT_REVIEWS/",
            "creditctl report weekly",
        )),
        Some(id) => {
            let mut notes = docket.review_notes().iter();
            let reviewed = notes.any(|note| note.what.report.as_str() == id);
            (!reviewed).then(|| {
                finding(
                    format!("report {id} was not reviewed"),
                    "no note to it is recorded",
                    format!("creditctl review note --report {id} …"),
                )
            })
        }
    };
    Check::new(
        "weekly_report",
        "the weekly report is made and reviewed",
        missing,
    )
}

fn stale_cases(docket: &Docket, rules: &Rules, now: Timestamp) -> Check {
    let stale = docket
        .open_cases()
        .filter(|case| case.is_stale(&rules.deadlines, now));
    let findings = stale.map(|case| {
        finding(
            format!(
                "{} ({}) is {} without news",
                case.id, case.severity, case.status
            ),
            format!("last recorded at {}", case.updated_at),
            format!("creditctl case show {}", case.id),
        )
    });
    Check::new("stale_cases", "every open case moves", findings)
}

fn baselines(facts: &WeeklyFacts, docket: &Docket, rules: &Rules, now: Timestamp) -> Check {
    let days = rules.deadlines.stale_days;
    let pending = docket.pending_scenarios().into_iter().map(|scenario| {
        finding(
            format!("a baseline of {scenario} waits for an O3"),
            docket
                .pending(&scenario)
                .map_or_else(String::new, |p| format!("{} by {}", p.id, p.by)),
            format!("creditctl baseline update --scenario {scenario} --approve"),
        )
    });
    let stale = facts
        .baselines
        .iter()
        .filter(|(_, updated)| now >= updated.days_after(days));
    let stale = stale.map(|(scenario, updated)| {
        finding(
            format!("the baseline of {scenario} is older than {days} days"),
            format!("last updated at {updated}"),
            format!("creditctl baseline update --scenario {scenario}"),
        )
    });
    Check::new(
        "baselines",
        "baselines are recent and proposals are answered",
        pending.chain(stale).collect::<Vec<_>>(),
    )
}

fn archive(docket: &Docket, rules: &Rules, now: Timestamp) -> Check {
    let due = docket
        .cases()
        .filter(|case| case.is_archivable(&rules.deadlines, now));
    let findings = due.map(|case| {
        finding(
            format!("{} belongs in the archive", case.id),
            case.resolved_at
                .map_or_else(String::new, |at| format!("resolved at {at}")),
            format!("creditctl case archive {}", case.id),
        )
    });
    Check::new("archive", "cases resolved long ago are archived", findings)
}
