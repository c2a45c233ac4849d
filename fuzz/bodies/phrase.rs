//! `Phrase`: never a panic, and what is understood is understood when it is said plainly, too.

use credit_governance::{Phrase, PhraseError};

pub(crate) fn check(text: &str) {
    let said: Result<Phrase, PhraseError> = text.parse();
    let plainly = match &said {
        Ok(Phrase::Acknowledge { role, name, case }) => {
            format!("ACK - {role} {name} investigating {case}")
        }
        Ok(Phrase::ApproveRerun { mitigation }) => format!("APPROVED for rerun - {mitigation}"),
        Ok(Phrase::DenyRerun { reason }) => format!("DENIED - {reason}"),
        Err(_) => return,
    };
    assert_eq!(plainly.parse(), said);
}
