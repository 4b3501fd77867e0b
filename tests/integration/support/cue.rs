//! Cues: how a test tells a script that it may go on.

use std::io;
use std::sync::Mutex;
use std::sync::mpsc::{self, Receiver, Sender};

use super::SOON;

/// The test's end of a line of cues.
pub struct Cue(Sender<()>);

/// The script's end of a line of cues.
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
    /// Waits for the next cue. Without one, because the test is over, the script ends with an error.
    pub fn wait(&self) -> io::Result<()> {
        self.0.lock().unwrap().recv_timeout(SOON).map_err(io::Error::other)
    }
}
