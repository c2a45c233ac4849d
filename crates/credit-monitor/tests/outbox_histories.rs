//! Random histories of the outbox against a model: runs, decisions, mutes, restarts, processes
//! that die while they send, and a Slack and a Notion that answer anything.
//!
//! What the other side was asked is written down there, and judged by rules that know nothing of
//! how the outbox works: nothing is lost, nothing is doubled but marked, order holds in channels
//! and pages, nobody is asked before a pause is over, and a channel once a second at most.
//!
//! A few dozen histories by default; `PROPTEST_CASES=2000` takes minutes.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test may panic, and PROPTEST_CASES is the tests' own switch"
)]

mod delivery;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use credit_monitor::core::{CaseId, Timestamp};
use credit_monitor::governance::{
    Actor, AlertsMuted, AlertsUnmuted, Approval, CaseAcknowledged, EventId, MuteScope, Verb, What,
};
use credit_monitor::notify::memory::MemoryNotion;
use credit_monitor::notify::notion::{
    DataSourceId, DatabaseId, Page, PageId, PageRef, Properties, Schema,
};
use credit_monitor::notify::routing::Address;
use credit_monitor::notify::slack::{Message, Posted};
use credit_monitor::notify::{Answer, Link, Notion, NotionReader, Reason, Slack, SlackThreads};
use credit_monitor::{BotChannels, Destinations, Monitor, Senders, Tree};
use delivery::{DATABASE, LEAD, leak, run, second};
use proptest::prelude::*;

const OPS: &str = "ops-2:O2";

/// What happens in a history.
#[derive(Clone, Debug)]
enum Step {
    /// Runs of scenarios of their own, each SEV1 and a case.
    Spikes(u8),
    /// A run of a scenario that has a case perhaps.
    Another,
    /// A run that is SEV0.
    Leak,
    /// Somebody takes care of a case that nobody takes care of.
    Acknowledge,
    Mute {
        seconds: i64,
        include_sev0: bool,
    },
    Unmute,
    Wait(i64),
    Drain,
    /// Another process goes on.
    Restart,
    /// An operator wants everything sent again that was refused.
    Release,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Done,
    /// Not done.
    Retry,
    Pause(u64),
    Park,
    /// Nobody knows.
    Unknown {
        committed: bool,
    },
    /// The asking process dies.
    Death {
        committed: bool,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (1..4_u8).prop_map(Step::Spikes),
        1 => Just(Step::Spikes(9)),
        2 => Just(Step::Another),
        2 => Just(Step::Leak),
        3 => Just(Step::Acknowledge),
        1 => (1..200_i64, any::<bool>())
            .prop_map(|(seconds, include_sev0)| Step::Mute { seconds, include_sev0 }),
        1 => Just(Step::Unmute),
        4 => (0..60_i64).prop_map(Step::Wait),
        1 => (60..900_i64).prop_map(Step::Wait),
        6 => Just(Step::Drain),
        2 => Just(Step::Restart),
        1 => Just(Step::Release),
    ]
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        12 => Just(Fate::Done),
        1 => Just(Fate::Retry),
        1 => (1..90_u64).prop_map(Fate::Pause),
        1 => Just(Fate::Park),
        2 => any::<bool>().prop_map(|committed| Fate::Unknown { committed }),
        2 => any::<bool>().prop_map(|committed| Fate::Death { committed }),
    ]
}

/// How a request ended, as far as who asked knows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Ended {
    Yes,
    No,
    Refused,
    Unknown,
}

/// One request, as the other side saw it.
#[derive(Clone, Debug)]
struct Seen {
    at: i64,
    place: Place,
    what: Asked,
    ended: Ended,
}

#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Place {
    Channel(String),
    Notion,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Asked {
    /// A message by what it says, and whether it says that it may be a repeat.
    Post {
        key: String,
        marked: bool,
    },
    Reply {
        key: String,
        marked: bool,
    },
    Create(String),
    /// What may be asked again at any time.
    Harmless,
}

#[derive(Debug, Default)]
struct World {
    now: i64,
    fates: VecDeque<Fate>,
    seen: Vec<Seen>,
    messages: Vec<(String, String)>,
    /// Until when Slack and Notion want to be left alone.
    paused: [i64; 2],
}

