//! The short texts of records and files: what is accepted is written as it was read, and is safe
//! where it goes.

use std::fmt::Display;
use std::str::FromStr;

use credit_core::{
    Action, BaselineStatus, CaseCategory, CaseId, CaseStatus, CreditsPerItem, Exposure,
    ExposureBand, JobType, Likelihood, Reason, RiskFlag, RootCause, RunId, ScenarioId, Severity,
    Sha256, Status, Weekday,
};
use credit_governance::{DeliveryStep, Role, Text, ThreadUrl};

pub(crate) fn check(text: &str) {
    for id in [
        same::<RunId>(text),
        same::<ScenarioId>(text),
        same::<CaseId>(text),
    ] {
        // Ids are names of files.
        assert!(!id || !text.contains(['/', '\\', '\0']) && !text.contains(".."));
    }
    let words = [
        same::<Action>(text),
        same::<BaselineStatus>(text),
        same::<CaseCategory>(text),
        same::<CaseStatus>(text),
        same::<Exposure>(text),
        same::<ExposureBand>(text),
        same::<JobType>(text),
        same::<Likelihood>(text),
        same::<Reason>(text),
        same::<RiskFlag>(text),
        same::<Role>(text),
        same::<RootCause>(text),
        same::<Severity>(text),
        same::<Status>(text),
        same::<Weekday>(text),
    ];
    assert!(!words.contains(&true) || text.is_ascii());
    if let Ok(hash) = text.parse::<Sha256>() {
        assert_eq!(hash.to_string(), text.to_ascii_lowercase());
    }
    if let Ok(price) = text.parse::<CreditsPerItem>() {
        assert_eq!(price.to_string().parse(), Ok(price));
    }
    if let Ok(said) = text.parse::<Text>() {
        assert_eq!(said.as_str(), text.trim());
        assert!(!said.as_str().contains(char::is_control));
    }
    if let Ok(url) = text.parse::<ThreadUrl>() {
        assert!(url.as_str().starts_with("https://") && url.as_str().is_ascii());
    }
    if let Ok(step) = text.parse::<DeliveryStep>() {
        assert_eq!(step.as_str(), text);
        assert!(!text.contains(['\n', '\r']));
    }
}

/// Whether it is one, which then is written as it was read.
fn same<T: FromStr + Display>(text: &str) -> bool {
    let read = text.parse::<T>();
    if let Ok(read) = &read {
        assert_eq!(read.to_string(), text);
    }
    read.is_ok()
}
