//! A monitor, its outbox, and Slack and Notion on loopback.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "each test file uses a part, and a test may panic"
)]

#[path = "../../../credit-notify/tests/server/mod.rs"]
pub(crate) mod server;

use std::cell::Cell;
use std::time::Duration;

use credit_monitor::core::{Credits, RiskFlag, Run, ScenarioId, Status, Timestamp};
use credit_monitor::governance::{Actor, Event, What};
use credit_monitor::notify::client::{BotSlack, HttpNotion, Ureq, WebhookSlack};
use credit_monitor::notify::notion::{ApiVersion, Connection, WriteAccess};
use credit_monitor::notify::routing::Webhooks;
use credit_monitor::notify::slack::Bot;
use credit_monitor::{BotChannels, Destinations, Monitor, Outcome, Report, Senders, Tree};

pub(crate) use server::Server;

/// The database that the server knows; runs and cases are in the same one.
pub(crate) const DATABASE: &str = "00000000-0000-4000-8000-0000000000db";

/// Who is told.
pub(crate) struct Setup {
    /// What each webhook's variable holds behind its end, such as `SEV0`.
    pub(crate) webhooks: Vec<(&'static str, &'static str)>,
    pub(crate) bot: bool,
    pub(crate) runs: bool,
    pub(crate) cases: bool,
}

impl Setup {
    pub(crate) fn nobody() -> Setup {
        Setup {
            webhooks: Vec::new(),
            bot: false,
            runs: false,
            cases: false,
        }
    }

    pub(crate) fn webhooks() -> Setup {
        Setup {
            webhooks: vec![("DEFAULT", "default-planted")],
            ..Setup::nobody()
        }
    }

    pub(crate) fn everybody() -> Setup {
        Setup {
            webhooks: Vec::new(),
            bot: true,
            runs: true,
            cases: true,
        }
    }
}

pub(crate) struct House {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) server: Server,
    pub(crate) setup: Setup,
    pub(crate) monitor: Monitor,
    slack: WebhookSlack<Ureq>,
    threads: BotSlack<Ureq>,
    notion: HttpNotion<Ureq, WriteAccess>,
    seconds: Cell<i64>,
}

/// Long enough for a busy machine: an answer that comes later than this was not planned.
const PATIENCE: Duration = Duration::from_secs(2);

/// The real clients, as the bot and for Notion.
pub(crate) fn clients(server: &Server) -> (BotSlack<Ureq>, HttpNotion<Ureq, WriteAccess>) {
    clients_with(server, PATIENCE)
}

/// The same, which give up after `patience`.
pub(crate) fn clients_with(
    server: &Server,
    patience: Duration,
) -> (BotSlack<Ureq>, HttpNotion<Ureq, WriteAccess>) {
    let bot = Bot::new(
        "xoxb-planted-bot".parse().unwrap(),
        Some(server.url("/api").parse().unwrap()),
    );
    let connection = Connection::new(
        WriteAccess("ntn_planted_notion".parse().unwrap()),
        Some(server.url("").parse().unwrap()),
        ApiVersion::default(),
    );
    (
        BotSlack::new(Ureq::new(patience), bot),
        HttpNotion::new(Ureq::new(patience), connection),
    )
}

pub(crate) const LEAD: &str = "lead-3:O3";

impl House {
    pub(crate) fn new(setup: Setup) -> House {
        let dir = tempfile::tempdir().unwrap();
        let operators = vec!["ops-2:O2".parse().unwrap(), LEAD.parse().unwrap()];
        Monitor::init(&Tree::new(dir.path()), operators, second(0)).unwrap();
        // SEV0 takes a baseline that sensitive data exceeds by far.
        let time = "2024-01-01T00:00:00Z";
        let baselines = format!(
            r#"{{"version":"1.0.0","updated_at":"{time}","baselines":[{{"scenario_id":"LEAK","median_credits":10,"calculated_at":"{time}","sample_size":10,"last_updated":"{time}"}}]}}"#
        );
        std::fs::write(Tree::new(dir.path()).baselines(), baselines).unwrap();
        let server = Server::start();
        House::in_folder(dir, server, setup)
    }

    fn in_folder(dir: tempfile::TempDir, server: Server, setup: Setup) -> House {
        let webhooks = webhooks(&server, &setup);
        let (threads, notion) = clients(&server);
        let to = destinations(&server, &setup);
        let monitor = Monitor::open(&Tree::new(dir.path()), second(0)).unwrap();
        House {
            monitor: monitor.with_destinations(to, second(0)).unwrap(),
            slack: WebhookSlack::new(Ureq::new(PATIENCE), webhooks),
            threads,
            notion,
            seconds: Cell::new(0),
            dir,
            server,
            setup,
        }
    }