/// Slack and Notion.
#[derive(Debug)]
struct Others {
    world: Mutex<World>,
    notion: MemoryNotion,
    ledger: std::path::PathBuf,
}

/// What a process that dies leaves by.
struct Died;

impl Others {
    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Timestamp {
        second(self.world().now)
    }

    /// One request: what it asks for is done, or not, as the next fate wants it.
    fn asked<T>(&self, place: Place, what: Asked, done: impl FnOnce() -> Answer<T>) -> Answer<T> {
        let fate = {
            let mut world = self.world();
            let to = usize::from(place == Place::Notion);
            assert!(
                world.now >= world.paused[to],
                "{place:?} is asked in its pause"
            );
            let fate = world.fates.pop_front().unwrap_or(Fate::Done);
            if let Fate::Pause(seconds) = fate {
                world.paused[to] = world.now + seconds.cast_signed();
            }
            let ended = match fate {
                Fate::Done => Ended::Yes,
                Fate::Retry | Fate::Pause(_) => Ended::No,
                Fate::Park => Ended::Refused,
                Fate::Unknown { .. } | Fate::Death { .. } => Ended::Unknown,
            };
            let at = world.now;
            world.seen.push(Seen {
                at,
                place,
                what,
                ended,
            });
            fate
        };
        let reason = Reason::new("as planned");
        match fate {
            Fate::Done => done(),
            Fate::Retry => Answer::Retry { reason },
            Fate::Pause(seconds) => Answer::Pause {
                wait: Some(Duration::from_secs(seconds)),
                reason,
            },
            Fate::Park => Answer::Park { reason },
            Fate::Unknown { committed } => {
                if committed {
                    let _nobody_hears = done();
                }
                Answer::Unknown { reason }
            }
            Fate::Death { committed } => {
                if committed {
                    let _nobody_hears = done();
                }
                resume_unwind(Box::new(Died))
            }
        }
    }

    fn keep(&self, channel: &str, text: &str) -> Posted {
        let mut world = self.world();
        world.messages.push((channel.to_owned(), text.to_owned()));
        Posted {
            channel: channel.to_owned(),
            ts: world.messages.len().to_string(),
        }
    }
}

/// What a message says, without the mark; the links in it may change from one attempt to the next.
fn key(message: &Message) -> (String, bool) {
    let text = message.text();
    let plain = text.strip_prefix("(possible repeat) ");
    let json = serde_json::to_value(message).unwrap();
    let list = json["blocks"].as_array().unwrap().last().unwrap();
    let said = plain.unwrap_or(text);
    let key = match said.contains("credit alerts") || said.contains("while muted") {
        true => format!("{said} {list}"),
        false => said.to_owned(),
    };
    (key, plain.is_some())
}

impl Slack for Others {
    fn post(&self, to: &Address, message: &Message) -> Answer<Option<Posted>> {
        let (key, marked) = key(message);
        // Nothing is sent before its run is durable.
        if let Some((_, rest)) = key.split_once(", run ") {
            let id = rest.split_once(':').map_or(rest, |(id, _)| id);
            let ledger = fs::read_to_string(&self.ledger).unwrap();
            assert!(
                ledger.contains(&format!("{{\"Run_ID\":\"{id}\"")),
                "{id} is not kept"
            );
        }
        let (channel, text) = (to.to_string(), message.text().to_owned());
        let post = Asked::Post { key, marked };
        self.asked(Place::Channel(channel.clone()), post, || {
            Answer::Done(Some(self.keep(&channel, &text)))
        })
    }
}

impl SlackThreads for Others {
    fn reply(&self, to: &Posted, message: &Message) -> Answer<Posted> {
        let (said, marked) = key(message);
        let at: usize = to.ts.parse().unwrap();
        // Below a digest the same words may be said of several cases.
        let is_alone = self.world().messages[at - 1].1.contains(", run ");
        let key = format!("{} {said}", to.ts);
        let reply = match is_alone {
            true => Asked::Reply { key, marked },
            false => Asked::Harmless,
        };
        self.asked(Place::Channel(to.channel.clone()), reply, || {
            Answer::Done(self.keep(&to.channel, message.text()))
        })
    }

