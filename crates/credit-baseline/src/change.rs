//! By how much a baseline changes.

use std::fmt;

use credit_core::Credits;

/// The step from one baseline to the next, as a percentage of the old one; compared exactly, shown
/// with one decimal (half to even).
///
/// ```
/// use credit_baseline::Change;
///
/// let change = Change::new("1250.50".parse()?, "1425.75".parse()?).unwrap();
/// assert_eq!(change.to_string(), "+14.0%");
/// assert_eq!(change.percent().to_string(), "14.0");
/// assert!(change.exceeds(14));
/// assert!(!change.exceeds(15));
/// # Ok::<(), credit_core::CreditsError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Change {
    old: Credits,
    new: Credits,
}

impl Change {
    /// The step from `old` to `new`; `None` from zero to something, which no percentage expresses.
    pub fn new(old: Credits, new: Credits) -> Option<Change> {
        (old > Credits::ZERO || new == old).then_some(Change { old, new })
    }

    /// Whether it is a step of more than so many per cent, up or down.
    pub fn exceeds(self, percent: u32) -> bool {
        self.size() * 100 > u128::from(percent) * u128::from(self.old.micro())
    }

    /// The number alone, as JSON writes it: `14.0`, `-3.5`.
    pub fn percent(self) -> impl fmt::Display {
        Percent(self)
    }

    /// Hundredths of a per cent without sign, rounded up, so that a step just beyond a limit is
    /// never shown as that limit.
    pub(crate) fn hundredths_up(self) -> u128 {
        match u128::from(self.old.micro()) {
            0 => 0,
            old => (self.size() * 10_000).div_ceil(old),
        }
    }

    /// Tenths of a per cent without sign, rounded half to even.
    fn tenths(self) -> u128 {
        let old = u128::from(self.old.micro());
        let scaled = self.size() * 1_000;
        let Some(quotient) = scaled.checked_div(old) else {
            return 0;
        };
        let twice_rest = (scaled % old) * 2;
        let up = twice_rest > old || (twice_rest == old && quotient % 2 == 1);
        quotient + u128::from(up)
    }

    fn size(self) -> u128 {
        u128::from(self.new.micro().abs_diff(self.old.micro()))
    }
}

/// With a sign and a percent sign: `+14.0%`, `-3.5%`, `0.0%`.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.new > self.old && self.tenths() > 0 {
            f.write_str("+")?;
        }
        write!(f, "{}%", self.percent())
    }
}

struct Percent(Change);

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = self.0.tenths();
        if self.0.new < self.0.old && tenths > 0 {
            f.write_str("-")?;
        }
        write!(f, "{}.{}", tenths / 10, tenths % 10)
    }
}
