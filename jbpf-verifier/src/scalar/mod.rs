//! What is known of a number: bits and ranges, kept in agreement.
//!
//! Pure values, no program state: every operator here is checked against concrete evaluation.
