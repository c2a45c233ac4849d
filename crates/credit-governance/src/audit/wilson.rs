//! A share of few cases, with how little it says.

use std::fmt;

/// The normal distribution's 97.5 % quantile, Φ⁻¹(0.975), for a two-sided interval of 95 %.
const Z: f64 = 1.959_963_984_540_054;

/// So many of so many.
///
/// ```
/// use credit_governance::audit::Share;
///
/// assert_eq!(Share { hits: 8, of: 10 }.to_string(), "8 of 10 (80.0 %, 95 % interval 49.0 % to 94.3 %)");
/// assert_eq!(Share { hits: 0, of: 0 }.to_string(), "0 of 0");
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Share {
    /// How many.
    pub hits: u64,
    /// Of how many.
    pub of: u64,
}

impl Share {
    /// The Wilson score interval of 95 % (E. B. Wilson, 1927), which stays within 0 and 1 and is
    /// honest for few cases; `None` for no cases.
    pub fn interval(self) -> Option<(f64, f64)> {
        if self.of == 0 {
            return None;
        }
        let n = self.of as f64;
        let share = self.hits as f64 / n;
        let z2 = Z * Z;
        let middle = (share + z2 / (2.0 * n)) / (1.0 + z2 / n);
        let spread = share * (1.0 - share) / n + z2 / (4.0 * n * n);
        let half = Z * spread.max(0.0).sqrt() / (1.0 + z2 / n);
        Some(((middle - half).max(0.0), (middle + half).min(1.0)))
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.hits, self.of)?;
        let Some((low, high)) = self.interval() else {
            return Ok(());
        };
        let share = 100.0 * self.hits as f64 / self.of as f64;
        let (low, high) = (100.0 * low, 100.0 * high);
        write!(
            f,
            " ({share:.1} %, 95 % interval {low:.1} % to {high:.1} %)"
        )
    }
}
