//! What every command needs: the tree, who acts, the time, and how to talk.

use std::io::{IsTerminal, Write};

use anyhow::Context as _;
use credit_monitor::core::Timestamp;
use credit_monitor::governance::{About, Actor, Verb};
use credit_monitor::{Config, Destinations, Monitor, Tree, read_operators};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::args::Global;
use crate::exit::Failed;
use crate::outgoing::Outgoing;
use crate::output::talk;

#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) tree: Tree,
    pub(crate) json: bool,
    quiet: bool,
    yes: bool,
    operator: Option<String>,
}

impl Context {
    pub(crate) fn new(global: &Global) -> anyhow::Result<Context> {
        let tree = Tree::new(&global.root);
        let tree = match &global.baselines {
            Some(path) => tree.with_baselines(path),
            None => tree,
        };
        Ok(Context {
            tree,
            json: global.json,
            quiet: global.quiet,
            yes: global.yes,
            operator: global.operator.clone(),
        })
    }

    /// The time, from the one clock, in whole seconds.
    #[expect(
        clippy::disallowed_methods,
        reason = "the command line is where the clock is read"
    )]
    pub(crate) fn now(&self) -> anyhow::Result<Timestamp> {
        let seconds = chrono::Utc::now().timestamp();
        Timestamp::from_unix(seconds).context("the clock is outside the years 1 to 9999")
    }

    /// The time with its thousandths, which is what waits are counted from.
    #[expect(
        clippy::disallowed_methods,
        reason = "the command line is where the clock is read"
    )]
    pub(crate) fn instant(&self) -> anyhow::Result<Timestamp> {
        let now = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
        now.parse()
            .context("the clock is outside the years 1 to 9999")
    }

    /// Who acts, if they may do `verb`; a denial is recorded.
    pub(crate) fn actor(&self, verb: Verb) -> anyhow::Result<Actor> {
        self.actor_for(verb, false)
    }

    /// The same, but that a rehearsal records nothing.
    pub(crate) fn actor_for(&self, verb: Verb, dry_run: bool) -> anyhow::Result<Actor> {
        let actor = self.acting()?;
        let Err(denied) = actor.may(verb) else {
            return Ok(actor);
        };
        if !dry_run {
            let (about, now) = (About::Everything, self.now()?);
            Monitor::record_denial_in(&self.tree, &actor, &denied, about, now)?;
        }
        Err(denied.into())
    }

    /// Who acts, whatever they may do.
    pub(crate) fn acting(&self) -> anyhow::Result<Actor> {
        match &self.operator {
            None => Ok(Actor::Service),
            Some(name) => self.registered(name),
        }
    }

    /// The registered operator of that name.
    pub(crate) fn registered(&self, name: &str) -> anyhow::Result<Actor> {
        Ok(read_operators(&self.tree)?.actor(name)?)
    }

    /// The name that was given with `--as`.
    pub(crate) fn operator(&self) -> Option<&str> {
        self.operator.as_deref()
    }

    /// The monitor, which owes the set-up's destinations what they are to be told. Where the
    /// settings cannot be used it owes nothing: what they miss now is owed by the first command
    /// that can use them.
    pub(crate) fn monitor(&self) -> anyhow::Result<Monitor> {
        Ok(self.monitor_and_outgoing()?.0)
    }

    /// The same, with what reaches the destinations.
    pub(crate) fn monitor_and_outgoing(&self) -> anyhow::Result<(Monitor, Option<Outgoing>)> {
        let outgoing = match self.outgoing() {
            Ok(outgoing) => Some(outgoing),
            Err(error) if error.is::<Failed>() => {
                talk(format_args!(
                    "warning: {error}; Slack and Notion are told by the first command that knows \
                     how"
                ));
                None
            }
            Err(error) => return Err(error),
        };
        let destinations = outgoing.as_ref().map(|o| o.destinations.clone());
        Ok((self.monitor_telling(destinations)?, outgoing))
    }

    pub(crate) fn monitor_telling(
        &self,
        destinations: Option<Destinations>,
    ) -> anyhow::Result<Monitor> {
        let now = self.now()?;
        let monitor = Monitor::open(&self.tree, now)?;
        Ok(match destinations {
            Some(destinations) => monitor.with_destinations(destinations, now)?,
            None => monitor,
        })
    }

    /// Who is told, by whom.
    pub(crate) fn outgoing(&self) -> anyhow::Result<Outgoing> {
        let config = Config::load(&self.tree)?;
        Ok(Outgoing::read(&config.policy().value)?)
    }

    /// Says something to people; scripts read standard output.
    pub(crate) fn say(&self, text: impl std::fmt::Display) {
        if !self.quiet {
            talk(text);
        }
    }

    /// A progress bar on a terminal, nothing elsewhere.
    pub(crate) fn progress(&self, total: u64, unit: &str) -> ProgressBar {
        let target = if self.quiet || !std::io::stderr().is_terminal() {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr()
        };
        let template = format!("{{bar:30}} {{human_pos}} of {{human_len}} {unit} ({{eta}} left)");
        let style = ProgressStyle::with_template(&template)
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        ProgressBar::with_draw_target(Some(total), target).with_style(style)
    }

    /// Asks on a terminal before something that matters; scripts are not asked.
    pub(crate) fn confirmed(&self, question: &str) -> anyhow::Result<bool> {
        if self.yes || !std::io::stdin().is_terminal() {
            return Ok(true);
        }
        let mut stderr = std::io::stderr();
        write!(stderr, "{question} [y/N] ")?;
        stderr.flush()?;
        let mut answer = String::new();
        std::io::stdin().read_line(&mut answer)?;
        Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
    }
}
