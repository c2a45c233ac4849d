//! What differs between two policies in force.

use std::collections::BTreeMap;
use std::fmt;

use credit_core::json::{self, Object};

use crate::Policy;

/// A key whose value two policies do not share.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Difference {
    /// The key with the keys it lies in, such as `severity_policy.sev1.multiplier`.
    pub path: String,
    /// Its value in the first policy, as JSON; `None` where it has none and there is no default.
    pub old: Option<String>,
    /// Its value in the second.
    pub new: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "absent".to_owned());
        let (old, new) = (shown(&self.old), shown(&self.new));
        write!(f, "{}: {old} became {new}", self.path)
    }
}

impl Policy {
    /// What `new` says otherwise, with the defaults of both filled in: two files that differ in
    /// order, spacing or written-out defaults are the same policy. By path.
    ///
    /// ```
    /// use credit_policy::{Policy, STANDARD_JSON};
    ///
    /// let old = Policy::standard();
    /// let new = Policy::parse(&STANDARD_JSON.replace("\"multiplier\": 5,", "\"multiplier\": 6,"))?;
    /// let differences = old.differences(&new);
    /// assert_eq!(differences.len(), 1);
    /// assert_eq!(differences[0].to_string(), "severity_policy.sev1.multiplier: 5 became 6");
    /// # Ok::<(), credit_policy::PolicyError>(())
    /// ```
    pub fn differences(&self, new: &Policy) -> Vec<Difference> {
        let (old_text, new_text) = (self.to_json(), new.to_json());
        let (mut old, mut new) = (BTreeMap::new(), BTreeMap::new());
        leaves(&old_text, "", &mut old);
        leaves(&new_text, "", &mut new);
        let mut paths: Vec<&String> = old.keys().chain(new.keys()).collect();
        paths.sort_unstable();
        paths.dedup();
        paths
            .into_iter()
            .filter(|path| old.get(*path) != new.get(*path))
            .map(|path| Difference {
                path: path.clone(),
                old: old.get(path).cloned(),
                new: new.get(path).cloned(),
            })
            .collect()
    }
}

/// Every value of an object that is no object itself, under its path.
fn leaves(object: &str, path: &str, found: &mut BTreeMap<String, String>) {
    // What a policy writes is well-formed.
    let object = Object::parse(object).unwrap_or_default();
    for (key, value) in object.iter() {
        let path = match path {
            "" => key.to_owned(),
            _ => format!("{path}.{key}"),
        };
        if value.get().starts_with('{') {
            leaves(value.get(), &path, found);
        } else {
            let value = json::compact(value.get(), json::DEPTH_MAX).unwrap_or_default();
            found.insert(path, value);
        }
    }
}
