//! How many times its baseline a run cost, compared without rounding.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::Credits;
use crate::decimal::{self, DecimalError};
use crate::json;

/// A factor such as the 1.5 of a threshold or the 5.2 of a spike, without a unit.
///
/// Held in units of 10⁻¹², so that a threshold times a scale, each with at most six decimals, is
/// exact.
///
/// ```
/// use credit_core::Multiplier;
///
/// let threshold: Multiplier = "5".parse()?;
/// let relaxed = threshold.scaled_by("1.4".parse()?).unwrap();
/// assert_eq!(relaxed.to_string(), "7");
/// # Ok::<(), credit_core::MultiplierError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Multiplier(u128);

impl Multiplier {
    const ONE: u128 = 1_000_000_000_000;
    const MICRO: u128 = 1_000_000;

    /// So many millionths.
    pub const fn from_micro(micro: u64) -> Multiplier {
        Multiplier(micro as u128 * Multiplier::MICRO)
    }

    /// The product, if it is exact in twelve decimals and not absurdly large.
    pub fn scaled_by(self, scale: Multiplier) -> Option<Multiplier> {
        let product = self.0.checked_mul(scale.0)?;
        (product % Multiplier::ONE == 0).then_some(Multiplier(product / Multiplier::ONE))
    }

    /// In millionths; `None` where it is no whole number of them, or more than 64 bits hold.
    ///
    /// ```
    /// # use credit_core::Multiplier;
    /// assert_eq!("1.5".parse::<Multiplier>()?.micro(), Some(1_500_000));
    /// # Ok::<(), credit_core::MultiplierError>(())
    /// ```
    pub fn micro(self) -> Option<u64> {
        let whole = self.0.is_multiple_of(Multiplier::MICRO);
        u64::try_from(self.0 / Multiplier::MICRO)
            .ok()
            .filter(|_| whole)
    }

    /// How far apart two factors are, exactly.
    ///
    /// ```
    /// # use credit_core::Multiplier;
    /// let (one, other): (Multiplier, Multiplier) = ("1.5".parse()?, "5".parse()?);
    /// assert_eq!(one.abs_diff(other).to_string(), "3.5");
    /// # Ok::<(), credit_core::MultiplierError>(())
    /// ```
    #[must_use]
    pub const fn abs_diff(self, other: Multiplier) -> Multiplier {
        Multiplier(self.0.abs_diff(other.0))
    }

    /// With exactly six decimals, cut off and not rounded: what is shown as `5.000000` is never
    /// below 5. The form of `Variance_Multiplier` in records.
    ///
    /// ```
    /// # use credit_core::{Credits, Ratio};
    /// let ratio = Ratio::new("2".parse()?, "3".parse()?).unwrap();
    /// assert_eq!(ratio.multiplier().six_decimals().to_string(), "0.666666");
    /// # Ok::<(), credit_core::CreditsError>(())
    /// ```
    pub fn six_decimals(self) -> impl fmt::Display {
        SixDecimals(self.0 / Multiplier::MICRO)
    }

    /// Whether `found` lies between `usual` · (1 − this) and `usual` · (1 + this), exactly. `found`
    /// must be below 2⁸⁸; beside it a usual value that saturated is as large as any.
    #[inline]
    pub(crate) fn is_around(self, found: u128, usual: u128) -> bool {
        let lower = Multiplier::ONE.saturating_sub(self.0);
        let upper = Multiplier::ONE.saturating_add(self.0);
        if let (Ok(usual), Ok(upper)) = (u64::try_from(usual), u64::try_from(upper)) {
            // No product of two times 64 bits overflows; this is the way of almost every run.
            let (found, usual) = (found * Multiplier::ONE, u128::from(usual));
            return usual * lower <= found && found <= usual * u128::from(upper);
        }
        let found = found * Multiplier::ONE;
        usual.checked_mul(lower).is_some_and(|lower| lower <= found)
            && usual.checked_mul(upper).is_none_or(|upper| found <= upper)
    }

    /// Whether `found` is at least this many times `usual`, exactly; never where that is zero.
    ///
    /// ```
    /// # use credit_core::Multiplier;
    /// let twice: Multiplier = "2".parse()?;
    /// assert!(twice.reached_by(10, 5));
    /// assert!(!twice.reached_by(9, 5));
    /// assert!(!twice.reached_by(9, 0));
    /// # Ok::<(), credit_core::MultiplierError>(())
    /// ```
    #[inline]
    pub fn reached_by(self, found: u64, usual: u64) -> bool {
        // 2^64 · 10^12 fits in 128 bits; a right side that does not is larger.
        let left = u128::from(found) * Multiplier::ONE;
        let right = self.0.checked_mul(u128::from(usual));
        usual > 0 && right.is_some_and(|right| left >= right)
    }

