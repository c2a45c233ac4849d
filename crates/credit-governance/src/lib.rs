#![doc = include_str!("../README.md")]

mod approval;
pub mod audit;
mod case;
mod decide;
mod docket;
mod due;
mod event;
mod operator;
mod phrase;
mod plan;
mod recommend;
mod release;
mod rerun;
mod rules;
mod subject;
mod text;
mod verb;
mod what;

pub use approval::Approval;
pub use case::{
    Call, Case, Duty, ExposureFinding, Missing, Note, Overdue, RootCauseFinding, Stamp, Step,
};
pub use decide::{Enactable, Refusal};
pub use docket::{
    Approved, Backfill, BaselineChange, Decided, Docket, DocketError, Mute, Past, Position,
    Proposed, Quarantine, Rerun, RerunStage, RunState, Settled, SnapshotError, Standing,
};
pub use event::{Event, EventError, EventId};
pub use operator::{Actor, Denied, Operator, Operators, OperatorsError, Role};
pub use phrase::{Phrase, PhraseError};
pub use plan::{Effect, JudgedRun, plan};
pub use recommend::recommend;
pub use release::{Releasable, ReleaseUnmet};
pub use rerun::{GatedRun, Remedies, RerunNeed, RerunOffer, RerunStanding, RerunTerms, RerunUnmet};
pub use rules::{PatternRule, Rules};
pub use subject::*;
pub use text::{Text, TextError, ThreadUrl};
pub use verb::Verb;
pub use what::What;
