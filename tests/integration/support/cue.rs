//! Cues: how a test tells a script that it may go on.

use std::sync::Mutex;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

/// The test's end of a line of cues.
pub struct Cue(Sender<()>);

/// The script's end of a line of cues, for `Conversation::wait_for`.
pub struct Cued(Mutex<Receiver<()>>);

/// Both ends.
pub fn cue() -> (Cue, Cued) {
    let (sender, receiver) = mpsc::channel();
    (Cue(sender), Cued(Mutex::new(receiver)))
}

impl Cue {
    /// Lets the script take one more step.
    pub fn give(&self) {
        // A script that has ended takes no step; the test sees that elsewhere.
        let _ = self.0.send(());
    }
}

impl Cued {
    /// Whether the next cue comes within `time`.
    pub fn comes_within(&self, time: Duration) -> bool {
        self.0.lock().unwrap().recv_timeout(time).is_ok()
    }
}