    fn update(&self, posted: &Posted, message: &Message) -> Answer<()> {
        self.asked(
            Place::Channel(posted.channel.clone()),
            Asked::Harmless,
            || {
                let at: usize = posted.ts.parse().unwrap();
                self.world().messages[at - 1].1 = message.text().to_owned();
                Answer::Done(())
            },
        )
    }

    fn permalink(&self, posted: &Posted) -> Answer<Link> {
        self.asked(
            Place::Channel(posted.channel.clone()),
            Asked::Harmless,
            || {
                let link = format!("https://x.slack.com/archives/C1/p{}", posted.ts);
                Answer::Done(link.parse().unwrap())
            },
        )
    }
}

impl NotionReader for Others {
    fn resolve(&self, database: &DatabaseId) -> Answer<DataSourceId> {
        self.asked(Place::Notion, Asked::Harmless, || {
            self.notion.resolve(database)
        })
    }

    fn schema(&self, source: &DataSourceId) -> Answer<Schema> {
        self.asked(Place::Notion, Asked::Harmless, || {
            self.notion.schema(source)
        })
    }

    fn find(&self, source: &DataSourceId, by: &str, title: &str) -> Answer<Vec<PageRef>> {
        self.asked(Place::Notion, Asked::Harmless, || {
            self.notion.find(source, by, title)
        })
    }

    fn page(&self, page: &PageId) -> Answer<PageRef> {
        self.asked(Place::Notion, Asked::Harmless, || self.notion.page(page))
    }
}

impl Notion for Others {
    fn create(&self, source: &DataSourceId, page: &Page) -> Answer<PageRef> {
        let create = Asked::Create(page.title().to_owned());
        self.asked(Place::Notion, create, || self.notion.create(source, page))
    }

    fn update(&self, page: &PageId, properties: &Properties) -> Answer<PageRef> {
        // Order in a page: it is there before it is changed.
        assert!(
            self.notion.pages().contains_key(page),
            "a page that is not there is changed"
        );
        self.asked(Place::Notion, Asked::Harmless, || {
            self.notion.update(page, properties)
        })
    }

    fn lock(&self, page: &PageId, locked: bool) -> Answer<PageRef> {
        self.asked(Place::Notion, Asked::Harmless, || {
            self.notion.lock(page, locked)
        })
    }
}

/// What a history did, as whoever wrote it down knows.
#[derive(Default)]
struct Model {
    /// Runs that somebody is to be alerted of, in their order.
    alerts: Vec<String>,
    runs: Vec<String>,
    open: VecDeque<CaseId>,
    cases: BTreeSet<String>,
    acknowledged: BTreeSet<String>,
    /// From when until when what is held back.
    mutes: Vec<(i64, i64, bool, EventId)>,
}

struct History {
    dir: tempfile::TempDir,
    others: Others,
    monitor: Option<Monitor>,
    model: Model,
}

impl History {
    fn begin(fates: Vec<Fate>) -> History {
        let dir = tempfile::tempdir().unwrap();
        let tree = Tree::new(dir.path());
        let operators = vec![OPS.parse().unwrap(), LEAD.parse().unwrap()];
        Monitor::init(&tree, operators, second(0)).unwrap();
        let time = "2024-01-01T00:00:00Z";
        let baselines = format!(
            r#"{{"version":"1.0.0","updated_at":"{time}","baselines":[{{"scenario_id":"LEAK","median_credits":10,"calculated_at":"{time}","sample_size":10,"last_updated":"{time}"}}]}}"#
        );
        fs::write(tree.baselines(), baselines).unwrap();
        let world = World {
            fates: fates.into(),
            ..World::default()
        };
        let others = Others {
            world: Mutex::new(world),
            notion: MemoryNotion::default(),
            ledger: tree.ledger(),
        };
        let mut history = History {
            dir,
            others,
            monitor: None,
            model: Model::default(),
        };
        history.restart();
        history
    }

