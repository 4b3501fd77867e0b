//! Signals from a test to the script of an upstream.

use std::sync::Mutex;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

/// Sends signals; held by the test.
pub struct TestSignal(Sender<()>);

/// Receives signals; held by the script, for `OriginConnection::wait_for`.
pub struct TestSignalReceiver(Mutex<Receiver<()>>);

/// Returns a connected sender and receiver.
pub fn test_signal() -> (TestSignal, TestSignalReceiver) {
    let (sender, receiver) = mpsc::channel();
    (TestSignal(sender), TestSignalReceiver(Mutex::new(receiver)))
}

impl TestSignal {
    /// Lets the script continue with its next step.
    pub fn send(&self) {
        // Fails if the script has ended; the test detects that by its effects.
        let _ = self.0.send(());
    }
}

impl TestSignalReceiver {
    /// Returns whether the next signal arrives within `time`.
    pub fn arrives_within(&self, time: Duration) -> bool {
        self.0.lock().unwrap().recv_timeout(time).is_ok()
    }
}
