//! `Timestamp` and `Day`: what is printed is parsed as the same instant and day.

use credit_core::{Day, Period, Timestamp};

pub(crate) fn check(text: &str) {
    if let Ok(instant) = text.parse::<Timestamp>() {
        let printed = instant.to_string();
        assert_eq!(printed.parse(), Ok(instant));
        assert_eq!(printed.get(..10), Some(&*instant.day().to_string()));
        assert_eq!(instant.day().to_string().parse(), Ok(instant.day()));
        let week = Period::days_until(7, instant);
        assert!(!week.contains(instant));
        assert_eq!(week.before().end, week.start);
        for instant in [
            week.start,
            week.before().start,
            instant.days_before(u32::MAX),
        ] {
            assert_eq!(instant.to_string().parse(), Ok(instant));
        }
    }
    if let Ok(day) = text.parse::<Day>() {
        assert_eq!(day.to_string(), text);
        assert_eq!(day.start().day(), day);
        assert!(day.start().to_string().parse::<Timestamp>().is_ok());
    }
}