    fn restart(&mut self) {
        let database = || Some(DATABASE.parse().unwrap());
        let to = Destinations {
            bot: Some(BotChannels::default()),
            runs: database(),
            cases: database(),
            ..Destinations::default()
        };
        self.monitor = None;
        let now = self.others.now();
        let monitor = Monitor::open(&Tree::new(self.dir.path()), now).unwrap();
        self.monitor = Some(monitor.with_destinations(to, now).unwrap());
    }

    fn monitor(&self) -> &Monitor {
        self.monitor.as_ref().unwrap()
    }

    fn take(&mut self, step: &Step) {
        let now = self.others.world().now;
        match step {
            Step::Spikes(n) => {
                for _ in 0..*n {
                    let scenario = format!("S-{}", self.model.runs.len());
                    self.observe(run(&self.next_id(), &scenario, 100));
                }
            }
            Step::Another => self.observe(run(&self.next_id(), "S-0", 100)),
            Step::Leak => self.observe(leak(&self.next_id())),
            Step::Acknowledge => {
                if let Some(case) = self.model.open.pop_front() {
                    self.model.acknowledged.insert(case.to_string());
                    let what = What::CaseAcknowledged(CaseAcknowledged { case });
                    let ops = Actor::Operator(OPS.parse().unwrap());
                    self.monitor().decide(&ops, what, second(now)).unwrap();
                }
            }
            Step::Mute {
                seconds,
                include_sev0,
            } => {
                let muted = AlertsMuted {
                    scope: MuteScope::All,
                    include_sev0: *include_sev0,
                    reason: "a planned load test".parse().unwrap(),
                    expires: second(now + seconds),
                };
                let lead = Actor::Operator(LEAD.parse().unwrap());
                let approval = Approval::alone(&lead, Verb::MuteAlerts, muted).unwrap();
                let event = self.monitor().enact(approval, second(now)).unwrap();
                let mute = (now, now + seconds, *include_sev0, event.id());
                self.model.mutes.push(mute);
            }
            Step::Unmute => {
                let on = self
                    .model
                    .mutes
                    .iter_mut()
                    .find(|(_, until, ..)| now < *until);
                if let Some((_, until, _, mute)) = on {
                    *until = now;
                    let what = What::AlertsUnmuted(AlertsUnmuted {
                        mute: mute.clone(),
                        reason: "it is over".parse().unwrap(),
                    });
                    let lead = Actor::Operator(LEAD.parse().unwrap());
                    self.monitor().decide(&lead, what, second(now)).unwrap();
                }
            }
            Step::Wait(seconds) => self.others.world().now += seconds,
            Step::Drain => {
                self.drain();
            }
            Step::Restart => self.restart(),
            Step::Release => self.release(),
        }
    }

    fn next_id(&self) -> String {
        format!("RUN-{}", self.model.runs.len())
    }

    fn observe(&mut self, run: credit_monitor::core::Run) {
        let id = run.run_id.to_string();
        let now = self.others.now();
        let outcome = self.monitor().observe(run, now).unwrap();
        self.model.runs.push(id.clone());
        self.model.alerts.push(id);
        let case = outcome.case.unwrap();
        if self.model.cases.insert(case.to_string()) {
            self.model.open.push_back(case);
        }
    }

    /// Drains; the next process goes on where this one dies. When to come back.
    fn drain(&mut self) -> Option<Timestamp> {
        let others = &self.others;
        let senders = Senders {
            slack: None,
            threads: Some(others),
            notion: Some(others),
        };
        let outbox = self.monitor().outbox().unwrap();
        let drained = catch_unwind(AssertUnwindSafe(|| {
            outbox.drain(senders, &|| others.now(), Duration::from_secs(5))
        }));
        match drained {
            Ok(report) => {
                let report = report.unwrap();
                assert!(!report.busy && report.file_errors.is_empty());
                report.next_due
            }
            Err(died) => {
                assert!(died.is::<Died>(), "the outbox panicked");
                self.restart();
                Some(self.others.now())
            }
        }
    }

    fn release(&self) {
        let now = self.others.now();
        let outbox = self.monitor().outbox().unwrap();
        let ops = Actor::Operator(OPS.parse().unwrap());
        for owed in outbox.status(now).unwrap().owed {
            if owed.is_parked() {
                outbox.release(&owed.item, &ops, now).unwrap();
            }
        }
    }

