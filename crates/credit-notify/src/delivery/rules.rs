//! How patient delivery is.

use credit_core::{Sha256, Timestamp};

use super::ItemId;

/// How patient delivery is. Times are in whole seconds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rules {
    /// The wait after the first failure; it doubles with each further one. Long enough for
    /// Notion's search to have caught up with a page that was created all the same.
    pub backoff_seconds_min: u64,
    /// The longest wait.
    pub backoff_seconds_max: u64,
    /// What the jitter is drawn from, so that many processes do not come back at once: give each
    /// its own. The same seed gives the same waits.
    pub jitter_seed: u64,
    /// How many alerts a channel gets one by one within the storm's window; SEV0 does not count.
    pub storm_alerts_max: usize,
    /// The storm's window, an hour at most. Within it a channel gets one digest.
    pub storm_window_seconds: u64,
}

/// The longest window of a storm: what is older is forgotten.
pub(super) const STORM_WINDOW_SECONDS_MAX: u64 = 3_600;

impl Default for Rules {
    /// From 10 seconds up to 15 minutes, in which SEV0 must be acknowledged; five alerts in five
    /// minutes, as many as somebody can look at.
    fn default() -> Rules {
        Rules {
            backoff_seconds_min: 10,
            backoff_seconds_max: 900,
            jitter_seed: 0,
            storm_alerts_max: 5,
            storm_window_seconds: 300,
        }
    }
}

impl Rules {
    pub(super) fn storm_window(&self) -> u64 {
        self.storm_window_seconds.min(STORM_WINDOW_SECONDS_MAX)
    }

    /// When an item is due again after it has failed so often: after half of the doubled wait and
    /// a drawn part of the other half.
    pub(super) fn backoff(&self, item: &ItemId, failures: u32, now: Timestamp) -> Timestamp {
        let doubled = 2_u64.saturating_pow(failures.min(63));
        let wait = self
            .backoff_seconds_min
            .saturating_mul(doubled)
            .min(self.backoff_seconds_max)
            .max(1);
        let half = wait.div_ceil(2);
        let draw = self.draw(item, failures) % (wait - half + 1);
        later(now, half + draw)
    }

    /// A number that looks random and depends on nothing but its arguments.
    fn draw(&self, item: &ItemId, failures: u32) -> u64 {
        let text = format!("{} {failures} {item}", self.jitter_seed);
        let hash = Sha256::of(text.as_bytes());
        let bytes = hash.as_bytes().iter().take(8);
        bytes.fold(0, |number, byte| number << 8 | u64::from(*byte))
    }
}

/// So many seconds later, on a whole second and never earlier: a wait that others have asked for
/// must not be cut short by decimals. Stops at the last instant that can be written.
pub(super) fn later(now: Timestamp, seconds: u64) -> Timestamp {
    let whole = Timestamp::from_unix(now.unix()).unwrap_or(now);
    let started = i64::from(whole < now);
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    let unix = now.unix().saturating_add(seconds).saturating_add(started);
    Timestamp::from_unix(unix).unwrap_or(Timestamp::LAST)
}
