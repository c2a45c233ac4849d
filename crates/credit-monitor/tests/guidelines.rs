//! What `docs/api-guidelines.md` says of types, as the compiler sees it.

use std::error::Error;
use std::fmt::Debug;

use credit_monitor::{
    Archive, Batch, Config, Figures, Monitor, ObserveError, Outcome, Refusal, RunFileError,
    Stopwatch, Tree,
};
use credit_monitor::{baseline, core, governance, ledger, notify, policy};

fn is_shared<T: Debug + Send + Sync + 'static>() {}

/// An error, by a name that ends as errors do or says why something is refused.
fn is_an_error<E: Error + Send + Sync + 'static>() {
    let name = std::any::type_name::<E>();
    let last = name.rsplit("::").next().unwrap_or(name);
    let reasons = ["Denied", "Refusal", "Refused", "Failure", "Unexplained"];
    assert!(last.ends_with("Error") || reasons.contains(&last), "{name}");
}

#[test]
fn what_is_shared_is_send_and_sync() {
    is_shared::<Monitor>();
    is_shared::<Archive>();
    is_shared::<Config>();
    is_shared::<Tree>();
    is_shared::<Outcome>();
    is_shared::<Batch>();
    is_shared::<Figures>();
    is_shared::<Stopwatch>();
    is_shared::<policy::Policy>();
    is_shared::<baseline::Baselines>();
    is_shared::<governance::Docket>();
    is_shared::<ledger::Ledger>();
    is_shared::<ledger::Reader>();
    is_shared::<ledger::Pending>();
    is_shared::<Box<dyn ledger::Storage>>();
    is_shared::<Box<dyn notify::Slack>>();
    is_shared::<Box<dyn notify::SlackThreads>>();
    is_shared::<Box<dyn notify::Notion>>();
    is_shared::<Box<dyn notify::NotionSchema>>();
    is_shared::<notify::Token>();
}

#[test]
fn errors_are_errors_that_threads_can_hand_on() {
    is_an_error::<credit_monitor::Error>();
    is_an_error::<ObserveError>();
    is_an_error::<Refusal>();
    is_an_error::<RunFileError>();
    is_an_error::<core::CreditsError>();
    is_an_error::<core::RunError>();
    is_an_error::<core::TimestampError>();
    is_an_error::<core::Sha256Error>();
    is_an_error::<policy::PolicyError>();
    is_an_error::<baseline::BaselinesError>();
    is_an_error::<governance::Denied>();
    is_an_error::<governance::Refusal>();
    is_an_error::<governance::DocketError>();
    is_an_error::<governance::EventError>();
    is_an_error::<governance::OperatorsError>();
    is_an_error::<ledger::OpenError>();
    is_an_error::<ledger::AppendError>();
    is_an_error::<ledger::ReadError>();
    is_an_error::<ledger::ImportError>();
    is_an_error::<ledger::RecordError>();
    is_an_error::<ledger::StorageError>();
    is_an_error::<notify::SettingError>();
    is_an_error::<notify::client::Failure>();
    is_an_error::<notify::routing::WebhooksError>();
}
