//! Why a baseline was changed, for people to read.

use std::fmt::{self, Write as _};

use credit_core::{Credits, Day, ScenarioId};

use crate::{Change, Figure};

/// What a rationale note says.
#[derive(Clone, Copy, Debug)]
pub struct Note<'a> {
    /// The scenario whose baseline changes.
    pub scenario_id: &'a ScenarioId,
    /// The day of the change.
    pub date: Day,
    /// The approving operator's name, without the role.
    pub operator: &'a str,
    /// The approval's id, `O3-<name>-<timestamp>`.
    pub approval: &'a str,
    /// The baseline so far.
    pub old: Option<Credits>,
    /// The new one.
    pub new: Credits,
    /// Why, one item each.
    pub reasons: &'a [String],
    /// How many healthy runs the new baseline comes from.
    pub sample_size: u64,
    /// The window's length in days.
    pub days: u32,
    /// The coefficient of variation of those runs.
    pub cv: Option<f64>,
    /// A coefficient of variation below this is called stable.
    pub cv_below: f64,
}

/// One section of `runs/BASELINE_UPDATES/update_<date>.md`, in the runbook's words and order;
/// sections of one day are set apart by an empty line.
///
/// Amounts are exact and have at least two decimals. Line breaks in what people wrote become
/// spaces, so that nobody writes an approval line by accident.
///
/// ```
/// use credit_baseline::{Note, rationale_note};
///
/// let note = rationale_note(&Note {
///     scenario_id: &"BINDER_EXPORT_WEEKLY".parse().unwrap(),
///     date: "2024-01-23".parse().unwrap(),
///     operator: "lead-3",
///     approval: "O3-lead-3-2024-01-23T10:00:00Z",
///     old: Some("1250.50".parse().unwrap()),
///     new: "1425.75".parse().unwrap(),
///     reasons: &["Prompt optimization deployed on 2024-01-15".to_owned()],
///     sample_size: 28,
///     days: 30,
///     cv: Some(0.18),
///     cv_below: 0.3,
/// });
/// assert!(note.starts_with("# Baseline Update: BINDER_EXPORT_WEEKLY\n\n**Date:** 2024-01-23\n"));
/// assert!(note.contains("**Change:** +14.0%\n"));
/// ```
pub fn rationale_note(note: &Note<'_>) -> String {
    let old = note.old.map_or_else(
        || "none".to_owned(),
        |old| format!("{} credits", Exact(old)),
    );
    let change = match note.old.map(|old| Change::new(old, note.new)) {
        None => "first baseline".to_owned(),
        Some(None) => "from zero".to_owned(),
        Some(Some(change)) => change.to_string(),
    };
    let cv = note.cv.map_or_else(
        || "none (the runs cost nothing)".to_owned(),
        |cv| {
            let stable = if cv < note.cv_below {
                "stable"
            } else {
                "not stable"
            };
            format!("{} ({stable})", TwoDecimalsCutOff(cv))
        },
    );
    let mut reasons = String::new();
    for reason in note.reasons {
        // Writing to a string cannot fail.
        let _ = writeln!(reasons, "- {}", OneLine(reason));
    }
    if reasons.is_empty() {
        reasons.push_str("- No reason was given.\n");
    }
    format!(
        "# Baseline Update: {scenario}\n\n\
         **Date:** {date}\n\
         **Operator:** O3 {operator}\n\
         **Approval:** {approval}\n\n\
         **Old Baseline:** {old}\n\
         **New Baseline:** {new} credits\n\
         **Change:** {change}\n\n\
         **Rationale:**\n{reasons}\n\
         **Sample Size:** {runs} healthy runs over {days} days\n\
         **Coefficient of Variation:** {cv}\n",
        scenario = note.scenario_id,
        date = note.date,
        operator = OneLine(note.operator),
        approval = OneLine(note.approval),
        new = Exact(note.new),
        runs = note.sample_size,
        days = note.days,
    )
}

/// An exact amount with at least two decimals.
struct Exact(Credits);

impl fmt::Display for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        let decimals = text.split_once('.').map_or(0, |(_, d)| d.len());
        match decimals {
            0 => write!(f, "{text}.00"),
            1 => write!(f, "{text}0"),
            _ => f.write_str(&text),
        }
    }
}

/// Cut off, not rounded: 0.299 is not shown as a 0.30 that would not be stable.
struct TwoDecimalsCutOff(f64);

impl fmt::Display for TwoDecimalsCutOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = Figure::Fraction(self.0).to_string();
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
        let kept = fraction.get(..2).unwrap_or(fraction);
        write!(f, "{whole}.{kept:0<2}")
    }
}

struct OneLine<'a>(&'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, word) in self.0.split_whitespace().enumerate() {
            write!(f, "{}{word}", if i == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}
