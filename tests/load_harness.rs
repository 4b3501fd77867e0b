//! The parts of the load tests that could be wrong without anybody noticing.
//!
//! Benches have no test runner of their own, so their files are included here.

#![allow(dead_code, reason = "the load tests use more of these files than is tested")]

#[path = "../benches/load/frame.rs"]
mod frame;
#[path = "../benches/load/histogram.rs"]
mod histogram;

use std::time::Duration;

use frame::{ClientFrame, Opcode, client_frame, server_frame};
use histogram::Histogram;

#[test]
fn quantiles_are_right_within_two_percent() {
    let mut histogram = Histogram::new();
    for micros in 1..=100_000 {
        histogram.record(Duration::from_micros(micros));
    }
    for (quantile, right) in [(0.5, 50_000.0), (0.99, 99_000.0), (0.999, 99_900.0), (1.0, 100_000.0)] {
        let found = histogram.quantile(quantile).unwrap().as_secs_f64() * 1e6;
        assert!((found / right - 1.0).abs() < 0.02, "{quantile}: {found} instead of {right}");
    }
}

#[test]
fn nothing_recorded_has_no_quantile() {
    assert_eq!(Histogram::new().quantile(0.5), None);
}

#[test]
fn merged_histograms_count_both_sides() {
    let (mut fast, mut slow) = (Histogram::new(), Histogram::new());
    fast.record(Duration::from_nanos(100));
    slow.record(Duration::from_hours(1));
    fast.merge(&slow);
    assert_eq!(fast.quantile(0.5), Some(Duration::from_nanos(100)));
    assert!(fast.quantile(1.0) > Some(Duration::from_mins(10)), "what is too long counts as the longest");
}

#[test]
fn the_application_echoes_what_a_client_has_masked() {
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
fn a_frame_is_not_taken_before_its_last_byte() {
    let sent = client_frame(Opcode::Text, &[b'x'; 300]);
    for end in 0..sent.len() {
        assert!(ClientFrame::parse(&sent[..end]).unwrap().is_none(), "{end} of {} bytes", sent.len());
    }
}

#[test]
fn a_frame_without_a_mask_is_refused() {
    assert!(ClientFrame::parse(&server_frame(Opcode::Text, b"hello")).is_err());
}
