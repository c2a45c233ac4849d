//! An explanation as a screen for people.

use std::fmt::{self, Display, Formatter};

use credit_core::{Credits, Likelihood, RiskFlag};

use super::{Begins, Explanation, FlagShare, Nearest, Step, Switch};

impl Display for Explanation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let verdict = &self.assessment;
        writeln!(
            f,
            "{} of {}: {}, misconfiguration {}",
            self.run_id, self.scenario_id, verdict.severity, verdict.likelihood
        )?;
        writeln!(f, "  {}", self.summary)?;
        writeln!(f, "  rule: {}", self.rule)?;
        if let Some(certainty) = self.certainty {
            writeln!(f, "  {certainty}")?;
        }
        self.severities(f)?;
        self.changes(f)?;
        self.flags(f)?;
        self.signals(f)?;
        self.causes(f)
    }
}

impl Explanation {
    fn severities(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let verdict = &self.assessment;
        let mut rows = vec![["", "times", "credits", "away", ""].map(str::to_owned)];
        for rung in &self.severities {
            let here = rung.severity == verdict.severity;
            let sign = if rung.reached { "-" } else { "+" };
            rows.push([
                format!("{} {}", if here { "*" } else { " " }, rung.severity),
                rung.threshold.to_string(),
                or_dash(rung.from),
                rung.credits_away
                    .map_or_else(dash, |away| signed(sign, away)),
                note(rung.begins).to_owned(),
            ]);
        }
        writeln!(f, "\nA severity begins at")?;
        table(f, [false, true, true, true, false], &rows)
    }

    fn changes(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nThe smallest change that gives another severity")?;
        let changes = &self.changes;
        let verdict = &self.assessment;
        let mut rows = Vec::new();
        step_rows(&mut rows, "credits", Some(self.credits), changes.credits);
        step_rows(&mut rows, "baseline", verdict.baseline, changes.baseline);
        rows.push(switch_row("backfill", changes.backfill));
        rows.push(switch_row("critical flag", changes.critical_flag));
        table(f, [false, true, true, false], &rows)?;
        writeln!(
            f,
            "  other facts and flags change the likelihood, never the severity"
        )
    }

    fn flags(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nFlags and their points")?;
        let in_force = self.flags.iter().filter(|share| share.in_force);
        let mut rows: Vec<_> = in_force.map(flag_row).collect();
        let scale = &self.likelihood;
        let steps = [scale.higher, scale.lower].into_iter().flatten();
        let steps = steps.map(|step| format!(", {} at {:+}", step.likelihood, step.points));
        rows.push([
            "score".to_owned(),
            scale.score.to_string(),
            format!("{}{}", scale.now, steps.collect::<String>()),
        ]);
        table(f, [false, true, false], &rows)?;
        let mut turns = Vec::new();
        for likelihood in Likelihood::ALL {
            let turning = self.flags.iter().filter(|share| {
                share.otherwise.likelihood == *likelihood && *likelihood != scale.now
            });
            let turning: Vec<String> = turning.map(turn).collect();
            if !turning.is_empty() {
                turns.push([likelihood.to_string(), turning.join(", ")]);
            }
        }
        table(f, [false, false], &turns)
    }

    fn signals(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nFacts and their limits")?;
        let signals = &self.signals;
        let retries = signals.retries;
        let mut rows = vec![signal_row(
            format!("retry_count {}", retries.retry_count),
            RiskFlag::RetryLoop,
            format!("from {}", retries.from),
            Some(retries.away.to_string()),
        )];
        if let Some(prompt) = signals.prompt {
            rows.push(signal_row(
                format!("Input_Tokens {}", prompt.input_tokens),
                RiskFlag::SuddenPromptGrowth,
                format!("from {}", or_dash(prompt.from)),
                prompt.away.map(|away| away.to_string()),
            ));
        }
        if let Some(deployment) = signals.deployment {
            rows.push(signal_row(
                format!("deployed {}", deployment.deployed),
                RiskFlag::DeploymentCorrelation,
                format!("from {}", deployment.from),
                Some(format!("{} seconds", deployment.seconds_away)),
            ));
        }
        if let Some(items) = signals.items {
            rows.push(signal_row(
                format!("{} credits per item", or_dash(items.credits_per_item)),
                RiskFlag::LinearScaling,
                match (items.from, items.to) {
                    (Some(from), Some(to)) => format!("from {from} to {to} credits"),
                    _ => "at no cost above the baseline".to_owned(),
                },
                items.away.map(|away| away.to_string()),
            ));
        }
        table(f, [false, false, false], &rows)
    }