    /// The same tree and server, opened by another process that tells others.
    pub(crate) fn reopened(self, setup: Setup) -> House {
        let House {
            dir,
            server,
            seconds,
            ..
        } = self;
        let house = House::in_folder(dir, server, setup);
        house.seconds.set(seconds.get());
        house
    }

    pub(crate) fn tree(&self) -> Tree {
        Tree::new(self.dir.path())
    }

    pub(crate) fn now(&self) -> Timestamp {
        second(self.seconds.get())
    }

    pub(crate) fn wait(&self, seconds: i64) {
        self.seconds.set(self.seconds.get() + seconds);
        self.server.world().now = self.seconds.get();
    }

    /// A run of a scenario that has no baseline, which is SEV1.
    pub(crate) fn observe(&self, id: &str, credits: u64) -> Outcome {
        self.observe_run(run(id, "EXPORT", credits))
    }

    pub(crate) fn observe_run(&self, run: Run) -> Outcome {
        self.monitor.observe(run, self.now()).unwrap()
    }

    pub(crate) fn drain(&self, budget: Duration) -> Report {
        let outbox = self.monitor.outbox().unwrap();
        outbox
            .drain(self.senders(), &|| self.now(), budget)
            .unwrap()
    }

    pub(crate) fn senders(&self) -> Senders<'_> {
        let notion = self.setup.runs || self.setup.cases;
        Senders {
            slack: (!self.setup.webhooks.is_empty()).then_some(&self.slack),
            threads: self.setup.bot.then_some(&self.threads),
            notion: notion.then_some(&self.notion),
        }
    }

    /// Drains second by second until nothing is left that waiting could send.
    #[track_caller]
    pub(crate) fn drain_all(&self) -> u64 {
        let mut sent = 0;
        for _ in 0..5_000 {
            let report = self.drain(Duration::from_secs(1));
            assert!(report.file_errors.is_empty(), "{:?}", report.file_errors);
            sent += report.sent;
            let Some(due) = report.next_due else {
                return sent;
            };
            let wait = due.unix() - self.now().unix();
            self.wait(wait.max(1));
        }
        panic!(
            "still open: {:?}",
            self.monitor.outbox().unwrap().status(self.now())
        );
    }

    /// Drains second by second for so long.
    pub(crate) fn drain_all_until(&self, seconds: i64) -> u64 {
        (0..seconds)
            .map(|_| {
                self.wait(1);
                self.drain(Duration::from_secs(1)).sent
            })
            .sum()
    }

    pub(crate) fn decide(&self, actor: &str, what: What) -> Event {
        let actor = Actor::Operator(actor.parse().unwrap());
        self.monitor.decide(&actor, what, self.now()).unwrap()
    }

    pub(crate) fn texts(&self) -> Vec<String> {
        let world = self.server.world();
        world.messages.iter().map(|m| m.text.clone()).collect()
    }
}

pub(crate) fn destinations(server: &Server, setup: &Setup) -> Destinations {
    let database = || Some(DATABASE.parse().unwrap());
    Destinations {
        webhooks: (!setup.webhooks.is_empty()).then(|| webhooks(server, setup)),
        bot: setup.bot.then(|| BotChannels {
            security: Some("#security-incidents".parse().unwrap()),
        }),
        runs: setup.runs.then(database).flatten(),
        cases: setup.cases.then(database).flatten(),
        on_call: vec!["S0ONCALL @oncall-o3".parse().unwrap()],
        leads: vec!["U0LEAD @eng-lead".parse().unwrap()],
        security: vec!["S0SEC @security".parse().unwrap()],
        ..Destinations::default()
    }
}

fn webhooks(server: &Server, setup: &Setup) -> Webhooks {
    Webhooks::read(|variable| {
        let (_, path) = setup
            .webhooks
            .iter()
            .find(|(end, _)| variable.ends_with(&format!("_{end}")))?;
        Some(match *path {
            "" => String::new(),
            path => server.url(&format!("/services/T/B/{path}")),
        })
    })
    .unwrap()
}

pub(crate) fn run(id: &str, scenario: &str, credits: u64) -> Run {
    let scenario: ScenarioId = scenario.parse().unwrap();
    let credits = Credits::whole(credits).unwrap();
    Run::new(
        id.parse().unwrap(),
        scenario,
        second(0),
        Status::Success,
        credits,
    )
}

/// A run that touched personal data, which is SEV0.
pub(crate) fn leak(id: &str) -> Run {
    let mut run = run(id, "LEAK", 130);
    run.risk_flags = [RiskFlag::PiiExposure].into_iter().collect();
    run
}

pub(crate) fn second(n: i64) -> Timestamp {
    Timestamp::from_unix(1_738_317_600 + n).unwrap()
}
