//! How numbers, times and partials are written in bytes. `docs/partials-format.md` has the form.

use credit_core::{Credits, RunId, ScenarioId, Severity, Timestamp, TotalCredits};
use credit_report::{DearRun, Dearest, Partial, Sums};

/// Bytes to which values are added.
#[derive(Debug, Default)]
pub(super) struct Writer(pub(super) Vec<u8>);

impl Writer {
    /// A whole number, seven bits a byte, the lowest first.
    pub(super) fn number(&mut self, number: impl Into<u128>) {
        let mut rest = number.into();
        while rest >= 0x80 {
            self.0.push((rest & 0x7f) as u8 | 0x80);
            rest >>= 7;
        }
        self.0.push(rest as u8);
    }

    /// A whole number that may be negative: twice it, or minus twice it less one.
    pub(super) fn signed(&mut self, number: i64) {
        self.number(((number << 1) ^ (number >> 63)) as u64);
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.bytes(text.as_bytes());
    }

    fn decimals(&mut self, at: Timestamp) {
        let (decimals, nanos) = at.decimals();
        self.number(decimals);
        if decimals > 0 {
            self.number(nanos);
        }
    }

    fn time(&mut self, at: Timestamp) {
        self.signed(at.unix());
        self.decimals(at);
    }

    pub(super) fn sums(&mut self, sums: &Sums) {
        for count in sums.severity_counts {
            self.number(count);
        }
        for credits in sums.severity_credits {
            self.number(credits.micro());
        }
        self.number(sums.blocked);
        self.number(sums.quarantined);
        self.number(u8::from(sums.last.is_some()));
        if let Some(last) = sums.last {
            self.time(last);
        }
    }

    pub(super) fn partial(&mut self, id: &ScenarioId, partial: &Partial) {
        self.text(id.as_str());
        self.sums(partial.sums());
        let dearest = partial.dearest().runs();
        self.number(dearest.len() as u64);
        for run in dearest {
            self.text(run.run_id.as_str());
            self.number(run.credits.micro());
            self.time(run.timestamp);
            self.number(run.severity as u8);
        }
        let mut before = 0;
        for (at, credits) in partial.runs() {
            // The first is counted from 1970, each other one from the one before; one more bit
            // says whether decimals follow.
            let has_decimals = at.decimals() != (0, 0);
            self.signed((at.unix() - before) << 1 | i64::from(has_decimals));
            before = at.unix();
            if has_decimals {
                self.decimals(*at);
            }
            self.number(credits.micro());
        }
    }
}

