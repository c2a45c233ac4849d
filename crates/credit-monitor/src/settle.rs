//! What a grave run leads to: planned from its line and the docket, carried out in the safe order,
//! recorded.
//!
//! A crash between any two steps is mended by planning again: what is recorded is not planned
//! twice, and what is done but not recorded is done again to no effect.

use std::collections::{BTreeMap, BTreeSet};

use credit_core::{
    Action, Actions, CaseId, RunFacts, RunId, RunRecord, ScenarioId, Severity, Sha256,
    StoredRecord, Timestamp,
};
use credit_governance::{
    About, Actor, Docket, Effect, Event, JudgedRun, LinkedRun, PatternRule, Relation,
    RunQuarantined, RunRef, Text, Trigger, What, plan,
};
use credit_ledger::{Digest, OwnedLine, Receipt, Window};

use crate::archive::{self, text};
use crate::decisions::{Deciding, pattern};
use crate::quarantine::{Folder, Moving, Order, Outcome};
use crate::repair::Backwards;
use crate::{Error, Monitor, Tree};

/// The actions that are carried out here.
const LOUD: [Action; 4] = [
    Action::Quarantine,
    Action::BlockDispatch,
    Action::CreateCase,
    Action::LogCaseOptional,
];

/// After so many settled runs in a row, opening believes that those before are settled as well.
const SETTLED_ON_OPEN: u64 = 256;

/// How far back opening looks for runs that a killed process left unsettled: two of the largest
/// batches of `observe_all`.
const LINES_ON_OPEN: u64 = 8192;

/// A kept run whose consequences are to be seen to.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) judged: JudgedRun,
    at: Timestamp,
    link: Option<String>,
    pub(crate) run_file: Vec<u8>,
}

impl Kept {
    /// Of a run that was just appended.
    pub(crate) fn new(record: &RunRecord, receipt: Receipt, run_file: &[u8]) -> Kept {
        let (run, verdict) = (&record.run, &record.assessment);
        Kept {
            judged: JudgedRun {
                run: run_ref(&run.run_id, receipt.seq(), receipt.hash()),
                identity: record.inputs.input_sha256,
                day: run.timestamp.day(),
                scenario_id: run.scenario_id.clone(),
                job_type: run.job_type,
                status: run.status,
                severity: verdict.severity,
                risk_flags: verdict.risk_flags,
                likelihood: verdict.likelihood,
                baseline_status: verdict.baseline_status,
                actions: verdict.actions,
                rerun_of: run.rerun_of.clone(),
                recent_sev2: Vec::new(),
            },
            at: run.timestamp,
            link: run.artifacts_link.clone(),
            run_file: run_file.to_owned(),
        }
    }

    /// Of a line of the ledger.
    pub(crate) fn stored(line: &OwnedLine, tree: &Tree) -> Result<Kept, Error> {
        let path = tree.ledger();
        let run_file = line.file_bytes().map_err(|e| Error::Integrity {
            path: path.clone(),
            reason: format!("line {} is not strict JSON: {e}", line.seq()),
        })?;
        let stored = StoredRecord::parse(text(line.raw(), &path)?);
        let StoredRecord {
            run,
            inputs,
            verdict,
            ..
        } = stored.map_err(|e| Error::Integrity {
            path,
            reason: format!("line {} cannot be acted on: {e}", line.seq()),
        })?;
        Ok(Kept {
            judged: JudgedRun {
                run: run_ref(&run.run_id, line.seq(), line.hash()),
                identity: inputs.input_sha256,
                day: run.timestamp.day(),
                scenario_id: run.scenario_id,
                job_type: run.job_type,
                status: run.status,
                severity: verdict.severity,
                risk_flags: verdict.risk_flags,
                likelihood: verdict.likelihood,
                baseline_status: verdict.baseline_status,
                actions: verdict.actions,
                rerun_of: run.rerun_of,
                recent_sev2: Vec::new(),
            },
            at: run.timestamp,
            link: run.artifacts_link,
            run_file,
        })
    }
}

/// Whether something may follow from a verdict, so that it must be planned; where people are told,
/// an alert does.
pub(crate) fn is_loud(record: &RunRecord, tells: bool) -> bool {
    let actions = record.assessment.actions;
    let wants = |action: &Action| actions.contains(*action);
    record.run.rerun_of.is_some()
        || LOUD.iter().any(wants)
        || (tells && actions.intersects(Actions::ALERTS))
}

