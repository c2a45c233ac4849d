//! What is known of a scenario besides its baseline.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::decimal::{self, DecimalError};
use crate::{Credits, CreditsError, Multiplier, json};

/// What is known of a scenario's healthy runs besides their baseline: what some signals compare a
/// run with, and how sure the baseline is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Usual {
    /// The median of their `Input_Tokens`.
    pub input_tokens: Option<u64>,
    /// The median of what they cost for each item.
    pub credits_per_item: Option<CreditsPerItem>,
    /// Between which amounts the true median of their credits lies. No severity depends on it; it
    /// says which one is certain.
    pub bounds: Option<Bounds>,
}

/// Two amounts between which the true median lies with a confidence of at least 95 per cent.
///
/// ```
/// use credit_core::{Bounds, Credits};
///
/// let (low, high) = (Credits::whole(95).unwrap(), Credits::whole(104).unwrap());
/// let bounds = Bounds::new(low, high).unwrap();
/// assert!(bounds.contains(high) && !bounds.contains(Credits::ZERO));
/// assert!(Bounds::new(high, low).is_none());
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Bounds {
    lower: Credits,
    upper: Credits,
}

impl Bounds {
    /// The bounds from `lower` to `upper`; `None` if they are the wrong way round.
    pub fn new(lower: Credits, upper: Credits) -> Option<Bounds> {
        (lower <= upper).then_some(Bounds { lower, upper })
    }

    /// Of two values that are both there or both absent.
    ///
    /// # Errors
    /// [`BoundsError`] for one without the other, or the wrong way round.
    pub fn of(
        lower: Option<Credits>,
        upper: Option<Credits>,
    ) -> Result<Option<Bounds>, BoundsError> {
        match (lower, upper) {
            (None, None) => Ok(None),
            (Some(lower), Some(upper)) => Bounds::new(lower, upper)
                .map(Some)
                .ok_or(BoundsError::Reversed),
            _ => Err(BoundsError::Lonely),
        }
    }

    /// The lower end.
    pub const fn lower(self) -> Credits {
        self.lower
    }

    /// The upper end.
    pub const fn upper(self) -> Credits {
        self.upper
    }

    /// Whether an amount lies between them or on either end.
    pub fn contains(self, credits: Credits) -> bool {
        self.lower <= credits && credits <= self.upper
    }
}

/// As a list of both, for serde_json's serializer.
impl Serialize for Bounds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        [self.lower, self.upper].serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Bounds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Bounds, D::Error> {
        let [lower, upper] = <[Credits; 2]>::deserialize(deserializer)?;
        Bounds::new(lower, upper).ok_or_else(|| D::Error::custom(BoundsError::Reversed))
    }
}

/// Why two amounts are no bounds of a median.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BoundsError {
    /// Only one of them is there.
    #[error(
        "the lower and the upper bound of a median come together; add the other one or remove both"
    )]
    Lonely,
    /// The lower one is the greater.
    #[error("the lower bound of a median is above its upper one; exchange them")]
    Reversed,
}

/// What one item of a run costs, in units of 10⁻¹² credits.
///
/// ```
/// use credit_core::{Credits, CreditsPerItem};
///
/// let rate = CreditsPerItem::new(Credits::whole(25).unwrap(), 40).unwrap();
/// assert_eq!(rate.to_string(), "0.625");
/// assert!(CreditsPerItem::new(Credits::ZERO, 0).is_none());
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct CreditsPerItem {
    // One `u128` in two halves, in the order of their weight. Nearly every rate fits in the lower
    // one; a compiler that is told so by a look at a `u128` multiplies 128 bits all the same.
    high: u64,
    low: u64,
}

impl CreditsPerItem {
    const MICRO: u128 = 1_000_000;
    const MAX: u128 = Credits::MAX.micro() as u128 * CreditsPerItem::MICRO;

    /// So many credits shared by so many items, rounded half to even; `None` for no items.
    pub fn new(credits: Credits, items: u64) -> Option<CreditsPerItem> {
        let pico = u128::from(credits.micro()) * CreditsPerItem::MICRO;
        half_to_even(pico, u128::from(items)).map(CreditsPerItem::from_wide)
    }

