//! What a line is about, as far as the index tells lines apart: rough, never wrong by omission.

use crate::record::Schema;
use crate::window::Window;

/// 64 bits each.
pub(crate) const SCENARIO_WORDS: usize = 8;

/// What one line is about.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Marks {
    /// The second as the number `YYYYMMDDhhmmss`; `None` if it cannot be read.
    pub(crate) time: Option<u64>,
    /// One bit of 64, all if the value cannot be told, none if there is none.
    pub(crate) severity: u64,
    /// A hash; [`ANY`] if the value cannot be told, 0 if there is none.
    pub(crate) scenario: u64,
}

const ANY: u64 = u64::MAX;

/// What a block of lines is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MarksFilter {
    pub(crate) time_min: u64,
    pub(crate) time_max: u64,
    pub(crate) severities: u64,
    pub(crate) scenarios: [u64; SCENARIO_WORDS],
}

/// What a reader asks for, in the form of [`Marks`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub(crate) from: u64,
    pub(crate) to: u64,
    pub(crate) severity: Option<u64>,
    pub(crate) scenario: Option<u64>,
}

impl Wanted {
    pub(crate) fn new(schema: &Schema, window: &Window<'_>) -> Self {
        let second =
            |text: Option<&str>| second_of(text.filter(|_| schema.time.is_some())?.as_bytes());
        let severity = window.severity.filter(|_| schema.severity.is_some());
        let scenario = window.scenario.filter(|_| schema.scenario.is_some());
        Self {
            from: second(window.from).unwrap_or(0),
            to: second(window.to).unwrap_or(u64::MAX),
            severity: severity.map(|value| severity_bit(value.as_bytes())),
            scenario: scenario.map(|value| scenario_hash(value.as_bytes())),
        }
    }
}

impl Marks {
    /// Takes a member of the record if the schema asks for it. `value` is as it stands.
    pub(crate) fn meet(&mut self, schema: &Schema, key: &[u8], value: &[u8]) {
        let is = |wanted: Option<&str>| wanted.is_some_and(|wanted| wanted.as_bytes() == key);
        let text = value
            .strip_prefix(b"\"")
            .and_then(|value| value.strip_suffix(b"\""));
        let plain = text.filter(|text| !text.contains(&b'\\'));
        if is(schema.time) {
            self.time = plain.and_then(second_of);
        }
        if is(schema.severity) {
            self.severity = match (text, plain) {
                (None, _) => 0,
                (_, Some(plain)) => severity_bit(plain),
                _ => ANY,
            };
        }
        if is(schema.scenario) {
            self.scenario = match (text, plain) {
                (None, _) => 0,
                (_, Some(plain)) => scenario_hash(plain),
                _ => ANY,
            };
        }
    }
}

impl MarksFilter {
    /// Of no line.
    pub(crate) const NONE: Self = Self {
        time_min: u64::MAX,
        time_max: 0,
        severities: 0,
        scenarios: [0; SCENARIO_WORDS],
    };

    pub(crate) fn add(&mut self, marks: &Marks) {
        let (min, max) = marks.time.map_or((0, u64::MAX), |time| (time, time));
        self.time_min = self.time_min.min(min);
        self.time_max = self.time_max.max(max);
        self.severities |= marks.severity;
        match marks.scenario {
            0 => {}
            ANY => self.scenarios = [u64::MAX; SCENARIO_WORDS],
            hash => {
                for (word, bit) in probes(hash) {
                    if let Some(word) = self.scenarios.get_mut(word) {
                        *word |= bit;
                    }
                }
            }
        }
    }

    pub(crate) fn may_have(&self, wanted: &Wanted) -> bool {
        self.time_min <= wanted.to
            && self.time_max >= wanted.from
            && wanted.severity.is_none_or(|bit| self.severities & bit != 0)
            && wanted.scenario.is_none_or(|hash| {
                let held = |(word, bit)| self.scenarios.get(word).is_some_and(|w| w & bit != 0);
                probes(hash).into_iter().all(held)
            })
    }
}

/// `YYYY-MM-DDThh:mm:ss`, maybe a fraction, `Z`.
pub(crate) fn second_of(text: &[u8]) -> Option<u64> {
    let (second, rest) = text.split_at_checked(19)?;
    let fraction = rest.strip_suffix(b"Z")?;
    let is_fraction = fraction
        .strip_prefix(b".")
        .is_some_and(|digits| digits.iter().all(u8::is_ascii_digit));
    if !(fraction.is_empty() || is_fraction) {
        return None;
    }
    let mut number = 0;
    for (byte, form) in second.iter().zip(b"0000-00-00T00:00:00") {
        match form {
            b'0' if byte.is_ascii_digit() => number = number * 10 + u64::from(byte - b'0'),
            form if byte == form && *form != b'0' => {}
            _ => return None,
        }
    }
    Some(number)
}

/// Values that differ in their last character only get different bits.
pub(crate) fn severity_bit(value: &[u8]) -> u64 {
    1 << (fnv(value) & 63)
}

pub(crate) fn scenario_hash(value: &[u8]) -> u64 {
    fnv(value).clamp(1, ANY - 1)
}

fn probes(hash: u64) -> [(usize, u64); 3] {
    // The high bits of a product depend on all bits of the hash.
    let mixed = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    [mixed >> 55, mixed >> 46, mixed >> 37].map(|bits| {
        let bit = bits & 511;
        ((bit >> 6) as usize, 1 << (bit & 63))
    })
}

fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds() {
        let second = |text: &str| second_of(text.as_bytes());
        assert_eq!(second("2025-01-31T10:20:30Z"), Some(20_250_131_102_030));
        assert_eq!(second("2025-01-31T10:20:30.5Z"), Some(20_250_131_102_030));
        for bad in [
            "",
            "2025-01-31T10:20:30",
            "2025-01-31T10:20:30+01:00",
            "2025-01-31 10:20:30Z",
        ] {
            assert_eq!(second(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_was_added_may_be_there() {
        let mut filter = MarksFilter::NONE;
        let marks = |n: u64| Marks {
            time: Some(n),
            severity: severity_bit(format!("SEV{}", n % 2).as_bytes()),
            scenario: scenario_hash(format!("S-{n}").as_bytes()),
        };
        for n in 10..20 {
            filter.add(&marks(n));
        }
        let wanted = |n: u64| Wanted {
            from: n,
            to: n,
            severity: Some(marks(n).severity),
            scenario: Some(marks(n).scenario),
        };
        assert!((10..20).all(|n| filter.may_have(&wanted(n))));
        assert!(!filter.may_have(&wanted(9)) && !filter.may_have(&wanted(20)));
        let other = Wanted {
            severity: Some(severity_bit(b"SEV2")),
            ..wanted(10)
        };
        assert!(!filter.may_have(&other));
        let missed = (100..200).filter(|n| {
            let wanted = Wanted {
                scenario: Some(marks(*n).scenario),
                ..wanted(10)
            };
            !filter.may_have(&wanted)
        });
        assert!(missed.count() > 90);
    }
}