impl Monitor {
    /// Sees to what follows from kept runs; the case of each, where it has one.
    pub(crate) fn settle(
        &self,
        mut kept: Vec<Kept>,
        now: Timestamp,
    ) -> Result<BTreeMap<RunId, CaseId>, Error> {
        let _span = tracing::debug_span!("settle", runs = kept.len()).entered();
        if kept.is_empty() {
            return Ok(BTreeMap::new());
        }
        let pattern = pattern(&self.config()?.policy().value);
        self.add_recent(&mut kept, &pattern)?;
        // Held until what was moved is recorded, or it would be given back in between.
        let _moving = self.set_aside_grave(&kept, &pattern, now)?;
        let mut deciding = self.deciding()?;
        for kept in &kept {
            let judged = &kept.judged;
            deciding.recall_line(&judged.run.run_id, judged.run.seq)?;
            if let Some(repeated) = &judged.rerun_of {
                deciding.recall(&About::Run(repeated.clone()))?;
            }
            self.carry_out(kept, &pattern, &mut deciding, now)?;
        }
        if let Some(to) = self.destinations() {
            deciding.plan_runs(&kept, to, now)?;
        }
        let cases = kept.iter().filter_map(|kept| {
            let run = &kept.judged.run.run_id;
            let case = deciding.docket().run(run)?.case.clone()?;
            Some((run.clone(), case))
        });
        let cases = cases.collect();
        deciding.finish()?;
        Ok(cases)
    }

