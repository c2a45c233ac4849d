//! Where decisions are made: by whom, when, and whether they are recorded or only rehearsed.

use anyhow::Result;
use credit_monitor::core::json::ObjectWriter;
use credit_monitor::core::{CaseId, RunId, Timestamp};
use credit_monitor::governance::{
    About, Actor, Approval, Case, Denied, Docket, DocketError, Enactable, Event, JudgedRun,
    Refusal, Rules, Verb, What,
};
use credit_monitor::{Archive, Error, Monitor, Rehearsal};

use crate::context::Context;
use crate::exit::Exit;
use crate::output::put_line;

pub(crate) struct Desk<'a> {
    pub(crate) context: &'a Context,
    pub(crate) actor: Actor,
    pub(crate) now: Timestamp,
    pub(crate) archive: Archive,
    pub(crate) books: Books,
}

/// What takes a decision.
pub(crate) enum Books {
    /// It is recorded.
    Kept(Box<Monitor>),
    /// It is only said what would be.
    Rehearsed(Box<Rehearsal>),
}

impl<'a> Desk<'a> {
    /// For decisions about runs and cases, of which there are none without a ledger.
    pub(crate) fn open(context: &'a Context, dry_run: bool) -> Result<Desk<'a>> {
        // Opening for writing would begin a ledger where there is none.
        Archive::new(&context.tree).require_ledger()?;
        Desk::open_early(context, dry_run)
    }

    /// For decisions that may come before the first run.
    pub(crate) fn open_early(context: &'a Context, dry_run: bool) -> Result<Desk<'a>> {
        let actor = context.acting()?;
        Desk::open_for(context, actor, dry_run)
    }

    /// For somebody who is known otherwise than by `--as`.
    pub(crate) fn open_for(context: &'a Context, actor: Actor, dry_run: bool) -> Result<Desk<'a>> {
        let archive = Archive::new(&context.tree);
        let books = if dry_run {
            Books::Rehearsed(Box::new(archive.rehearse()?))
        } else {
            Books::Kept(Box::new(context.monitor()?))
        };
        Ok(Desk {
            context,
            actor,
            now: context.now()?,
            archive,
            books,
        })
    }

    /// That the actor may do this, asked before anything that may be missing is told.
    pub(crate) fn may(&self, verb: Verb, about: About) -> Result<()> {
        self.actor.may(verb).map_err(|e| self.denied(e, about))
    }

    pub(crate) fn decide(&self, what: What) -> Result<Event> {
        Ok(match &self.books {
            Books::Kept(monitor) => monitor.decide(&self.actor, what, self.now)?,
            Books::Rehearsed(rehearsal) => rehearsal.decide(&self.actor, what, self.now)?,
        })
    }

    /// Puts into force what the actor alone may approve.
    pub(crate) fn enact<T: Enactable>(&self, subject: T, about: About) -> Result<Event> {
        let approval = Approval::alone(&self.actor, T::VERB, subject);
        let approval = approval.map_err(|e| self.denied(e, about))?;
        Ok(match &self.books {
            Books::Kept(monitor) => monitor.enact(approval, self.now)?,
            Books::Rehearsed(rehearsal) => rehearsal.enact(approval, self.now)?,
        })
    }

    /// Answers a question from what is decided so far about something.
    pub(crate) fn ask<T>(&self, about: &About, ask: impl FnOnce(&Docket) -> T) -> Result<T> {
        Ok(match &self.books {
            Books::Kept(monitor) => monitor.with_docket_about(about, ask)?,
            Books::Rehearsed(rehearsal) => ask(rehearsal.docket()),
        })
    }

    pub(crate) fn rules(&self) -> Result<Rules> {
        Ok(match &self.books {
            Books::Kept(monitor) => monitor.rules()?,
            Books::Rehearsed(rehearsal) => *rehearsal.rules(),
        })
    }

    pub(crate) fn case(&self, id: &CaseId) -> Result<Case> {
        let case = self.ask(&About::Case(id.clone()), |docket| docket.case(id).cloned())?;
        let unknown = || Refusal::from(DocketError::UnknownCase { case: id.clone() });
        Ok(case.ok_or_else(|| Error::from(unknown()))?)
    }

    pub(crate) fn run(&self, id: &RunId) -> Result<JudgedRun> {
        Ok(self.archive.judged(id)?)
    }

    /// Tells what was recorded, or would be.
    pub(crate) fn tell(&self, event: &Event) -> Result<Exit> {
        self.put(event)?;
        self.nothing_was_recorded();
        Ok(Exit::Fine)
    }

    /// The same for several at once.
    pub(crate) fn tell_all(&self, events: &[Event]) -> Result<Exit> {
        if self.context.json {
            let texts: Vec<String> = events.iter().map(Event::to_json).collect();
            let mut out = ObjectWriter::new();
            out.token("dry_run", self.is_rehearsal());
            out.token("events", format_args!("[{}]", texts.join(",")));
            put_line(out.finish())?;
            return Ok(Exit::Fine);
        }
        for event in events {
            self.put(event)?;
        }
        if !events.is_empty() {
            self.nothing_was_recorded();
        }
        Ok(Exit::Fine)
    }

    fn put(&self, event: &Event) -> Result<()> {
        match (self.context.json, self.is_rehearsal()) {
            (true, false) => put_line(event.to_json()),
            (true, true) => {
                let mut out = ObjectWriter::new();
                out.token("dry_run", true);
                out.token("would_record", event.to_json());
                put_line(out.finish())
            }
            (false, false) => put_line(sentence(event)),
            (false, true) => put_line(format_args!("would record: {}", sentence(event))),
        }
    }

    fn nothing_was_recorded(&self) {
        if self.is_rehearsal() && !self.context.json {
            self.context.say("nothing was recorded");
        }
    }

    pub(crate) fn is_rehearsal(&self) -> bool {
        matches!(self.books, Books::Rehearsed(_))
    }

    /// A denial is recorded, too.
    pub(crate) fn denied(&self, denied: Denied, about: About) -> anyhow::Error {
        if let Books::Kept(monitor) = &self.books
            && let Err(error) = monitor.record_denial(&self.actor, &denied, about, self.now)
        {
            return error.into();
        }
        denied.into()
    }
}

/// An event in one line: what, about what, by whom, and its name.
pub(crate) fn sentence(event: &Event) -> String {
    if let What::QuarantineReleased(released) = &event.what {
        // The runbook's exact words.
        let (run, case) = (&released.run.run_id, &released.case);
        return format!("{} ({run}, {case}, {})", released.note, event.id());
    }
    let mut text = event.what.kind().replace('_', " ");
    if let Some(run) = event.what.run() {
        text += &format!(" {}", run.run_id);
    }
    if let Some(case) = event.what.case() {
        text += &format!(" {case}");
    }
    text + &format!(" by {} ({})", event.by, event.id())
}