    /// In units of 10⁻¹² credits; `None` for more than 64 bits hold: 18 million credits for an item.
    ///
    /// ```
    /// # use credit_core::CreditsPerItem;
    /// let rate: CreditsPerItem = "0.5".parse()?;
    /// assert_eq!(rate.pico(), Some(500_000_000_000));
    /// # Ok::<(), credit_core::CreditsError>(())
    /// ```
    #[inline]
    pub const fn pico(self) -> Option<u64> {
        if self.high == 0 { Some(self.low) } else { None }
    }

    /// The mean of two, rounded half to even.
    #[must_use]
    pub fn mean(self, other: CreditsPerItem) -> CreditsPerItem {
        half_to_even(self.wide() + other.wide(), 2).map_or(self, CreditsPerItem::from_wide)
    }

    /// What so many items cost at this rate, fractions of a micro-credit cut off; `None` beyond
    /// [`Credits::MAX`].
    ///
    /// ```
    /// # use credit_core::CreditsPerItem;
    /// let usual: CreditsPerItem = "0.3333335".parse()?;
    /// assert_eq!(usual.times(3).unwrap().to_string(), "1");
    /// # Ok::<(), credit_core::CreditsError>(())
    /// ```
    pub fn times(self, items: u64) -> Option<Credits> {
        let micro = self.wide().saturating_mul(u128::from(items)) / CreditsPerItem::MICRO;
        u64::try_from(micro).ok().and_then(Credits::from_micro)
    }

    /// Whether a run that cost `credits` for so many items lies within this rate times
    /// 1 ± `tolerance`, both ends included; exactly. No items are never within it.
    ///
    /// ```
    /// # use credit_core::{Credits, CreditsPerItem};
    /// let usual: CreditsPerItem = "0.5".parse()?;
    /// let tolerance = "0.2".parse().unwrap();
    /// assert!(usual.is_near(Credits::whole(60).unwrap(), 100, tolerance));
    /// assert!(!usual.is_near(Credits::whole(61).unwrap(), 100, tolerance));
    /// # Ok::<(), credit_core::CreditsError>(())
    /// ```
    #[inline]
    pub fn is_near(self, credits: Credits, items: u64, tolerance: Multiplier) -> bool {
        let usual = self.wide().saturating_mul(u128::from(items));
        let found = u128::from(credits.micro()) * CreditsPerItem::MICRO;
        items > 0 && tolerance.is_around(found, usual)
    }

    const fn from_wide(pico: u128) -> CreditsPerItem {
        CreditsPerItem {
            high: (pico >> 64) as u64,
            low: pico as u64,
        }
    }

    const fn wide(self) -> u128 {
        (self.high as u128) << 64 | self.low as u128
    }
}

/// Reads the text of a JSON number. More than twelve decimals are rounded half to even.
impl FromStr for CreditsPerItem {
    type Err = CreditsError;

    fn from_str(token: &str) -> Result<CreditsPerItem, CreditsError> {
        let decimal = decimal::parse(token, 12).map_err(|e| match e {
            DecimalError::NotANumber => CreditsError::NotANumber,
            DecimalError::Negative => CreditsError::Negative,
            DecimalError::TooLarge => CreditsError::TooLarge,
        })?;
        if decimal.units > CreditsPerItem::MAX {
            return Err(CreditsError::TooLarge);
        }
        Ok(CreditsPerItem::from_wide(decimal.units))
    }
}

impl fmt::Display for CreditsPerItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        decimal::write_pico(f, self.wide())
    }
}

/// As a plain decimal number, for serde_json's serializer.
impl Serialize for CreditsPerItem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        json::serialize_number(&self, serializer)
    }
}

impl<'de> Deserialize<'de> for CreditsPerItem {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<CreditsPerItem, D::Error> {
        Box::<RawValue>::deserialize(deserializer)?
            .get()
            .parse()
            .map_err(D::Error::custom)
    }
}

fn half_to_even(dividend: u128, divisor: u128) -> Option<u128> {
    let quotient = dividend.checked_div(divisor)?;
    let twice_rest = (dividend % divisor) * 2;
    let up = twice_rest > divisor || (twice_rest == divisor && quotient % 2 == 1);
    Some(quotient + u128::from(up))
}
