//! Decimal numbers as integers: the text of a JSON number to a fixed number of decimals, exactly.

use std::fmt;

/// What kept a number token from becoming an integer of the wanted scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DecimalError {
    NotANumber,
    Negative,
    TooLarge,
}

/// A number token in units of `10^-decimals`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decimal {
    pub(crate) units: u128,
    /// Whether nothing was rounded away.
    pub(crate) exact: bool,
}

/// Digits that always fit in a `u128`.
const DIGITS_MAX: usize = 37;

/// Reads a JSON number (`0.1107`, `9.859e-05`), rounding half to even beyond `decimals`.
pub(crate) fn parse(token: &str, decimals: i64) -> Result<Decimal, DecimalError> {
    let (negative, unsigned) = match token.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, token),
    };
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, parse_exponent(exponent)?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((_, "")) => return Err(DecimalError::NotANumber),
        Some(parts) => parts,
        None => (mantissa, ""),
    };
    let leading_zero = whole.len() > 1 && whole.starts_with('0');
    let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || leading_zero || !all_digits(whole) || !all_digits(fraction) {
        return Err(DecimalError::NotANumber);
    }
    let point_shift = exponent
        .saturating_sub(i64::try_from(fraction.len()).unwrap_or(i64::MAX))
        .saturating_add(decimals);
    let decimal = shift(whole.bytes().chain(fraction.bytes()), point_shift)?;
    if negative && !(decimal.units == 0 && decimal.exact) {
        return Err(DecimalError::Negative);
    }
    Ok(decimal)
}

/// Writes `units` of `10^-6` as a plain decimal: no exponent, no trailing zeros.
pub(crate) fn write_micro(out: &mut impl fmt::Write, units: u128) -> fmt::Result {
    write(out, units, 6)
}

/// Writes `units` of `10^-12` likewise.
pub(crate) fn write_pico(out: &mut impl fmt::Write, units: u128) -> fmt::Result {
    write(out, units, 12)
}

#[inline]
fn write(out: &mut impl fmt::Write, units: u128, decimals: u32) -> fmt::Result {
    let one = 10_u128.pow(decimals);
    let (whole, fraction) = (units / one, units % one);
    // 64-bit formatting is several times faster, and almost every amount fits.
    match u64::try_from(whole) {
        Ok(whole) => write!(out, "{whole}")?,
        Err(_) => write!(out, "{whole}")?,
    }
    if fraction == 0 {
        return Ok(());
    }
    let (mut fraction, mut width) = (fraction as u64, decimals as usize);
    while fraction % 10 == 0 {
        fraction /= 10;
        width -= 1;
    }
    write!(out, ".{fraction:0width$}")
}

fn parse_exponent(text: &str) -> Result<i64, DecimalError> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(DecimalError::NotANumber);
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    // An exponent beyond i64 is as absurd as i64::MAX.
    Ok(sign * digits.parse().unwrap_or(i64::MAX / 4))
}

/// The integer `digits * 10^shift`, rounded half to even.
fn shift(digits: impl Iterator<Item = u8>, shift: i64) -> Result<Decimal, DecimalError> {
    let digits: Vec<u8> = digits
        .skip_while(|b| *b == b'0')
        .map(|b| b - b'0')
        .collect();
    if digits.is_empty() {
        return Ok(Decimal {
            units: 0,
            exact: true,
        });
    }
    let length = i64::try_from(digits.len()).unwrap_or(i64::MAX);
    let kept = usize::try_from(length.saturating_add(shift).max(0)).unwrap_or(usize::MAX);
    if kept > DIGITS_MAX {
        return Err(DecimalError::TooLarge);
    }
    let mut units = 0_u128;
    for position in 0..kept {
        units = units * 10 + u128::from(digits.get(position).copied().unwrap_or(0));
    }
    if shift >= 0 {
        return Ok(Decimal { units, exact: true });
    }
    if length.saturating_add(shift) < 0 {
        // Below a tenth of a unit.
        return Ok(Decimal {
            units: 0,
            exact: false,
        });
    }
    let dropped = digits.get(kept..).unwrap_or(&[]);
    let exact = dropped.iter().all(|d| *d == 0);
    let first = dropped.first().copied().unwrap_or(0);
    let beyond_half = dropped.iter().skip(1).any(|d| *d != 0);
    let up = first > 5 || (first == 5 && (beyond_half || units % 2 == 1));
    Ok(Decimal {
        units: units + u128::from(up),
        exact,
    })
}