    /// What a killed process may have left undone at the end of the ledger; what was decided about
    /// the lines before is believed, so that opening does not grow with history.
    pub(crate) fn settle_after_a_crash(&self, now: Timestamp) -> Result<(), Error> {
        let Some(head) = self.ledger.head() else {
            return Ok(());
        };
        let is_settled = |facts: &RunFacts<'_>| {
            let about = About::Run(facts.run_id.clone());
            self.with_docket_about(&about, |docket| is_settled(docket, facts))
        };
        let mut unsettled = unsettled(self.tree(), head.end, is_settled)?;
        unsettled.reverse();
        let kept = unsettled.iter().map(|id| self.kept(id));
        let mut kept = kept.collect::<Result<Vec<_>, _>>()?;
        let grave = |kept: &Kept| kept.judged.actions.contains(Action::Quarantine);
        if kept.iter().any(grave) && Moving::at_once(self.tree())?.is_none() {
            // Whoever moves something now sees to such a run, or leaves it to the next who opens.
            kept.retain(|kept| !grave(kept));
        }
        self.settle(kept, now).map(|_| ())
    }

    /// Every grave or moderate run of the ledger, a batch at a time.
    pub(crate) fn settle_all(&self, now: Timestamp) -> Result<(), Error> {
        const BATCH: usize = 1024;
        let reader = self.ledger.reader();
        let failed = |source| Error::Read {
            path: self.tree().ledger(),
            source,
        };
        let mut kept = Vec::new();
        // Only where something may follow: the index leads past the rest.
        for severity in [Severity::Sev0, Severity::Sev1, Severity::Sev2] {
            let severity = severity.to_string();
            let window = Window {
                severity: Some(&severity),
                ..Window::default()
            };
            let mut scan = reader.window(&window).map_err(failed)?;
            while let Some(line) = scan.next_line().map_err(failed)? {
                if has_severity(text(line.raw(), &self.tree().ledger())?, &severity) {
                    kept.push(Kept::stored(&line.to_owned(), self.tree())?);
                }
                if kept.len() >= BATCH {
                    self.settle(std::mem::take(&mut kept), now)?;
                }
            }
        }
        self.settle(kept, now).map(|_| ())
    }

    /// Does what is left to do about one run, in the planned order.
    fn carry_out(
        &self,
        kept: &Kept,
        pattern: &PatternRule,
        deciding: &mut Deciding<'_>,
        now: Timestamp,
    ) -> Result<(), Error> {
        let effects = loop {
            let effects = plan(&kept.judged, deciding.docket(), pattern);
            let opened = effects.iter().find_map(|effect| match effect {
                Effect::Record(What::CaseOpened(opened)) => Some(opened.case.clone()),
                _ => None,
            });
            match opened {
                // A case in the archive has this name, as is known now.
                Some(case) if deciding.recall_case(&case)? => {}
                _ => break effects,
            }
        };
        for effect in effects {
            let what = match effect {
                Effect::Quarantine { run, case, reason } => {
                    let folder = Folder::of(self.tree(), &run.run_id);
                    let manifest = folder.filled(case.as_ref())?;
                    let Outcome { moved, not_moved } = manifest.payload.into();
                    What::RunQuarantined(RunQuarantined {
                        run,
                        case,
                        trigger: Trigger::Automatic,
                        reason,
                        moved,
                        not_moved,
                    })
                }
                Effect::Record(what) => what,
                // Owed when all this is decided, to whom the configuration names.
                Effect::LockPage { .. } | Effect::Page { .. } | Effect::Alert { .. } => continue,
            };
            deciding.take(Event::new(now, &Actor::Service, what))?;
        }
        Ok(())
    }

    /// Sets the artifacts aside of those runs that the policy wants in quarantine and that are not
    /// recorded to be there; `None` if there are none.
    fn set_aside_grave(
        &self,
        kept: &[Kept],
        pattern: &PatternRule,
        now: Timestamp,
    ) -> Result<Option<Moving>, Error> {
        let reason = |kept: &Kept| {
            let about = About::Run(kept.judged.run.run_id.clone());
            let effects =
                self.with_docket_about(&about, |docket| plan(&kept.judged, docket, pattern))?;
            Ok::<_, Error>(effects.into_iter().find_map(|effect| match effect {
                Effect::Quarantine { reason, .. } => Some(reason),
                _ => None,
            }))
        };
        let mut moving = None;
        for kept in kept {
            if !kept.judged.actions.contains(Action::Quarantine) || reason(kept)?.is_none() {
                continue;
            }
            if moving.is_none() {
                moving = Some(Moving::wait(self.tree())?);
            }
            // Asked again: whoever had the right before may have done it.
            if let Some(reason) = reason(kept)? {
                self.set_aside(kept, None, &reason, &Actor::Service, now)?;
            }
        }
        Ok(moving)
    }

    /// Puts record and payload of a run into quarantine; what became of the payload. The caller has
    /// the right to move.
    pub(crate) fn set_aside(
        &self,
        kept: &Kept,
        case_id: Option<&CaseId>,
        reason: &Text,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Outcome, Error> {
        let run = &kept.judged.run;
        let manifest = Folder::of(self.tree(), &run.run_id).fill(&Order {
            run_id: &run.run_id,
            seq: run.seq,
            run_file: &kept.run_file,
            link: kept.link.as_deref(),
            at: now,
            by: actor.name(),
            reason: reason.as_str(),
            case_id,
        })?;
        Ok(manifest.payload.into())
    }

    /// A kept run by its id.
    pub(crate) fn kept(&self, id: &RunId) -> Result<Kept, Error> {
        let found = self.ledger.find(id.as_str());
        let line = found
            .map_err(|source| Error::Read {
                path: self.tree().ledger(),
                source,
            })?
            .ok_or_else(|| Error::UnknownRun { run_id: id.clone() })?;
        Kept::stored(&line, self.tree())
    }

    /// Tells each moderate spike which came before it, as far back as a pattern reaches.
    fn add_recent(&self, kept: &mut [Kept], rule: &PatternRule) -> Result<(), Error> {
        let is_spike = |kept: &&mut Kept| {
            let judged = &kept.judged;
            judged.severity == Severity::Sev2 && judged.actions.contains(Action::LogCaseOptional)
        };
        let Some(first) = kept.iter().map(|kept| kept.at).min() else {
            return Ok(());
        };
        let spikes: Vec<&mut Kept> = kept.iter_mut().filter(is_spike).collect();
        let scenarios = spikes.iter().map(|kept| kept.judged.scenario_id.clone());
        let earlier = self.moderate_spikes(&scenarios.collect(), first.days_before(rule.days))?;
        for kept in spikes {
            let (at, judged) = (kept.at, &mut kept.judged);
            let since = at.days_before(rule.days);
            let before = earlier.get(&judged.scenario_id).into_iter().flatten();
            let newest = before.rev().filter(|(earlier, linked)| {
                linked.run.seq < judged.run.seq && since < *earlier && *earlier <= at
            });
            let newest = newest.take(rule.recent_max());
            judged.recent_sev2 = newest.map(|(_, linked)| linked.clone()).collect();
            judged.recent_sev2.reverse();
        }
        Ok(())
    }

    /// Every SEV2 run of some scenarios since then, in the ledger's order: read once for all of them.
    fn moderate_spikes(
        &self,
        scenarios: &BTreeSet<ScenarioId>,
        since: Timestamp,
    ) -> Result<BTreeMap<ScenarioId, Vec<(Timestamp, LinkedRun)>>, Error> {
        let mut found: BTreeMap<_, Vec<_>> = BTreeMap::new();
        let Some(one) = scenarios.first() else {
            return Ok(found);
        };
        let path = self.tree().ledger();
        let failed = |source| Error::Read {
            path: path.clone(),
            source,
        };
        let reader = self.ledger.reader();
        let since = since.to_string();
        let window = Window {
            from: Some(&since),
            severity: Some("SEV2"),
            scenario: (scenarios.len() == 1).then_some(one.as_str()),
            ..Window::default()
        };
        let mut scan = reader.window(&window).map_err(failed)?;
        while let Some(line) = scan.next_line().map_err(failed)? {
            let line_text = text(line.raw(), &path)?;
            if !has_severity(line_text, "SEV2") {
                continue;
            }
            let facts: RunFacts<'_> = archive::facts(line_text, self.tree())?;
            if facts.severity == Severity::Sev2 && scenarios.contains(&facts.scenario_id) {
                let linked = LinkedRun {
                    run: run_ref(&facts.run_id, line.seq(), line.hash()),
                    relation: Relation::Related,
                    severity: facts.severity,
                    risk_flags: facts.risk_flags,
                    likelihood: facts.likelihood,
                    status: facts.status,
                };
                let of_scenario = found.entry(facts.scenario_id).or_default();
                of_scenario.push((facts.timestamp, linked));
            }
        }
        Ok(found)
    }
}