    /// Everybody says yes from now on, and everything is sent.
    fn end(&mut self) {
        self.others.world().fates.clear();
        self.release();
        for _ in 0..2_000 {
            match self.drain() {
                Some(due) => {
                    let wait = due.unix() - self.others.now().unix();
                    self.others.world().now += wait.max(1);
                }
                None => return,
            }
        }
        panic!(
            "never done: {:?}",
            self.monitor().archive().outbox_status(self.others.now())
        );
    }

    fn judge(&self) {
        let status = self.monitor().archive().outbox_status(self.others.now());
        let status = status.unwrap();
        assert_eq!((status.waiting(), status.parked()), (0, 0), "{status:?}");
        assert_eq!(status.held, []);
        let verified = self.monitor().archive().verify(None, &|_, _| {}).unwrap();
        assert!(verified.ok(), "{:?}", verified.findings);

        let world = self.others.world();
        self.nothing_is_lost_or_invented(&world.seen);
        self.pages_are_there_once();
        repeats_are_marked(&world.seen);
        once_a_second(&world.seen);
        self.in_order(&world.seen);
        self.mutes_hold(&world.seen);
        self.states_are_shown(&world.messages);
    }

    /// Every alert is a message or a part of one digest.
    fn nothing_is_lost_or_invented(&self, seen: &[Seen]) {
        let mut alone: BTreeSet<&str> = BTreeSet::new();
        let mut digests: BTreeMap<&str, usize> = BTreeMap::new();
        for post in posts(seen).filter(|post| post.ended == Ended::Yes) {
            let key = key_of(post).unwrap();
            if let Some((_, rest)) = key.split_once(", run ") {
                let is_new = alone.insert(rest.split(':').next().unwrap());
                assert!(is_new, "{key} is answered with yes twice");
            } else if let Some((n, _)) = key.split_once(" credit alert") {
                digests.insert(key, n.parse().unwrap());
            } else {
                panic!("{key}");
            }
        }
        let folded: usize = digests.values().sum();
        assert_eq!(
            alone.len() + folded,
            self.model.alerts.len(),
            "{alone:?} {digests:?} of {:?}",
            self.model.alerts
        );
    }

    fn pages_are_there_once(&self) {
        let pages = self.others.notion.pages();
        let mut titles: Vec<&str> = pages.values().map(|page| page.title.as_str()).collect();
        titles.sort_unstable();
        let cases = self.model.cases.iter().map(String::as_str);
        let mut wanted: Vec<&str> = self.model.runs.iter().map(String::as_str).collect();
        wanted.extend(cases);
        wanted.sort_unstable();
        assert_eq!(titles, wanted);
        for page in pages
            .values()
            .filter(|page| page.title.starts_with("CASE-"))
        {
            let last = page.properties.iter().rev().find_map(|set| {
                let json = serde_json::to_value(set).unwrap();
                json["Status"]["select"]["name"].as_str().map(str::to_owned)
            });
            let wanted = match self.model.acknowledged.contains(&page.title) {
                true => "Investigating",
                false => "Open",
            };
            assert_eq!(last.as_deref(), Some(wanted), "{}", page.title);
        }
    }

    /// Of the alerts of one channel that were never refused, the first attempts come in their order.
    fn in_order(&self, seen: &[Seen]) {
        let refused: BTreeSet<&str> = posts(seen)
            .filter(|post| post.ended == Ended::Refused)
            .filter_map(|post| key_of(post))
            .collect();
        let mut first: Vec<&str> = Vec::new();
        for post in posts(seen) {
            let key = key_of(post).unwrap();
            let is_sev1 = key.starts_with("SEV1 credit alert: ");
            if is_sev1 && !refused.contains(key) && !first.contains(&key) {
                first.push(key);
            }
        }
        let number = |key: &&str| -> usize {
            let (_, rest) = key.split_once(", run RUN-").unwrap();
            rest.split(':').next().unwrap().parse().unwrap()
        };
        let numbers: Vec<usize> = first.iter().map(number).collect();
        assert!(numbers.is_sorted(), "{numbers:?}");
    }

