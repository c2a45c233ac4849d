//! Baselines: what was proposed is approved and put into force.

use std::collections::{BTreeMap, BTreeSet};

use credit_baseline::{Baseline, Calculation, Note, Window, rationale_note};
use credit_core::{Credits, Day, ScenarioId, Sha256, Timestamp, Usual};
use credit_governance::{
    About, Actor, Approval, Approved, BaselineChange, BaselineProposal, Event, Proposed, Verb, What,
};
use credit_ledger::hashed_file::replace_durably;

use crate::baseline_update::{Draft, no_baseline};
use crate::config::read_baselines;
use crate::lock::Lock;
use crate::{Config, Error, Grounds, Monitor, TellWeekdays, files, governed};

/// What became of one of several approvals.
#[derive(Debug)]
pub struct BaselineOutcome {
    /// The scenario.
    pub scenario_id: ScenarioId,
    /// What was put into force, or why it was not.
    pub change: Result<BaselineChange, Error>,
}

impl Monitor {
    /// Approves the open proposal for a scenario and puts it into force: an approval event, the
    /// rationale note, the baselines file, an applied event, in this order. After a crash between
    /// any two, calling it again finishes the rest.
    ///
    /// # Errors
    /// [`Error::Denied`] for the proposer or too low a role; [`Error::Precondition`] if there is
    /// no open proposal, or if ledger, baselines or policy have changed so that what was proposed
    /// no longer follows from them.
    pub fn approve_baseline(
        &self,
        scenario: &ScenarioId,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<BaselineChange, Error> {
        let approved = self.approve_baselines(std::slice::from_ref(scenario), actor, now)?;
        let one = approved.into_iter().next().map(|one| one.change);
        one.unwrap_or_else(|| Err(not_proposed(scenario)))
    }

    /// As [`Monitor::approve_baseline`] for several scenarios: the ledger is read once for all
    /// proposals of one window, and each file is written once. What cannot be approved is told and
    /// does not keep the others from being put into force.
    ///
    /// # Errors
    /// [`Error::Denied`] for too low a role; [`Error::Read`], [`Error::Io`] or [`Error::Append`],
    /// after which calling it again finishes the rest.
    pub fn approve_baselines(
        &self,
        scenarios: &[ScenarioId],
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Vec<BaselineOutcome>, Error> {
        let about = match scenarios {
            [one] => About::Scenario(one.clone()),
            _ => About::Everything,
        };
        self.require(actor, Verb::ApproveBaseline, about, now)?;
        let _lock = self.lock_config()?;
        let mut results = BTreeMap::new();
        let mut granted = Vec::new();
        // Each once, however often it is named.
        for scenario in &BTreeSet::from_iter(scenarios) {
            match self.grant(scenario, actor, now) {
                Ok(approval) => granted.push(approval),
                Err(e @ (Error::Denied(_) | Error::Precondition { .. })) => {
                    results.insert((*scenario).clone(), Err(e));
                }
                Err(e) => return Err(e),
            }
        }
        let config = self.config()?;
        let mut seconds = self.calculate_again(&granted, &config)?;
        let mut fresh = Vec::new();
        for approval in granted {
            let proposed = approval.subject();
            let scenario = proposed.proposal.scenario_id.clone();
            let holds = match (&proposed.approved, seconds.remove(&scenario)) {
                // What was approved before a crash is not questioned again.
                (Some(_), _) => Ok(()),
                (None, Some(second)) => {
                    second.and_then(|second| refuse_stale(&proposed.proposal, second, &config))
                }
                (None, None) => Err(not_proposed(&scenario)),
            };
            match holds {
                Ok(()) => fresh.push(approval),
                Err(e) => {
                    results.insert(scenario, Err(e));
                }
            }
        }
        for change in self.put_into_force(&fresh, &config, actor, now)? {
            results.insert(change.scenario_id.clone(), Ok(change));
        }
        let in_order = scenarios.iter().filter_map(|s| results.remove_entry(s));
        Ok(in_order
            .map(|(scenario_id, change)| BaselineOutcome {
                scenario_id,
                change,
            })
            .collect())
    }

    fn grant(
        &self,
        scenario: &ScenarioId,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Approval<Proposed>, Error> {
        let proposed = self.with_docket(|docket| docket.pending(scenario).cloned())?;
        let proposed = proposed.ok_or_else(|| not_proposed(scenario))?;
        let proposer = proposed.by.clone();
        let grant = || Approval::grant(actor, Verb::ApproveBaseline, &proposer, proposed);
        self.recording_denials(actor, About::Scenario(scenario.clone()), now, || {
            Ok(grant()?)
        })
    }

    /// What the ledger says now of everything that is not approved yet.
    fn calculate_again(
        &self,
        granted: &[Approval<Proposed>],
        config: &Config,
    ) -> Result<BTreeMap<ScenarioId, Result<Calculation, Error>>, Error> {
        let rule = config.policy().value.healthy();
        let archive = self.archive();
        let mut windows: BTreeMap<_, Vec<&ScenarioId>> = BTreeMap::new();
        for approval in granted {
            let proposed = approval.subject();
            let it = &proposed.proposal;
            if proposed.approved.is_none() {
                let key = (it.as_of, it.days, it.changed_at);
                windows.entry(key).or_default().push(&it.scenario_id);
            }
        }
        let mut found = BTreeMap::new();
        for ((as_of, days, changed_at), scenarios) in windows {
            let window = Window { as_of, days };
            if let (Some(_), all) | (None, all @ [_]) = (changed_at, scenarios.as_slice()) {
                // With an index, the lines of other scenarios need not be read.
                for scenario in all {
                    let it = archive.calculate_baseline_since(scenario, window, rule, changed_at);
                    let it = match it {
                        Err(e @ (Error::Precondition { .. } | Error::UnknownScenario { .. })) => {
                            Err(e)
                        }
                        it => Ok(it?),
                    };
                    found.insert((*scenario).clone(), it);
                }
                continue;
            }
            let mut all = archive.calculate_baselines(window, rule)?;
            for scenario in scenarios {
                let calculation = match all.remove(scenario) {
                    Some(calculation) => calculation.map_err(no_baseline),
                    None => Err(Error::UnknownScenario {
                        scenario_id: scenario.clone(),
                    }),
                };
                found.insert(scenario.clone(), calculation);
            }
        }
        Ok(found)
    }

    fn put_into_force(
        &self,
        approvals: &[Approval<Proposed>],
        config: &Config,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Vec<BaselineChange>, Error> {
        if approvals.is_empty() {
            return Ok(Vec::new());
        }
        let mut deciding = self.deciding()?;
        let mut approved = Vec::new();
        for approval in approvals {
            if let Some(before) = &approval.subject().approved {
                approved.push(before.clone());
                continue;
            }
            let (event, by) = deciding.docket().approve_baseline(now, approval)?;
            deciding.take(event)?;
            approved.push(by);
        }
        deciding.finish()?;

        let subjects = approvals.iter().map(Approval::subject);
        let approved: Vec<(&Proposed, Approved)> = subjects.zip(approved).collect();
        let cv_below = config.policy().value.update_gate().cv_below;
        self.write_notes(&approved, cv_below)?;
        let file_sha256 = Some(self.write_baselines(&approved, now)?);

        let mut deciding = self.deciding()?;
        for (proposed, _) in &approved {
            let what = What::BaselineApplied {
                proposal: proposed.id.clone(),
                file_sha256,
            };
            deciding.take(Event::new(now, actor, what))?;
        }
        deciding.finish()?;
        let changes = approved.into_iter();
        Ok(changes
            .map(|(proposed, approved)| change(proposed, approved, now, file_sha256))
            .collect())
    }

    /// Appends each rationale to its day's note, once.
    fn write_notes(&self, approved: &[(&Proposed, Approved)], cv_below: f64) -> Result<(), Error> {
        let mut days: BTreeMap<Day, Vec<String>> = BTreeMap::new();
        for (proposed, approved) in approved {
            let section = section(&proposed.proposal, approved, cv_below);
            days.entry(approved.at.day()).or_default().push(section);
        }
        let dir = self.tree().baseline_updates();
        files::create_dirs(&dir).map_err(Error::io("creating", &dir))?;
        for (day, sections) in days {
            let path = dir.join(format!("update_{day}.md"));
            let before = match files::read_to_string(&path) {
                Ok(note) => note,
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => String::new(),
                Err(e) => return Err(Error::io("reading", path)(e)),
            };
            let mut note = before.clone();
            for section in sections.iter().filter(|s| !before.contains(s.as_str())) {
                if !note.is_empty() {
                    note.push('\n');
                }
                note.push_str(section);
            }
            if note != before {
                replace_durably(&path, note.as_bytes()).map_err(Error::io("writing", path))?;
            }
        }
        Ok(())
    }

    /// The hash of the baselines file since.
    fn write_baselines(
        &self,
        approved: &[(&Proposed, Approved)],
        now: Timestamp,
    ) -> Result<Sha256, Error> {
        let tree = self.tree();
        let (before, _) = read_baselines(tree)?;
        let mut baselines = before.value;
        for (proposed, _) in approved {
            let proposal = &proposed.proposal;
            let baseline = Baseline {
                scenario_id: proposal.scenario_id.clone(),
                credits: proposal.new,
                calculated_at: proposal.as_of,
                sample_size: proposal.sample_size,
                last_updated: now,
                usual: usual(proposal),
                weekdays: proposal.weekdays.clone(),
            };
            baselines.set(baseline, now);
        }
        let text = baselines.to_json();
        governed::replace(&tree.baselines(), text.as_bytes())?;
        let sha256 = Sha256::of(text.as_bytes());
        self.keep_object(sha256, text.as_bytes())?;
        Ok(sha256)
    }

    /// Two approvals at a time would each rewrite the baselines file from what both had read, and a
    /// proposal in the middle of an approval would take its place.
    pub(crate) fn lock_config(&self) -> Result<Lock, Error> {
        Lock::wait(&self.tree().monitoring().join("baselines.lock"))
    }
}

/// What is approved must be what would be proposed now.
fn refuse_stale(
    proposal: &BaselineProposal,
    now: Calculation,
    config: &Config,
) -> Result<(), Error> {
    let scenario = &proposal.scenario_id;
    let out_of_date = |what: &str| {
        Err(Error::Precondition {
            reason: format!(
                "the proposal for `{scenario}` is out of date: {what}; propose it again"
            ),
        })
    };
    let weekdays = match proposal.weekdays {
        Some(_) => TellWeekdays::Apart,
        None => TellWeekdays::Together,
    };
    let draft = Draft::of(now, config, weekdays);
    let (new, old) = (draft.calculation.credits, draft.old);
    if new != proposal.new || old != proposal.old {
        let shown =
            |credits: Option<Credits>| credits.map_or_else(|| "none".to_owned(), |c| c.to_string());
        return out_of_date(&format!(
            "it says {} -> {}, ledger and baselines now say {} -> {new}",
            shown(proposal.old),
            proposal.new,
            shown(old),
        ));
    }
    let found = draft.calculation.usual;
    if found.bounds != proposal.bounds || draft.calculation.weekdays != proposal.weekdays {
        return out_of_date(
            "how sure the value is, or what it is on some day of the week, no longer follows from \
             the ledger",
        );
    }
    if found != usual(proposal) {
        return out_of_date(
            "the usual input or the usual cost of an item that it says no longer follows from the \
             ledger",
        );
    }
    let grounds = Grounds {
        override_reason: proposal.override_reason.clone(),
        investigated: proposal.investigated.clone(),
        ..Grounds::default()
    };
    draft.admitted(&grounds).map(|_| ())
}

fn section(proposal: &BaselineProposal, approved: &Approved, cv_below: f64) -> String {
    let mut reasons = proposal.reasons.clone();
    let excuse = |what: &str, why: &Option<String>| why.as_ref().map(|w| format!("{what}: {w}"));
    reasons.extend(excuse("Override", &proposal.override_reason));
    reasons.extend(excuse("Investigated", &proposal.investigated));
    if let Some(at) = proposal.changed_at {
        reasons.push(format!("Only runs since the change of {at} count"));
    }
    for (day, usual) in proposal.weekdays.iter().flat_map(|days| days.iter()) {
        let runs = usual.sample_size;
        reasons.push(format!("On {day}: {} credits ({runs} runs)", usual.credits));
    }
    rationale_note(&Note {
        scenario_id: &proposal.scenario_id,
        date: approved.at.day(),
        operator: &approved.by,
        approval: &approved.approval_id,
        old: proposal.old,
        new: proposal.new,
        reasons: &reasons,
        sample_size: proposal.sample_size,
        days: proposal.days,
        cv: proposal.cv,
        cv_below,
    })
}

fn change(
    proposed: &Proposed,
    approved: Approved,
    now: Timestamp,
    file_sha256: Option<Sha256>,
) -> BaselineChange {
    let proposal = &proposed.proposal;
    BaselineChange {
        scenario_id: proposal.scenario_id.clone(),
        old: proposal.old,
        new: proposal.new,
        proposed_by: proposed.by.clone(),
        approved_by: approved.by,
        approved_at: approved.at,
        approval_id: approved.approval_id,
        applied_at: now,
        reasons: proposal.reasons.clone(),
        file_sha256,
    }
}

fn usual(proposal: &BaselineProposal) -> Usual {
    Usual {
        input_tokens: proposal.usual_input_tokens,
        credits_per_item: proposal.usual_credits_per_item,
        bounds: proposal.bounds,
    }
}

fn not_proposed(scenario: &ScenarioId) -> Error {
    Error::Precondition {
        reason: format!(
            "no baseline is proposed for `{scenario}`; run `creditctl baseline update --scenario \
             {scenario}` first, as somebody other than the approver"
        ),
    }
}
