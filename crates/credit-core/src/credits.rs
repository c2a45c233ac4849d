//! Money: exact amounts of credits.

use std::fmt;
use std::iter::Sum;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::decimal::{self, DecimalError};
use crate::json;

/// An amount of credits: an integer number of micro-credits (millionths), at most
/// [`Credits::MAX`].
///
/// Read from and written as a plain decimal JSON number, without ever passing through a float;
/// parsing what was printed gives the same amount.
///
/// ```
/// use credit_core::Credits;
///
/// let credits: Credits = "0.1107".parse()?;
/// assert_eq!(credits.micro(), 110_700);
/// assert_eq!(credits.to_string(), "0.1107");
/// assert!("-1".parse::<Credits>().is_err());
/// # Ok::<(), credit_core::CreditsError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Credits(u64);

impl Credits {
    /// A million million credits: more than any run can cost, little enough that a threshold
    /// comparison never overflows 128 bits.
    pub const MAX: Credits = Credits(1_000_000_000_000 * Credits::MICRO);
    /// Nothing.
    pub const ZERO: Credits = Credits(0);

    const MICRO: u64 = 1_000_000;

    /// So many millionths of a credit; `None` beyond [`Credits::MAX`].
    ///
    /// ```
    /// # use credit_core::Credits;
    /// assert_eq!(Credits::from_micro(1_500_000).unwrap().to_string(), "1.5");
    /// assert!(Credits::from_micro(u64::MAX).is_none());
    /// ```
    pub const fn from_micro(micro: u64) -> Option<Credits> {
        if micro <= Credits::MAX.0 {
            Some(Credits(micro))
        } else {
            None
        }
    }

    /// So many whole credits; `None` beyond [`Credits::MAX`].
    pub const fn whole(credits: u64) -> Option<Credits> {
        match credits.checked_mul(Credits::MICRO) {
            Some(micro) => Credits::from_micro(micro),
            None => None,
        }
    }

    /// The amount in millionths of a credit.
    pub const fn micro(self) -> u64 {
        self.0
    }

    /// How far apart two amounts are, exactly.
    ///
    /// ```
    /// # use credit_core::Credits;
    /// let (one, other): (Credits, Credits) = ("0.1".parse()?, "0.25".parse()?);
    /// assert_eq!(one.abs_diff(other).to_string(), "0.15");
    /// # Ok::<(), credit_core::CreditsError>(())
    /// ```
    #[must_use]
    pub const fn abs_diff(self, other: Credits) -> Credits {
        Credits(self.0.abs_diff(other.0))
    }
}

/// Reads the text of a JSON number: plain or with an exponent. More than six decimals are rounded
/// half to even.
impl FromStr for Credits {
    type Err = CreditsError;

    fn from_str(token: &str) -> Result<Credits, CreditsError> {
        let decimal = decimal::parse(token, 6).map_err(|e| match e {
            DecimalError::NotANumber => CreditsError::NotANumber,
            DecimalError::Negative => CreditsError::Negative,
            DecimalError::TooLarge => CreditsError::TooLarge,
        })?;
        u64::try_from(decimal.units)
            .ok()
            .and_then(Credits::from_micro)
            .ok_or(CreditsError::TooLarge)
    }
}

impl fmt::Display for Credits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        decimal::write_micro(f, u128::from(self.0))
    }
}

/// As a plain decimal number, for serde_json's serializer.
impl Serialize for Credits {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        json::serialize_number(&self, serializer)
    }
}

/// From the number's own text, for serde_json's deserializers.
impl<'de> Deserialize<'de> for Credits {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Credits, D::Error> {
        Box::<RawValue>::deserialize(deserializer)?
            .get()
            .parse()
            .map_err(D::Error::custom)
    }
}

/// A sum of credits: no number of runs that fits on a disk overflows it, and it does not depend on
/// the order of adding.
///
/// ```
/// use credit_core::{Credits, TotalCredits};
///
/// let total: TotalCredits = ["0.1", "0.2"].iter().map(|t| t.parse::<Credits>().unwrap()).sum();
/// assert_eq!(total.to_string(), "0.3");
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TotalCredits(u128);

impl TotalCredits {
    /// The sum in millionths of a credit.
    pub const fn micro(self) -> u128 {
        self.0
    }

    /// So many millionths of a credit; `None` for more than 2^60 runs can cost.
    ///
    /// ```
    /// # use credit_core::TotalCredits;
    /// assert_eq!(TotalCredits::from_micro(1_500_000).unwrap().to_string(), "1.5");
    /// assert!(TotalCredits::from_micro(u128::MAX).is_none());
    /// ```
    pub fn from_micro(micro: u128) -> Option<TotalCredits> {
        (micro >> 120 == 0).then_some(TotalCredits(micro))
    }

    /// The mean over `runs` runs, rounded half to even; `None` for no runs at all.
    ///
    /// ```
    /// # use credit_core::{Credits, TotalCredits};
    /// let total: TotalCredits = [Credits::whole(1).unwrap(), Credits::whole(2).unwrap()].into_iter().sum();
    /// assert_eq!(total.mean(2).unwrap().to_string(), "1.5");
    /// assert!(total.mean(0).is_none());
    /// ```
    pub fn mean(self, runs: u64) -> Option<Credits> {
        let runs = u128::from(runs);
        let quotient = self.0.checked_div(runs)?;
        let twice_rest = (self.0 % runs) * 2;
        let up = twice_rest > runs || (twice_rest == runs && quotient % 2 == 1);
        u64::try_from(quotient + u128::from(up))
            .ok()
            .and_then(Credits::from_micro)
    }
}

impl std::ops::AddAssign<Credits> for TotalCredits {
    fn add_assign(&mut self, credits: Credits) {
        // Cannot overflow: 2^128 / Credits::MAX is more than 10^20 runs.
        self.0 += u128::from(credits.0);
    }
}

impl std::ops::AddAssign for TotalCredits {
    fn add_assign(&mut self, other: TotalCredits) {
        self.0 += other.0;
    }
}

impl Sum<Credits> for TotalCredits {
    fn sum<I: Iterator<Item = Credits>>(credits: I) -> TotalCredits {
        let mut total = TotalCredits::default();
        credits.for_each(|c| total += c);
        total
    }
}

impl fmt::Display for TotalCredits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        decimal::write_micro(f, self.0)
    }
}

/// As a plain decimal number, for serde_json's serializer.
impl Serialize for TotalCredits {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        json::serialize_number(&self, serializer)
    }
}

/// Why a number is not an amount of credits.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CreditsError {
    /// The text is not a JSON number.
    #[error("not a plain JSON number; write credits as a number without quotes, such as 12.5")]
    NotANumber,
    /// Below zero.
    #[error("credits cannot be negative; a run that cost nothing has 0")]
    Negative,
    /// Above [`Credits::MAX`].
    #[error("more than 1000000000000 credits for one run is taken for a mistake")]
    TooLarge,
}
