//! The runbook's phrases, as people type them.

use std::str::FromStr;

use credit_core::CaseId;

use crate::operator::check_name;
use crate::{Role, Text};

/// What somebody said in the words of the runbook.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Phrase {
    /// `ACK - O2 <name> investigating CASE-<id>`
    Acknowledge {
        /// The role that the speaker claims; the registry knows the real one.
        role: Role,
        /// Who takes care of it.
        name: String,
        /// The case.
        case: CaseId,
    },
    /// `APPROVED for rerun - <mitigation>`
    ApproveRerun {
        /// What was done so that it does not spike again.
        mitigation: Text,
    },
    /// `DENIED - <reason>`
    DenyRerun {
        /// Why not.
        reason: Text,
    },
}

/// Reads a phrase whatever its letter case, spaces, quotes around it and kind of dash.
///
/// ```
/// use credit_governance::Phrase;
///
/// let phrase: Phrase = "“approved  for rerun — max_items now 1000”".parse()?;
/// assert!(matches!(phrase, Phrase::ApproveRerun { mitigation } if mitigation.as_str() == "max_items now 1000"));
/// let error = "APPROVED".parse::<Phrase>().unwrap_err();
/// assert_eq!(error.to_string(), "expected `APPROVED for rerun - <mitigation>`");
/// # Ok::<(), credit_governance::PhraseError>(())
/// ```
impl FromStr for Phrase {
    type Err = PhraseError;

    fn from_str(text: &str) -> Result<Phrase, PhraseError> {
        // What cannot be seen cannot have been meant.
        let visible: String = text.chars().filter(|c| !is_invisible(*c)).collect();
        let text = visible.trim_matches(|c: char| c.is_whitespace() || is_quote(c));
        let (head, rest) = match text.split_once(is_dash) {
            Some((head, rest)) => (
                head,
                rest.trim_start_matches(|c: char| c.is_whitespace() || is_dash(c)),
            ),
            None => (text, ""),
        };
        let head: Vec<String> = head.split_whitespace().map(str::to_uppercase).collect();
        let head: Vec<&str> = head.iter().map(String::as_str).collect();
        match head.as_slice() {
            ["ACK", ..] => acknowledge(&head, rest),
            ["APPROVED", "FOR", "RERUN"] => match rest.parse() {
                Ok(mitigation) => Ok(Phrase::ApproveRerun { mitigation }),
                Err(_) => Err(PhraseError::Approve),
            },
            ["APPROVED", ..] => Err(PhraseError::Approve),
            ["DENIED"] => match rest.parse() {
                Ok(reason) => Ok(Phrase::DenyRerun { reason }),
                Err(_) => Err(PhraseError::Deny),
            },
            ["DENIED", ..] => Err(PhraseError::Deny),
            _ => Err(PhraseError::Unknown),
        }
    }
}

fn acknowledge(head: &[&str], rest: &str) -> Result<Phrase, PhraseError> {
    let words: Vec<&str> = rest.split_whitespace().collect();
    let (["ACK"], [role, name, investigating, case]) = (head, words.as_slice()) else {
        return Err(PhraseError::Acknowledge);
    };
    if !investigating.eq_ignore_ascii_case("investigating") {
        return Err(PhraseError::Acknowledge);
    }
    let name = plain_dashes(name);
    check_name(&name).map_err(|_| PhraseError::Acknowledge)?;
    Ok(Phrase::Acknowledge {
        role: role
            .to_uppercase()
            .parse()
            .map_err(|_| PhraseError::Acknowledge)?,
        name,
        case: plain_dashes(case)
            .to_uppercase()
            .parse()
            .map_err(|_| PhraseError::Acknowledge)?,
    })
}

fn plain_dashes(word: &str) -> String {
    word.chars()
        .map(|c| if is_dash(c) { '-' } else { c })
        .collect()
}

/// Hyphen-minus and what keyboards, telephones and chat programs make of it.
const fn is_dash(c: char) -> bool {
    matches!(
        c,
        '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}'
    )
}

const fn is_quote(c: char) -> bool {
    matches!(c, '"' | '\'' | '`' | '\u{2018}'..='\u{201f}' | '«' | '»')
}

/// Zero-width characters and marks of direction, which pasting brings along.
const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Why a text is none of the runbook's phrases: what was expected.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PhraseError {
    /// It begins like an acknowledgment.
    #[error("expected `ACK - O2 <name> investigating CASE-YYYYMMDD-XXXXXX`")]
    Acknowledge,
    /// It begins like an approval.
    #[error("expected `APPROVED for rerun - <mitigation>`")]
    Approve,
    /// It begins like a denial.
    #[error("expected `DENIED - <reason>`")]
    Deny,
    /// It begins like nothing known.
    #[error(
        "expected `ACK - O2 <name> investigating CASE-YYYYMMDD-XXXXXX`, `APPROVED for rerun - <mitigation>` or `DENIED - <reason>`"
    )]
    Unknown,
}
