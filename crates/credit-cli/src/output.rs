//! Tables for people, JSON for scripts.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::io::{self, Write};

use anyhow::Context as _;
use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};
use credit_monitor::Verdict;
use credit_monitor::core::json::ObjectWriter;
use credit_monitor::core::{Action, CaseId, RunId, Severity, TotalCredits};
use credit_monitor::ledger::Digest;
use credit_monitor::policy::explain::Explanation;
use serde::Serialize;

/// How many reasons a summary tells.
const REASONS_MAX: usize = 10;

/// A rule below the header and nothing else, so that rows can be copied and grepped.
const LINES: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// Writes a line of data to standard output.
///
/// A reader that has gone away, such as `head`, has what it wanted: that is no failure, and what
/// is being done is done to its end.
pub(crate) fn put_line(text: impl Display) -> anyhow::Result<()> {
    write(format_args!("{text}\n"))
}

/// The same for a text that ends in a line break already.
pub(crate) fn put_text(text: impl Display) -> anyhow::Result<()> {
    write(format_args!("{text}"))
}

fn write(text: fmt::Arguments<'_>) -> anyhow::Result<()> {
    match io::stdout().lock().write_fmt(text) {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.context("writing to standard output"),
    }
}

/// Writes a line of talk to standard error; where that is closed nobody listens.
pub(crate) fn talk(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// An error with what caused it.
pub(crate) fn with_cause(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

/// A plain table; columns named in `right` are aligned to the right.
pub(crate) fn table(header: &[&str], right: &[usize], rows: Vec<Vec<String>>) -> Table {
    let mut table = Table::new();
    table.load_style(LINES);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header.to_vec());
    for row in rows {
        table.add_row(row);
    }
    for index in right {
        if let Some(column) = table.column_mut(*index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// One line of JSON.
pub(crate) fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    put_line(serde_json::to_string(value)?)
}

/// Runs by severity, and why the serious ones are serious.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    by_severity: BTreeMap<Severity, (u64, TotalCredits)>,
    /// Serious runs by reason: how many, and the first of them.
    serious: BTreeMap<(Severity, String), (u64, RunId)>,
}

impl Summary {
    pub(crate) fn add(&mut self, verdict: &Verdict) {
        let (runs, credits) = self.by_severity.entry(verdict.severity).or_default();
        *runs += 1;
        *credits += verdict.credits;
        if verdict.severity <= Severity::Sev1 {
            let reason = (verdict.severity, verdict.summary.clone());
            let first = || (0, verdict.run_id.clone());
            self.serious.entry(reason).or_insert_with(first).0 += 1;
        }
    }

    pub(crate) fn print(&self) -> anyhow::Result<()> {
        let rows = self.by_severity.iter().map(|(severity, (runs, credits))| {
            vec![severity.to_string(), runs.to_string(), credits.to_string()]
        });
        if !self.by_severity.is_empty() {
            put_line(table(
                &["Severity", "Runs", "Credits"],
                &[1, 2],
                rows.collect(),
            ))?;
        }
        let mut serious: Vec<_> = self.serious.iter().collect();
        serious.sort_by_key(|((severity, _), (runs, _))| (*severity, std::cmp::Reverse(*runs)));
        for ((severity, reason), (runs, first)) in serious.iter().take(REASONS_MAX) {
            match runs {
                1 => put_line(format_args!("{severity} {first}: {reason}"))?,
                _ => put_line(format_args!(
                    "{severity} {runs} runs, first {first}: {reason}"
                ))?,
            }
        }
        let left = serious.len().saturating_sub(REASONS_MAX);
        if left > 0 {
            put_line(format_args!(
                "… and {left} more reasons; `creditctl query --severity SEV1` lists the runs"
            ))?;
        }
        Ok(())
    }
}

/// What a verdict's line of JSON has beside the verdict.
pub(crate) struct Kept {
    pub(crate) seq: u64,
    pub(crate) hash: Digest,
    pub(crate) duplicate: bool,
    pub(crate) case: Option<CaseId>,
}

/// A verdict as one line of JSON; with where it was kept, if it was.
pub(crate) fn verdict_json(verdict: &Verdict, kept: Option<Kept>) -> String {
    verdict_object(verdict, kept).finish()
}

/// A verdict as one line of JSON, with why it is what it is.
pub(crate) fn explained_json(verdict: &Verdict, why: &Explanation) -> String {
    let mut out = verdict_object(verdict, None);
    out.token("explanation", why.to_json());
    out.finish()
}

fn verdict_object(verdict: &Verdict, kept: Option<Kept>) -> ObjectWriter {
    let mut out = ObjectWriter::new();
    out.plain("Run_ID", &verdict.run_id);
    out.plain("Severity", verdict.severity);
    match verdict.variance {
        Some(variance) => out.token("Variance_Multiplier", variance.six_decimals()),
        None => out.token("Variance_Multiplier", "null"),
    }
    out.plain("Baseline_Status", verdict.baseline_status);
    out.plain("Misconfig_Likelihood", verdict.likelihood);
    out.words("Risk_Flags", verdict.risk_flags.iter().map(|f| f.as_str()));
    out.words("actions", verdict.actions.iter().map(|a| a.as_str()));
    if let Some(kept) = &kept {
        out.token("Seq", kept.seq);
        out.plain("Hash", kept.hash);
        match &kept.case {
            Some(case) => out.plain("case", case),
            None => out.token("case", "null"),
        }
    }
    out.token(
        "dispatch_blocked",
        verdict.actions.contains(Action::BlockDispatch),
    );
    if let Some(kept) = &kept {
        out.token("duplicate", kept.duplicate);
    }
    out
}