/// The runs near the ledger's end about which something may have to be decided and nothing is, the
/// last one first.
fn unsettled(
    tree: &Tree,
    end: u64,
    is_settled: impl Fn(&RunFacts<'_>) -> Result<bool, Error>,
) -> Result<Vec<RunId>, Error> {
    let failed = || Error::io("reading", tree.ledger());
    let mut lines = Backwards::new(tree, end).map_err(failed())?;
    let mut unsettled = Vec::new();
    let mut settled_in_a_row = 0;
    for _ in 0..LINES_ON_OPEN {
        let Some(line) = lines.next_line().map_err(failed())? else {
            break;
        };
        let path = tree.ledger();
        let Ok(facts) = text(&line, &path).and_then(|line| archive::facts(line, tree)) else {
            break;
        };
        let is_rerun = facts.json.contains("\"rerun_of\":");
        let loud = is_rerun || LOUD.iter().any(|action| facts.actions.contains(*action));
        if loud && !is_settled(&facts)? {
            unsettled.push(facts.run_id.clone());
            // A moderate spike alone leads to nothing, so that nothing is known of it proves
            // nothing.
            let moderate = !is_rerun && facts.severity == Severity::Sev2;
            settled_in_a_row = if moderate { settled_in_a_row + 1 } else { 0 };
        } else {
            settled_in_a_row += 1;
        }
        if settled_in_a_row == SETTLED_ON_OPEN {
            break;
        }
    }
    Ok(unsettled)
}

/// Whether everything that a run's actions ask for is recorded: a crash can leave out the end.
fn is_settled(docket: &Docket, facts: &RunFacts<'_>) -> bool {
    let wants = |action| facts.actions.contains(action);
    docket.run(&facts.run_id).is_some_and(|state| {
        (!wants(Action::CreateCase) || state.case.is_some())
            && (!wants(Action::Quarantine) || state.quarantine.is_some())
            && (!wants(Action::BlockDispatch) || state.blocked.is_some())
    })
}

/// Whether a line may be of this severity: what is not in its text it is not.
fn has_severity(line: &str, severity: &str) -> bool {
    line.contains(&format!("\"Severity\":\"{severity}\""))
}

fn run_ref(run_id: &RunId, seq: u64, hash: Digest) -> RunRef {
    RunRef {
        run_id: run_id.clone(),
        seq,
        hash: Sha256::from_bytes(*hash.as_bytes()),
    }
}
