#![doc = include_str!("../README.md")]

mod adoption;
mod archive;
mod audit;
mod backtest;
mod baseline_approval;
mod baseline_history;
mod baseline_update;
mod config;
mod decisions;
pub mod doctor;
mod error;
mod events;
mod explain;
mod figures;
mod files;
mod gates;
mod governed;
mod import;
mod init;
mod live_docket;
mod lock;
mod monitor;
mod objects;
mod outbox;
mod outcome;
mod outcomes;
mod parallel;
mod partials;
mod quarantine;
mod recovered;
mod rehearsal;
mod repair;
mod ruling;
mod run_files;
mod scenario;
mod settle;
mod statistics;
mod tree;
mod verify;
mod weekly;

pub use credit_baseline as baseline;
pub use credit_core as core;
pub use credit_governance as governance;
pub use credit_ledger as ledger;
pub use credit_notify as notify;
pub use credit_policy as policy;
pub use credit_report as report;

pub use adoption::Candidate;
pub use archive::{Archive, Dispatch, EVENTS, Filter, RUNS};
pub use backtest::{BacktestReport, BacktestRequest};
pub use baseline_approval::BaselineOutcome;
pub use baseline_history::{BaselineAsOf, BaselineVersion, Drifted, Standing, VersionBy};
pub use baseline_update::{Draft, Grounds, TellWeekdays};
pub use config::{Config, Hashed, read_operators};
pub use error::{Error, Refusal};
pub use explain::Unexplained;
pub use figures::{Figures, RunFigures, Stopwatch};
pub use gates::Rerun;
pub use monitor::{Batch, Monitor, ObserveError};
pub use outbox::{
    BotChannels, Destinations, HeldBack, Outbox, OutboxStatus, Owed, OwedState, Report, Senders,
    UrlPattern, Withdrawn,
};
pub use outcome::{Outcome, Verdict};
#[doc(hidden)]
pub use partials::rewritten_partials;
pub use quarantine::{Manifest, Payload, PayloadFile, Release};
pub use rehearsal::Rehearsal;
pub use repair::Repair;
pub use run_files::RunFileError;
pub use scenario::ScenarioConfig;
pub use statistics::Checked;
pub use tree::Tree;
pub use verify::{TreeFinding, TreeVerification};
pub use weekly::{Difference, ReportRequest, Reproduced, WrittenReport};
