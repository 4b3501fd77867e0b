//! Unit tests of the load harness: histogram and WebSocket frames.
//!
//! A benchmark does not reveal errors in these parts.
//! Benches with `harness = false` have no test runner, so this test includes their files.

#![allow(dead_code, reason = "the load harness uses items that these tests do not")]

#[path = "../benches/load/frame.rs"]
mod frame;
#[path = "../benches/load/histogram.rs"]
mod histogram;

use std::time::Duration;

use frame::{ClientFrame, Opcode, client_frame, server_frame};
use histogram::Histogram;

#[test]
fn quantiles_are_accurate_within_two_percent() {
    let mut histogram = Histogram::new();
    for micros in 1..=100_000 {
        histogram.record(Duration::from_micros(micros));
    }
    for (quantile, expected) in [(0.5, 50_000.0), (0.99, 99_000.0), (0.999, 99_900.0), (1.0, 100_000.0)] {
        let actual = histogram.quantile(quantile).unwrap().as_secs_f64() * 1e6;
        assert!((actual / expected - 1.0).abs() < 0.02, "{quantile}: {actual} instead of {expected}");
    }
}

#[test]
fn empty_histogram_has_no_quantile() {
    assert_eq!(Histogram::new().quantile(0.5), None);
}

#[test]
fn merged_histogram_counts_both() {
    let (mut fast, mut slow) = (Histogram::new(), Histogram::new());
    fast.record(Duration::from_nanos(100));
    slow.record(Duration::from_hours(1));
    fast.merge(&slow);
    assert_eq!(fast.quantile(0.5), Some(Duration::from_nanos(100)));
    assert!(
        fast.quantile(1.0) > Some(Duration::from_mins(10)),
        "a duration above the maximum counts as the maximum"
    );
}

#[test]
fn upstream_echoes_unmasked_payload() {
    for length in [0, 1, 125, 126, 16 * 1024] {
        let payload: Vec<u8> = (0..length).map(|index| (index % 251) as u8).collect();
        let sent = client_frame(Opcode::Text, &payload);
        let frame = ClientFrame::parse(&sent).unwrap().unwrap();
        assert_eq!(frame.length, sent.len(), "a payload of {length} bytes");
        let mut echo = Vec::new();
        frame.echo_to(&mut echo);
        assert_eq!(echo, server_frame(Opcode::Text, &payload), "a payload of {length} bytes");
    }
}

#[test]
fn incomplete_frame_is_not_parsed() {
    let sent = client_frame(Opcode::Text, &[b'x'; 300]);
    for end in 0..sent.len() {
        assert!(ClientFrame::parse(&sent[..end]).unwrap().is_none(), "{end} of {} bytes", sent.len());
    }
}

#[test]
fn unmasked_client_frame_is_rejected() {
    assert!(ClientFrame::parse(&server_frame(Opcode::Text, b"hello")).is_err());
}
