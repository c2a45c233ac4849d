//! The weekly report: made from both ledgers, written once, and made again.

mod certainty;
mod decided;
pub(crate) mod lines;
mod reproduce;
mod write;

use credit_baseline::Baselines;
use credit_core::{Day, Period, ScenarioId, Sha256};
use credit_governance::Position;
use credit_ledger::{Head, ReadError};
use credit_policy::Policy;
use credit_report::{Context, HeadRef, LedgerState, Repetition, Scope, WeeklyReport, weekly};

use crate::decisions::pattern;
use crate::live_docket::LiveDocket;
use crate::partials::Partials;
use crate::{Archive, Config, Error, Hashed};

use self::decided::Decisions;
use self::lines::{Asked, Gathered};

pub use reproduce::{Difference, Reproduced};
pub use write::WrittenReport;

/// Which report is wanted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ReportRequest {
    /// The day whose start ends the period.
    pub until: Day,
    /// The period's length in days; `None` for the policy's.
    pub days: Option<u32>,
    /// Only this scenario; `None` for all.
    pub scenario: Option<ScenarioId>,
}

impl ReportRequest {
    /// The regular review that ends at the start of a day.
    pub fn review(until: Day) -> ReportRequest {
        ReportRequest {
            until,
            days: None,
            scenario: None,
        }
    }
}

impl Archive {
    /// A report; writes nothing.
    ///
    /// It is a function of both ledgers up to the heads it names, of the policy and the baselines:
    /// making it again from them gives the same bytes ([`Archive::reproduce_report`]), whatever was
    /// told to whom meanwhile.
    ///
    /// # Errors
    /// [`Error::Read`] if a ledger is damaged; that there is none is said in the report.
    ///
    /// ```
    /// use credit_monitor::{Archive, Config, Monitor, ReportRequest, Tree};
    ///
    /// let dir = tempfile::tempdir()?;
    /// let tree = Tree::new(dir.path());
    /// Monitor::init(&tree, Vec::new(), "2025-01-31T10:00:00Z".parse()?)?;
    /// let request = ReportRequest::review("2025-01-31".parse()?);
    /// let report = Archive::new(&tree).weekly_report(&Config::load(&tree)?, &request)?;
    /// assert_eq!(report.data_status.as_str(), "ledger_missing");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn weekly_report(
        &self,
        config: &Config,
        request: &ReportRequest,
    ) -> Result<WeeklyReport, Error> {
        let review_days = config.policy().value.review_days();
        let days = request.days.unwrap_or(review_days);
        let _span = tracing::debug_span!("weekly_report", until = %request.until, days).entered();
        let scope = match &request.scenario {
            None if days == review_days => Scope::Review,
            scenario => Scope::AdHoc {
                scenario: scenario.clone(),
            },
        };
        let head = self.head()?;
        // Events that were cut off must not look like a week without decisions.
        self.events_head()?;
        let mut live = LiveDocket::open(self)?;
        let state = match (head, self.runs()) {
            (None, Err(ReadError::Missing)) => LedgerState::Missing,
            (None, Ok(_)) => LedgerState::Empty,
            (None, Err(e)) => return Err(self.ledger_error(e)),
            (Some(_), _) => LedgerState::Read,
        };
        let partials = match head {
            Some(head) => Partials::open(self, &live, &self.ledger()?, head.seq),
            None => None,
        };
        self.report_from(Sources {
            period: Period::days_until(days, request.until.start()),
            scope: &scope,
            policy: config.policy(),
            baselines: config.baselines(),
            state,
            head: head.map(head_ref),
            events_head: live
                .decided()
                .map(|Position { seq, hash }| HeadRef { seq, hash }),
            partials,
            decisions: Decisions::Now(&mut live),
        })
    }

    fn report_from(&self, sources: Sources<'_>) -> Result<WeeklyReport, Error> {
        let period = sources.period;
        let mut gathered = match sources.head {
            Some(head) => {
                let asked = Asked {
                    period,
                    scenario: sources.scope.scenario(),
                    last: head.seq,
                };
                self.gather(&asked, sources.partials.as_ref())?
            }
            None => Gathered::default(),
        };
        let earlier = std::mem::take(&mut gathered.earlier);
        let (runs, is_whole) = gathered.runs();
        let policy = &sources.policy.value;
        let pattern = pattern(policy);
        let decided = sources.decisions.of(self, policy, period, &runs)?;
        let certainties = certainty::of(self, period, &runs);
        Ok(weekly(
            &runs,
            &Context {
                period,
                scope: sources.scope,
                ledger: if is_whole {
                    sources.state
                } else {
                    LedgerState::Unreadable
                },
                earlier: &earlier,
                ledger_head: sources.head,
                events_head: sources.events_head,
                policy_sha256: sources.policy.sha256,
                baselines_sha256: sources.baselines.sha256,
                baselines: &sources.baselines.value,
                candidate_gate: *policy.candidate_gate(),
                repetition: Repetition {
                    runs_min: pattern.runs,
                    days: pattern.days,
                },
                decided: &decided,
                certainties: &certainties,
            },
        ))
    }
}

/// Everything a report depends on.
struct Sources<'a> {
    period: Period,
    scope: &'a Scope,
    policy: &'a Hashed<Policy>,
    baselines: &'a Hashed<Baselines>,
    state: LedgerState,
    head: Option<HeadRef>,
    events_head: Option<HeadRef>,
    /// What is decided up to the head of the events.
    decisions: Decisions<'a>,
    /// What is known of the runs without reading them.
    partials: Option<Partials>,
}

pub(crate) fn head_ref(head: Head) -> HeadRef {
    HeadRef {
        seq: head.seq,
        hash: Sha256::from_bytes(*head.hash.as_bytes()),
    }
}
