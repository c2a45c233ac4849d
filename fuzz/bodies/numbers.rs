//! `Credits` and `Multiplier`: what is printed is parsed as the same number.

use credit_core::{Credits, Multiplier, Ratio};

pub(crate) fn check(token: &str) {
    if let Ok(credits) = token.parse::<Credits>() {
        assert!(credits <= Credits::MAX);
        assert_eq!(credits.to_string().parse(), Ok(credits));
    }
    if let Ok(multiplier) = token.parse::<Multiplier>() {
        assert_eq!(multiplier.to_string().parse(), Ok(multiplier));
        assert_eq!(
            multiplier.six_decimals().to_string().parse(),
            Ok(multiplier)
        );
        let _ = multiplier.scaled_by(multiplier);
        for baseline in [
            Credits::MAX,
            Credits::from_micro(1).expect("a micro-credit"),
        ] {
            let ratio = Ratio::new(Credits::MAX, baseline).expect("a baseline above zero");
            // What is shown is cut off, so the ratio reaches it.
            assert!(ratio.at_least(ratio.multiplier()));
            assert_eq!(ratio.at_least(multiplier), ratio.multiplier() >= multiplier);
        }
    }
}