/// Bytes from which values are taken; `None` for what is not in the form.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn wide(&mut self) -> Option<u128> {
        let mut number = 0_u128;
        for (at, byte) in self.0.iter().enumerate() {
            let part = u128::from(byte & 0x7f);
            let shift = u32::try_from(7 * at).ok()?;
            let shifted = part.checked_shl(shift)?;
            if shifted >> shift != part {
                return None;
            }
            number |= shifted;
            if *byte < 0x80 {
                self.0 = self.0.get(at + 1..)?;
                return Some(number);
            }
        }
        None
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        // Nearly all numbers have one to five bytes.
        let mut number = 0_u64;
        for (at, byte) in self.0.iter().enumerate().take(9) {
            number |= u64::from(byte & 0x7f) << (7 * at);
            if *byte < 0x80 {
                self.0 = self.0.get(at + 1..)?;
                return Some(number);
            }
        }
        u64::try_from(self.wide()?).ok()
    }

    pub(super) fn signed(&mut self) -> Option<i64> {
        let number = self.number()?;
        Some((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    pub(super) fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.bytes(N)?.try_into().ok()
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = usize::try_from(self.number()?).ok()?;
        std::str::from_utf8(self.bytes(length)?).ok()
    }

    fn credits(&mut self) -> Option<Credits> {
        Credits::from_micro(self.number()?)
    }

    fn decimals(&mut self, second: i64) -> Option<Timestamp> {
        let at = Timestamp::from_unix(second)?;
        match u8::try_from(self.number()?).ok()? {
            0 => Some(at),
            decimals => at.with_decimals(decimals, u32::try_from(self.number()?).ok()?),
        }
    }

    fn time(&mut self) -> Option<Timestamp> {
        let second = self.signed()?;
        self.decimals(second)
    }

    pub(super) fn sums(&mut self) -> Option<Sums> {
        let mut sums = Sums::default();
        for count in &mut sums.severity_counts {
            *count = self.number().filter(|count| *count < COUNT_MAX)?;
        }
        for credits in &mut sums.severity_credits {
            *credits = TotalCredits::from_micro(self.wide()?)?;
        }
        sums.blocked = self.number()?;
        sums.quarantined = self.number()?;
        sums.last = match self.number()? {
            0 => None,
            1 => Some(self.time()?),
            _ => return None,
        };
        Some(sums)
    }

    pub(super) fn partial(&mut self) -> Option<(ScenarioId, Partial)> {
        let id: ScenarioId = self.text()?.parse().ok()?;
        let sums = self.sums()?;
        let mut dearest = Dearest::default();
        for _ in 0..self.number()? {
            let run_id: RunId = self.text()?.parse().ok()?;
            dearest.take(DearRun {
                run_id,
                scenario_id: id.clone(),
                credits: self.credits()?,
                timestamp: self.time()?,
                severity: *Severity::ALL.get(usize::try_from(self.number()?).ok()?)?,
            });
        }
        let count = sums.run_count();
        let mut runs = Vec::with_capacity(self.room_for(count)?);
        let mut before = 0_i64;
        for _ in 0..count {
            let step = self.signed()?;
            let second = before.checked_add(step >> 1)?;
            let at = match step & 1 {
                0 => Timestamp::from_unix(second)?,
                _ => self.decimals(second)?,
            };
            before = second;
            runs.push((at, self.credits()?));
        }
        Some((id, Partial::from_parts(sums, dearest, runs)?))
    }

    /// A count of things that follow, each of which takes two bytes at least.
    fn room_for(&self, count: u64) -> Option<usize> {
        let count = usize::try_from(count).ok()?;
        (count <= self.0.len() / 2).then_some(count)
    }
}

/// A ledger numbers no more lines.
const COUNT_MAX: u64 = 1 << 53;

#[cfg(test)]
mod tests {
    use credit_core::{Action, Actions, Day};
    use proptest::prelude::*;

    use super::*;

    fn time() -> impl Strategy<Value = Timestamp> {
        let decimals = (0..=9_u8, 0..1_000_000_000_u32).prop_map(|(decimals, nanos)| {
            let unit = 10_u32.pow(9 - u32::from(decimals));
            (decimals, nanos / unit * unit)
        });
        let second = Timestamp::FIRST.unix()..=Timestamp::LAST.unix();
        (second, prop_oneof![Just((0, 0)), decimals]).prop_map(|(second, (decimals, nanos))| {
            let at = Timestamp::from_unix(second).unwrap();
            at.with_decimals(decimals, nanos).unwrap()
        })
    }

    fn partial() -> impl Strategy<Value = Partial> {
        let run = (time(), 0..=Credits::MAX.micro(), 0..5_usize, any::<bool>());
        prop::collection::vec(run, 0..40).prop_map(|runs| {
            let (mut sums, mut dearest, mut pairs) = Default::default();
            for (n, (at, micro, severity, is_held)) in runs.into_iter().enumerate() {
                let (sums, dearest): (&mut Sums, &mut Dearest) = (&mut sums, &mut dearest);
                let pairs: &mut Vec<_> = &mut pairs;
                let credits = Credits::from_micro(micro).unwrap();
                let severity = Severity::ALL[severity];
                let actions = match is_held {
                    true => Actions::NONE
                        .with(Action::BlockDispatch)
                        .with(Action::Quarantine),
                    false => Actions::NONE,
                };
                sums.add(at, credits, severity, actions);
                dearest.take(DearRun {
                    credits,
                    run_id: format!("R-{n}").parse().unwrap(),
                    scenario_id: "S".parse().unwrap(),
                    timestamp: at,
                    severity,
                });
                pairs.push((at, credits));
            }
            pairs.sort_unstable_by_key(|(at, credits)| (*at, at.decimals(), *credits));
            Partial::from_parts(sums, dearest, pairs).unwrap()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn numbers_come_back(wide in any::<u128>(), number in any::<u64>(), signed in any::<i64>()) {
            let mut out = Writer::default();
            out.number(wide);
            out.number(number);
            out.signed(signed);
            let mut rest = Reader(&out.0);
            prop_assert_eq!(rest.wide(), Some(wide));
            prop_assert_eq!(rest.number(), Some(number));
            prop_assert_eq!(rest.signed(), Some(signed));
            prop_assert!(rest.0.is_empty());
        }

        #[test]
        fn partials_come_back_and_one_has_one_form(
            partial in partial(),
            cut in any::<prop::sample::Index>(),
        ) {
            let id: ScenarioId = "S".parse().unwrap();
            let mut out = Writer::default();
            out.partial(&id, &partial);
            let mut rest = Reader(&out.0);
            let (found_id, found) = rest.partial().unwrap();
            prop_assert!(rest.0.is_empty());
            prop_assert_eq!((&found_id, &found), (&id, &partial));
            let mut again = Writer::default();
            again.partial(&found_id, &found);
            prop_assert_eq!(&again.0, &out.0, "spellings of times are kept");
            // Cut anywhere, it is none.
            prop_assert!(Reader(&out.0[..cut.index(out.0.len())]).partial().is_none());
        }

        #[test]
        fn arbitrary_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Reader(&bytes).partial();
            let _ = Reader(&bytes).sums();
        }
    }

    #[test]
    fn a_claimed_length_costs_no_memory() {
        let mut out = Writer::default();
        out.text("S");
        out.number(COUNT_MAX - 1);
        assert!(Reader(&out.0).partial().is_none());
        // An oversized number is none, and neither are days outside the years 1 to 9999.
        assert!(Reader(&[0xff; 30]).wide().is_none());
        assert!(Reader(&[0xff; 30]).number().is_none());
        assert!(Day::from_unix(i64::MAX).is_none());
    }
}
