//! Cues: how a test tells a script that it may go on.

use std::sync::Mutex;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

/// The test's end of a line of cues.
pub struct TestSignal(Sender<()>);

/// The script's end of a line of cues, for `Conversation::wait_for`.
pub struct TestSignalReceiver(Mutex<Receiver<()>>);

/// Both ends.
pub fn test_signal() -> (TestSignal, TestSignalReceiver) {
    let (sender, receiver) = mpsc::channel();
    (TestSignal(sender), TestSignalReceiver(Mutex::new(receiver)))
}

impl TestSignal {
    /// Lets the script take one more step.
    pub fn send(&self) {
        // A script that has ended takes no step; the test sees that elsewhere.
        let _ = self.0.send(());
    }
}

impl TestSignalReceiver {
    /// Whether the next cue comes within `time`.
    pub fn arrives_within(&self, time: Duration) -> bool {
        self.0.lock().unwrap().recv_timeout(time).is_ok()
    }
}
