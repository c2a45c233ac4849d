//! `Operators::parse` and `NAME:ROLE`: who is registered is registered once, and written as read.

use std::collections::BTreeSet;

use credit_governance::{Operator, Operators};

pub(crate) fn check(text: &str) {
    if let Ok(operators) = Operators::parse(text) {
        assert_eq!(Operators::parse(&operators.to_json()).unwrap(), operators);
        let names: BTreeSet<&str> = operators.iter().map(|o| o.name.as_str()).collect();
        assert_eq!(names.len(), operators.iter().count());
        for operator in operators.iter() {
            assert!(operators.actor(&operator.name).is_ok());
        }
    }
    if let Ok(operator) = text.parse::<Operator>() {
        assert_eq!(format!("{}:{}", operator.name, operator.role), text);
        assert!(Operators::new(vec![operator.clone(), operator]).is_err());
    }
}