    fn causes(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (i, cause) in self.causes.iter().enumerate() {
            if i == 0 {
                writeln!(f, "\nLikely cause")?;
            }
            let flags: Vec<&str> = cause.flags.iter().map(RiskFlag::as_str).collect();
            writeln!(
                f,
                "  {} ({}): {}",
                cause.cause,
                flags.join(", "),
                cause.action
            )?;
        }
        Ok(())
    }
}

fn note(begins: Begins) -> &'static str {
    match begins {
        Begins::Threshold => "",
        Begins::BackfillThreshold => "scaled for a backfill",
        Begins::SensitiveFloor => "by the sensitive_floor",
        Begins::ImpactFloor => "by the impact_floor",
        Begins::CriticalFlagNeeded => "takes a critical flag",
        Begins::NoRatio => "no baseline to take a ratio of",
        Begins::BeyondAnyCost => "beyond any cost",
    }
}

fn step_rows(rows: &mut Vec<[String; 4]>, input: &str, present: Option<Credits>, nearest: Nearest) {
    let row = |step: Step| {
        let sign = if present > Some(step.to) { "-" } else { "+" };
        [
            input.to_owned(),
            step.to.to_string(),
            step.by.map_or_else(dash, |by| signed(sign, by)),
            step.severity.to_string(),
        ]
    };
    let steps = [nearest.graver, nearest.milder];
    if steps.iter().all(Option::is_none) {
        rows.push(unable(input));
    }
    rows.extend(steps.into_iter().flatten().map(row));
}

fn switch_row(input: &str, switch: Option<Switch>) -> [String; 4] {
    match switch {
        None => unable(input),
        Some(switch) => [
            input.to_owned(),
            if switch.to { "yes" } else { "no" }.to_owned(),
            String::new(),
            switch.severity.to_string(),
        ],
    }
}

fn unable(input: &str) -> [String; 4] {
    [input, "-", "", "cannot change it"].map(str::to_owned)
}

fn flag_row(share: &FlagShare) -> [String; 3] {
    let reported = share.reported.then(|| "reported".to_owned());
    let sources: Vec<String> = reported.into_iter().chain(share.fact.clone()).collect();
    [
        share.flag.to_string(),
        points(share.weight),
        sources.join("; "),
    ]
}

/// One flag more or less.
fn turn(share: &FlagShare) -> String {
    let without = if share.in_force { "without" } else { "with" };
    format!("{without} {}", share.flag)
}

fn signal_row(fact: String, flag: RiskFlag, limit: String, away: Option<String>) -> [String; 3] {
    let away = away.map_or_else(String::new, |away| format!("{away} away"));
    [fact, format!("{flag} {limit}"), away]
}

fn points(weight: i32) -> String {
    match weight {
        0 => "0".to_owned(),
        _ => format!("{weight:+}"),
    }
}

fn signed(sign: &str, credits: Credits) -> String {
    if credits == Credits::ZERO {
        "0".to_owned()
    } else {
        format!("{sign}{credits}")
    }
}

fn or_dash(value: Option<impl Display>) -> String {
    value.map_or_else(dash, |value| value.to_string())
}

fn dash() -> String {
    "-".to_owned()
}

/// Rows with aligned columns, indented, without blanks at their ends.
fn table<const N: usize>(
    f: &mut Formatter<'_>,
    right: [bool; N],
    rows: &[[String; N]],
) -> fmt::Result {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    for row in rows {
        let mut line = String::new();
        for ((cell, width), right) in row.iter().zip(widths).zip(right) {
            line += &if right {
                format!("  {cell:>width$}")
            } else {
                format!("  {cell:<width$}")
            };
        }
        writeln!(f, "{}", line.trim_end())?;
    }
    Ok(())
}
