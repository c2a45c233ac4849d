//! What the libraries tell of what they do, on standard error, for whoever asks for it.
//!
//! No secret is in it at any level. Tokens and addresses of webhooks are types that do not show
//! themselves; the one place that would is closed here.

use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{LevelFilter, Targets, filter_fn};
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::settings::{unusable, value_of};

/// Which parts tell how much, such as `debug` or `credit_ledger=trace,warn`.
const CREDITCTL_LOG: &str = "CREDITCTL_LOG";

/// Begins to listen, if somebody wants to know: by `CREDITCTL_LOG`, or by so many `--verbose`.
pub(crate) fn start(verbose: u8) -> anyhow::Result<()> {
    let wanted = value_of(CREDITCTL_LOG).map_err(unusable)?;
    let targets = match wanted.filter(|wanted| !wanted.is_empty()) {
        Some(wanted) => wanted.parse::<Targets>().map_err(|_| {
            unusable(format!(
                "{CREDITCTL_LOG} is no list of levels such as debug or credit_ledger=trace,warn"
            ))
        })?,
        None => Targets::new().with_default(match verbose {
            0 => return Ok(()),
            1 => LevelFilter::DEBUG,
            _ => LevelFilter::TRACE,
        }),
    };
    let told = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_span_events(FmtSpan::CLOSE);
    // The HTTP client shows whole requests at this level, and at no other.
    let shows_no_request =
        filter_fn(|of| !(of.target().starts_with("ureq") && *of.level() == tracing::Level::TRACE));
    let listening = tracing_subscriber::registry().with(told.with_filter(targets));
    listening.with(shows_no_request).try_init()?;
    Ok(())
}
