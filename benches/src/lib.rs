//! The benches of credit monitoring.
