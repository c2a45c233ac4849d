//! Prometheus' text format.

use std::fmt::{Display, Write as _};

use super::Metric;

/// A text of families, each with its HELP and TYPE.
#[derive(Debug, Default)]
pub(super) struct Exposition(String);

impl Exposition {
    /// A family with its samples; one without samples is left out.
    pub(super) fn family(
        &mut self,
        metric: &Metric,
        samples: Vec<(Option<(&'static str, String)>, String)>,
    ) {
        if samples.is_empty() {
            return;
        }
        let Metric { name, help, kind } = metric;
        let help = escaped(help, false);
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (label, value) in samples {
            let _ = match label {
                Some((label, of)) => {
                    let of = escaped(&of, true);
                    writeln!(self.0, "{name}{{{label}=\"{of}\"}} {value}")
                }
                None => writeln!(self.0, "{name} {value}"),
            };
        }
    }

    /// A family of one sample.
    pub(super) fn single(&mut self, metric: &Metric, value: impl Display) {
        self.family(metric, vec![(None, value.to_string())]);
    }

    pub(super) fn finish(self) -> String {
        self.0
    }
}

/// In a help text a backslash and a line end, in a label's value a quotation mark, too.
fn escaped(text: &str, in_label: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '"' if in_label => out.push_str("\\\""),
            letter => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_label_or_a_help_text_holds_stays_on_its_line() {
        let metric = Metric {
            name: "x",
            help: "a \"b\"\\\nc",
            kind: "gauge",
        };
        let mut out = Exposition::default();
        out.family(
            &metric,
            vec![(Some(("l", "q\"u\\o\nte".to_owned())), "1".to_owned())],
        );
        out.family(&metric, Vec::new());
        assert_eq!(
            out.finish(),
            "# HELP x a \"b\"\\\\\\nc\n# TYPE x gauge\nx{l=\"q\\\"u\\\\o\\nte\"} 1\n"
        );
    }
}
