//! What a quarter would have been with its thresholds elsewhere.

use std::array;

use credit_core::{Multiplier, Severity, Timestamp};
use credit_governance::Docket;
use credit_governance::audit::{QuarterlyFacts, Shift, ThresholdTrial};
use credit_policy::{Backtest, BacktestResult, Outcomes, Policy};

use crate::outcomes::of_cases;
use crate::{Archive, Error};

/// How far back a quarterly audit looks.
const QUARTER_DAYS: u32 = 92;

/// The thresholds that a policy sets; SEV4 is every other run.
const SEVERITIES: [Severity; 4] = [
    Severity::Sev0,
    Severity::Sev1,
    Severity::Sev2,
    Severity::Sev3,
];

/// Each of them is tried at these shares of where it is: a fifth lower, and a quarter higher, which
/// is as far by ratio.
const SHARES: [(u64, u64); 2] = [(4, 5), (5, 4)];

/// A threshold and where it is tried, with the policy that has it there if there can be one.
struct Tried {
    severity: Severity,
    tried: Multiplier,
    policy: Option<Policy>,
}

impl Archive {
    /// Judges the runs of the quarter before `now` again, with one threshold elsewhere at a time.
    pub(super) fn try_thresholds(
        &self,
        policy: &Policy,
        docket: &Docket,
        now: Timestamp,
    ) -> Result<QuarterlyFacts, Error> {
        let outcomes: Outcomes = of_cases(docket).into_iter().collect();
        let tried: [Tried; 8] = array::from_fn(|n| candidate(policy, n));
        let results = self.judged_again(policy, &tried, &outcomes, now)?;
        let trials = tried.iter().zip(&results).map(|(tried, result)| {
            let now = policy.threshold(tried.severity);
            ThresholdTrial {
                severity: tried.severity,
                now,
                tried: tried.tried,
                shift: tried.policy.as_ref().map(|_| shift(result)),
            }
        });
        let any = results.first();
        Ok(QuarterlyFacts {
            replayed: any.map_or(0, |result| result.replayed.runs),
            left_out: any.map_or(0, |result| result.left_out.len() as u64),
            trials: trials.collect(),
            backtest_sha256: None,
        })
    }

    /// The quarter under each candidate; under the policy itself where there is none.
    fn judged_again(
        &self,
        policy: &Policy,
        tried: &[Tried; 8],
        outcomes: &Outcomes,
        now: Timestamp,
    ) -> Result<[BacktestResult; 8], Error> {
        let period = (Some(now.days_before(QUARTER_DAYS)), Some(now));
        let candidates = tried
            .each_ref()
            .map(|tried| Backtest::new(tried.policy.as_ref().unwrap_or(policy), outcomes));
        let done = match self.head()? {
            Some(head) => self.replay(&self.ledger()?, head, period, candidates, &|_, _| ())?,
            None => candidates,
        };
        Ok(done.map(|backtest| backtest.finish(period.0, period.1)))
    }
}

fn candidate(policy: &Policy, n: usize) -> Tried {
    let severity = SEVERITIES.get(n / 2).copied().unwrap_or(Severity::Sev0);
    let (of, parts) = SHARES.get(n % 2).copied().unwrap_or((1, 1));
    // A threshold has at most six decimals, and so has what is tried.
    let micro = policy.threshold(severity).micro().unwrap_or(0);
    let tried = Multiplier::from_micro(micro.saturating_mul(of) / parts);
    Tried {
        severity,
        tried,
        policy: policy.with_threshold(severity, tried).ok(),
    }
}

fn shift(result: &BacktestResult) -> Shift {
    let many = |runs: &Vec<_>| runs.len() as u64;
    let (misconfig, load) = (&result.scores.misconfig, &result.scores.legit_load);
    Shift {
        graver: result.graver.runs,
        milder: result.milder.runs,
        alerts_before: result.alerts.before.runs,
        alerts_after: result.alerts.after.runs,
        misconfig_found: many(&misconfig.newly_alerted),
        misconfig_missed: many(&misconfig.no_longer_alerted),
        load_alerted: many(&load.newly_alerted),
        load_spared: many(&load.no_longer_alerted),
    }
}
