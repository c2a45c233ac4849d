//! A yes is a value.

use crate::{Actor, Denied, Operator, Verb};

/// Proof that a sufficient operator who is not the proposer agreed to `T`.
///
/// **Invariant:** only [`Approval::grant`] and, for what one person decides, [`Approval::alone`]
/// make one.
///
/// ```compile_fail,E0451
/// use credit_governance::{Approval, Operator, Verb};
///
/// let by: Operator = "lead-3:O3".parse().unwrap();
/// let forged = Approval { by, verb: Verb::ApproveRerun, subject: () };
/// ```
#[derive(Debug)]
pub struct Approval<T> {
    by: Operator,
    verb: Verb,
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
        let approval = Approval::yes(approver, verb, subject)?;
        if approval.by.name == proposer {
            return Err(Denied::OwnProposal {
                name: approval.by.name,
                verb,
            });
        }
        Ok(approval)
    }

    /// Grants `subject`, which nobody proposed, if `approver` may do `verb` and `verb` does not
    /// take two.
    ///
    /// # Errors
    /// [`Denied::Role`] for a service or a role that is too low, [`Denied::Alone`] where somebody
    /// else must have proposed it.
    ///
    /// ```
    /// use credit_governance::{Actor, Approval, Denied, Verb};
    ///
    /// let lead = Actor::Operator("lead-3:O3".parse()?);
    /// assert!(Approval::alone(&lead, Verb::AdoptPolicy, "a policy").is_ok());
    /// let denied = Approval::alone(&lead, Verb::ApproveRerun, "a rerun").unwrap_err();
    /// assert!(matches!(denied, Denied::Alone { .. }));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn alone(approver: &Actor, verb: Verb, subject: T) -> Result<Approval<T>, Denied> {
        if verb.takes_two() {
            return Err(Denied::Alone { verb });
        }
        Approval::yes(approver, verb, subject)
    }

    fn yes(approver: &Actor, verb: Verb, subject: T) -> Result<Approval<T>, Denied> {
        approver.may(verb)?;
        let Actor::Operator(by) = approver else {
            return Err(Denied::Role {
                name: approver.name().to_owned(),
                role: None,
                verb,
            });
        };
        Ok(Approval {
            by: by.clone(),
            verb,
            subject,
        })
    }

    /// Takes what was approved, if it was approved for `verb`.
    pub(crate) fn take(self, verb: Verb) -> Result<(Actor, T), Denied> {
        self.require(verb)?;
        Ok((Actor::Operator(self.by), self.subject))
    }

    /// That it was approved for `verb`.
    pub(crate) fn require(&self, verb: Verb) -> Result<(), Denied> {
        if self.verb == verb {
            return Ok(());
        }
        Err(Denied::OtherVerb {
            approved: self.verb,
            needed: verb,
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
