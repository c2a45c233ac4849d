//! Delivery.

use clap::{Args as ClapArgs, Subcommand};
use credit_monitor::governance::Text;

#[derive(Debug, Subcommand)]
pub(crate) enum NotifyCommand {
    /// What is owed to Slack and Notion, until when it waits, and what waits for an operator.
    Status,
    /// Deliver what is owed. Exit 9 if something remains.
    Drain(Drain),
    /// Have something sent again that was refused, when its cause is mended.
    Release(Release),
    /// Give up for good what will never be sent, such as what is owed to a destination that is no
    /// more. O3; the reason is recorded.
    Withdraw(Withdraw),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Drain {
    /// For how long, waiting for what is due meanwhile.
    #[arg(long = "for", value_name = "SECONDS", default_value_t = 60)]
    pub(crate) seconds: u32,
    /// Say what is owed and would be sent.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Release {
    /// Its name, as `notify status` tells it, such as alert/12/RUN-1; or `all`.
    pub(crate) item: String,
    /// Say what would be sent again.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Withdraw {
    /// Its name, as `notify status` tells it, such as alert/12/RUN-1; `unreachable` for everything
    /// that no destination is set up for; or `rows` for the rows whose turn has not come.
    pub(crate) item: String,
    /// Why nobody is to be told.
    #[arg(long)]
    pub(crate) reason: Text,
    /// Say what would be given up.
    #[arg(long)]
    pub(crate) dry_run: bool,
}
