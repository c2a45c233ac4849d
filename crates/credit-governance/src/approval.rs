//! A yes is a value.

use crate::{Actor, Denied, Operator, Verb};

/// Proof that a sufficient operator who is not the proposer agreed to `T`.
///
/// **Invariant:** only [`Approval::grant`] makes one.
#[derive(Debug)]
pub struct Approval<T> {
    by: Operator,
    subject: T,
}

impl<T> Approval<T> {
    /// Grants `subject`, proposed by the actor named `proposer`, if `approver` may do `verb`.
    ///
    /// # Errors
    /// [`Denied::Role`] for a service or a role that is too low, [`Denied::OwnProposal`] for the
    /// proposer.
    pub fn grant(
        approver: &Actor,
        verb: Verb,
        proposer: &str,
        subject: T,
    ) -> Result<Approval<T>, Denied> {
        approver.may(verb)?;
        let denied = || Denied::Role {
            name: approver.name().to_owned(),
            role: None,
            verb,
        };
        let Actor::Operator(by) = approver else {
            return Err(denied());
        };
        if by.name == proposer {
            return Err(Denied::OwnProposal {
                name: by.name.clone(),
            });
        }
        Ok(Approval {
            by: by.clone(),
            subject,
        })
    }

    /// Who agreed.
    pub fn by(&self) -> &Operator {
        &self.by
    }

    /// To what.
    pub fn subject(&self) -> &T {
        &self.subject
    }
}
