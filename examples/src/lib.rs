//! The examples of credit monitoring.
