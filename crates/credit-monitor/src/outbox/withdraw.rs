//! Taking back what is owed and will never be sent.

use credit_core::{Day, RunId, Timestamp};
use credit_governance::{About, Actor, Text, Verb};
use credit_notify::Reason;
use credit_notify::delivery::{self, ItemId, Rules, Transition};

use super::book::Rows;
use super::row_file;
use super::step::{Is, Subject};
use crate::decisions::Deciding;
use crate::{Error, Monitor, RunFileError};

impl Monitor {
    /// Gives up an item that will never be sent, such as one for a destination that is no more,
    /// and what follows it; says which. That somebody did, and why, is recorded with the item. It
    /// takes the role that mutes alerts: whom it was owed to is not told.
    ///
    /// An item of which nobody knows whether it was sent is given up, too: it is not sent again.
    ///
    /// ```
    /// use credit_monitor::core::{Credits, Run, Status};
    /// use credit_monitor::governance::Actor;
    /// use credit_monitor::notify::routing::Webhooks;
    /// use credit_monitor::{Destinations, Monitor, Tree};
    ///
    /// # let dir = tempfile::tempdir()?;
    /// # let now = "2025-01-31T10:00:00Z".parse()?;
    /// # Monitor::init(&Tree::new(dir.path()), Vec::new(), now)?;
    /// let webhooks = Webhooks::read(|_| Some("https://hooks.slack.com/services/T/B/x".to_owned()))?;
    /// let to = Destinations { webhooks: Some(webhooks), ..Destinations::default() };
    /// let monitor = Monitor::open(&Tree::new(dir.path()), now)?.with_destinations(to, now)?;
    /// monitor.observe(Run::new("R-1".parse()?, "EXPORT".parse()?, now, Status::Success,
    ///     Credits::whole(10).unwrap()), now)?;
    ///
    /// let lead = Actor::Operator("lead-3:O3".parse()?);
    /// let item = "alert/0/R-1".parse()?;
    /// let withdrawn = monitor.withdraw_owed(&item, &"a drill".parse()?, &lead, now)?;
    /// assert_eq!(withdrawn.items, [item]);
    /// assert_eq!(monitor.archive().outbox_status(now)?.waiting(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Denied`], which is recorded, too; [`Error::Precondition`] if it is not known, is
    /// done, or somebody is sending just now.
    pub fn withdraw_owed(
        &self,
        item: &ItemId,
        reason: &Text,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Withdrawn, Error> {
        self.withdrawing(actor, now, |deciding| {
            let reason = Reason::new(reason.as_str());
            // What a process that died has begun is not being sent any more.
            let rules = self
                .destinations()
                .map_or_else(Rules::default, |to| to.rules.clone());
            let died = delivery::interrupted(deciding.book().state(), &rules, now);
            deciding.deliver(died, &Actor::Service, now)?;
            let given_up = delivery::give_up(deciding.book().state(), item, &reason, now);
            let given_up = given_up.map_err(|e| Error::Precondition {
                reason: e.to_string(),
            })?;
            let items = given_up.iter().filter_map(|transition| match transition {
                Transition::Withdrawn { item, .. } => Some(item.clone()),
                _ => None,
            });
            let items: Vec<ItemId> = items.collect();
            deciding.deliver(given_up, actor, now)?;
            Ok(items)
        })
        .and_then(|items| {
            let rows = items.iter().filter_map(|item| match Subject::of(item) {
                Some(Subject::Row { run, .. }) => Some(run),
                _ => None,
            });
            let days = rows.map(|run| Ok((self.kept(&run)?.judged.day, run)));
            let days = days.collect::<Result<Vec<_>, Error>>()?;
            Ok(Withdrawn {
                file_errors: self.write_withdrawn(&days),
                items,
                rows: 0,
            })
        })
    }

    /// Gives up the rows that are owed by being in the ledger and of which no items are made yet.
    /// As long as a database of runs is set up, rows of later runs are owed all the same; where
    /// none is, none are until one is set up again.
    ///
    /// # Errors
    /// As [`Monitor::withdraw_owed`].
    pub fn withdraw_rows(
        &self,
        reason: &Text,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Withdrawn, Error> {
        let rows = self.withdrawing(actor, now, |deciding| {
            let Rows::Behind(from) = deciding.book().rows() else {
                return Ok(Vec::new());
            };
            let (mut rows, mut upto) = (Vec::new(), from);
            self.lines_behind(from, |facts, line| {
                rows.push((facts.timestamp.day(), facts.run_id.clone()));
                upto = Some(line);
                Ok(true)
            })?;
            let reason = Reason::new(reason.as_str());
            deciding.record_by(Is::RowsWithdrawn { reason }, actor, now)?;
            if self.owes_rows() {
                deciding.record(Is::Rows { upto }, now)?;
            }
            Ok(rows)
        })?;
        Ok(Withdrawn {
            items: Vec::new(),
            rows: rows.len() as u64,
            file_errors: self.write_withdrawn(&rows),
        })
    }

    /// Decides what is withdrawn, while nobody sends.
    fn withdrawing<T>(
        &self,
        actor: &Actor,
        now: Timestamp,
        decide: impl FnOnce(&mut Deciding<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.recording_denials(actor, About::Everything, now, || {
            actor.may(Verb::MuteAlerts)?;
            let sending = self.sending()?;
            let _sending = sending.ok_or_else(|| Error::Precondition {
                reason: "another process is sending; try again when it is done".to_owned(),
            })?;
            let mut deciding = self.deciding()?;
            let decided = decide(&mut deciding)?;
            deciding.finish()?;
            Ok(decided)
        })
    }

    fn write_withdrawn(&self, rows: &[(Day, RunId)]) -> Vec<RunFileError> {
        let written = rows
            .iter()
            .map(|(day, run)| row_file::write_withdrawn(self.tree(), *day, run));
        written.filter_map(Result::err).collect()
    }
}

/// What was taken back.
#[derive(Debug, Default)]
#[must_use]
pub struct Withdrawn {
    /// The item, and those that follow it.
    pub items: Vec<ItemId>,
    /// How many rows of which no items were made.
    pub rows: u64,
    /// Files beside run records that could not be written; what they say was done all the same.
    pub file_errors: Vec<RunFileError>,
}