    /// The nearest float, for drawing and statistics; never for a comparison with a threshold.
    pub fn as_f64(self) -> f64 {
        self.0 as f64 / Multiplier::ONE as f64
    }
}

/// Reads the text of a JSON number of at most six decimals; more is an error, because a threshold
/// that is silently rounded is another threshold.
impl FromStr for Multiplier {
    type Err = MultiplierError;

    fn from_str(token: &str) -> Result<Multiplier, MultiplierError> {
        let decimal = decimal::parse(token, 6).map_err(|e| match e {
            DecimalError::NotANumber => MultiplierError::NotANumber,
            DecimalError::Negative => MultiplierError::Negative,
            DecimalError::TooLarge => MultiplierError::TooLarge,
        })?;
        if !decimal.exact {
            return Err(MultiplierError::TooPrecise);
        }
        decimal
            .units
            .checked_mul(Multiplier::MICRO)
            .map(Multiplier)
            .ok_or(MultiplierError::TooLarge)
    }
}

/// At most six decimals, cut off, without trailing zeros.
impl fmt::Display for Multiplier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        decimal::write_micro(f, self.0 / Multiplier::MICRO)
    }
}

/// As a plain decimal number, for serde_json's serializer.
impl Serialize for Multiplier {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        json::serialize_number(&self, serializer)
    }
}

impl<'de> Deserialize<'de> for Multiplier {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Multiplier, D::Error> {
        Box::<RawValue>::deserialize(deserializer)?
            .get()
            .parse()
            .map_err(D::Error::custom)
    }
}

struct SixDecimals(u128);

impl fmt::Display for SixDecimals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, fraction) = (self.0 / Multiplier::MICRO, self.0 % Multiplier::MICRO);
        match u64::try_from(whole) {
            Ok(whole) => write!(f, "{whole}.{:06}", fraction as u32),
            Err(_) => write!(f, "{whole}.{fraction:06}"),
        }
    }
}

/// Credits over a baseline that is not zero: an exact fraction.
///
/// ```
/// use credit_core::{Credits, Ratio};
///
/// // In floats 0.15 / 0.1 is 1.4999999999999998 and would miss the threshold.
/// let ratio = Ratio::new("0.15".parse()?, "0.1".parse()?).unwrap();
/// assert!(ratio.at_least("1.5".parse().unwrap()));
/// # Ok::<(), credit_core::CreditsError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Ratio {
    credits: Credits,
    baseline: Credits,
}

impl Ratio {
    /// `None` where the baseline is zero and there is no ratio.
    pub fn new(credits: Credits, baseline: Credits) -> Option<Ratio> {
        (baseline > Credits::ZERO).then_some(Ratio { credits, baseline })
    }

    /// Whether credits ≥ threshold × baseline, exactly.
    #[inline]
    pub fn at_least(self, threshold: Multiplier) -> bool {
        threshold.reached_by(self.credits.micro(), self.baseline.micro())
    }

    /// The ratio cut off after six decimals, as records show it.
    #[inline]
    pub fn multiplier(self) -> Multiplier {
        const MICRO: u64 = Multiplier::MICRO as u64;
        let (credits, baseline) = (self.credits.micro(), self.baseline.micro());
        let micro = match credits.checked_mul(MICRO) {
            // Up to 18 million credits; dividing 128 bits takes several times as long.
            Some(product) => u128::from(product / baseline),
            None => u128::from(credits) * Multiplier::MICRO / u128::from(baseline),
        };
        Multiplier(micro * Multiplier::MICRO)
    }
}

/// Why a number is not a multiplier.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MultiplierError {
    /// The text is not a JSON number.
    #[error("not a plain JSON number such as 1.5")]
    NotANumber,
    /// Below zero.
    #[error("a multiplier cannot be negative")]
    Negative,
    /// Too large to be meant.
    #[error("too large for a multiplier")]
    TooLarge,
    /// More than six decimals.
    #[error("more than six decimals, which would be rounded")]
    TooPrecise,
}