    /// While alerts are muted, only what may have been sent before is sent.
    fn mutes_hold(&self, seen: &[Seen]) {
        let mut doubted: BTreeSet<&str> = BTreeSet::new();
        for post in posts(seen) {
            let key = key_of(post).unwrap();
            let is_sev0 = key.starts_with("SEV0");
            let muted = self
                .model
                .mutes
                .iter()
                .any(|(from, until, include_sev0, _)| {
                    (*from..*until).contains(&post.at) && (!is_sev0 || *include_sev0)
                });
            let is_alert = key.contains(" credit alert: ");
            // A second can hold both: an alert, and then the mute.
            let just_now = self.model.mutes.iter().any(|(from, ..)| *from == post.at);
            assert!(
                !muted || !is_alert || doubted.contains(key) || just_now,
                "{key} is sent"
            );
            if post.ended == Ended::Unknown {
                doubted.insert(key);
            }
        }
    }

    /// The alert of a case that somebody takes care of says so.
    fn states_are_shown(&self, messages: &[(String, String)]) {
        let shown = messages
            .iter()
            .filter(|(_, text)| text.ends_with(" (Investigating)"));
        for (_, text) in shown {
            assert!(text.contains(" credit alert: "), "{text}");
        }
        for case in &self.model.acknowledged {
            let id: CaseId = case.parse().unwrap();
            let run = self.monitor().with_docket(|docket| {
                let case = docket.case(&id).unwrap();
                case.primary().unwrap().run.run_id.to_string()
            });
            let run = format!(", run {}:", run.unwrap());
            let alerts = messages.iter().filter(|(_, text)| text.contains(&run));
            let alerts: Vec<&str> = alerts.map(|(_, text)| text.as_str()).collect();
            let shown = alerts
                .iter()
                .filter(|text| text.ends_with(" (Investigating)"));
            // Where it is a part of a digest, nothing stands for it alone.
            assert_eq!(shown.count(), usize::from(!alerts.is_empty()), "{alerts:?}");
        }
    }
}

fn posts(seen: &[Seen]) -> impl Iterator<Item = &Seen> {
    seen.iter()
        .filter(|seen| matches!(seen.what, Asked::Post { .. }))
}

fn key_of(seen: &Seen) -> Option<&str> {
    match &seen.what {
        Asked::Post { key, .. } | Asked::Reply { key, .. } => Some(key),
        _ => None,
    }
}

/// A message is sent again only if it was not sent or may not have been, and marked in the second
/// case only; what was answered with yes is never sent again, and neither is a page created.
fn repeats_are_marked(seen: &[Seen]) {
    let mut messages: BTreeMap<&str, (bool, bool)> = BTreeMap::new();
    let mut created: BTreeSet<&str> = BTreeSet::new();
    for request in seen {
        match &request.what {
            Asked::Post { key, marked, .. } | Asked::Reply { key, marked } => {
                let (is_done, in_doubt) = messages.entry(key).or_default();
                assert!(!*is_done, "{key} is sent again");
                assert_eq!(marked, in_doubt, "{key}");
                *is_done |= request.ended == Ended::Yes;
                *in_doubt |= request.ended == Ended::Unknown;
            }
            Asked::Create(title) => {
                assert!(
                    !created.contains(title.as_str()),
                    "{title} is created again"
                );
                if request.ended == Ended::Yes {
                    created.insert(title);
                }
            }
            Asked::Harmless => {}
        }
    }
}

fn once_a_second(seen: &[Seen]) {
    let mut last: BTreeMap<&Place, i64> = BTreeMap::new();
    for request in seen {
        if let Place::Channel(_) = request.place {
            let before = last.insert(&request.place, request.at);
            assert!(
                before.is_none_or(|before| before < request.at),
                "{request:?}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: std::env::var("PROPTEST_CASES").map_or(24, |n| n.parse().unwrap()),
        failure_persistence: None,
        max_shrink_iters: 200,
        ..ProptestConfig::default()
    })]

    #[test]
    fn whatever_happens_everything_is_told_once(
        steps in prop::collection::vec(step(), 5..45),
        fates in prop::collection::vec(fate(), 0..80),
    ) {
        let mut history = History::begin(fates);
        for step in &steps {
            history.take(step);
        }
        history.end();
        history.judge();
    }
}
